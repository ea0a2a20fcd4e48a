"""The arithmetic of OAuth 1.0a against known answers, and against a second formulation."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.core.keys.key_set import KeySet
from ibkr_tui.core.session import signing
from tests.core.session import vectors as known


def test_the_published_token_signature() -> None:
    token = base64.b64decode(known.PUBLISHED_TOKEN)
    assert signing.token_signature(token, known.PUBLISHED_CONSUMER) == known.PUBLISHED_TOKEN_SIGNATURE


def test_the_published_request_signature() -> None:
    token = base64.b64decode(known.PUBLISHED_TOKEN)
    assert signing.sign_hmac(token, known.PUBLISHED_BASE_STRING) == known.PUBLISHED_SIGNATURE


def test_the_published_base_string() -> None:
    parameters = [
        ("oauth_token", "6f531f8fd316915af53f"), ("oauth_timestamp", "1473795686"),
        ("oauth_signature_method", "HMAC-SHA256"), ("oauth_nonce", "aecef17086308940e861"),
        ("oauth_consumer_key", "TESTCONS"), ("conid", "8314"),
    ]  # fmt: skip
    url = "http://localhost:12345/tradingapi/v1/marketdata/snapshot"
    assert signing.base_string("GET", url, parameters) == known.PUBLISHED_BASE_STRING


def test_the_secret_is_opened(keys: KeySet) -> None:
    assert keys.prepend().hex() == known.PREPEND


@pytest.mark.parametrize("case", known.TOKEN_CASES, ids=lambda case: str(case["kind"]))
def test_tokens(case: dict[str, Any]) -> None:
    exponent, prime = int(case["dh_random_hex"], 16), int(known.DH_PRIME, 16)
    assert f"{pow(known.DH_GENERATOR, exponent, prime):x}" == case["dh_challenge_hex"]
    shared = pow(int(case["dh_response_hex"], 16), exponent, prime)
    assert shared.bit_length() == case["shared_secret_bit_length"]
    assert len(signing.to_key_bytes(shared)) == case["shared_secret_key_bytes_len"]
    token = signing.live_session_token(case["dh_response_hex"], exponent, prime, bytes.fromhex(known.PREPEND))
    assert base64.b64encode(token).decode() == case["lst_b64"]
    assert signing.token_signature(token, known.CONSUMER_KEY) == case["lst_signature_hex"]


@pytest.mark.parametrize(("number", "expected"), known.KEY_BYTES)
def test_key_bytes(number: str, expected: str) -> None:
    assert signing.to_key_bytes(int(number, 16)).hex() == expected


@given(st.integers(min_value=0, max_value=1 << 2100))
def test_key_bytes_are_those_of_java(number: int) -> None:
    """Two's complement: the shortest bytes that read back as the same signed number."""
    found = signing.to_key_bytes(number)
    assert int.from_bytes(found, "big", signed=True) == number
    assert len(found) == 1 or int.from_bytes(found[1:], "big", signed=True) != number


def test_a_mint_is_signed(keys: KeySet) -> None:
    request = known.MINT_REQUEST
    base = known.PREPEND + signing.base_string(request["method"], request["url"], request["params"].items())
    assert base == request["base_string"]
    signature = signing.sign_rsa(keys.signature_key, base)
    assert quote_plus(signature) == request["oauth_signature"]
    assert signing.authorization(known.REALM, request["params"], signature) == request["authorization_header"]


@pytest.mark.parametrize("request_", known.SIGNED_REQUESTS, ids=lambda request: f"{request['method']} {request['url']}")
def test_requests_are_signed(request_: dict[str, Any]) -> None:
    parameters = [*known.OAUTH_PARAMETERS.items(), *request_["query"].items()]
    base = signing.base_string(request_["method"], request_["url"], parameters)
    assert base == request_["base_string"]
    token = base64.b64decode(known.TOKEN_CASES[0]["lst_b64"])
    assert quote_plus(signing.sign_hmac(token, base)) == request_["oauth_signature"]


@pytest.mark.parametrize(("text", "expected"), known.QUOTED)
def test_texts_are_encoded(text: str, expected: str) -> None:
    assert signing.base_string("GET", text, []) == f"GET&{expected}&"
    assert signing.authorization("r", {}, text) == f'OAuth realm="r", oauth_signature="{expected}"'


_NAMES = st.text("abcxyz_09", min_size=1, max_size=8)
_VALUES = st.text(st.characters(codec="utf-8", exclude_characters=" "), max_size=12)


@given(st.dictionaries(_NAMES, _VALUES, max_size=6), st.sampled_from(["GET", "POST", "DELETE"]))
def test_base_strings_against_a_second_formulation(parameters: dict[str, str], method: str) -> None:
    """RFC 3986 encoding, character by character, of the whole parameter text."""
    plain = "-._~"

    def encoded(text: str) -> str:
        kept = {c for c in text if (c.isascii() and c.isalnum()) or c in plain}
        return "".join(c if c in kept else "".join(f"%{byte:02X}" for byte in c.encode()) for c in text)

    text = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    url = "https://api.ibkr.com/v1/api/iserver/x"
    expected = f"{method}&{encoded(url)}&{encoded(text)}"
    shuffled = list(parameters.items())[::-1]
    assert signing.base_string(method, url, shuffled) == expected
    assert quote(text, safe="") == encoded(text)


@given(st.binary(min_size=20, max_size=20), st.text(max_size=50))
def test_signatures_against_a_second_formulation(token: bytes, text: str) -> None:
    block = token + bytes(64 - len(token))
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + text.encode()).digest()
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()
    assert base64.b64decode(signing.sign_hmac(token, text)) == outer
    assert hmac.compare_digest(signing.token_signature(token, "x"), hmac.new(token, b"x", "sha1").hexdigest())


def test_a_query_is_signed_in_the_dialect_of_the_setting() -> None:
    query = [("fields", "31,84"), ("symbol", "BRK B")]
    assert signing.in_dialect(query, "whole") == query
    assert signing.in_dialect(query, "by_value") == [("fields", "31%2C84"), ("symbol", "BRK%20B")]
    assert signing.in_dialect(query, "omitted") == []
