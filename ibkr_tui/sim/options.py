"""What can be set when a simulator starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAPER_ACCOUNT = "DU1234567"
LIVE_ACCOUNT = "U7654321"
LINES = 100


@dataclass(frozen=True)
class SimOptions:
    """Options of one simulator. ``out`` is where credentials, keys and the configuration are written.

    ``gateway`` serves as the Client Portal Gateway does, without OAuth. ``accounts`` of the paper user; ``instruments``
    and ``updates`` (quote changes a second, over all of them) make the market larger and faster than it is by itself.
    """

    out: Path
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    speed: float = 1.0
    tls: bool = False
    gateway: bool = False
    faults: list[dict[str, Any]] = field(default_factory=list)
    enforce_pacing: bool = False
    page_size: int = 30
    extra_positions: int = 0
    paper_account: str = PAPER_ACCOUNT
    live_account: str = LIVE_ACCOUNT
    front_door: bool = False
    accounts: int = 1
    instruments: int = 0
    updates: int = 0

    @property
    def lines(self) -> int:
        """Market data lines of a login: a hundred, or one for each of the instruments asked for."""
        return max(LINES, self.instruments)

    @property
    def more_paper_accounts(self) -> tuple[str, ...]:
        """Accounts of the paper user beyond the first, numbered on from it."""
        if self.accounts < 2:
            return ()
        letters = self.paper_account.rstrip("0123456789")
        first, width = int(self.paper_account[len(letters) :]), len(self.paper_account) - len(letters)
        return tuple(f"{letters}{first + more:0{width}d}" for more in range(1, self.accounts))
