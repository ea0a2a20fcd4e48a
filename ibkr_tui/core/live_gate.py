"""The gate before live orders (design 6.7): what must be true at once, looked at before every order that would leave.

Reading needs none of it, a paper profile neither, and a cancel always passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ibkr_tui.core.acknowledgements import Acknowledgements, Standing
from ibkr_tui.core.settings import Profile
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import Proposal
from ibkr_tui.model.live_gate import (
    LEAST_RETENTION_DAYS,
    MEANS,
    CheckState,
    GateState,
    LiveCheck,
    LiveGate,
    LiveGateName,
)
from ibkr_tui.model.orders import OrderType

_SECOND: Final = "safety.live_trading_enabled"


class LiveDesk:
    """The gate of one profile."""

    def __init__(self, profile: Profile, state_dir: Path, clock: Clock) -> None:
        self._profile = profile
        self._kept = Acknowledgements(state_dir, profile, clock)

    def state(self) -> LiveGate:
        """Every condition as it stands now."""
        profile = self._profile
        checklist, trouble = self._checklist()
        gates = (*_configured(profile), _checklist_gate(checklist, trouble))
        return LiveGate(
            profile.name,
            applies=profile.kind == "live",
            is_open=profile.kind == "live" and all(gate.is_open for gate in gates),
            allow_market=profile.allow_market,
            gates=gates,
            checklist=checklist,
        )

    def check_orders(self) -> None:
        """Whether this profile may send orders at all, before anything is waited for.

        Raises BrokerError ORDERS_REFUSED, or LIVE_GATE_CLOSED with the conditions that are not met.
        """
        profile = self._profile
        if profile.orders == "refuse":
            raise BrokerError("ORDERS_REFUSED", f"profile {profile.name} refuses every order")
        if profile.kind != "live" or profile.orders != "send":  # a rehearsal sends nothing
            return
        found = self.state()
        if found.is_open:
            return
        closed = found.closed
        raise BrokerError(
            "LIVE_GATE_CLOSED",
            "live orders are locked: " + "; ".join(gate.found for gate in closed),
            details={"gates": [str(gate.name) for gate in closed], "todo": [gate.todo for gate in closed]},
        )

    def check(self, proposal: Proposal) -> None:
        """Whether this proposal may leave. Raises as `check_orders`, and LIVE_MARKET_ORDER."""
        self.check_orders()
        if self._profile.kind != "live" or self._profile.allow_market:
            return
        if any(leg.ticket.order_type is OrderType.MARKET for leg in proposal.legs):
            name = f"risk_policies.{self._profile.risk_policy}.allow_market"
            raise BrokerError(
                "LIVE_MARKET_ORDER",
                f"market orders are not allowed on this live profile: {name} is not true",
                user_action=f"Set {name} = true and restart the core, or give a limit price.",
                details={"set": name},
            )

    def acknowledge(self, item: LiveCheck, typed: str) -> LiveGate:
        """A person acknowledges one item by its words.

        Raises BrokerError BAD_ARGUMENT on a paper profile, CONFIRMATION_REQUIRED for other words, STATE_UNUSABLE.
        """
        if self._profile.kind != "live":
            raise BrokerError(
                "BAD_ARGUMENT", f"profile {self._profile.name} is a paper profile: nothing to acknowledge"
            )
        if " ".join(typed.split()).upper() != item.word:
            raise BrokerError(
                "CONFIRMATION_REQUIRED", f"{item} was not acknowledged", user_action=f"Type {item.word} if it is so."
            )
        self._kept.acknowledge(item)
        return self.state()

    def _checklist(self) -> tuple[tuple[CheckState, ...], str]:
        standing, trouble = self._kept.standing()
        return tuple(_item(item, standing[item]) for item in LiveCheck), trouble


def _item(item: LiveCheck, found: Standing) -> CheckState:
    return CheckState(item, found.counts, MEANS[item], item.word, found.at, found.until, found.why_not)


def _configured(profile: Profile) -> Iterator[GateState]:
    """The conditions that the configuration meets or not."""
    first = f"profiles.{profile.name}.live_trading"
    off = [
        name
        for name, is_on in ((first, profile.live_trading), (_SECOND, profile.safety.live_trading_enabled))
        if not is_on
    ]
    yield GateState(
        LiveGateName.FLAGS,
        not off,
        " and ".join(f"{name} is false" for name in off) or f"{first} and {_SECOND} are true",
        f"Set {' and '.join(off)} = true in the configuration." if off else "",
    )
    is_sending = profile.orders == "send"
    yield GateState(
        LiveGateName.ORDERS,
        is_sending,
        f"profiles.{profile.name}.orders is {profile.orders}",
        "" if is_sending else f'Set orders = "send" in [profiles.{profile.name}].',
    )
    is_allowed = profile.account_id in profile.safety.allowed_accounts
    yield GateState(
        LiveGateName.ACCOUNT,
        is_allowed,
        f"the account is {'' if is_allowed else 'not '}among safety.allowed_accounts",
        "" if is_allowed else "Add the profile's account_id to safety.allowed_accounts.",
    )
    yield GateState(
        LiveGateName.POLICY,
        bool(profile.risk_policy),
        f"the risk policy is {profile.risk_policy}" if profile.risk_policy else "no risk policy is named",
        "" if profile.risk_policy else f"Write [risk_policies.NAME] and name it in [profiles.{profile.name}].",
    )
    days = profile.audit.live_write_retention_days
    is_kept = days >= LEAST_RETENTION_DAYS
    yield GateState(
        LiveGateName.RETENTION,
        is_kept,
        f"the audit of live orders is kept for {days} days",
        "" if is_kept else f"Set audit.live_write_retention_days to {LEAST_RETENTION_DAYS} or more.",
    )


def _checklist_gate(checklist: tuple[CheckState, ...], trouble: str) -> GateState:
    done = sum(1 for item in checklist if item.is_open)
    is_open = done == len(LiveCheck)
    words = f"{done} of {len(LiveCheck)} items of the checklist are acknowledged"
    return GateState(
        LiveGateName.CHECKLIST,
        is_open,
        f"{words} ({trouble})" if trouble else words,
        "" if is_open else "Acknowledge the items in the app: Health page, Live gate.",
    )
