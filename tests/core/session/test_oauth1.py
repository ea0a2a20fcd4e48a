"""Minting a token against the server's half, and what becomes of every answer that is not a token."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hmac
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ibkr_tui.core.keys.key_set import KeySet
from ibkr_tui.core.secrets import Secret
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.errors import BrokerError

URL = "https://api.ibkr.com/v1/api/portfolio/accounts"


def parameters_of(headers: dict[str, str]) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', headers["Authorization"]))


async def proven(oauth: OAuth1, token: bytes) -> None:
    """The next request is signed with `token`."""
    found = parameters_of(await oauth.authorize("GET", URL, [("a", "1,2")]))
    text = "&".join(
        f"{name}={value}"
        for name, value in sorted([*found.items(), ("a", "1,2")])
        if name not in {"realm", "oauth_signature"}
    )
    base = "GET&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Fportfolio%2Faccounts&" + text.replace("=", "%3D").replace(
        "&", "%26"
    ).replace(",", "%2C")
    signature = base64.b64encode(hmac.digest(token, base.encode(), "sha256")).decode()
    sent = found["oauth_signature"].replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")
    assert sent == signature


@pytest.mark.parametrize(
    "choose",
    [
        lambda shared, response: True,
        lambda shared, response: shared.bit_length() % 8 == 0,
        lambda shared, response: shared.bit_length() == 2047,
        lambda shared, response: shared.bit_length() <= 2040,
        lambda shared, response: len(f"{response:x}") % 2 == 1,
    ],
    ids=["any", "top bit", "no top bit", "leading zero byte", "odd hex"],
)
async def test_a_mint_with_every_kind_of_shared_number(
    oauth: OAuth1, server: Any, choose: Callable[[int, int], bool]
) -> None:
    server.choose = choose
    await oauth.renew(0)
    assert (oauth.epoch, server.mints) == (1, 1)
    await proven(oauth, server.token)


async def test_the_first_request_mints(oauth: OAuth1, server: Any) -> None:
    assert oauth.token_expires_at is None
    await oauth.authorize("GET", URL, [])
    await proven(oauth, server.token)
    assert (server.mints, oauth.epoch) == (1, 1)


async def test_one_mint_for_all_who_ask(oauth: OAuth1, server: Any) -> None:
    await asyncio.gather(*(oauth.renew(0) for _ in range(10)))
    assert (oauth.epoch, server.mints) == (1, 1)
    await oauth.renew(0)
    assert server.mints == 1


async def test_one_failed_attempt_for_all_who_ask(oauth: OAuth1, server: Any, patiently: Any) -> None:
    server.spoil = lambda body: Answer(500, b"")
    found = await patiently(asyncio.gather(*(oauth.renew(0) for _ in range(10)), return_exceptions=True))
    assert {error.code for error in found if isinstance(error, BrokerError)} == {"IBKR_SESSION_MINT_FAILED"}
    assert (len(found), server.mints) == (10, 4)


async def test_each_renewal_brings_a_new_token(oauth: OAuth1, server: Any) -> None:
    await oauth.renew(0)
    first = server.token
    await oauth.renew(1)
    assert (oauth.epoch, server.mints) == (2, 2)
    assert server.token != first
    await proven(oauth, server.token)


async def test_nonces_are_unique_and_timestamps_never_go_back(oauth: OAuth1, fake_clock: Any) -> None:
    nonces, last = set(), 0
    for step in range(200):
        found = parameters_of(await oauth.authorize("GET", URL, []))
        nonces.add(found["oauth_nonce"])
        assert int(found["oauth_timestamp"]) >= last
        assert len(found["oauth_timestamp"]) == 10
        last = int(found["oauth_timestamp"])
        fake_clock.jump_wall(3 if step % 3 else -40)
    assert len(nonces) == 200
    assert all(re.fullmatch(r"[0-9a-zA-Z]{16,}", nonce) for nonce in nonces)


@pytest.mark.parametrize(
    ("expiration_s", "expected_s"),
    [
        (10**7, 86_000), (50_000, 50_000), (86_001, 86_000), (0, 86_000), (-5, 86_000), (60, 86_000), (599, 86_000),
        (601, 601),
    ],
)  # fmt: skip
async def test_when_a_token_ends(
    oauth: OAuth1, server: Any, fake_clock: Any, expiration_s: int, expected_s: int
) -> None:
    """The earlier of ours and the server's; a server's time that is nearly now is that of the computation."""
    server.expiration = (fake_clock.now() + timedelta(seconds=expiration_s)).timestamp() * 1000
    await oauth.renew(0)
    assert oauth.token_expires_at == fake_clock.now() + timedelta(seconds=expected_s)


@pytest.mark.parametrize("expiration", [0, 1e300, -1e300, 1e18])
async def test_an_end_that_is_no_time(oauth: OAuth1, server: Any, fake_clock: Any, expiration: float) -> None:
    server.expiration = expiration
    await oauth.renew(0)
    assert oauth.token_expires_at == fake_clock.now() + timedelta(seconds=86_000)


async def test_an_ended_token_is_not_used(oauth: OAuth1, server: Any, fake_clock: Any) -> None:
    await oauth.authorize("GET", URL, [])
    fake_clock.jump_wall(85_999)
    await oauth.authorize("GET", URL, [])
    assert server.mints == 1
    fake_clock.jump_wall(1)
    await oauth.authorize("GET", URL, [])
    assert server.mints == 2


def exchange(response: bytes) -> bytes:
    """A mint's answer with that response."""
    return b'{"diffie_hellman_response":%s,"live_session_token_signature":"a"}' % response


REVOKED = b'{"error":"id: 7, error: invalid consumer","statusCode":401}'
NO_SECRET = b'{"error":"LST failed, error: No access secret key found for x","statusCode":401}'


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (Answer(401, REVOKED), "IBKR_CONSUMER_REVOKED"),
        (Answer(401, NO_SECRET), "IBKR_ACCESS_TOKEN_EXPIRED"),
        (Answer(401, b""), "IBKR_AUTH_FAILED"),
        (Answer(500, b""), "IBKR_SESSION_MINT_FAILED"),
        (Answer(500, b'{"error":"internal"}'), "IBKR_SESSION_MINT_FAILED"),
        (Answer(503, b"<html><body>maintenance</body></html>"), "IBKR_SESSION_MINT_FAILED"),
        (Answer(429, b""), "IBKR_RATE_LIMITED"),
        (Answer(410, b""), "IBKR_SESSION_MINT_FAILED"),
        (Answer(302, b""), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, b"<html><body>login</body></html>"), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, b""), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, b"null"), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, b"[]"), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, b"\xff\xfe"), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, b"[" * 100_000), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, b'{"error":"something"}'), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, exchange(b'"zz"')), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, exchange(b'""')), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, exchange(b"5")), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, b'{"diffie_hellman_response":"5"}'), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, b'{"diffie_hellman_response":"5","live_session_token_signature":"\xc3\xa9"}'), "IBKR_AUTH_FAILED"),
        (Answer(200, exchange(b'"-5"')), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, exchange(b'"0"')), "IBKR_SESSION_MINT_FAILED"),
        (Answer(200, exchange(b'"1"')), "IBKR_SESSION_MINT_FAILED"),
    ],
)
async def test_an_answer_that_is_no_token(
    oauth: OAuth1, server: Any, refusal: Any, patiently: Any, *, response: Answer, code: str
) -> None:
    """What the server refused is asked once, what failed three times more."""
    server.spoil = lambda body: response
    with refusal(code) as caught:
        await patiently(oauth.authorize("GET", URL, []))
    assert oauth.epoch == 0
    assert caught.value.retryable or code != "IBKR_SESSION_MINT_FAILED"
    assert server.deadlines == [20.0] * (4 if code == "IBKR_SESSION_MINT_FAILED" else 1)
    assert oauth.trouble is None


async def test_a_wrong_signature_of_the_server_is_refused(oauth: OAuth1, server: Any, refusal: Any) -> None:
    good = server.spoil
    server.spoil = lambda body: good(body | {"live_session_token_signature": "0" * 40})
    with refusal("IBKR_AUTH_FAILED") as caught:
        await oauth.renew(0)
    assert "signature" in caught.value.message
    assert oauth.token_expires_at is None
    server.spoil = lambda body: good(body | {"live_session_token_signature": "  "})
    with refusal("IBKR_AUTH_FAILED"):
        await oauth.renew(0)
    server.spoil = lambda body: good(
        body | {"live_session_token_signature": body["live_session_token_signature"].upper()}
    )
    await oauth.renew(0)
    await proven(oauth, server.token)


async def test_no_answer(oauth: OAuth1, server: Any, refusal: Any, patiently: Any) -> None:
    async def lost(*arguments: Any, **more: Any) -> Answer:
        raise BrokerError("IBKR_UNAVAILABLE", "no answer from IBKR within 20 s")

    server.unsigned = lost
    with refusal("IBKR_SESSION_MINT_FAILED") as caught:
        await patiently(oauth.renew(0))
    assert "no answer from IBKR within 20 s" in caught.value.message
    assert caught.value.retryable


async def test_without_a_transport(keys: KeySet, fake_clock: Any, refusal: Any, patiently: Any) -> None:
    login = OAuth1(keys, "https://api.ibkr.com/v1/api", "wss://api.ibkr.com/v1/api/ws", fake_clock)
    with refusal("IBKR_SESSION_MINT_FAILED"):
        await patiently(login.authorize("GET", URL, []))
    assert not await login.leave_previous()


async def test_a_secret_that_does_not_open_never_leaves(
    keys: KeySet, server: Any, fake_clock: Any, refusal: Any
) -> None:
    wrong = dataclasses.replace(keys, encryption_key=keys.signature_key)
    login = OAuth1(wrong, "https://api.ibkr.com/v1/api", "wss://api.ibkr.com/v1/api/ws", fake_clock)
    login.transport = server
    with refusal("IBKR_KEY_INVALID"):
        await login.renew(0)
    assert server.mints == 0


async def test_three_refusals_then_silence_for_ten_minutes(
    oauth: OAuth1, server: Any, fake_clock: Any, refusal: Any
) -> None:
    good = server.spoil
    server.spoil = lambda body: Answer(401, REVOKED)
    for _ in range(3):
        with refusal("IBKR_CONSUMER_REVOKED"):
            await oauth.renew(0)
        await fake_clock.advance(60)
    for minutes_left in range(7, 0, -1):
        with refusal("IBKR_CONSUMER_REVOKED") as caught:
            await oauth.renew(0)
        assert caught.value.details["retry_in_s"] == minutes_left * 60
        assert "invalid consumer" in caught.value.message
        assert f"in {minutes_left} min" in caught.value.message
        await fake_clock.advance(60)
    assert server.mints == 3
    with refusal("IBKR_CONSUMER_REVOKED"):
        await oauth.renew(0)
    assert server.mints == 4
    with refusal("IBKR_CONSUMER_REVOKED"):
        await oauth.renew(0)
    assert server.mints == 4
    await fake_clock.advance(60)
    server.spoil = good
    await oauth.renew(0)
    assert (oauth.epoch, server.mints) == (1, 5)


async def test_a_success_forgets_refusals(oauth: OAuth1, server: Any, refusal: Any) -> None:
    good = server.spoil
    for _ in range(3):
        for _ in range(2):
            server.spoil = lambda body: Answer(401, b"")
            with refusal("IBKR_AUTH_FAILED"):
                await oauth.renew(oauth.epoch)
        server.spoil = good
        await oauth.renew(oauth.epoch)
    assert server.mints == 9


async def test_a_mint_is_tried_four_times_with_growing_waits(
    oauth: OAuth1, server: Any, fake_clock: Any, refusal: Any
) -> None:
    good = server.spoil
    server.spoil = lambda body: Answer(503, b"")
    minting = asyncio.create_task(oauth.renew(0))
    await fake_clock.settle()
    for made, wait in ((1, 1), (2, 2), (3, 4)):
        assert (server.mints, fake_clock.sleepers) == (made, [wait])
        assert oauth.trouble is not None and "503" in oauth.trouble.message
        await fake_clock.advance(wait)
    with refusal("IBKR_SESSION_MINT_FAILED"):
        await minting
    assert (server.mints, oauth.trouble, oauth.epoch) == (4, None, 0)
    server.spoil = lambda body: Answer(503, b"") if server.mints < 7 else good(body)
    again = asyncio.create_task(oauth.renew(0))
    await fake_clock.advance(1 + 2)
    await again
    assert (server.mints, oauth.epoch) == (7, 1)


async def test_a_refusal_ends_the_tries(oauth: OAuth1, server: Any, fake_clock: Any, refusal: Any) -> None:
    server.spoil = lambda body: Answer(503, b"") if server.mints == 1 else Answer(401, REVOKED)
    minting = asyncio.create_task(oauth.renew(0))
    await fake_clock.advance(1)
    with refusal("IBKR_CONSUMER_REVOKED"):
        await minting
    assert server.mints == 2


async def test_the_waits_are_spread(keys: KeySet, server: Any, fake_clock: Any) -> None:
    waits = set()
    server.spoil = lambda body: Answer(503, b"")
    for _ in range(20):
        login = OAuth1(keys, "https://api.ibkr.com/v1/api", "wss://h/ws", fake_clock)
        login.transport = server
        minting = asyncio.create_task(login.renew(0))
        await fake_clock.settle()
        waits.add(fake_clock.sleepers[-1])
        minting.cancel()
        await asyncio.gather(minting, return_exceptions=True)
    assert len(waits) > 10
    assert all(0.9 <= wait <= 1.1 for wait in waits)


async def test_the_breaker_opens_after_five_failures_and_says_until_when(
    oauth: OAuth1, server: Any, fake_clock: Any, refusal: Any, patiently: Any
) -> None:
    good = server.spoil
    server.spoil = lambda body: Answer(503, b"")
    for _ in range(4):
        with refusal("IBKR_SESSION_MINT_FAILED") as caught:
            await patiently(oauth.renew(0))
        assert "retry_in_s" not in caught.value.details
    with refusal("IBKR_SESSION_MINT_FAILED") as caught:
        await patiently(oauth.renew(0))
    until = fake_clock.now() + timedelta(seconds=60)
    for left in (60, 59, 1):
        assert caught.value.details["retry_in_s"] == left
        assert caught.value.details["retry_at"] == until.isoformat()
        assert f"5 times in a row, the next attempt is at {until:%H:%M:%S} UTC" in caught.value.message
        assert "503" in caught.value.message
        await fake_clock.advance(58 if left == 59 else 1)
        if left == 1:
            break
        with refusal("IBKR_SESSION_MINT_FAILED") as caught:
            await oauth.renew(0)
    assert server.mints == 20
    with refusal("IBKR_SESSION_MINT_FAILED") as caught:
        await oauth.renew(0)  # one probe, not four
    assert (server.mints, caught.value.details["retry_in_s"]) == (21, 60)
    await fake_clock.advance(60)
    server.spoil = good
    await oauth.renew(0)
    server.spoil = lambda body: Answer(503, b"")
    with refusal("IBKR_SESSION_MINT_FAILED") as caught:
        await patiently(oauth.renew(1))
    assert "retry_in_s" not in caught.value.details
    assert server.mints == 22 + 4


@pytest.mark.parametrize(
    ("skew", "words"),
    [(400.0, "6 min 40 s behind"), (-86_400.0, "1 d ahead of"), (-31.0, "31 s ahead of"), (7_230.0, "2 h behind")],
)
async def test_a_refusal_with_a_wrong_clock_names_the_clock(
    oauth: OAuth1, server: Any, fake_clock: Any, refusal: Any, *, skew: float, words: str
) -> None:
    server.clock_skew_s = skew
    server.spoil = lambda body: Answer(401, b'{"error":"id: 3, error: timestamp out of range"}')
    for _ in range(3):
        with refusal("CLOCK_SKEW") as caught:
            await oauth.renew(0)
        assert words in caught.value.message
        assert "clock" in caught.value.user_action
    with refusal("CLOCK_SKEW") as caught:
        await oauth.renew(0)
    assert (server.mints, caught.value.details["retry_in_s"]) == (3, 600)


@pytest.mark.parametrize("skew", [None, 0.0, 30.0, -30.0])
async def test_a_right_clock_is_not_blamed(oauth: OAuth1, server: Any, refusal: Any, skew: float | None) -> None:
    server.clock_skew_s = skew
    server.spoil = lambda body: Answer(401, b"")
    with refusal("IBKR_AUTH_FAILED"):
        await oauth.renew(0)


async def test_a_wrong_clock_hides_no_plainer_reason(oauth: OAuth1, server: Any, refusal: Any) -> None:
    server.clock_skew_s = 60.0
    server.spoil = lambda body: Answer(401, REVOKED)
    with refusal("IBKR_CONSUMER_REVOKED"):
        await oauth.renew(0)


async def test_the_previous_token_is_logged_out_once(oauth: OAuth1, server: Any) -> None:
    assert not await oauth.leave_previous()
    await oauth.renew(0)
    assert not await oauth.leave_previous()
    await oauth.renew(1)
    assert await oauth.leave_previous()
    assert not await oauth.leave_previous()
    assert server.logouts == 1


async def test_after_a_switch_of_keys_the_old_login_is_left_with_the_old_ones(
    keys: KeySet, server: Any, fake_clock: Any
) -> None:
    class Switched:
        held = keys

        def read(self) -> KeySet:
            return self.held

        def has_changed(self) -> bool:
            changed, self.held = self.held is keys, new
            return changed

    sent: list[str] = []
    answering = server.unsigned

    async def noted(method: str, path: str, headers: Any, **more: Any) -> Answer:
        if path == "/logout":
            sent.append(headers["Authorization"])
        answered: Answer = await answering(method, path, headers, **more)
        return answered

    new = dataclasses.replace(keys, access_token=Secret("another"))
    server.unsigned = noted
    oauth = OAuth1(Switched(), "https://api.ibkr.com/v1/api", "wss://api.ibkr.com/v1/api/ws", fake_clock)
    oauth.transport = server
    await oauth.renew(0)
    assert oauth.look_again() and not oauth.look_again()
    await oauth.renew(1)
    assert await oauth.leave_previous()
    assert not await oauth.leave_previous()
    [header] = sent
    assert f'oauth_token="{keys.access_token.reveal()}"' in header
    assert 'oauth_token="another"' in (await oauth.authorize("GET", URL, []))["Authorization"]


async def test_a_logout_that_fails_is_none(oauth: OAuth1, server: Any) -> None:
    await oauth.renew(0)
    await oauth.renew(1)

    async def lost(*arguments: Any, **more: Any) -> Answer:
        raise BrokerError("IBKR_UNAVAILABLE", "no answer")

    server.unsigned = lost
    assert not await oauth.leave_previous()


async def test_the_stream_is_asked_for_with_token_and_cookie(oauth: OAuth1, keys: KeySet, fake_clock: Any) -> None:
    url, headers = oauth.stream_request("0123abcd")
    assert url == "wss://api.ibkr.com/v1/api/ws?oauth_token=a1b2c3d4e5f6a7b8c9d0"
    assert headers == {"Cookie": "api=0123abcd", "User-Agent": "ClientPortalGW/1"}
    assert oauth.verify_tls
    odd = OAuth1(dataclasses.replace(keys, access_token=Secret("a/b+c")), "", "wss://h/ws", fake_clock)
    assert odd.stream_request("x")[0] == "wss://h/ws?oauth_token=a%2Fb%2Bc"


async def test_no_secret_in_errors_and_reprs(oauth: OAuth1, server: Any, keys: KeySet) -> None:
    server.spoil = lambda body: Answer(401, NO_SECRET)
    with pytest.raises(BrokerError) as caught:
        await oauth.renew(0)
    shown = f"{caught.value} {caught.value.details} {oauth!r} {keys!r}"
    for secret in (keys.access_token.reveal(), keys.access_token_secret.reveal(), keys.prepend().hex()):
        assert secret not in shown
