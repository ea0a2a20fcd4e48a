"""The chart of the selected instrument: candles, axes, last price, own orders and fills, volume, a crosshair.

It reads its own history, after a pause in which a held arrow key moves on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events, work
from textual.content import Content

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Side
from ibkr_tui.model.quotes import Bar, Quote, QuoteStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures, requests
from ibkr_tui.tui.desk_state import Chosen
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.market.chart_marks import ALERT, alert_prices, fill_spots, order_lines
from ibkr_tui.tui.widgets import candles
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

_MOST_BARS: Final = 600
"""More than any terminal is wide; a desk that runs for weeks must not collect them."""
_HISTORY_PAUSE_S: Final = 0.15
_EVERY_S: Final = 0.2
_AGAIN_S: Final = 3.0


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
    """`bars` is history as the core gave it; the last one follows the quote. `charted` is whose history it is.

    `cross` is the bar whose values stand in the first line, counted from the newest; None without a crosshair.
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.size_at = 1
        self.bars: list[Bar] = []
        self.says = ""
        self.drawn = 0.0
        self.charted: Chosen | None = None
        self.cross: int | None = None
        self._room = 0

    @property
    def bar_size(self) -> BarSize:
        return SIZES[self.size_at]

    # history

    def choose(self) -> None:
        """Show the chosen instrument; nothing happens when it is shown already, or can't be read now."""
        chosen = self.state.chosen
        if chosen.conid is None or not self.state.feed.is_live:
            self.retitle()
        elif chosen != self.charted:
            self.charted = chosen
            self.cross = None
            self.begin("Loading bars…")
            self.retitle()
            self.load_bars(chosen)

    def resize_bars(self, step: int) -> None:
        """Longer bars, or shorter ones."""
        at = max(0, min(len(SIZES) - 1, self.size_at + step))
        if at != self.size_at:
            self.size_at = at
            self.charted = None
            self.choose()

    @work(exclusive=True, group="bars", name="bars", exit_on_error=False)
    async def load_bars(self, chosen: Chosen) -> None:
        """History of the chosen instrument; what can be read again later is."""
        await self.state.clock.sleep(_HISTORY_PAUSE_S)
        size = self.bar_size
        try:
            bars = await requests.bars(self.state.feed, chosen.symbol, chosen.conid, size.period, size.bar)
        except BrokerError as error:
            self.begin(f"No chart: {clean(error.message)} ({error.code}). {error.user_action}")
            if error.retryable:
                await self.state.clock.sleep(_AGAIN_S)
                self.charted = None
            return
        self.show(bars)

    def tick(self, conids: set[str]) -> None:
        """A frame with new quotes: the last bar follows, drawn a few times a second at most."""
        conid = self.state.chosen.conid
        if conid is None or str(conid) not in conids:
            return
        quote = self.state.quote(conid)
        if quote is not None:
            self.follow(quote)
        now = self.state.clock.monotonic()
        if now - self.drawn >= _EVERY_S:
            self.drawn = now
            self.paint()
            self.retitle()

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

    def toggle_cross(self) -> None:
        """Show the values of a bar, the newest first, or no longer."""
        self.cross = None if self.cross is not None or not self.bars else 0
        self.paint()

    def move_cross(self, bars: int) -> None:
        """The crosshair to an older bar, or a newer one, within what is drawn."""
        most = max(0, min(len(self.bars), self._room or len(self.bars)) - 1)
        self.cross = max(0, min(most, (self.cross or 0) + bars))
        self.paint()

    def retitle(self) -> None:
        """The instrument and its price stand in the border."""
        state = self.state
        chosen = state.chosen
        quote = state.quote(chosen.conid)
        name = quote.description if quote is not None else chosen.symbol
        parts: list[str | tuple[str, str]] = [(clean(name) or "Chart", "bold")]
        if self.bars or self.says:
            parts.append(f" · {self.bar_size.name}")
        if quote is not None and not (mark := state.mark(quote)).is_live:
            parts.append((f" · {mark.word}", "$warn"))
        self.entitle(Content.assemble(*parts))

    def rows(self, width: int, height: int) -> list[Row]:
        if not self.state.feed.connections and self.state.feed.link is not LinkState.LIVE:
            return self._steps(width, height)
        quote = self.state.quote(self.state.chosen.conid)
        head = [self._values(quote, width)] if self._crossed is not None else []
        if not head and quote is not None and quote.last is not None:
            head = [self._head(quote, width)]
        if not self.bars:
            says = self.says or ("" if self.state.feed.is_live else "The chart comes back with the core.")
            words = [
                [Segment(" " + figures.left(line, width - 1), self.palette.muted)]
                for line in figures.wrapped(says, width - 2)
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

    @property
    def _crossed(self) -> Bar | None:
        if self.cross is None or not self.bars:
            return None
        return self.bars[-1 - min(self.cross, len(self.bars) - 1)]

    def _values(self, quote: Quote | None, width: int) -> Row:
        """The bar under the crosshair: its time, prices, volume."""
        bar = self._crossed
        if bar is None:
            return []
        places = quote.decimals if quote is not None else 2
        at = bar.at.astimezone(self.state.zone or UTC)
        palette = self.palette
        row: Row = [Segment(f" {at:%H:%M}" if self.bar_size.seconds < 86_400 else f" {at:%d %b}", palette.accent)]
        used = row[0].cell_length
        ink = palette.up if bar.close >= bar.open else palette.down
        change = (bar.close - bar.open) / bar.open * 100 if bar.open else None
        facts = [(letter, figures.number(value, places), palette.text) for letter, value in
                 (("O", bar.open), ("H", bar.high), ("L", bar.low))]  # fmt: skip
        facts += [("C", figures.number(bar.close, places), ink), ("V", figures.compact(bar.volume), palette.text)]
        facts += [("", figures.percent(change), ink)]
        for letter, value, style in facts:
            words = f" {letter}" if letter else " "
            if used + len(words) + len(value) + 1 > width:
                break
            row += [Segment(words, palette.muted), Segment(value, style)]
            used += len(words) + len(value)
        if self.bar_size.seconds >= 3600 and used + 8 < width and self.bar_size.seconds < 86_400:
            row.append(Segment(f" {at:%d %b}", palette.muted))
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
        self._room = room // step
        over = self._over(bars, scale, step)
        own, alerts = self._own(scale), self._alerts(scale)
        rows = []
        for y in range(tall):
            across = palette.muted if y == line else own[y][0] if y in own else None
            glyphs = [column[y] for column in columns]
            cells = self._candle_row(glyphs, inks, step, room, across=across, over=over.get(y, {}))
            mark = self._axis(labels.get(y, ""), axis)
            if y == line:
                mark = self._last(last, places, axis, live=live)
            elif y in own or y in alerts:
                ink, price = own.get(y) or (palette.accent, alerts[y])
                sign = "◂" if y in own else ALERT
                mark = [Segment(sign, ink), Segment(figures.right(figures.number(price, places), axis - 1), ink)]
            rows.append([Segment(" "), *cells, *mark])
        if has_volume:
            blocks = candles.volume_blocks(bars)
            muted = [palette.muted] * len(bars)
            label = Segment(figures.right("vol ", axis), palette.muted)
            rows.append([Segment(" " * (room + 1 + axis))])
            rows.append([Segment(" "), *self._candle_row(blocks, muted, step, room), label])
        return [*rows, self._times(bars, step, room, axis)]

    def _own(self, scale: candles.Scale) -> dict[int, tuple[Style, Decimal]]:
        """Rows of own working orders with their price, in the colour of their side."""
        conid = self.state.chosen.conid
        orders = [order for order in self.state.open_orders() if order.conid == conid]
        trusted = self.state.feed.is_live
        return {
            line.row: (self.palette.side(line.order.side is Side.BUY) if trusted else self.palette.stale, line.price)
            for line in order_lines(orders, scale)
        }

    def _alerts(self, scale: candles.Scale) -> dict[int, Decimal]:
        """Rows of alerts on the price, with their level."""
        levels = alert_prices(self.state.feed.alerts.rows.values(), self.state.chosen.conid)
        return {scale.row(level): level for level in levels if scale.low <= level <= scale.high}

    def _over(
        self, bars: Sequence[Bar], scale: candles.Scale, step: int
    ) -> Mapping[int, Mapping[int, tuple[str, Style]]]:
        """What stands over the candles, by row and cell: the crosshair, and own fills on top of it."""
        palette = self.palette
        over: dict[int, dict[int, tuple[str, Style]]] = {}
        if self._crossed is not None and (column := len(bars) - 1 - (self.cross or 0)) >= 0:
            for y in range(scale.height):
                over.setdefault(y, {})[column * step] = ("┆", palette.accent)
        conid = self.state.chosen.conid
        fills = [fill for fill in self.state.feed.fills if fill.conid == conid]
        for spot in fill_spots(fills, bars, scale, timedelta(seconds=self.bar_size.seconds)):
            over.setdefault(spot.row, {})[spot.column * step] = (spot.glyph, palette.side(spot.side is Side.BUY))
        return over

    def _candle_row(
        self,
        glyphs: Sequence[str],
        inks: Sequence[Style],
        step: int,
        room: int,
        *,
        across: Style | None = None,
        over: Mapping[int, tuple[str, Style]] | None = None,
    ) -> list[Segment]:
        """One line of the picture. A line `across` runs behind the candles; what is `over` them hides a crosshair only
        where nothing stands, a fill always."""
        muted = self.palette.muted
        empty, behind = (" ", muted) if across is None else ("┄", across)
        cells: list[Segment] = []
        run, ink = "", muted
        at = 0
        for glyph, colour in zip(glyphs, inks, strict=True):
            for char, style in ((glyph, colour), *((" ", muted),) * (step - 1)):
                shown, paint = (empty, behind) if char == " " else (char, style)
                if over and at in over and (char == " " or over[at][0] != "┆"):
                    shown, paint = over[at]
                if paint is not ink and run:
                    cells.append(Segment(run, ink))
                    run = ""
                run, ink = run + shown, paint
                at += 1
        cells.append(Segment(run, ink))
        return [Segment(empty * (room - len(glyphs) * step), behind), *cells]  # the newest bar stands at the axis

    def _axis(self, label: str, width: int) -> Row:
        muted = self.palette.muted
        return [Segment("┤" if label else "│", self.palette.stale), Segment(figures.right(label, width - 1), muted)]

    def _last(self, last: Decimal | None, places: int, width: int, *, live: bool) -> Row:
        style = self.palette.bright if live else self.palette.stale
        return [Segment("◂", style), Segment(figures.right(figures.number(last, places), width - 1), style)]

    def _times(self, bars: Sequence[Bar], step: int, room: int, axis: int) -> Row:
        line = [" "] * room
        before = room - len(bars) * step
        for bar, label in candles.time_ticks(bars, step, self.state.zone or UTC).items():
            cell = before + bar
            if cell + len(label) <= room:
                line[cell : cell + len(label)] = label
        size = figures.right(self.bar_size.bar, axis)
        return [Segment(" " + "".join(line), self.palette.muted), Segment(size, self.palette.stale)]


class FocusChart(Chart, can_focus=True):
    """A chart that takes the focus: the arrow keys move the crosshair, Escape puts it away."""

    def on_key(self, event: events.Key) -> None:
        steps = {"left": 1, "right": -1, "pageup": 10, "pagedown": -10, "home": _MOST_BARS, "end": -_MOST_BARS}
        if event.key in steps and self.bars:
            self.move_cross(steps[event.key])
        elif event.key == "escape" and self.cross is not None:
            self.toggle_cross()
        else:
            return
        event.stop()
