"""Orders: the ticket a person fills in, the order it becomes, its fills, and the questions a broker asks about it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 adds to a position, −1 takes from it."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAIL = "trail"
    TRAIL_LIMIT = "trail_limit"
    MIDPRICE = "midprice"


class TrailBy(StrEnum):
    """What a trailing distance counts: money a unit, or per cent of the price."""

    AMOUNT = "amount"
    PERCENT = "percent"


class Tif(StrEnum):
    """Time in force."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    OPG = "opg"


class OrderState(StrEnum):
    """Where an order stands. UNKNOWN is honest: the answer was lost, and only sight resolves it."""

    SENDING = "sending"
    QUESTION = "question"
    WORKING = "working"
    CANCELLING = "cancelling"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    @property
    def is_done(self) -> bool:
        """Nothing more can happen to it."""
        return self in {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED}


LOOKED_FOR: Final = 120.0
"""Seconds an order of unknown fate is looked for before a person may declare it not sent."""


class Verdict(StrEnum):
    """What a person decides on an order of unknown fate."""

    KEEP = "keep"
    CANCEL_ON_SIGHT = "cancel_on_sight"
    NOT_SENT = "not_sent"


class Role(StrEnum):
    """What an order is within its group."""

    SINGLE = "single"
    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    LEG = "leg"
    TRIGGER = "trigger"
    CHILD = "child"


class OrderTicket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order as a person wants it (requirement A-096). `conid` names the listing; without it `symbol` is resolved."""

    side: Side
    qty: Decimal
    symbol: str = ""
    conid: int | None = None
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    tif: Tif = Tif.DAY
    exchange: str = "SMART"
    outside_rth: bool = False
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    trail_by: TrailBy = TrailBy.AMOUNT
    limit_offset: Decimal | None = None
    manual_indicator: bool | None = None
    ext_operator: str = ""


class Order(msgspec.Struct, frozen=True):
    """An order as it stands. `key` is its table key: our cOID, or `ib:` and the broker's id for one placed elsewhere.

    `broker_status` is the broker's own word, `text` why it is where it is. `group_id` is ours; `parent_id` the broker's
    id of the order that this one waits for. `limit_offset` is that of our ticket: no row of the broker's shows it.
    """

    key: str
    account: str
    conid: int
    symbol: str
    description: str
    side: Side
    order_type: str
    qty: Decimal
    state: OrderState
    coid: str = ""
    order_id: str = ""
    limit_price: Decimal | None = None
    tif: str = "day"
    filled: Decimal = Decimal(0)
    avg_price: Decimal | None = None
    broker_status: str = ""
    text: str = ""
    placed_at: datetime | None = None
    since: datetime | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    trail_by: TrailBy = TrailBy.AMOUNT
    group_id: str = ""
    role: Role = Role.SINGLE
    parent_id: str = ""
    outside_rth: bool = False
    limit_offset: Decimal | None = None

    @property
    def remaining(self) -> Decimal:
        """What is left to fill."""
        return self.qty - self.filled


class Fill(msgspec.Struct, frozen=True):
    """One execution. `execution_id` is unique; a repeated frame is one fill."""

    execution_id: str
    account: str
    conid: int
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    at: datetime
    order_id: str = ""
    coid: str = ""
    commission: Decimal | None = None


class Question(msgspec.Struct, frozen=True):
    """What the broker asks before it takes an order: its own words, cleaned. `asked_face` may answer; empty: any may.

    With `options` one of them is the answer.
    """

    id: str
    order_key: str
    asked_face: str
    messages: tuple[str, ...]
    message_ids: tuple[str, ...]
    summary: str
    asked_at: datetime
    expires_at: datetime
    options: tuple[str, ...] = ()


class PreviewLeg(msgspec.Struct, frozen=True):
    """One order of a previewed group: what it is and the value it has alone, in the base currency."""

    role: Role
    instrument: str
    side: Side
    qty: Decimal
    order_type: OrderType
    price: Decimal
    value: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class Refusal(msgspec.Struct, frozen=True):
    """A rule that would refuse an order: its reason, what to do, and the field it is about, where it is about one."""

    code: str
    reason: str
    user_action: str = ""
    field: str = ""


class OrderPreview(msgspec.Struct, frozen=True):
    """What an order would do: our numbers and the broker's what-if, if it gives one. Creates nothing at the broker.

    Of a group the fields are those of its first order, `value` and leverage what counts of it, `legs` all of it.
    `refused_by` has the codes of the rules that would refuse it, in words among the `warnings` and with what to do in
    `refusals`; `questions` what the broker is likely to ask. `preview_id` is what `approve_order` takes until
    `expires_at`. `money_at_risk` and `reward` are those of a bracket between its entry and its exits, in the base
    currency.
    """

    instrument: str
    conid: int
    account: str
    side: Side
    qty: Decimal
    order_type: OrderType
    tif: Tif
    price: Decimal
    price_source: str
    value: Decimal
    currency: str
    leverage_before: Decimal | None
    leverage_after: Decimal | None
    leverage_cap: Decimal
    distance_pct: Decimal | None = None
    quote_age_s: float | None = None
    commission: str = ""
    margin_before: str = ""
    margin_after: str = ""
    warnings: tuple[str, ...] = ()
    limit_price: Decimal | None = None
    kind: str = "simple"
    legs: tuple[PreviewLeg, ...] = ()
    stop_price: Decimal | None = None
    refused_by: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    maintenance_before: str = ""
    maintenance_after: str = ""
    money_at_risk: Decimal | None = None
    reward: Decimal | None = None
    preview_id: str = ""
    expires_at: datetime | None = None
    needs_approval: bool = False
    refusals: tuple[Refusal, ...] = ()
