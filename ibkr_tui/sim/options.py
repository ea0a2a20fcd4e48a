"""What can be set when a simulator starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAPER_ACCOUNT = "DU1234567"
LIVE_ACCOUNT = "U7654321"


@dataclass(frozen=True)
class SimOptions:
    """Options of one simulator. ``out`` is where credentials, keys and the configuration are written.

    ``gateway`` serves as the Client Portal Gateway does, without OAuth.
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
