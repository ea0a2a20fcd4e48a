"""A core that kills itself at one point of an order: `python -m tests.core.broker.doomed_core CONFIG STATE POINT`.

It prints the number of each audit row that it holds for committed, one a line.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ibkr_tui.core.broker import Broker
from ibkr_tui.core.config import load
from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.audit import AuditChain
from ibkr_tui.core.journal.journal import Journal
from ibkr_tui.core.settings import Limits
from ibkr_tui.core.web.endpoints import Endpoints
from tests.core.hasty_clock import HastyClock

APPLE = {"symbol": "AAPL", "side": "buy", "qty": "3", "order_type": "limit", "limit_price": "187.5"}
BRACKET = {"symbol": "AAPL", "side": "buy", "qty": "1", "entry_price": "187", "stop_loss": "180", "take_profit": "200"}


def die(*_: Any) -> None:
    """kill -9, by its own hand."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: type, name: str, when: Callable[..., bool] = lambda *_: True) -> None:
    """Die as `owner.name` is called with arguments that fit."""
    real = getattr(owner, name)

    def doomed(self: Any, *words: Any, **more: Any) -> Any:
        if when(*words):
            die()
        return real(self, *words, **more)

    setattr(owner, name, doomed)


def after(owner: type, name: str, when: Callable[..., bool] = lambda *_: True) -> None:
    """Die as the coroutine `owner.name`, called so, has returned."""
    real = getattr(owner, name)

    async def doomed(self: Any, *words: Any, **more: Any) -> Any:
        result = await real(self, *words, **more)
        if when(*words):
            die()
        return result

    setattr(owner, name, doomed)


def inside(kind: str) -> None:
    """Die inside the transaction, with the row of that kind written and not committed."""
    real = AuditChain.append

    def doomed(self: Any, connection: Any, named: str, *words: Any, **more: Any) -> Any:
        row = real(self, connection, named, *words, **more)
        if named == kind:
            die()
        return row

    setattr(AuditChain, "append", doomed)  # noqa: B010 - mypy knows it for a method


def turns(kind: str) -> Callable[..., bool]:
    """Whether a call of `Journal.record` is about this kind of row."""
    return lambda coid, account, turns: any(turn.kind == kind for turn in turns)


POINTS: dict[str, Callable[[], None]] = {
    "before the intent": lambda: before(Journal, "begin_all"),
    "inside the intent's commit": lambda: inside("intent"),
    "the intent is committed": lambda: after(Journal, "begin_all"),
    "before the POST": lambda: before(Endpoints, "place"),
    "during the POST": lambda: None,  # by the test, once the simulator has the order
    "the POST is answered": lambda: after(Endpoints, "place"),
    "inside the sent row's commit": lambda: inside("sent"),
    "before the answer is noted": lambda: before(Journal, "record", turns("accepted")),
    "inside the answer's commit": lambda: inside("accepted"),
    "the answer is committed": lambda: after(Journal, "record", turns("accepted")),
}


async def main(config: str, state: str, point: str, what: str) -> None:
    profile = load(Path(config), {}, "paper").profile
    profile = msgspec.structs.replace(profile, limits=Limits(duplicate_window_s=0))  # the core before sent the same
    broker = Broker(profile, Path(state), HastyClock(), "test")
    told = broker.journal.on_rows

    def audited(rows: Any) -> None:
        told(rows)
        for row in rows:
            print(row.seq, flush=True)  # noqa: T201 - its output is what the test reads

    broker.journal.on_rows = audited
    running = asyncio.create_task(broker.run())
    caller = Caller("app", "face-1", True)
    await broker.dispatcher.call("get_open_orders", {}, caller)
    POINTS[point]()
    operation, asked = ("place_order", APPLE) if what == "order" else ("place_bracket_order", BRACKET)
    await broker.dispatcher.call(operation, asked, caller)
    await running


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
