"""The gate before live orders, as faces see it: six conditions, and the checklist that is one of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

LEAST_RETENTION_DAYS: Final = 2555
"""Seven years: how long the audit of live orders is kept at least (requirement B-038)."""


class LiveGateName(StrEnum):
    """The six conditions. Live orders leave while every one is met."""

    FLAGS = "flags"
    ORDERS = "orders"
    ACCOUNT = "account"
    POLICY = "policy"
    RETENTION = "retention"
    CHECKLIST = "checklist"


class LiveCheck(StrEnum):
    """The checklist (requirement B-048), each acknowledged by a person on its own."""

    PAPER = "paper_trading_validated"
    APPROVALS = "approvals_reviewed"
    LIMITS = "limits_reviewed"
    KILL_SWITCH = "kill_switch_tested"
    RUNBOOK = "incident_runbook_reviewed"

    @property
    def word(self) -> str:
        """What a person types to acknowledge it."""
        return self.value.replace("_", " ").upper()


MEANS: Final[Mapping[LiveCheck, str]] = {
    LiveCheck.PAPER: "You have placed, changed, cancelled and closed orders of every kind you will use, on a paper "
    "account of the same username, and each did what you expected.",
    LiveCheck.APPROVALS: "You know what a preview shows, that an approval is for exactly that order, is used once and "
    "runs out, and who can give one.",
    LiveCheck.LIMITS: "You have read the limits of the risk policy, one by one, and what is lost at worst within them "
    "is a loss you can bear.",
    LiveCheck.KILL_SWITCH: "You have turned the kill switch on by key and by `ibkr-tui kill on`, seen an order "
    "refused and a cancel pass, and turned it off again.",
    LiveCheck.RUNBOOK: "You have read `ibkr-tui doctor --live --runbook`, and know how to reach the broker by phone "
    "when nothing here works.",
}
"""What a person says by acknowledging an item."""


class GateState(msgspec.Struct, frozen=True):
    """One condition: whether it is met, what was found, and what to do when it is not."""

    name: LiveGateName
    is_open: bool
    found: str
    todo: str = ""


class CheckState(msgspec.Struct, frozen=True):
    """One item of the checklist. `word` is what acknowledges it; `note` says why an acknowledgement does not count."""

    item: LiveCheck
    is_open: bool
    means: str
    word: str
    acknowledged_at: datetime | None = None
    expires_at: datetime | None = None
    note: str = ""


class LiveGate(msgspec.Struct, frozen=True):
    """How the gate stands for a profile. `is_open`: live orders may leave. On paper nothing `applies`."""

    profile: str
    applies: bool
    is_open: bool
    allow_market: bool
    gates: tuple[GateState, ...]
    checklist: tuple[CheckState, ...]

    @property
    def closed(self) -> tuple[GateState, ...]:
        """The conditions that are not met."""
        return tuple(gate for gate in self.gates if not gate.is_open)
