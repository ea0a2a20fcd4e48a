"""Looking after a gateway's session on a fake clock: verified, waited for, mended, and never logged in by us."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from ibkr_tui.core.session.caretaker import Caretaker
from ibkr_tui.core.session.maintenance import Action
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.errors import BrokerError

INIT = "/iserver/auth/ssodh/init"
GOOD = {"authenticated": True, "connected": True, "competing": False}
URL = "https://localhost:5000"


class Gateway:
    """A scripted gateway: `status` is its brokerage session, `code` what every call gets."""

    def __init__(self) -> None:
        self.status: dict[str, Any] = dict(GOOD)
        self.code = 200
        self.error: BrokerError | None = None
        self.on_init: Callable[[], None] = lambda: self.status.update(GOOD)
        self.asked: list[tuple[str, Any]] = []

    async def get(self, path: str, query: Any = (), *, deadline: float = 10, settled: bool = True) -> Answer:
        return self._answer(path, None, settled)

    async def post(self, path: str, body: Any = None, *, deadline: float = 10, settled: bool = True) -> Answer:
        return self._answer(path, body, settled)

    def _answer(self, path: str, body: Any, settled: bool) -> Answer:
        assert not settled, "a repeated call would hide the answer"
        self.asked.append((path, body))
        if self.error is not None:
            raise self.error
        if self.code != 200:
            return Answer(self.code, b"")
        if path == INIT:
            self.on_init()
        said = self.status if path.endswith("status") else {"session": "ab12", "iserver": {"authStatus": self.status}}
        return Answer(200, json.dumps(said).encode())

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def keeper(gateway: Gateway, fake_clock: Any) -> Caretaker:
    return Caretaker(gateway, URL, fake_clock)


async def test_a_good_session_verifies(gateway: Gateway, keeper: Caretaker) -> None:
    checks = await keeper.verify()
    assert [check.name for check in checks] == [
        "sso/validate", "tickle", "auth/status", "authenticated", "connected", "not competing",
    ]  # fmt: skip
    assert all(check.ok for check in checks)
    assert gateway.paths == ["/sso/validate", "/tickle", "/iserver/auth/status"]


@pytest.mark.parametrize(
    ("status", "failed"),
    [
        ({"authenticated": False}, {"authenticated"}),
        ({"connected": False}, {"connected"}),
        ({"competing": True}, {"not competing"}),
    ],
)
async def test_each_thing_the_status_says_is_checked(
    gateway: Gateway, keeper: Caretaker, status: dict[str, bool], failed: set[str]
) -> None:
    gateway.status |= status
    assert {check.name for check in await keeper.verify() if not check.ok} == failed


async def test_nobody_logged_in_fails_every_check(gateway: Gateway, keeper: Caretaker) -> None:
    gateway.code = 401
    checks = await keeper.verify()
    assert not any(check.ok for check in checks) and len(checks) == 6
    assert checks[0].found == "401: nobody is logged in"


async def test_a_login_is_waited_for(gateway: Gateway, keeper: Caretaker, fake_clock: Any) -> None:
    gateway.code = 401
    told: list[str] = []
    waiting = asyncio.create_task(keeper.wait_for_login(240, told.append))
    await fake_clock.advance(50)
    assert not waiting.done()
    assert [line.rpartition("(")[2] for line in told] == ["240 s left)", "220 s left)", "200 s left)"]
    assert URL in told[0]
    gateway.error = BrokerError("IBKR_UNAVAILABLE", "no connection")
    await fake_clock.advance(4)
    assert "is it running?" in told[-1]
    gateway.error, gateway.code, gateway.status = None, 200, GOOD | {"competing": True}
    await fake_clock.advance(4)
    assert "taken" in told[-1]
    gateway.status = dict(GOOD)
    await fake_clock.advance(4)
    assert 58 <= await waiting <= 62


async def test_nobody_comes(gateway: Gateway, keeper: Caretaker, fake_clock: Any) -> None:
    gateway.code = 401
    waiting = asyncio.create_task(keeper.wait_for_login(240, lambda _: None))
    await fake_clock.advance(239)
    assert not waiting.done()
    await fake_clock.advance(2)
    with pytest.raises(BrokerError) as caught:
        await waiting
    assert caught.value.code == "IBKR_LOGIN_REQUIRED" and caught.value.details == {"login_url": URL}


async def test_a_login_without_its_brokerage_session_gets_one(
    gateway: Gateway, keeper: Caretaker, fake_clock: Any
) -> None:
    gateway.status["authenticated"] = False
    waiting = asyncio.create_task(keeper.wait_for_login(240, lambda _: None))
    await fake_clock.advance(3)
    assert await waiting == pytest.approx(2, abs=0.1)
    assert (INIT, {"publish": True, "compete": False}) in gateway.asked


async def test_cancelling_the_wait_ends_it(gateway: Gateway, keeper: Caretaker, fake_clock: Any) -> None:
    gateway.code = 401
    waiting = asyncio.create_task(keeper.wait_for_login(240, lambda _: None))
    await fake_clock.advance(3)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_nothing_is_done_to_a_good_session(gateway: Gateway, keeper: Caretaker) -> None:
    upkeep = await keeper.maintain()
    assert (upkeep.action, upkeep.done, upkeep.now) == (Action.NOOP, (), Action.NOOP)
    assert gateway.paths == ["/tickle"]


async def test_a_session_that_timed_out_is_opened_again(gateway: Gateway, keeper: Caretaker) -> None:
    gateway.status["authenticated"] = False
    upkeep = await keeper.maintain()
    assert (upkeep.action, upkeep.now) == (Action.REAUTH, Action.NOOP)
    assert gateway.paths == ["/tickle", INIT, "/tickle"]


async def test_a_session_that_does_not_open_is_said_to_need_it_still(
    gateway: Gateway, keeper: Caretaker, fake_clock: Any
) -> None:
    gateway.status["authenticated"] = False
    gateway.on_init = lambda: None
    mending = asyncio.create_task(keeper.maintain())
    await fake_clock.advance(12)
    upkeep = await mending
    assert (upkeep.action, upkeep.now) == (Action.REAUTH, Action.REAUTH)
    assert gateway.paths.count(INIT) == 1


@pytest.mark.parametrize("status", [{"competing": True}, {"connected": False}])
async def test_after_a_logout_a_person_must_log_in(
    gateway: Gateway, keeper: Caretaker, status: dict[str, bool]
) -> None:
    gateway.status |= status
    upkeep = await keeper.maintain()
    assert (upkeep.action, upkeep.now) == (Action.LOGOUT_THEN_REAUTH, Action.LOGIN_REQUIRED)
    assert gateway.paths == ["/tickle", "/logout"], "nothing can be opened after a logout"
    assert "a person logs in" in upkeep.message and URL in upkeep.message


@pytest.mark.parametrize(
    ("code", "expected"), [(401, "IBKR_LOGIN_REQUIRED"), (500, "IBKR_UNAVAILABLE"), (429, "IBKR_RATE_LIMITED")]
)
async def test_an_answer_that_decides_nothing(gateway: Gateway, keeper: Caretaker, code: int, expected: str) -> None:
    gateway.code = code
    with pytest.raises(BrokerError) as caught:
        await keeper.maintain()
    assert caught.value.code == expected
    assert await keeper.decide() is Action.ERROR
    assert "/logout" not in gateway.paths


async def test_a_page_in_the_place_of_an_answer(gateway: Gateway, keeper: Caretaker) -> None:
    async def page(path: str, body: Any = None, *, deadline: float = 10, settled: bool = True) -> Answer:
        return Answer(200, b"<html>Welcome</html>")

    gateway.post = page  # type: ignore[method-assign]
    with pytest.raises(BrokerError) as caught:
        await keeper.maintain()
    assert caught.value.code == "IBKR_RESPONSE_INVALID"


async def test_no_session_value_is_a_login_required(gateway: Gateway, keeper: Caretaker) -> None:
    async def empty(path: str, body: Any = None, *, deadline: float = 10, settled: bool = True) -> Answer:
        return Answer(200, b"{}")

    gateway.post = empty  # type: ignore[method-assign]
    upkeep = await keeper.maintain()
    assert (upkeep.action, upkeep.done) == (Action.LOGIN_REQUIRED, ()) and URL in upkeep.message
