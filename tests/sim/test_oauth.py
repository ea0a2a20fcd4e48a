"""The server's half of OAuth against known answers; keys are made from their numbers."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.sim.credentials import DH_PRIME, Registration
from ibkr_tui.sim.logins import Login, User
from ibkr_tui.sim.oauth import Refused, Signed, Verifier, base_strings, parse_header, to_java_bytes

TOKEN = base64.b64decode("JifI0GWzyBmdpbr/BdkZgNhfagA=")
SECRET = bytes.fromhex("00a1b2c3d4e5f60718293a4b5c6d7e8f90112233445566778899aabbccddeeff")
MODULUS = int(
    "b202d5cb324f597a9af43d0ac95ca826ed053f7b6e5c9a3232c6715f1ea44614890742c4d2c34f22b0809c6441f4dde16b81019639555b"
    "dd12a9662823c8493537c38f5542e05a77d161708aa1768eea792b01e9eb7c0ba1d0421ec8c21c3eee429de69c1d0baec3f959567ce7e7"
    "2a5626e3a64d5cd96cee1e721f4344b5c227a0cefe788db31758164f7f76560d8fc999be138af07c7757e98b94c94d988b244b8d640bcb"
    "755b982995b830ca2d1ca30ee996a954b0e83325754d0c13c870cd2710812afbc78c17af113d9e0ec4d1af79cf2d8b2613e9508bf3af3d"
    "57e8c87ccc9ebcf2818569f9e6c31de93a460094f09971f91cabd19d9698d55a7ba97a37",
    16,
)
CHALLENGE = (
    "83377989f057c0b1ff686fd7cb887515ffbc63a3be8833e8faa1afaec596187233470d72ec4d4f4197962e546c58bbfbcde5a8f91ae62b"
    "70fab57fb44e74ab8ebbdff10d85e9115c6afeb07cfc2897151d7d02ecb904368abedb6a555ce2c88943bfb2de5853519b8c35afca89b5"
    "81389e1088692c3484adc19af88340f4cfb3883e110912415d4637945656962c3895c328b139a4fb979d9d2d84d453ef9f9a787df958cf"
    "d020825201e9cce6ef4018240bce62143b978f32e35dc6239e0e22599586116f6bac5d34da99d12413c103032875003a56377d93541807"
    "a819ad8968cd432545199dbb4ea2080dd0a4e65a35e916ebf31f6a98744e2c74754ebfe4"
)
MINT_SIGNATURE = (
    "K3CcNe1Lg5u5YICMwX7YG0FDrwoNBgF6tE%2BNtAlPbZ00NnyrUDeb%2F17P4Huh1iMk850noOck5mu9GYTJNW9CjiDud5PsSSlGU6nevdsXTL"
    "JiAza%2BzhrwZXDOJ572twTaHlZsBjr%2Bk4tczpUH4XVFw6ptNMREdUdfWuwF2mBkVA1iRnbBnRl19onzlnpyPW3A4ja3c%2B%2B6vOmz%2BZ"
    "Z%2BUgOZayxwDvwyY6u6ehutUD%2FimfE9Uhz1Nl4DKZLxjB%2FgDbL4iaHAUdpX%2BkvDGf4u1lWGnWhlLoEo4yFIV%2BohSnNYGxPTERFjVi"
    "I1IrmGgXL4BXLyDl9mRkKbEBN6ALLzkzgbGQ%3D%3D"
)


class StoppedClock:
    """A clock at a moment of the vectors."""

    def __init__(self, moment):
        self.moment = moment

    def now(self):
        return self.moment

    def monotonic(self):
        return self.moment


def verifier(moment):
    key = rsa.RSAPublicNumbers(65537, MODULUS).public_key()
    user = User("u", "DU1", True, Registration("TESTCONS1", "a1b2c3d4e5f6a7b8c9d0", SECRET, key, encryption_key=key))
    user.logins.append(Login(user, TOKEN, moment + 3600, consumer_key="TESTCONS1", access_token="a1b2c3d4e5f6a7b8c9d0"))
    return Verifier(StoppedClock(moment), [user]), user


def signed(method, path, query, header):
    return Signed(method, ("https://api.ibkr.com",), f"/v1/api{path}", query, "", header)


def header(signature, nonce="abcDEF0123456789", **changes):
    fields = {
        "realm": "limited_poa",
        "oauth_consumer_key": "TESTCONS1",
        "oauth_nonce": nonce,
        "oauth_signature": signature,
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": "1762300100",
        "oauth_token": "a1b2c3d4e5f6a7b8c9d0",
        **changes,
    }
    return "OAuth " + ", ".join(f'{key}="{value}"' for key, value in fields.items())


@pytest.mark.parametrize(
    ("method", "path", "query", "signature"),
    [
        ("GET", "/portfolio/accounts", "", "j3jARBdpQWMY3YHw3iMa4YkoCrzrYb9MQbsJypHzWRA%3D"),
        (
            "GET",
            "/iserver/marketdata/snapshot",
            "conids=265598&fields=31%2C84%2C86",
            "ZXb7Um8IakS00hr%2FTyFeAD2WtQrDrHspzqir%2FL9YcZM%3D",
        ),
        ("GET", "/iserver/secdef/search", "symbol=BRK+B", "T3PZFGWm81kI5rGDRH9R5dFjEisukK5FtprXtgSl5so%3D"),
        ("POST", "/tickle", "", "%2BYBeutLoVDXpq0JuV0H5Gw219XAA%2BOxksfbmtKEMgv8%3D"),
        ("POST", "/iserver/account/DU1234567/orders", "", "IbcbYE2m8r8qp%2Bodp2eFKLuynUp%2F3VyloJyErBpNqc4%3D"),
        (
            "DELETE",
            "/iserver/account/DU1234567/order/1234567890",
            "",
            "J%2BRHxx3cxh6jYbSk1qIqLF4peQEY4%2B%2BTNhoZTrhCGSU%3D",
        ),
    ],
)
def test_signed_requests_of_the_vectors(method, path, query, signature):
    check, user = verifier(1762300100)
    assert check.check(signed(method, path, query, header(signature))) is user.logins[0]
    other = "GET" if method != "GET" else "POST"
    with pytest.raises(Refused):
        check.check(signed(other, path, query, header(signature, nonce="fresh")))


def test_the_published_base_string():
    request = Signed("GET", ("http://localhost:12345",), "/tradingapi/v1/marketdata/snapshot", "conid=8314", "", "")
    oauth = {
        "oauth_consumer_key": "TESTCONS",
        "oauth_nonce": "aecef17086308940e861",
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": "1473795686",
        "oauth_token": "6f531f8fd316915af53f",
    }
    token = base64.b64decode("YBWbLw+9RYP2nWrPQHxHZkBb1aM=")
    names = [
        name
        for name, text in base_strings(request, oauth)
        if base64.b64encode(hmac.digest(token, text.encode(), hashlib.sha256)).decode()
        == "+BdIuZDNooYZAbO9RZUCTC5F/3HjFOb04Tu4crpi0v8="
    ]
    assert names[0] == "query-included"
    assert "query-omitted" not in names
    assert hmac.digest(token, b"TESTCONS", hashlib.sha1).hex() == "543c55477d6cbb0e792d1e4f8111cec7305ba3f4"


def mint_header(challenge=CHALLENGE):
    return header(
        MINT_SIGNATURE,
        nonce="Rn4xQ2bT9kLmZ0pV",
        oauth_signature_method="RSA-SHA256",
        oauth_timestamp="1762300000",
        diffie_hellman_challenge=challenge,
    )


def test_the_mint_of_the_vectors():
    check, user = verifier(1762300000)
    answer = check.mint(signed("POST", "/oauth/live_session_token", "", mint_header()))
    token = user.logins[-1].token
    assert answer["live_session_token_signature"] == hmac.digest(token, b"TESTCONS1", hashlib.sha1).hex()
    assert check.mints == 1
    with pytest.raises(Refused):
        verifier(1762300000)[0].mint(signed("POST", "/oauth/live_session_token", "", mint_header("2" + CHALLENGE[1:])))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0x1, "01"),
        (0x7F, "7f"),
        (0x80, "0080"),
        (0xFF, "00ff"),
        (0x100, "0100"),
        (0xFF00, "00ff00"),
        (0x7FFF, "7fff"),
        (0x8000, "008000"),
        (1 << 2047, "0080" + "00" * 255),
        ((1 << 2047) - 1, "7f" + "ff" * 255),
    ],
)
def test_secret_bytes_as_java_writes_them(value, expected):
    assert to_java_bytes(value).hex() == expected


@given(st.integers(min_value=1, max_value=DH_PRIME))
def test_secret_bytes_are_the_shortest_twos_complement(value):
    raw = to_java_bytes(value)
    assert int.from_bytes(raw, "big", signed=True) == value
    assert len(raw) == 1 or int.from_bytes(raw[1:], "big", signed=True) != value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Basic abc",
        'OAuth realm="x" oauth_token="y"',
        'OAuth a="1", a="2"',
        "OAuth x=1",
    ],
)
def test_a_malformed_header_is_refused(text):
    with pytest.raises(Refused):
        parse_header(text)
