"""The option under the cursor in two lines: its prices, then its greeks; or why there is no price."""

from __future__ import annotations

from decimal import Decimal

from rich.segment import Segment

from ibkr_tui.model.chains import OptionContract
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import WORDS
from ibkr_tui.tui.options.strikes import CALL
from ibkr_tui.tui.widgets.fitting import Part, fit
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row


class ContractPanel(Painted):
    """Shows the contract it was last told. `note` stands in the second line while there is nothing graver to say."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._contract: OptionContract | None = None
        self._spot: Decimal | None = None
        self._note = ""

    def tell(self, contract: OptionContract | None, spot: Decimal | None, note: str) -> None:
        """This contract, at this price of its underlying."""
        self._contract, self._spot, self._note = contract, spot, note
        self.paint()

    def rows(self, width: int, height: int) -> list[Row]:
        contract = self._contract
        if contract is None:
            return [[], [Segment(" " + figures.left(self._note, width - 2), self.palette.muted)]]
        quote = self.state.quote(contract.conid) or contract.quote
        status = self.state.status(quote)
        live = status is QuoteStatus.LIVE
        return [self._prices(contract, quote, status, width), self._below(contract, quote, width, live=live)]

    def _pair(self, name: str, value: str, rank: int, *, live: bool) -> Part:
        ink = self.palette.text if live else self.palette.stale
        return Part((Segment(name + " ", self.palette.muted), Segment(value, ink)), rank)

    def _prices(self, contract: OptionContract, quote: Quote | None, status: QuoteStatus, width: int) -> Row:
        palette = self.palette
        live = status is QuoteStatus.LIVE
        word = "waiting" if quote is None else WORDS[status] or figures.age(self.state.age(quote))
        parts = [
            Part((Segment(" " + clean(contract.description, limit=40), palette.bright),), 0),
            Part((Segment(word, palette.status(status)),), 1),
        ]
        if quote is not None and status is not QuoteStatus.NO_DATA:
            places = quote.decimals
            for rank, (name, value) in enumerate((("bid", quote.bid), ("ask", quote.ask), ("last", quote.last)), 2):
                parts.append(self._pair(name, figures.number(value, places), rank, live=live))
            if quote.bid is not None and quote.ask is not None:
                parts.append(self._pair("spread", figures.number(quote.ask - quote.bid, places), 6, live=live))
        position = self.state.position_of(contract.conid)
        if position is not None and position.qty:
            held = f"{figures.signed_quantity(position.qty)} @ {figures.number(position.avg_price, 2)}"
            parts.append(self._pair("held", held, 5, live=self.state.feed.is_live))
        return fit(parts, width - 1)

    def _below(self, contract: OptionContract, quote: Quote | None, width: int, *, live: bool) -> Row:
        palette = self.palette
        refused = self.state.refused.get(contract.conid, "")
        problem = refused or (quote.problem if quote is not None and not live else "")
        if problem:
            return [Segment(" " + figures.left(clean(problem, limit=300), width - 2), palette.warn)]
        if quote is None or quote.status is QuoteStatus.NO_DATA:
            words = self._note or "No price of it yet."
            return [Segment(" " + figures.left(words, width - 2), palette.muted)]
        parts = [
            self._pair(" IV", figures.number(quote.implied_vol, 1) + "%", 1, live=live)
            if quote.implied_vol is not None
            else Part((Segment(" no IV", palette.muted),), 1)
        ]
        for rank, (name, value, places) in enumerate(
            (
                ("delta", quote.delta, 3),
                ("gamma", quote.gamma, 4),
                ("theta", quote.theta, 3),
                ("vega", quote.vega, 3),
            ),
            2,
        ):
            parts.append(self._pair(name, figures.number(value, places), rank, live=live))
        parts += self._worth(contract, quote, live=live)
        parts.append(self._pair("volume", figures.compact(quote.volume), 8, live=live))
        parts.append(self._pair("OI", figures.compact(quote.open_interest), 9, live=live))
        return fit(parts, width - 1)

    def _worth(self, contract: OptionContract, quote: Quote, *, live: bool) -> list[Part]:
        """Where it breaks even for a buyer at the ask, and how much of the price is time."""
        price = quote.ask or quote.last
        if price is None:
            return []
        sign = 1 if contract.right.upper().startswith(CALL[0].upper()) else -1
        parts = [self._pair("even at", figures.number(contract.strike + sign * price, 2), 6, live=live)]
        if self._spot is not None:
            inside = max(Decimal(0), sign * (self._spot - contract.strike))
            parts.append(self._pair("time", figures.number(price - inside, 2), 7, live=live))
        return parts
