"""Whole logins over real sockets at the simulator, and what it does behind the session's back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from ibkr_tui.core.session import oauth1
from ibkr_tui.core.settings import SessionSettings
from ibkr_tui.model.errors import BrokerError


async def test_a_login_from_its_files_to_ready(real: Callable[..., Any], fresh_simulator: Any) -> None:
    async with real(fresh_simulator) as login:
        await login.session.ready()
        assert login.states == ["minting", "initialising", "ready"]
        read = await login.transport.get("/portfolio/accounts")
        assert (read.status, json.loads(read.body)[0]["accountId"]) == (200, fresh_simulator.account)
        assert len(await login.session.session_cookie()) >= 16
        state = await fresh_simulator.state()
        assert (state["mints"], state["refusals"]) == (1, {})
    assert (await fresh_simulator.state())["requests"]["POST /logout"] == 1


@pytest.mark.parametrize("wanted", ["top_bit", "leading_zero", "odd_response"])
async def test_awkward_numbers_of_the_other_side(
    real: Callable[..., Any], simulator: Any, control: Callable[..., Any], wanted: str
) -> None:
    await control("oauth", {"wanted_secret": wanted})
    try:
        async with real(simulator) as login:
            await login.session.ready()
    finally:
        await control("oauth", {"wanted_secret": ""})


@pytest.mark.parametrize("dialect", ["whole", "by_value", "omitted"])
async def test_a_query_is_understood_in_every_dialect(real: Callable[..., Any], simulator: Any, dialect: str) -> None:
    async with real(simulator, session=SessionSettings(query_signing=dialect)) as login:
        await login.session.ready()
        read = await login.transport.get("/iserver/marketdata/snapshot", [("conids", "265598"), ("fields", "31,84")])
        assert read.status == 200


async def test_ten_refused_at_once_cause_one_mint(real: Callable[..., Any], fresh_simulator: Any) -> None:
    async with real(fresh_simulator) as login:
        await login.session.ready()
        await fresh_simulator.control("session", {"do": "expire"})
        accounts = [login.transport.get("/iserver/accounts") for _ in range(10)]
        assert {read.status for read in await asyncio.gather(*accounts)} == {200}
        state = await fresh_simulator.state()
        assert (state["mints"], login.oauth.epoch) == (2, 2)
        assert state["requests"]["POST /iserver/auth/ssodh/init"] == 2
        assert login.session.is_ready


async def test_no_bridge_is_mended_for_who_asks(real: Callable[..., Any], fresh_simulator: Any) -> None:
    async with real(fresh_simulator) as login:
        await login.session.ready()
        await fresh_simulator.control("session", {"do": "end"})
        reads = await asyncio.gather(*(login.transport.get("/iserver/accounts") for _ in range(5)))
        assert {read.status for read in reads} == {200}
        state = await fresh_simulator.state()
        assert (state["mints"], state["requests"]["POST /iserver/auth/ssodh/init"]) == (1, 2)


async def test_a_token_replaced_early_does_not_compete_with_itself(
    real: Callable[..., Any], fresh_simulator: Any
) -> None:
    async with real(fresh_simulator) as login:
        await login.session.ready()
        await login.oauth.renew(1)
        await login.transport.on_renewed()
        assert login.session.is_ready
        assert (await login.transport.get("/iserver/accounts")).status == 200


async def test_an_account_of_somebody_else_blocks(real: Callable[..., Any], simulator: Any) -> None:
    credentials = json.loads(simulator.credentials.read_text())
    path = simulator.out / "of-nobody.json"
    path.write_text(json.dumps({name: value for name, value in credentials.items() if name != "account_id"}))
    path.chmod(0o600)
    async with real(simulator, account_id="DU9999999", credentials_file=path) as login:
        with pytest.raises(BrokerError) as caught:
            await login.session.ready()
        assert caught.value.code == "IBKR_ACCOUNT_NOT_FOUND"
        assert login.session.state == "blocked"


async def test_live_keys_in_a_paper_profile_block(real: Callable[..., Any], simulator: Any) -> None:
    account = json.loads(simulator.live_credentials.read_text())["account_id"]
    async with real(simulator, account_id=account, credentials_file=simulator.live_credentials) as login:
        with pytest.raises(BrokerError) as caught:
            await login.session.ready()
        assert caught.value.code == "ACCOUNT_KIND_MISMATCH"
        assert login.session.state == "blocked"


@pytest.mark.parametrize("fault", [{"do": "html"}, {"do": "status", "status": 503}, {"do": "drop"}, {"do": "truncate"}])
async def test_logins_that_fail_once(
    real: Callable[..., Any], simulator: Any, control: Callable[..., Any], until: Callable[..., Any],
    fault: dict[str, Any],
) -> None:  # fmt: skip
    await control("faults", [{"method": "POST", "path": "live_session_token", **fault}])
    async with real(simulator) as login:
        await until(lambda: login.session.trouble is not None)
        assert (login.session.state, login.session.trouble.code) == ("minting", "IBKR_SESSION_MINT_FAILED")
        await login.session.ready()
        assert (login.session.trouble, login.states) == (None, ["minting", "initialising", "ready"])


async def test_a_login_without_an_answer(
    real: Callable[..., Any], simulator: Any, control: Callable[..., Any], until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(oauth1, "MINT_DEADLINE_S", 0.2)
    await control("faults", [{"method": "POST", "path": "live_session_token", "do": "hang"}])
    async with real(simulator) as login:
        await until(lambda: login.session.trouble is not None)
        assert login.session.trouble.code == "IBKR_SESSION_MINT_FAILED"
        with pytest.raises(BrokerError, match=r"no answer from IBKR within 0\.2 s"):
            await login.session.ready(0.01)
        await login.session.ready()


async def test_a_login_that_is_refused(
    real: Callable[..., Any], simulator: Any, control: Callable[..., Any], until: Callable[..., Any]
) -> None:
    words = '{"error":"id: 1, error: invalid consumer","statusCode":401}'
    fault = {"method": "POST", "path": "live_session_token", "do": "status", "status": 401, "body": words}
    await control("faults", [fault])
    async with real(simulator) as login:
        await until(lambda: login.session.problem is not None)
        assert (login.session.state, login.session.problem.code) == ("blocked", "IBKR_CONSUMER_REVOKED")


async def test_a_wrong_key_is_refused_by_the_server(real: Callable[..., Any], simulator: Any) -> None:
    """Signature and encryption key changed round: nothing secret is sent, and the words say which file is wrong."""
    credentials = json.loads(simulator.credentials.read_text())
    names = ("signature_key_path", "encryption_key_path")
    changed = {**credentials, names[0]: credentials[names[1]], names[1]: credentials[names[0]]}
    path = simulator.out / "changed-round.json"
    path.write_text(json.dumps(changed))
    path.chmod(0o600)
    async with real(simulator, credentials_file=path) as login:
        with pytest.raises(BrokerError) as caught:
            await login.session.ready()
        assert caught.value.code == "IBKR_KEY_INVALID"
        assert "encryption key" in caught.value.message


async def test_two_programs_and_one_username(real: Callable[..., Any], fresh_simulator: Any) -> None:
    """The second waits, and takes nothing from the first."""
    async with real(fresh_simulator) as first:
        await first.session.ready()
        async with real(fresh_simulator) as second:
            with pytest.raises(BrokerError) as caught:
                await second.session.ready()
            assert caught.value.code == "IBKR_COMPETING_SESSION"
            assert second.session.state == "competing"
        assert (await first.transport.get("/iserver/accounts")).status == 200
        assert first.states[-1] == "ready"
        assert (await fresh_simulator.state())["requests"]["POST /iserver/auth/ssodh/init"] == 2
