"""The chart of the selected instrument: candles, price axis, time axis, last price, volume where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from ibkr_tui.model.quotes import Bar, Quote, QuoteStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import WORDS
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.widgets import candles
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

_MOST_BARS: Final = 600
"""More than any terminal is wide; a desk that runs for weeks must not collect them."""


class BarSize(msgspec.Struct, frozen=True):
    """What one candle is, and how much history to ask for."""

    name: str
    bar: str
    period: str
    seconds: int


SIZES = (
    BarSize("1 min", "1min", "4h", 60),
    BarSize("5 min", "5min", "1d", 300),
    BarSize("15 min", "15min", "3d", 900),
    BarSize("1 hour", "1h", "2w", 3600),
    BarSize("1 day", "1d", "6m", 86_400),
)


class Chart(Painted):
    """`bars` is history as the core gave it; the last one follows the quote."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.size_at = 1
        self.bars: list[Bar] = []
        self.says = ""
        self.drawn = 0.0

    @property
    def bar_size(self) -> BarSize:
        return SIZES[self.size_at]

    def begin(self, says: str) -> None:
        """Another instrument or another bar: nothing to draw yet, and why."""
        self.bars = []
        self.says = says
        self.paint()

    def show(self, bars: Sequence[Bar]) -> None:
        """Draw this history."""
        self.bars = list(bars)
        self.says = "" if self.bars else "IBKR has no bars of this size for it."
        self.paint()

    def follow(self, quote: Quote) -> None:
        """The last bar takes the live price; past its end a new one begins."""
        if not self.bars or quote.last is None or quote.changed_at is None:
            return
        if self.state.status(quote) is not QuoteStatus.LIVE:
            return
        price, end = quote.last, self.bars[-1]
        size = timedelta(seconds=self.bar_size.seconds)
        if quote.changed_at >= end.at + size:
            start = end.at + size * ((quote.changed_at - end.at) // size)
            self.bars.append(Bar(start, price, price, price, price, Decimal(0)))
            del self.bars[:-_MOST_BARS]
        else:
            high, low = max(end.high, price), min(end.low, price)
            self.bars[-1] = msgspec.structs.replace(end, high=high, low=low, close=price)

    def retitle(self) -> None:
        """The instrument and its price stand in the border."""
        state = self.state
        chosen = state.chosen
        quote = state.quote(chosen.conid)
        name = quote.description if quote is not None else chosen.symbol
        parts: list[str | tuple[str, str]] = [(clean(name) or "Chart", "bold")]
        if self.bars or self.says:
            parts.append(f" · {self.bar_size.name}")
        status = state.status(quote)
        if quote is not None and status is not QuoteStatus.LIVE:
            parts.append((f" · {WORDS[status]}", "$warn"))
        self.entitle(Content.assemble(*parts))

    def rows(self, width: int, height: int) -> list[Row]:
        if not self.state.feed.connections and self.state.feed.link is not LinkState.LIVE:
            return self._steps(width, height)
        quote = self.state.quote(self.state.chosen.conid)
        head = [self._head(quote, width)] if quote is not None and quote.last is not None else []
        if not self.bars:
            says = self.says or ("" if self.state.feed.is_live else "The chart comes back with the core.")
            words = [
                [Segment(" " + figures.left(line, width - 1), self.palette.muted)] for line in _wrap(says, width - 2)
            ]
            return [*head, *words]
        return [*head, *self._picture(quote, width, height - len(head))]

    def _steps(self, width: int, height: int) -> list[Row]:
        """What has been done to get a core, and what is being done."""
        palette, feed = self.palette, self.state.feed
        rows: list[Row] = [[]]
        for number, step in enumerate(feed.steps[-(height - 2) :]):
            done = number < len(feed.steps) - 1
            mark = Segment(" ✓ " if done else " ▸ ", palette.up if done else palette.accent)
            rows.append([mark, Segment(figures.left(step, width - 4), palette.muted if done else palette.text)])
        return rows if feed.steps else [[], [Segment(" " + figures.left(feed.sentence, width - 2), palette.muted)]]

    def _head(self, quote: Quote, width: int) -> Row:
        palette = self.palette
        live = self.state.status(quote) is QuoteStatus.LIVE
        price = figures.number(quote.last, quote.decimals)
        change = f"{figures.signed(quote.change, quote.decimals)}  {figures.percent(quote.change_pct)}"
        row = [
            Segment(" " + price, palette.bright if live else palette.stale),
            Segment("  " + change, palette.change(quote.change_pct) if live else palette.stale),
        ]
        day = f"L {figures.number(quote.low, quote.decimals)}  H {figures.number(quote.high, quote.decimals)} "
        used = sum(segment.cell_length for segment in row)
        if quote.low is not None and quote.high is not None and used + len(day) + 2 <= width:
            row.append(Segment(figures.right(day, width - used), palette.muted))
        return row

    def _picture(self, quote: Quote | None, width: int, height: int) -> list[Row]:
        palette = self.palette
        places = quote.decimals if quote is not None else 2
        last = quote.last if quote is not None else None
        has_volume = height >= 12
        tall = height - 1 - (2 if has_volume else 0)
        axis = max(len(figures.number(bar, places)) for bar in (self.bars[-1].high, self.bars[-1].low)) + 2
        room = width - axis - 1
        if tall < 2 or room < 4:
            return [[Segment(" too small for a chart", palette.muted)]]
        step = 2 if room >= 2 * len(self.bars) else 1
        bars = self.bars[-(room // step) :]
        scale = candles.scale_of(bars, last, tall)
        columns = [candles.column(bar, scale) for bar in bars]
        inks = [palette.up if bar.close >= bar.open else palette.down for bar in bars]
        labels = {row: figures.number(price, places) for row, price in candles.price_ticks(scale, places).items()}
        line = scale.row(last) if last is not None else -1
        live = quote is not None and self.state.status(quote) is QuoteStatus.LIVE
        rows = []
        for y in range(tall):
            cells = self._candle_row([column[y] for column in columns], inks, step, room, dotted=y == line)
            mark = self._last(last, places, axis, live=live) if y == line else self._axis(labels.get(y, ""), axis)
            rows.append([Segment(" "), *cells, *mark])
        if has_volume:
            blocks = candles.volume_blocks(bars)
            muted = [palette.muted] * len(bars)
            label = Segment(figures.right("vol ", axis), palette.muted)
            rows.append([Segment(" " * (room + 1 + axis))])
            rows.append([Segment(" "), *self._candle_row(blocks, muted, step, room, dotted=False), label])
        return [*rows, self._times(bars, step, room, axis)]

    def _candle_row(
        self, glyphs: Sequence[str], inks: Sequence[Style], step: int, room: int, *, dotted: bool
    ) -> list[Segment]:
        """One line of the picture; the last price's line runs behind the candles."""
        muted = self.palette.muted
        empty = "┄" if dotted else " "
        cells: list[Segment] = []
        run, ink = "", muted
        for glyph, colour in zip(glyphs, inks, strict=True):
            for char, style in ((glyph, colour), *((" ", muted),) * (step - 1)):
                shown, paint = (empty, muted) if char == " " else (char, style)
                if paint is not ink and run:
                    cells.append(Segment(run, ink))
                    run = ""
                run, ink = run + shown, paint
        cells.append(Segment(run, ink))
        cells.append(Segment(empty * (room - len(glyphs) * step), muted))
        return cells

    def _axis(self, label: str, width: int) -> Row:
        muted = self.palette.muted
        return [Segment("┤" if label else "│", self.palette.stale), Segment(figures.right(label, width - 1), muted)]

    def _last(self, last: Decimal | None, places: int, width: int, *, live: bool) -> Row:
        style = self.palette.bright if live else self.palette.stale
        return [Segment("◂", style), Segment(figures.right(figures.number(last, places), width - 1), style)]

    def _times(self, bars: Sequence[Bar], step: int, room: int, axis: int) -> Row:
        line = [" "] * room
        for cell, label in candles.time_ticks(bars, step, self.state.zone or UTC).items():
            if cell + len(label) <= room:
                line[cell : cell + len(label)] = label
        size = figures.right(self.bar_size.bar, axis)
        return [Segment(" " + "".join(line), self.palette.muted), Segment(size, self.palette.stale)]


def _wrap(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines
