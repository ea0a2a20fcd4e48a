"""Books of depth: `sbd` ladders merged into rows of the `depth` table (reference 6, sbd).

A frame holds ladder lines `{row, focus, price, bid?, ask?}`; the price may come as `size @ price`. Whether a frame is
the whole ladder is not documented, so: one that begins at the first known line without a gap and reaches both sides is
taken as whole, any other changes only the lines it names. A price stands once; of two sides that cross, the line
that was told earlier goes. A level that is missing for a moment is harmless, one that has gone must not stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ibkr_tui.core.market.pulse import Pulse
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.depth import DepthBook, DepthLevel
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import NumberError, parse_wire
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.table import Table

MOST_LEVELS: Final = 10
MOST_LINES: Final = 400
SILENT_AFTER: Final = 10.0
_SAME_AS_THE_QUOTE: Final = frozenset({QuoteStatus.DELAYED, QuoteStatus.FROZEN, QuoteStatus.HALTED})


class _Line:
    """One line of a ladder; `told` is the number of the frame that said it last."""

    __slots__ = ("ask", "bid", "price", "told")

    def __init__(self) -> None:
        self.price: Decimal | None = None
        self.bid: Decimal | None = None
        self.ask: Decimal | None = None
        self.told = 0


class _Ladder:
    """What is known of one conid."""

    __slots__ = (
        "changed_at", "changed_mono", "confirmed", "frames", "instrument", "lines", "refusal", "renewed", "since",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, now: float) -> None:
        self.instrument = instrument
        self.lines: dict[int, _Line] = {}
        self.frames = 0
        self.confirmed = False
        self.renewed = now
        self.since = now
        self.changed_at: datetime | None = None
        self.changed_mono: float | None = None
        self.refusal: BrokerError | None = None


class DepthBoard:
    """The `depth` table. `quote_of` gives the quote of a conid: a book of a halted instrument is not live either."""

    def __init__(
        self, table: Table[DepthBook], clock: Clock, pulse: Pulse, quote_of: Callable[[int], Quote | None]
    ) -> None:
        self._table = table
        self._clock = clock
        self._pulse = pulse
        self._quote_of = quote_of
        self._ladders: dict[int, _Ladder] = {}
        self.stray = 0
        self.garbled = 0

    def expect(self, instrument: Instrument) -> None:
        """A subscription was made or renewed."""
        now = self._clock.monotonic()
        ladder = self._ladders.setdefault(instrument.conid, _Ladder(instrument, now))
        ladder.renewed = now
        self._show(ladder)

    def forget(self, conid: int) -> None:
        """The subscription is gone, and its book with it."""
        self._ladders.pop(conid, None)
        self._table.remove(str(conid))

    def refuse(self, conid: int, problem: BrokerError) -> None:
        """IBKR gives no book of it, and says why."""
        ladder = self._ladders.get(conid)
        if ladder is not None:
            ladder.refusal = problem
            self._show(ladder)

    def refusal(self, conid: int) -> BrokerError | None:
        """Why IBKR gives no book of it; None while it may."""
        ladder = self._ladders.get(conid)
        return ladder.refusal if ladder is not None else None

    def asked_again(self, conid: int) -> None:
        """What was refused has been asked for once more: the answer is open."""
        ladder = self._ladders.get(conid)
        if ladder is not None:
            ladder.refusal = None
            self._show(ladder)

    def connected(self) -> None:
        """A new stream: nothing that came over the old one is confirmed, and ladders begin anew."""
        for ladder in self._ladders.values():
            ladder.confirmed = False
            ladder.refusal = None
            ladder.lines.clear()
            ladder.since = self._clock.monotonic()

    def merge(self, conid: int, rows: Sequence[Any]) -> bool:
        """Take a frame in. False when nothing of that instrument is subscribed."""
        ladder = self._ladders.get(conid)
        if ladder is None:
            self.stray += 1
            return False
        ladder.frames += 1
        ladder.confirmed, ladder.refusal = True, None
        lines = {number: row for row in rows[:MOST_LINES] if (number := self._number(row)) is not None}
        if not rows or _is_whole(ladder.lines, lines):
            ladder.lines.clear()
        for number, row in lines.items():
            self._line(ladder, number, row)
        before = self._table.get(str(conid))
        bids, asks = _sides(ladder.lines.values())
        if before is None or (before.bids, before.asks) != (bids, asks):
            ladder.changed_mono, ladder.changed_at = self._clock.monotonic(), self._clock.now()
        self._show(ladder)
        return True

    def review(self) -> None:
        """Judge every book again, because time passed. Called about once a second."""
        for ladder in self._ladders.values():
            self._show(ladder)

    def _number(self, row: Any) -> int | None:
        number = row.get("row") if isinstance(row, Mapping) else None
        text = str(number)
        if isinstance(number, bool) or not (text.isascii() and text.isdigit() and len(text) < 5):
            self.garbled += 1
            return None
        return int(text)

    def _line(self, ladder: _Ladder, number: int, row: Mapping[str, Any]) -> None:
        line = ladder.lines.setdefault(number, _Line())
        line.told = ladder.frames
        try:
            if "price" in row:
                line.price, line.bid, line.ask = _price(row["price"]), None, None
            if "bid" in row:
                line.bid = parse_wire(row["bid"])
            if "ask" in row:
                line.ask = parse_wire(row["ask"])
        except NumberError:
            self.garbled += 1
            del ladder.lines[number]

    def _judge(self, ladder: _Ladder, book: DepthBook) -> tuple[QuoteStatus, str]:
        if ladder.changed_mono is None or not (book.bids or book.asks):
            return QuoteStatus.NO_DATA, self._why_nothing(ladder)
        if not self._fresh(ladder):
            return QuoteStatus.STALE, "the stream is lost" if self._pulse.lost_at is not None else "not confirmed"
        quote = self._quote_of(ladder.instrument.conid)
        if quote is not None and quote.status in _SAME_AS_THE_QUOTE:
            return quote.status, quote.problem
        if not (book.bids and book.asks):
            return QuoteStatus.LIVE, f"no {'asks' if book.bids else 'bids'}"
        spread = book.asks[0].price - book.bids[0].price
        return QuoteStatus.LIVE, "" if spread > 0 else "crossed" if spread < 0 else "locked"

    def _why_nothing(self, ladder: _Ladder) -> str:
        if ladder.refusal is not None:
            return f"{ladder.refusal.message} ({ladder.refusal.code})"
        if ladder.confirmed and self._fresh(ladder):
            return "the book is empty"
        if self._pulse.lost_at is not None:
            return "the stream is lost"
        if self._clock.monotonic() - ladder.since > SILENT_AFTER:
            return "IBKR sends no depth: this exchange's depth needs a subscription of its own"
        return "waiting for the first book"

    def _fresh(self, ladder: _Ladder) -> bool:
        return self._pulse.vouches(confirmed=ladder.confirmed, renewed=ladder.renewed)

    def _show(self, ladder: _Ladder) -> None:
        bids, asks = _sides(ladder.lines.values())
        known = self._table.get(str(ladder.instrument.conid))
        if known is not None and not ladder.confirmed and not ladder.lines:
            bids, asks = known.bids, known.asks  # those of the lost stream, shown as stale until the new one speaks
        book = DepthBook(
            conid=ladder.instrument.conid,
            symbol=ladder.instrument.symbol,
            bids=bids,
            asks=asks,
            at=ladder.changed_at,
            changed_mono=ladder.changed_mono,
        )
        status, problem = self._judge(ladder, book)
        self._table.put(
            str(book.conid),
            DepthBook(book.conid, book.symbol, bids, asks, status, problem, book.at, book.changed_mono),
        )


def cut(book: DepthBook, rows: int) -> DepthBook:
    """The best `rows` levels of each side."""
    return DepthBook(
        book.conid,
        book.symbol,
        book.bids[:rows],
        book.asks[:rows],
        book.status,
        book.problem,
        book.at,
        book.changed_mono,
    )


def _is_whole(known: Mapping[int, _Line], lines: Mapping[int, Mapping[str, Any]]) -> bool:
    """Whether a frame is a ladder from its first line on, without a gap, with both sides."""
    numbers = sorted(lines)
    if not numbers or numbers[0] > min(known, default=numbers[0]):
        return False
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return False
    return any(row.get("bid") for row in lines.values()) and any(row.get("ask") for row in lines.values())


def _price(value: Any) -> Decimal | None:
    """The price of a line: plain, or after the last trade's size (`300 @ 189.43`). Raises NumberError."""
    return parse_wire(value.rpartition("@")[2].strip() if isinstance(value, str) else value)


def _sides(lines: Any) -> tuple[tuple[DepthLevel, ...], tuple[DepthLevel, ...]]:
    """Bids falling and asks rising. Where old and new lines contradict each other, the newer ones count."""
    bids: dict[Decimal, tuple[int, Decimal]] = {}
    asks: dict[Decimal, tuple[int, Decimal]] = {}
    newest: dict[Decimal, int] = {}
    for line in lines:
        if line.price is not None:
            newest[line.price] = max(newest.get(line.price, 0), line.told)
    for line in lines:
        if line.price is None or line.told < newest[line.price]:
            continue
        if line.bid is not None and line.bid > 0:
            bids[line.price] = (line.told, line.bid)
        if line.ask is not None and line.ask > 0:
            asks[line.price] = (line.told, line.ask)
    while bids and asks and (bid := max(bids)) >= (ask := min(asks)):
        if bids[bid][0] == asks[ask][0]:
            break  # one frame said both: the book is crossed or locked, and is shown so
        del (bids if bids[bid][0] < asks[ask][0] else asks)[bid if bids[bid][0] < asks[ask][0] else ask]
    return (
        tuple(DepthLevel(price, bids[price][1]) for price in sorted(bids, reverse=True)[:MOST_LEVELS]),
        tuple(DepthLevel(price, asks[price][1]) for price in sorted(asks)[:MOST_LEVELS]),
    )
