"""A core's stand-in for the painting benchmarks: the real link server over real tables, with prices as fast as asked.

`served_market.py SOCKET UPDATES_A_SECOND LOG`. It prints `ready`, serves until standard input ends, and writes to LOG
when each price of the probe (the first row, prices 1000.00, 1000.01 …, which no other row has) was put into the table.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec

from ibkr_tui.core.dispatch import Caller, Dispatcher, Operation, Tier
from ibkr_tui.core.state import CoreFacts
from ibkr_tui.link.server import LinkServer
from ibkr_tui.model.boards import LOGS, TABLES
from ibkr_tui.model.depth import DepthBook, DepthLevel
from ibkr_tui.model.health import Health, SessionState, StreamState
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.log import Log
from ibkr_tui.model.looks import Looks
from ibkr_tui.model.orders import Order, OrderState, Side
from ibkr_tui.model.portfolio import AccountSummary, Pnl, Position
from ibkr_tui.model.quotes import Bar, MarketHours, Quote, QuoteStatus
from ibkr_tui.model.table import Table

FIRST, COUNT = 900_000_000, 80
ACCOUNT = "DU1234567"
STEP_S = 0.004
CENT = D("0.01")


class Anything(msgspec.Struct, frozen=True):
    """Arguments of whatever the app asks."""

    symbol: str = ""
    conid: int | None = None
    quotes: tuple[int, ...] = ()
    depth: tuple[int, ...] = ()


def named(conid: int) -> str:
    return f"S{conid - FIRST:02d}"


def bars() -> list[Bar]:
    """A day of five minutes each."""
    found, at = [], datetime.now(UTC) - timedelta(hours=6)
    for index in range(72):
        price = D(str(round(1000 + math.sin(index / 5), 2)))
        found.append(Bar(at + index * timedelta(minutes=5), price, price + 1, price - 1, price + CENT, D(1000)))
    return found


class Market:
    """Tables, logs and operations as a core has them, and a hand that moves the prices."""

    def __init__(self) -> None:
        self.tables: dict[str, Table[Any]] = {name: Table(name) for name in TABLES}
        self.logs: dict[str, Log[Any]] = {name: Log(name) for name in LOGS}
        self.dispatcher = Dispatcher(
            Operation(name, Tier.READ, Anything, handler, name)
            for name, handler in (("look_at", self._look), ("get_contract", self._contract), ("get_bars", self._bars))
        )
        self.probes: list[tuple[int, float]] = []
        self._draw = random.Random(7)  # noqa: S311 - prices of a benchmark
        self._fill()

    def face_left(self, face_id: str) -> None:
        return

    async def _look(self, asked: Anything, _: Caller) -> Looks:
        return Looks(asked.quotes, asked.depth)

    async def _contract(self, asked: Anything, _: Caller) -> Instrument:
        conid = asked.conid or FIRST + int(asked.symbol[1:])
        name = named(conid)
        return Instrument(conid, name, name, f"{name} Holdings Inc", "STK", "NASDAQ", "USD")

    async def _bars(self, _: Anything, __: Caller) -> dict[str, Any]:
        return {"bars": bars()}

    def _fill(self) -> None:
        now = datetime.now(UTC)
        hours = MarketHours("NYSE", True, "America/New_York", now)
        self._health = Health(
            "paper", "paper", ACCOUNT, SessionState.READY, StreamState.LIVE, api_latency_ms=38.0, market=hours,
            last_frame_mono=time.monotonic(),
        )  # fmt: skip
        self.tables["health"].put("paper", self._health)
        self.tables["account"].put(
            ACCOUNT,
            AccountSummary(
                account=ACCOUNT, currency="USD", net_liquidation=D("1024311.22"), total_cash=D("389238.26"),
                available_funds=D(700000), buying_power=D(2800000), excess_liquidity=D(700000),
                initial_margin=D(310000), maintenance_margin=D(290000), gross_position_value=D(635072),
                equity_with_loan=D(1024311), updated_at=now,
            ),
        )  # fmt: skip
        self.tables["pnl"].put(ACCOUNT, Pnl(ACCOUNT, D("3120.40"), D("8310.00"), D("1024311.22")))
        for at in range(COUNT):
            price = D(50 + 10 * at) if at else D(1000)
            self.tables["quotes"].put(
                str(FIRST + at),
                Quote(
                    conid=FIRST + at, symbol=named(FIRST + at), description=named(FIRST + at), status=QuoteStatus.LIVE,
                    last=price, bid=price - CENT, ask=price + CENT, bid_size=D(300), ask_size=D(500),
                    change=D("1.25"), change_pct=D("0.61"), volume=D(41_200_000), open=price, high=price + 1,
                    low=price - 1, close=price, changed_at=now, changed_mono=time.monotonic(),
                ),
            )  # fmt: skip
        for at in (1, 2, 3):
            conid, price = FIRST + at, D(50 + 10 * at)
            self.tables["positions"].put(
                str(conid),
                Position(
                    account=ACCOUNT, conid=conid, symbol=named(conid), description=named(conid), sec_type="STK",
                    currency="USD", qty=D(100), avg_price=price, avg_cost=price, market_price=price,
                    market_value=100 * price, unrealized_pnl=D(33), realized_pnl=D(0),
                ),
            )  # fmt: skip
            self.tables["orders"].put(
                f"t{at}",
                Order(
                    key=f"t{at}", account=ACCOUNT, conid=conid, symbol=named(conid), description=named(conid),
                    side=Side.BUY, order_type="limit", qty=D(100), state=OrderState.WORKING, coid=f"t{at}",
                    order_id=str(at), limit_price=price - 5, broker_status="Submitted", placed_at=now, since=now,
                ),
            )  # fmt: skip
        levels = [tuple(DepthLevel(D(1000) + way * CENT * n, D(100 * n)) for n in range(1, 6)) for way in (-1, 1)]
        self.tables["depth"].put(
            str(FIRST), DepthBook(FIRST, named(FIRST), *levels, QuoteStatus.LIVE, changed_mono=time.monotonic())
        )
        for table in self.tables.values():
            table.mark_read()

    async def move(self, updates: int) -> None:
        """So many updates a second, each of one instrument; between them the probe's price, at uneven times.

        In a market where nothing moves only the stream's heartbeat is heard, once a second.
        """
        begin = told = time.monotonic()
        done = 0
        until = begin + 0.2
        while not updates:
            await asyncio.sleep(1)
            heard = msgspec.structs.replace(self._health, last_frame_mono=time.monotonic())
            self.tables["health"].put("paper", heard)
        while True:
            await asyncio.sleep(STEP_S)
            now = time.monotonic()
            due = int((now - begin) * updates)
            for _ in range(min(due - done, updates // 10)):
                self._tick(FIRST + self._draw.randrange(1, COUNT), now)
            done = due
            if now - told >= until - begin:
                told, until = now, begin + self._draw.uniform(0.12, 0.28)
                self._probe()

    def _tick(self, conid: int, now: float) -> None:
        row = self.tables["quotes"].get(str(conid))
        assert row is not None
        last = row.last + self._draw.choice((-CENT, CENT))
        self.tables["quotes"].put(
            str(conid),
            msgspec.structs.replace(
                row, last=last, bid=last - CENT, ask=last + CENT, volume=row.volume + 100, changed_mono=now
            ),
        )

    def _probe(self) -> None:
        number = len(self.probes) + 1
        row = self.tables["quotes"].get(str(FIRST))
        assert row is not None
        last = D(1000) + CENT * number
        now = time.monotonic()
        self.probes.append((number, now))
        self.tables["quotes"].put(str(FIRST), msgspec.structs.replace(row, last=last, changed_mono=now))


async def main(socket: str, updates: str, log: str) -> None:
    """Serve until standard input ends."""
    market = Market()
    facts = CoreFacts(os.getpid(), socket, "f" * 16, "paper", "paper", ACCOUNT, "0", datetime.now(UTC))
    server = LinkServer(market, facts, on_shutdown=lambda: None)
    running = [asyncio.create_task(server.run()), asyncio.create_task(market.move(int(updates)))]
    await server.serving.wait()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    Path(log).write_bytes(msgspec.json.encode(market.probes))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
