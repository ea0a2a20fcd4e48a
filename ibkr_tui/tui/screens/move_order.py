"""Orders moved by ticks: the old and the new price stand side by side, and nothing is sent before a fresh key."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
from textual import events
from textual.content import Content

from ibkr_tui.model.increments import increment_at
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order, Role
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.sizing import money_between
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import WORDS, DeskState
from ibkr_tui.tui.screens.choice import Answer, ChoiceScreen
from ibkr_tui.tui.trade.writes import moved_field

KEEP, MOVE = "keep", "move"
_STEPS: Final = {"up": 1, "down": -1, "pageup": 10, "pagedown": -10}


class Move(msgspec.Struct, frozen=True):
    """An order and the price that it shall have."""

    order: Order
    price: Decimal

    @property
    def before(self) -> Decimal:
        """The price that it has."""
        return getattr(self.order, moved_field(self.order)) or Decimal(0)


class MoveScreen(ChoiceScreen):
    """`moves` is what `move` was answered for; `entry` is that of the bracket they belong to.

    Any of ↑ ↓, with Shift or Alt held or not, goes on moving.
    """

    def __init__(
        self, state: DeskState, orders: Sequence[Order], instrument: Instrument, steps: int, entry: Order | None = None
    ) -> None:
        self._state = state
        self._rules = instrument.increments
        self._multiplier = instrument.multiplier
        self._entry = entry
        self.steps = steps
        self.orders = [order for order in orders if moved_field(order)]
        answers = [Answer(KEEP, "Leave it", "n"), Answer(MOVE, "Amend", "y", guarded=True)]
        what = "Move the order" if len(self.orders) == 1 else f"Move {len(self.orders)} orders together"
        super().__init__(what, self._words(), answers, tone="warn")

    @property
    def moves(self) -> tuple[Move, ...]:
        """Each order with its new price."""
        return tuple(Move(order, self._moved(order)) for order in self.orders)

    def _moved(self, order: Order) -> Decimal:
        price: Decimal = getattr(order, moved_field(order))
        step = increment_at(self._rules, price)
        return max(step, price + self.steps * step)

    def _words(self) -> list[Content]:
        lines = []
        for move in self.moves:
            order = move.order
            quote = self._state.quote(order.conid)
            places = quote.decimals if quote is not None else 2
            role = str(order.role) if order.role is not Role.SINGLE else "order"
            market = quote.last if quote is not None else None
            away = f"  {figures.percent((move.price - market) / market * 100)} from the market" if market else ""
            name = clean(order.description or order.symbol, limit=24)
            lines.append(
                Content.assemble(
                    (f"{role:<8}", "$muted"),
                    (f"{order.side.upper():<4} {figures.quantity(order.qty)} {name}  ", f"${order.side}"),
                    f"{figures.number(move.before, places)} → ",
                    (figures.number(move.price, places), "bold"),
                    (away, "$muted"),
                )
            )
        sign = "+" if self.steps > 0 else figures.MINUS if self.steps < 0 else ""
        step = f"{sign}{abs(self.steps)} tick{'' if abs(self.steps) == 1 else 's'}"
        keys = Content.styled(f"{step}   ↑↓ one tick, Page ten", "$muted")
        return [*lines, *self._risk(), self._quote(), Content(""), keys]

    def _risk(self) -> list[Content]:
        """What the stop loses from the entry, before and after, where the group is a bracket."""
        entry, stop = self._entry, next((move for move in self.moves if move.order.role is Role.STOP), None)
        if entry is None or stop is None:
            return []
        price = entry.avg_price or entry.limit_price
        moved = next((move.price for move in self.moves if move.order.key == entry.key), price)
        if price is None or moved is None:
            return []
        qty = stop.order.remaining * entry.side.sign
        before = money_between(qty, price, stop.before, self._multiplier)
        after = money_between(qty, moved, stop.price, self._multiplier)
        return [
            Content.assemble(
                ("at stop ", "$muted"), f"{figures.signed(before, 0)} → ", (figures.signed(after, 0), "bold")
            )
        ]

    def _quote(self) -> Content:
        """The prices that the move should be weighed against, and how old they are."""
        quote = self._state.quote(self.orders[0].conid)
        if quote is None:
            return Content.styled("No price of it here.", "$warn")
        status = self._state.status(quote)
        live = status is QuoteStatus.LIVE
        age = f"{figures.age(self._state.age(quote))} old" if live else WORDS[status]
        bid, ask = figures.number(quote.bid, quote.decimals), figures.number(quote.ask, quote.decimals)
        return Content.assemble(("market  ", "$muted"), f"bid {bid}  ask {ask}  ", (age, "$muted" if live else "$warn"))

    def on_key(self, event: events.Key) -> None:
        plain = event.key.removeprefix("shift+").removeprefix("alt+")
        if plain in _STEPS:
            event.stop()
            event.prevent_default()
            self.steps += _STEPS[plain]
            self.body = self._words()
            self.refresh_lines()
            return
        if event.key == "enter" and self.steps == 0:
            self.dismiss(KEEP)
            return
        super().on_key(event)

    def second(self) -> None:
        """A second has passed."""
        self.body = self._words()
        self.refresh_lines()
