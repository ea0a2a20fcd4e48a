"""The picture beside the ticket's fields: a bracket between its prices, an order against the market, a group's legs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from rich.segment import Segment
from rich.style import Style

from ibkr_tui.model.groups import BracketPrices, GroupKind
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Side
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.sizing import money_between, reward_ratio
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.trade.draft import SHORT
from ibkr_tui.tui.trade.form import LegForm, TicketForm
from ibkr_tui.tui.trade.levels import Level, Mark, Placed, place
from ibkr_tui.tui.trade.reading import Reading, reference_price
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

_LINES = {
    Mark.TARGET: "▓▓▓",
    Mark.ENTRY: "═══",
    Mark.STOP: "░░░",
    Mark.LIMIT: "═══",
    Mark.LAST: "─",
    Mark.BID: "─",
    Mark.ASK: "─",
}


class _Drawing(msgspec.Struct, frozen=True):
    """What all rows of one picture share."""

    side: Side
    quote: Quote | None
    width: int
    height: int
    ratio: str = ""

    @property
    def places(self) -> int:
        return self.quote.decimals if self.quote is not None else 2


class TicketPicture(Painted):
    """`show` gives it the ticket; it paints what the ticket would mean."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._form: TicketForm | None = None
        self._reading: Reading | None = None
        self._instrument: Instrument | None = None

    def show(self, form: TicketForm, reading: Reading, instrument: Instrument | None) -> None:
        """Another ticket, or other values in it."""
        self._form, self._reading, self._instrument = form, reading, instrument
        self.paint()

    def rows(self, width: int, height: int) -> list[Row]:
        form, reading = self._form, self._reading
        if form is None or reading is None or width < 12:
            return []
        if form.mode in {GroupKind.OCO, GroupKind.OTO}:
            return self._legs(form, width, height)
        quote = self.state.quote(form.conid)
        if form.mode is GroupKind.BRACKET:
            return self._bracket(form.legs[0], reading, quote, width, height)
        return self._simple(form.legs[0], quote, width, height)

    # one order

    def _simple(self, leg: LegForm, quote: Quote | None, width: int, height: int) -> list[Row]:
        levels = market_levels(quote, both=True)
        price = reference_price(leg, None)
        if price is not None:
            levels.append(Level(Mark.LIMIT, price, f"{leg.side} {leg.qty}".rstrip()))
        if not levels:
            return [[Segment("No price yet.", self.palette.muted)]]
        return self._drawn(_Drawing(leg.side, quote, width, height), levels)

    def _bracket(self, leg: LegForm, reading: Reading, quote: Quote | None, width: int, height: int) -> list[Row]:
        bracket = reading.bracket
        entry = reference_price(leg, quote)
        if bracket is None or entry is None:
            return [
                [Segment(figures.left(words, width), self.palette.muted)]
                for words in ("The picture comes with", "entry, stop and target.")
            ]
        multiplier = self._instrument.multiplier if self._instrument is not None else Decimal(1)
        levels, ratio = bracket_levels(leg.side, entry, bracket, reading.qty, multiplier)
        return self._drawn(_Drawing(leg.side, quote, width, height, ratio), levels + market_levels(quote))

    def _drawn(self, drawing: _Drawing, levels: Sequence[Level]) -> list[Row]:
        room = max(len(figures.number(level.price, drawing.places)) for level in levels)
        placed = place(levels, drawing.height)
        at = _middle_of_reward(placed)
        rows = [self._row(drawing, here, room, ratio=row == at) for row, here in enumerate(placed)]
        if drawing.ratio and at is None and rows:
            rows[-1].append(Segment(f" {drawing.ratio}", self.palette.bright))
        return rows

    def _row(self, drawing: _Drawing, here: Placed, room: int, *, ratio: bool) -> Row:
        side, places, width = drawing.side, drawing.places, drawing.width
        palette, level = self.palette, here.level
        zone = self._zone(here)
        if level is None:
            row = [Segment(" " * room + " "), Segment("│" if zone is None else "┃", zone or palette.stale)]
            if ratio and drawing.ratio:
                row.append(Segment(figures.left(f"   {drawing.ratio}", width - room - 2), palette.bright))
            return row
        own = level.mark in {Mark.TARGET, Mark.ENTRY, Mark.STOP, Mark.LIMIT}
        ink = {
            Mark.TARGET: palette.up,
            Mark.STOP: palette.down,
            Mark.ENTRY: palette.side(side is Side.BUY),
            Mark.LIMIT: palette.side(side is Side.BUY),
        }.get(level.mark, palette.muted)
        word = str(level.mark) if level.mark is not Mark.LIMIT else ""
        words = " ".join(part for part in (_LINES[level.mark], word, level.words) if part)
        return [
            Segment(figures.right(figures.number(level.price, places), room) + " ", palette.text if own else ink),
            Segment("┤", ink if own else zone or palette.stale),
            Segment(figures.left(words, max(0, width - room - 2)), ink),
        ]

    def _zone(self, here: Placed) -> Style | None:
        """The colour of the line between two prices: what is won, what is lost."""
        pair = {here.above, here.below}
        if pair == {Mark.TARGET, Mark.ENTRY}:
            return self.palette.up
        return self.palette.down if pair == {Mark.STOP, Mark.ENTRY} else None

    # groups

    def _legs(self, form: TicketForm, width: int, height: int) -> list[Row]:
        palette = self.palette
        oto = form.mode is GroupKind.OTO
        head = "when 1 fills, 2 is sent" if oto else "one fill cancels the others"
        rows: list[Row] = [[Segment(figures.left(head, width), palette.muted)]]
        first = max(0, min(form.at - (height - 2), len(form.legs) - (height - 1)))
        for at, leg in list(enumerate(form.legs))[first : first + max(1, height - 1)]:
            here = at == form.at
            bad = self._reading is not None and bool(self._reading.of(at))
            mark = "▸" if here else " "
            rows.append(
                [
                    Segment(f"{mark}{at + 1} ", palette.accent if here else palette.muted),
                    Segment(figures.left(str(leg.side).upper(), 5), palette.side(leg.side is Side.BUY)),
                    Segment(
                        figures.left(_leg_words(leg), max(0, width - 10)), palette.bright if here else palette.text
                    ),
                    Segment(" ✗" if bad else "  ", palette.danger),
                ]
            )
        return rows


def _leg_words(leg: LegForm) -> str:
    """`100 STP 185`, with a dash where a field is empty."""

    def told(text: str) -> str:
        return text.strip() or figures.UNKNOWN

    words = {
        "limit": f"LMT {told(leg.limit_price)}",
        "stop": f"STP {told(leg.stop_price)}",
        "stop_limit": f"STP {told(leg.stop_price)} LMT {told(leg.limit_price)}",
        "trail": f"TRAIL {told(leg.trail)}{'%' if leg.trail_by.value == 'percent' else ''}",
        "trail_limit": f"TRAIL {told(leg.trail)} ±{told(leg.limit_offset)}",
    }.get(leg.order_type.value, SHORT[leg.order_type])
    name = f" {clean(leg.symbol, limit=12)}" if leg.symbol else ""
    return f"{told(leg.qty)}{name} {words} {leg.tif.upper()}"


def bracket_levels(
    side: Side, entry: Decimal, bracket: BracketPrices, qty: Decimal | None, multiplier: Decimal
) -> tuple[list[Level], str]:
    """Entry, stop and target with what they win and lose, and R."""
    ratio = reward_ratio(entry, bracket.stop_loss, bracket.take_profit)

    def money(price: Decimal) -> str:
        return figures.signed(money_between(qty * side.sign, entry, price, multiplier), 0) if qty is not None else ""

    levels = [
        Level(Mark.TARGET, bracket.take_profit, money(bracket.take_profit)),
        Level(Mark.ENTRY, entry, "" if bracket.entry is not None else "at market"),
        Level(Mark.STOP, bracket.stop_loss, money(bracket.stop_loss)),
    ]
    return levels, f"R = {figures.number(ratio)}" if ratio is not None else ""


def market_levels(quote: Quote | None, *, both: bool = False) -> list[Level]:
    """The market's own prices, while they are live."""
    if quote is None or quote.status is not QuoteStatus.LIVE:
        return []
    prices = [(Mark.ASK, quote.ask), (Mark.BID, quote.bid)] if both else [(Mark.LAST, quote.last)]
    return [Level(mark, price) for mark, price in prices if price is not None]


def _middle_of_reward(placed: Sequence[Placed]) -> int | None:
    """The free row in the middle of what is to be won, where R stands."""
    free = [
        row
        for row, here in enumerate(placed)
        if here.level is None and {here.above, here.below} == {Mark.TARGET, Mark.ENTRY}
    ]
    if not free:
        free = [row for row, here in enumerate(placed) if here.level is None]
    return free[len(free) // 2] if free else None
