"""A ticket as it is being filled in: the texts in its fields and the choices made, for every kind of order. Pure."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from ibkr_tui.model.groups import GroupKind
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import OrderType, Side, Tif, TrailBy
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.sizing import SizeBy

TYPES: Final = (
    OrderType.LIMIT,
    OrderType.MARKET,
    OrderType.STOP,
    OrderType.STOP_LIMIT,
    OrderType.TRAIL,
    OrderType.TRAIL_LIMIT,
    OrderType.MIDPRICE,
)
ENTRY_TYPES: Final = (OrderType.LIMIT, OrderType.MARKET)
TIFS: Final = (Tif.DAY, Tif.GTC, Tif.IOC, Tif.OPG)
MODES: Final = (GroupKind.SIMPLE, GroupKind.BRACKET, GroupKind.OCO, GroupKind.OTO)
MOST_LEGS: Final = 8
PRICES: Final = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("stop_price", "limit_price"),
    OrderType.TRAIL: ("trail",),
    OrderType.TRAIL_LIMIT: ("trail", "limit_offset"),
    OrderType.MIDPRICE: ("limit_price",),
}
"""The price fields of each type, in the order in which they are filled in."""
FIELDS: Final = (
    "qty",
    "limit_price",
    "stop_price",
    "trail",
    "limit_offset",
    "stop_loss",
    "take_profit",
    "ext_operator",
)

T = TypeVar("T")


class LegForm(msgspec.Struct, frozen=True):
    """The fields of one order. `symbol` and `conid` are its own instrument; without a symbol it is the ticket's."""

    side: Side
    order_type: OrderType = OrderType.LIMIT
    tif: Tif = Tif.DAY
    qty: str = ""
    limit_price: str = ""
    stop_price: str = ""
    trail: str = ""
    trail_by: TrailBy = TrailBy.AMOUNT
    limit_offset: str = ""
    outside_rth: bool = False
    symbol: str = ""
    conid: int | None = None

    @property
    def opposite(self) -> Side:
        """The side that takes back what this one does."""
        return Side.SELL if self.side is Side.BUY else Side.BUY


class TicketForm(msgspec.Struct, frozen=True):
    """Everything on the ticket. `at` is the leg that is being filled in; `amends` the key of the order it restates.

    `is_future` asks for the fields that US futures need (reference 4.3: manualIndicator, extOperator).
    """

    symbol: str
    conid: int | None
    legs: tuple[LegForm, ...]
    mode: GroupKind = GroupKind.SIMPLE
    at: int = 0
    size_by: SizeBy = SizeBy.QTY
    stop_loss: str = ""
    take_profit: str = ""
    ext_operator: str = ""
    is_future: bool = False
    amends: str = ""

    @property
    def leg(self) -> LegForm:
        """The leg that is being filled in."""
        return self.legs[self.at]

    def listing(self, at: int) -> tuple[str, int | None]:
        """Symbol and conid of a leg's instrument."""
        leg = self.legs[at]
        return (leg.symbol, leg.conid) if leg.symbol else (self.symbol, self.conid)

    @property
    def conid_here(self) -> int | None:
        """The instrument of the leg that is being filled in."""
        return self.listing(self.at)[1]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that stand on the ticket now."""
        names = ["qty", *PRICES[self.leg.order_type]]
        if self.mode is GroupKind.BRACKET:
            names += ["stop_loss", "take_profit"]
        return (*names, "ext_operator") if self.is_future else tuple(names)

    @property
    def is_touched(self) -> bool:
        """Whether something was typed that another instrument would make senseless."""
        return bool(self.amends) or len(self.legs) > 1 or bool(self.leg.qty or self.stop_loss or self.take_profit)

    def value(self, field: str) -> str:
        """The text in a field."""
        return str(getattr(self.leg if field in LegForm.__struct_fields__ else self, field))

    def with_value(self, field: str, text: str) -> TicketForm:
        """Another text in a field."""
        if field in LegForm.__struct_fields__:
            return self.with_leg(**{field: text})
        return msgspec.structs.replace(self, **{field: text})

    def with_leg(self, **changes: object) -> TicketForm:
        """Another content of the leg that is being filled in."""
        legs = list(self.legs)
        legs[self.at] = msgspec.structs.replace(self.leg, **changes)
        return msgspec.structs.replace(self, legs=tuple(legs))

    def with_mode(self, mode: GroupKind) -> TicketForm:
        """Another kind of order: the first leg stays, the others come and go with the kind."""
        first = self.legs[0]
        legs: tuple[LegForm, ...] = (first,)
        if mode is GroupKind.BRACKET and first.order_type not in ENTRY_TYPES:
            legs = (msgspec.structs.replace(first, order_type=OrderType.LIMIT),)
        elif mode is GroupKind.OCO:
            legs = self.legs if self.mode is mode else (first, _alternative(first))
        elif mode is GroupKind.OTO:
            legs = self.legs if self.mode is mode else (first, _consequence(first))
        size_by = self.size_by if mode in {GroupKind.SIMPLE, GroupKind.BRACKET} else SizeBy.QTY
        if mode is not GroupKind.BRACKET and size_by is SizeBy.RISK:
            size_by = SizeBy.QTY
        return msgspec.structs.replace(self, mode=mode, legs=legs, at=min(self.at, len(legs) - 1), size_by=size_by)

    def with_instrument(self, symbol: str, conid: int | None) -> TicketForm:
        """Another instrument for the leg that is being filled in, without the prices of the old one; the others stay
        with theirs."""
        legs = []
        for at, leg in enumerate(self.legs):
            if at == self.at:
                kept = LegForm(leg.side, leg.order_type, leg.tif, leg.qty, outside_rth=leg.outside_rth)
                legs.append(kept if at == 0 else msgspec.structs.replace(kept, symbol=symbol, conid=conid))
            else:
                own, own_conid = self.listing(at)
                legs.append(leg if at == 0 else msgspec.structs.replace(leg, symbol=own, conid=own_conid))
        if self.at == 0:
            return msgspec.structs.replace(self, legs=tuple(legs), symbol=symbol, conid=conid)
        return msgspec.structs.replace(self, legs=tuple(legs))

    def of_kind(self, sec_type: str) -> TicketForm:
        """With the fields that instruments of this kind need."""
        return msgspec.structs.replace(self, is_future=sec_type == "FUT")

    # choices, by key

    def with_next_mode(self) -> TicketForm:
        """Simple, bracket, one cancels the other, one triggers the other."""
        return self.with_mode(_after(MODES, self.mode))

    def with_next_type(self) -> TicketForm:
        """The next type that this kind of order may have."""
        types = ENTRY_TYPES if self.mode is GroupKind.BRACKET else TYPES
        return self.with_leg(order_type=_after(types, self.leg.order_type))

    def with_next_tif(self) -> TicketForm:
        """The next time in force."""
        return self.with_leg(tif=_after(TIFS, self.leg.tif))

    def with_other_side(self) -> TicketForm:
        """Sell for buy, buy for sell."""
        return self.with_leg(side=self.leg.opposite)

    def with_next_size(self) -> TicketForm:
        """Size by number, by money, and in a bracket by the risk to its stop."""
        sizes = {GroupKind.SIMPLE: (SizeBy.QTY, SizeBy.MONEY), GroupKind.BRACKET: tuple(SizeBy)}
        return msgspec.structs.replace(self, size_by=_after(sizes.get(self.mode, (SizeBy.QTY,)), self.size_by))

    def with_outside_rth(self) -> TicketForm:
        """Outside regular trading hours, or not."""
        return self.with_leg(outside_rth=not self.leg.outside_rth)

    def with_other_trail(self) -> TicketForm:
        """The trailing distance in money, or in per cent."""
        return self.with_leg(trail_by=_after(tuple(TrailBy), self.leg.trail_by))

    # legs

    def with_next_leg(self) -> TicketForm:
        """The next leg is filled in."""
        return msgspec.structs.replace(self, at=(self.at + 1) % len(self.legs))

    def with_leg_added(self) -> TicketForm:
        """One alternative more, like the last one."""
        if self.mode is not GroupKind.OCO or len(self.legs) >= MOST_LEGS:
            return self
        return msgspec.structs.replace(self, legs=(*self.legs, _alternative(self.legs[-1])), at=len(self.legs))

    def with_leg_removed(self) -> TicketForm:
        """Without the leg that is being filled in; two always stay."""
        if self.mode is not GroupKind.OCO or len(self.legs) <= 2:
            return self
        listings = [self.listing(at) for at in range(len(self.legs)) if at != self.at]
        symbol, conid = listings[0]
        legs = tuple(
            msgspec.structs.replace(leg, symbol="" if own == listings[0] else own[0], conid=own[1])
            for leg, own in zip((*self.legs[: self.at], *self.legs[self.at + 1 :]), listings, strict=True)
        )
        return msgspec.structs.replace(self, legs=legs, at=min(self.at, len(legs) - 1), symbol=symbol, conid=conid)


def fresh_form(symbol: str, conid: int | None, side: Side, **leg: object) -> TicketForm:
    """A new simple ticket; `leg` is what is known of its order."""
    return TicketForm(symbol, conid, (msgspec.structs.replace(LegForm(side), **leg),))


def _alternative(leg: LegForm) -> LegForm:
    """A limit's alternative is a stop, anything else's a limit: the usual pair around a position."""
    kind = OrderType.STOP if leg.order_type is OrderType.LIMIT else OrderType.LIMIT
    return LegForm(leg.side, kind, leg.tif, leg.qty, outside_rth=leg.outside_rth, symbol=leg.symbol, conid=leg.conid)


def _consequence(leg: LegForm) -> LegForm:
    """What follows an order usually takes it back."""
    return LegForm(leg.opposite, OrderType.LIMIT, leg.tif, leg.qty, outside_rth=leg.outside_rth)


def _after(values: tuple[T, ...], value: T) -> T:
    return values[(values.index(value) + 1) % len(values)] if value in values else values[0]


def first_price(quote: Quote | None, side: Side) -> str:
    """The limit a new ticket begins with: the near side of the market, where an order rests."""
    if quote is None:
        return ""
    price = (quote.bid if side is Side.BUY else quote.ask) or quote.last
    if price is None:
        return ""
    shown = f"{price:.{quote.decimals}f}"
    return shown if type(price)(shown) == price else plain(price)
