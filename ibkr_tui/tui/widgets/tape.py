"""The tape of the chosen instrument: observed changes of last price and size, the newest on top. It is sampled."""

from __future__ import annotations

from rich.segment import Segment
from textual.content import Content

from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.tape import Print
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

_ARROWS = {1: "▲", -1: "▼", 0: "="}


class Tape(Painted):
    """The stream shows at most a few changes a second, so what happened between them is not here; the title says so."""

    def rows(self, width: int, height: int) -> list[Row]:
        state, palette = self.state, self.palette
        prints = state.feed.tapes.get(state.chosen.conid or 0)
        if not prints:
            words = "Nothing was seen yet." if state.chosen.symbol else ""
            return [[Segment(" " + figures.left(words, width - 1), palette.muted)]] if words else []
        quote = state.quote(state.chosen.conid)
        places = quote.decimals if quote is not None else 2
        live = state.status(quote) is QuoteStatus.LIVE
        newest = [prints[-1 - at] for at in range(min(height, len(prints)))]
        return [self._line(seen, width, places, live=live) for seen in newest]

    def _line(self, seen: Print, width: int, places: int, *, live: bool) -> Row:
        palette = self.palette
        ink = {1: palette.up, -1: palette.down}.get(seen.tick, palette.text) if live else palette.stale
        price = figures.right(figures.number(seen.price, places), max(9, width - 24))
        size = figures.right(figures.quantity(seen.size) if seen.size is not None else figures.UNKNOWN, 8)
        return [
            Segment(f" {self.state.clock_time(seen.at)} ", palette.muted if live else palette.stale),
            Segment(price, ink),
            Segment(f" {_ARROWS.get(seen.tick, '=')}", ink),
            Segment(" " + size, palette.text if live else palette.stale),
        ]

    def retitle(self) -> None:
        """The instrument; that it is sampled stands with it."""
        quote = self.state.quote(self.state.chosen.conid)
        name = clean(quote.description if quote is not None else self.state.chosen.symbol)
        mark = self.state.mark(quote)
        parts: list[str | tuple[str, str]] = ["Tape ", (name, "bold"), (" · sampled", "$muted")]
        if not mark.is_live:
            parts.append((f" · {mark.word}", "$warn"))
        self.entitle(Content.assemble(*parts))
