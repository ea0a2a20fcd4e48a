"""A third party's two calls, as reference 1.3 has them: what is sent, how it is signed, and each refusal in words."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ibkr_tui.core.secrets import Secret
from ibkr_tui.core.session.request_token import RequestTokens, authorize_url
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.errors import BrokerError

REST = "https://api.ibkr.com/v1/api"
KEY = "0123456789abcdef012345678"


class Server:
    """Keeps what was sent, and answers by table."""

    clock_skew_s: float | None = 0.0

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str, dict[str, str]]] = []

    async def unsigned(self, method: str, path: str, headers: Any, *, deadline: float = 10) -> Answer:
        self.sent.append((method, path, dict(re.findall(r'(\w+)="([^"]*)"', headers["Authorization"]))))
        return self.answers.pop(0)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def calls(server: Server, clock: Any, kind: str = "paper") -> RequestTokens:
    return RequestTokens(server, REST, clock, kind)


def check_signature(sent: tuple[str, str, dict[str, str]], key: rsa.RSAPrivateKey) -> dict[str, str]:
    """The parameters, once the signature over the base string (reference 1.2) was checked; no realm in it."""
    method, path, found = sent
    parameters = {name: value for name, value in found.items() if name not in {"realm", "oauth_signature"}}
    pairs = "%26".join(f"{name}%3D{value}" for name, value in sorted(parameters.items()))
    base = f"{method}&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi{path.replace('/', '%2F')}&{pairs}"
    signature = base64.b64decode(unquote(found["oauth_signature"]))
    key.public_key().verify(signature, base.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert found["realm"] == "limited_poa" and re.fullmatch(r"[0-9]{10}", parameters.pop("oauth_timestamp"))
    assert len(parameters.pop("oauth_nonce")) >= 16
    return parameters


async def test_both_calls_as_they_are_documented(key: rsa.RSAPrivateKey, fake_clock: Any) -> None:
    server = Server(
        Answer(200, b'{"oauth_token":"4b0cfa1d0a0f4d2b91b7"}'),
        Answer(200, b'{"oauth_token":"a1b2","oauth_token_secret":"c2VjcmV0","is_paper":true}'),
    )
    both = calls(server, fake_clock)
    token, page = await both.ask(KEY, key)
    assert page == "https://interactivebrokers.com/authorize?oauth_token=4b0cfa1d0a0f4d2b91b7"
    made = await both.exchange(KEY, key, token, Secret(' "verified1" \n'))
    assert (made.access_token.reveal(), made.access_token_secret.reveal()) == ("a1b2", "c2VjcmV0")
    assert [sent[:2] for sent in server.sent] == [("POST", "/oauth/request_token"), ("POST", "/oauth/access_token")]
    always = {"oauth_consumer_key": KEY, "oauth_signature_method": "RSA-SHA256"}
    assert check_signature(server.sent[0], key) == always | {"oauth_callback": "oob"}
    assert check_signature(server.sent[1], key) == always | {"oauth_token": token, "oauth_verifier": "verified1"}
    assert "c2VjcmV0" not in repr(made) and "a1b2" not in repr(made)


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (Answer(401, b'{"error":"id: 1, error: invalid consumer"}'), "IBKR_CONSUMER_REVOKED", "not active yet"),
        (
            Answer(401, b'{"error":"id: 1, error: invalid oauth_verifier"}'),
            "IBKR_AUTH_FAILED",
            "invalid oauth_verifier",
        ),
        (Answer(200, b"<html>"), "IBKR_RESPONSE_INVALID", "a verifier counts once"),
        (
            Answer(200, b'{"oauth_token":"a","oauth_token_secret":"b","is_paper":false}'),
            "ACCOUNT_KIND_MISMATCH",
            "for a live account and the profile is paper",
        ),
    ],
)
async def test_what_an_exchange_may_bring_instead(
    key: rsa.RSAPrivateKey, fake_clock: Any, answer: Answer, code: str, words: str
) -> None:
    with pytest.raises(BrokerError) as caught:
        await calls(Server(answer), fake_clock).exchange(KEY, key, "t", Secret("v"))
    assert (caught.value.code, words in caught.value.message) == (code, True), caught.value
    assert "core stop" not in caught.value.user_action  # the catalogue's words are for a login


async def test_what_is_no_token_is_not_followed(key: rsa.RSAPrivateKey, fake_clock: Any) -> None:
    for body in (b'{"oauth_token":"a b&c"}', b"{}", b"\xff"):
        with pytest.raises(BrokerError, match="could not be read"):
            await calls(Server(Answer(200, body)), fake_clock).ask(KEY, key)
    with pytest.raises(BrokerError) as caught:
        await calls(Server(), fake_clock).exchange(KEY, key, "t", Secret("two words & more"))
    assert (caught.value.code, caught.value.details) == ("TOKEN_INVALID", {"field": "oauth_verifier"})


def test_where_a_person_goes() -> None:
    assert authorize_url("http://127.0.0.1:5001/v1/api", "t/1") == "http://127.0.0.1:5001/authorize?oauth_token=t%2F1"
    assert authorize_url("https://1.api.ibkr.com/v1/api", "t").startswith("https://interactivebrokers.com/authorize?")
