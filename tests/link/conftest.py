"""A real socket, real tables, logs and dispatcher; only the broker behind them is made up."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.dispatch import Caller, Dispatcher, Operation, Tier
from ibkr_tui.core.state import CoreFacts
from ibkr_tui.link.server import LinkServer
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.log import Log
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.table import Table

FINGERPRINT = "f" * 16
ME: dict[str, Any] = {"fingerprint": FINGERPRINT, "face": "test", "face_id": "one"}


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Say(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str


class Money(msgspec.Struct, frozen=True):
    amount: Decimal
    at: datetime


def _divide() -> None:
    raise ZeroDivisionError("secret inside")


class FakeCore:
    """Tables and operations as a core has them."""

    def __init__(self) -> None:
        self.tables: dict[str, Table[Any]] = {name: Table(name) for name in ("quotes", "orders", "health")}
        self.logs: dict[str, Log[Any]] = {"events": Log("events", keep=100), "fills": Log("fills")}
        self.dispatcher = Dispatcher(
            [
                Operation("get_echo", Tier.READ, Say, self._echo, "Say it again."),
                Operation("get_money", Tier.READ, Nothing, self._money, "Money."),
                Operation("get_fault", Tier.READ, Nothing, self._fault, "Fail."),
                Operation("get_refusal", Tier.READ, Nothing, self._refuse, "Refuse."),
                Operation("get_slow", Tier.READ, Nothing, self._slow, "Wait for the gate."),
                Operation("place_slow", Tier.CHANGE, Nothing, self._slow, "Wait for the gate, as an order."),
            ]
        )
        self.fault: Callable[[], object] = _divide
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.left: list[str] = []
        self.echoes = 0

    def face_left(self, face_id: str) -> None:
        self.left.append(face_id)

    async def _echo(self, arguments: Say, caller: Caller) -> Any:
        self.echoes += 1
        return {"text": arguments.text, "caller": caller}

    async def _money(self, _arguments: Nothing, _caller: Caller) -> Money:
        return Money(Decimal("1E+3"), datetime(2026, 1, 2, tzinfo=UTC))

    async def _fault(self, _arguments: Nothing, _caller: Caller) -> None:
        self.fault()

    async def _refuse(self, _arguments: Nothing, _caller: Caller) -> None:
        raise BrokerError("RISK_ORDER_QTY", "too many", details={"limit": Decimal("1E+2")})

    async def _slow(self, _arguments: Nothing, _caller: Caller) -> str:
        self.begun.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.ended.put_nowait("cancelled")
            raise
        self.ended.put_nowait("done")
        return "done"


class Served:
    """A core that serves, and what it was asked."""

    def __init__(self, core: FakeCore, server: LinkServer, path: str) -> None:
        self.core = core
        self.server = server
        self.path = path
        self.shutdowns: list[bool] = []
        self.fingerprint = FINGERPRINT
        self.money = Money


@asynccontextmanager
async def _serve(place: Path) -> AsyncIterator[Served]:
    core = FakeCore()
    path = str(place / "core.sock")
    facts = CoreFacts(1, path, FINGERPRINT, "paper", "paper", "DU1", "0.1.0", datetime(2026, 1, 1, tzinfo=UTC))
    served: Served
    server = LinkServer(core, facts, on_shutdown=lambda: served.shutdowns.append(True))
    served = Served(core, server, path)
    running = asyncio.create_task(server.run())
    async with asyncio.timeout(5):
        await server.serving.wait()
    try:
        yield served
    finally:
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()


@pytest.fixture
def place() -> Iterator[Path]:
    """A short private directory: a socket's path holds about 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="link-") as name:
        yield Path(name)


@pytest.fixture
async def served(place: Path) -> AsyncIterator[Served]:
    async with _serve(place) as found:
        yield found


def _quote(conid: int, last: str = "1") -> Quote:
    return Quote(conid, f"S{conid}", f"S{conid}", QuoteStatus.LIVE, last=Decimal(last))


async def _until(condition: Any, seconds: float = 5) -> None:
    """Give the loop turns until `condition()` holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
def serve() -> Callable[[Path], AbstractAsyncContextManager[Served]]:
    return _serve


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    return _until


@pytest.fixture
def quote() -> Callable[..., Quote]:
    return _quote


@pytest.fixture
def me() -> dict[str, Any]:
    return dict(ME)
