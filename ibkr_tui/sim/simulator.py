"""The simulator's state in one place: clock, market, broker, users, and what it has counted."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ibkr_tui.sim.broker import Broker
from ibkr_tui.sim.clock import Clock, ExchangeTime, ShiftedClock, WallClock
from ibkr_tui.sim.credentials import Issued, issue_many
from ibkr_tui.sim.faults import FaultScript
from ibkr_tui.sim.front_door import FrontDoor
from ibkr_tui.sim.logins import Login, User
from ibkr_tui.sim.market import Market
from ibkr_tui.sim.oauth import PUBLIC_BASE, Verifier
from ibkr_tui.sim.oauth2 import TokenServer
from ibkr_tui.sim.opening import open_accounts
from ibkr_tui.sim.options import SimOptions
from ibkr_tui.sim.outages import Outages
from ibkr_tui.sim.pacing import Pacing
from ibkr_tui.sim.request_tokens import RequestTokens
from ibkr_tui.sim.scale import scale_for

if TYPE_CHECKING:
    from ibkr_tui.sim.stream import Stream


@dataclass
class Statistics:
    """Counters that tests and people read on the control URL."""

    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    logins: int = 0
    ws_connections: int = 0
    ws_refused: int = 0
    ws_frames: int = 0


class Simulator:
    """Everything but the sockets."""

    def __init__(self, options: SimOptions, clock: Clock | None = None) -> None:
        self.options = options
        self.clock = ShiftedClock(clock or WallClock())
        self.time = ExchangeTime(self.clock, options.speed)
        self.scale = scale_for(options.instruments, options.updates)
        self.market = Market(self.clock, self.time, options.seed, self.scale)
        self.broker = Broker(self.clock, self.market)
        self.faults = FaultScript(options.faults, self.clock.monotonic)
        self.pacing = Pacing(options.enforce_pacing)
        self.outages = Outages(self.clock)
        self.statistics = Statistics()
        self.door: FrontDoor | None = None
        self.streams: set[Stream] = set()
        self.control_token = secrets.token_urlsafe(24)
        self.bases: tuple[str, ...] = (PUBLIC_BASE,)
        self.issued: dict[str, Issued] = dict(zip(("paper", "live"), issue_many(2), strict=True))
        self.users = [
            User(
                "simpaper",
                options.paper_account,
                True,
                self.issued["paper"].registration,
                more_accounts=options.more_paper_accounts,
            ),
            User("simlive", options.live_account, False, self.issued["live"].registration),
        ]
        self.at_gateway: Login | None = None
        self.verifier = Verifier(self.clock, self.users)
        self.request_tokens = RequestTokens(self.verifier)
        issued = (self.issued["paper"], self.issued["live"])
        self.oauth2 = TokenServer(
            self.clock, [(each.client, user) for each, user in zip(issued, self.users, strict=True)]
        )
        open_accounts(self.market, self.broker, options)

    async def run(self) -> None:
        """Move the market and the broker until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.market.run(), name="market")
            group.create_task(self.broker.run(), name="broker")
