"""Orders moved by ticks: the old and the new price stand side by side, and nothing is sent before a fresh key."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
from textual import events
from textual.content import Content

from ibkr_tui.model.increments import IncrementStep, increment_at
from ibkr_tui.model.orders import Order, Role
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import DeskState
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
    """`moves` is what `move` was answered for. Any of ↑ ↓, with Shift or Alt held or not, goes on moving."""

    def __init__(self, state: DeskState, orders: Sequence[Order], rules: Sequence[IncrementStep], steps: int) -> None:
        self._state = state
        self._rules = rules
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
                    (f"{order.side.upper()} {figures.quantity(order.qty)} {name}  ", f"${order.side}"),
                    f"{figures.number(move.before, places)} → ",
                    (figures.number(move.price, places), "bold"),
                    (away, "$muted"),
                )
            )
        step = f"{'+' if self.steps > 0 else figures.MINUS if self.steps < 0 else ''}{abs(self.steps)} ticks"
        return [*lines, Content(""), Content.styled(f"{step}   ↑↓ one tick, Page ten", "$muted")]

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
