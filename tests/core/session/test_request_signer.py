"""A header put together in pieces is the one that the plain arithmetic gives."""

from __future__ import annotations

import re
from urllib.parse import quote_plus

from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.core.secrets import Secret
from ibkr_tui.core.session import signing
from ibkr_tui.core.session.request_signer import RequestSigner

URL = "https://api.ibkr.com/v1/api/iserver/x"
NAMES = st.text("abcoprxyz_09", min_size=1, max_size=8).filter(lambda name: not name.startswith("oauth"))
VALUES = st.text(max_size=12)
TOKEN = bytes(range(20))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.sampled_from(["AB+/= é", "0123456789abcdef0123"]))
def test_against_the_plain_arithmetic(query: list[tuple[str, str]], access_token: str) -> None:
    header = RequestSigner(TOKEN, "limited_poa", "BENCHKEY1", Secret(access_token)).header(
        "GET", URL, query, 1700000000
    )
    nonce = re.search(r'oauth_nonce="([0-9a-f]{32})"', header)
    assert nonce is not None
    oauth = {
        "oauth_consumer_key": "BENCHKEY1", "oauth_nonce": nonce[1], "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": "1700000000", "oauth_token": access_token,
    }  # fmt: skip
    signature = signing.sign_hmac(TOKEN, signing.base_string("GET", URL, [*oauth.items(), *query]))
    assert header == signing.authorization("limited_poa", oauth, signature)
    assert quote_plus(signature) in header


def test_no_nonce_comes_twice() -> None:
    signer = RequestSigner(TOKEN, "limited_poa", "BENCHKEY1", Secret("x"))
    assert len({signer.header("GET", URL, (), 1700000000) for _ in range(50)}) == 50
