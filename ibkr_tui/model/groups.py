"""Orders that live together: brackets, one-cancels-other, one-triggers-other; and what a risk check is asked about."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderState, OrderTicket, Role


class GroupKind(StrEnum):
    """How orders hang together (requirements A-092…A-094)."""

    SIMPLE = "simple"
    BRACKET = "bracket"
    OCO = "oco"
    OTO = "oto"


class Leg(msgspec.Struct, frozen=True):
    """One order of a proposal: its ticket on an instrument that is known, and its part in the group."""

    role: Role
    ticket: OrderTicket
    instrument: Instrument


class Proposal(msgspec.Struct, frozen=True):
    """What is to be judged and sent as one: the legs in the order they are sent. `amends` is the key of the order that
    this one replaces; `closes` says that it only takes from a position, `turns` that it turns one round."""

    kind: GroupKind
    account: str
    legs: tuple[Leg, ...]
    amends: str = ""
    closes: bool = False
    turns: bool = False


class GroupedOrder(msgspec.Struct, frozen=True):
    """One line of a group's result."""

    order_id: str
    role: Role
    status: OrderState
    coid: str = ""
    text: str = ""


class GroupResult(msgspec.Struct, frozen=True):
    """What became of a group that was sent: `group_id` is ours."""

    group_id: str
    kind: GroupKind
    orders: tuple[GroupedOrder, ...]


class BracketPrices(msgspec.Struct, frozen=True):
    """The three prices of a bracket; `entry` is None for an entry at market."""

    entry: Decimal | None
    stop_loss: Decimal
    take_profit: Decimal
