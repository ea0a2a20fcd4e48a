"""The best bid and offer of the selected instrument: sizes, spread, where the price stands in its day."""

from __future__ import annotations

from decimal import Decimal

from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import WORDS
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

_EIGHTHS = " ▏▎▍▌▋▊▉█"


class InsidePanel(Painted):
    """Offer above, bid below, as on a ladder."""

    def rows(self, width: int, height: int) -> list[Row]:
        palette, state = self.palette, self.state
        quote = state.quote(state.chosen.conid)
        status = state.status(quote)
        if quote is None or (status is QuoteStatus.NO_DATA and quote.last is None):
            words = clean(quote.problem) if quote is not None and quote.problem else "No price yet."
            lines = figures.wrapped(words if state.chosen.symbol else "", width - 2)
            return [[Segment(" " + figures.left(line, width - 2), palette.muted)] for line in lines[:height]]
        live = status is QuoteStatus.LIVE
        rows = [
            self._side("ask", quote, width, palette.sell if live else palette.stale),
            self._middle(quote, width, live=live),
            self._side("bid", quote, width, palette.buy if live else palette.stale),
        ]
        rows += [[], self._range(quote, width, live=live)] if height >= 5 else []
        rows += self._facts(quote, width, height - len(rows))
        return rows

    def _side(self, word: str, quote: Quote, width: int, ink: Style) -> Row:
        price, size = (quote.bid, quote.bid_size) if word == "bid" else (quote.ask, quote.ask_size)
        size_room, price_room = _rooms(width)
        sizes = figures.right(figures.compact(size) if size is not None else figures.UNKNOWN, size_room)
        shown = figures.right(figures.fitted(price, quote.decimals, price_room), price_room)
        room = width - 4 - size_room - price_room - 2
        most = max(quote.bid_size or Decimal(0), quote.ask_size or Decimal(0))
        share = size / most if size is not None and most > 0 else Decimal(0)
        return [
            Segment(f" {word}", self.palette.muted),
            Segment(sizes, self.palette.text),
            Segment(shown, ink),
            Segment(" " + figures.left(bar(share, max(0, room)), max(0, room)), ink),
        ]

    def _middle(self, quote: Quote, width: int, *, live: bool) -> Row:
        palette = self.palette
        size_room, price_room = _rooms(width)
        last = figures.right(figures.fitted(quote.last, quote.decimals, price_room), price_room)
        row = [
            Segment(figures.right("last", 4 + size_room), palette.muted),
            Segment(last, palette.bright if live else palette.stale),
        ]
        if quote.bid is not None and quote.ask is not None:
            between = quote.ask - quote.bid
            spread = f" ±{figures.number(between, quote.decimals)}"
            if width >= 40:
                points = between / quote.mid * 10_000 if quote.mid else None
                spread = f"  spread {figures.number(between, quote.decimals)}"
                spread += f" · {figures.number(points, 1)} bp" if points is not None else ""
            row.append(Segment(figures.left(spread, max(0, width - 4 - size_room - price_room)), palette.muted))
        return row

    def _range(self, quote: Quote, width: int, *, live: bool) -> Row:
        """Where the last price stands between the day's low and high."""
        palette = self.palette
        if quote.low is None or quote.high is None or quote.last is None:
            return [Segment(" day range not known", palette.muted)]
        low, high = (figures.fitted(value, quote.decimals, 9) for value in (quote.low, quote.high))
        room = max(3, width - len(low) - len(high) - 6)
        spread = quote.high - quote.low
        share = (quote.last - quote.low) / spread if spread > 0 else Decimal("0.5")
        at = max(0, min(room - 1, int(share * room)))
        return [
            Segment(f" {low} ▕", palette.muted),
            Segment("─" * at, palette.muted),
            Segment("●", palette.accent if live else palette.stale),
            Segment("─" * (room - 1 - at), palette.muted),
            Segment(f"▏ {high}", palette.muted),
        ]

    def _facts(self, quote: Quote, width: int, height: int) -> list[Row]:
        palette = self.palette
        facts = [
            ("Volume", figures.compact(quote.volume)),
            ("Held", self._held()),
            ("Open", figures.number(quote.open, quote.decimals)),
            ("Close", figures.number(quote.close, quote.decimals)),
        ]
        across = 2 if width >= 40 else 1
        room = (width - 2) // across
        rows: list[Row] = []
        for start in range(0, len(facts), across):
            row: Row = [Segment(" ")]
            for name, value in facts[start : start + across]:
                row.append(Segment(figures.left(name, 8), palette.muted))
                row.append(Segment(figures.left(value, room - 8), palette.text))
            rows.append(row)
        return rows[: max(0, height)]

    def _held(self) -> str:
        position = self.state.position_of(self.state.chosen.conid)
        if position is None or position.qty == 0:
            return "nothing" if self.state.feed.positions.is_read else figures.UNKNOWN
        return f"{figures.signed_quantity(position.qty)} @ {figures.number(position.avg_price, 2)}"

    def retitle(self) -> None:
        quote = self.state.quote(self.state.chosen.conid)
        status = self.state.status(quote)
        parts: list[str | tuple[str, str]] = ["Bid · Ask"]
        if quote is not None and status is not QuoteStatus.LIVE:
            parts.append((f" · {WORDS[status]}", "$warn"))
        elif quote is not None:
            parts.append((f" · {figures.age(self.state.age(quote))}", "$muted"))
        self.entitle(Content.assemble(*parts))


def _rooms(width: int) -> tuple[int, int]:
    """Cells for a size and for a price."""
    return (5, 9) if width < 30 else (7, 11)


def bar(share: Decimal, width: int) -> str:
    """A bar of `share` (0 to 1) of `width` cells, to an eighth of a cell; anything above zero can be seen."""
    eighths = max(int(share * width * 8), 1 if share > 0 and width else 0)
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")
