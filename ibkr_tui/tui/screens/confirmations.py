"""The small questions of the desk: leaving, cancelling an order, looking at one whose fate is not known."""

from __future__ import annotations

from textual import events
from textual.content import Content

from ibkr_tui.model.orders import LOOKED_FOR, Order, OrderState
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.requests import TAKE_OVER_WORD
from ibkr_tui.tui.screens.choice import Answer, ChoiceScreen
from ibkr_tui.tui.screens.typed_word import TypedWordScreen
from ibkr_tui.tui.widgets.order_board import price_words

DETACH, STOP, STAY = "detach", "stop", "stay"
CANCEL, KEEP = "cancel", "keep"
ON_SIGHT, NOT_SENT = "cancel_on_sight", "not_sent"


def order_words(order: Order, decimals: int = 2) -> str:
    """`BUY 100 AAPL LMT 188.00 DAY`."""
    name = clean(order.description or order.symbol, limit=40)
    return (
        f"{order.side.upper()} {figures.quantity(order.qty)} {name} {price_words(order, decimals)} {order.tif.upper()}"
    )


def quit_screen(state: DeskState) -> ChoiceScreen:
    """How to leave: the core goes on, or it stops too."""
    going, unknown = len(list(state.open_orders())), len(state.unknown_orders())
    body = [
        Content("Detach: the core stays logged in and follows your orders;"),
        Content("`ibkr-tui` brings this desk back as it is."),
        Content("Stop: the core logs out. Orders at IBKR go on without it."),
    ]
    if unknown:
        body += [
            Content(""),
            Content.styled(f"{unknown} order is UNKNOWN. Only a running core can find out.", "$danger"),
        ]
    elif going:
        body += [Content(""), Content(f"{going} order{'s are' if going > 1 else ' is'} working.")]
    answers = [Answer(DETACH, "Detach", "d"), Answer(STOP, "Stop the core", "s"), Answer(STAY, "Stay", "escape")]
    return ChoiceScreen("Leave the desk", body, answers, escape=2)


def take_over_screen() -> TypedWordScreen:
    """Whether to log the other program out."""
    body = [
        Content("Another program uses this username: TWS, a phone, another core."),
        Content("Taking over logs it out. Orders at IBKR stay as they are."),
    ]
    return TypedWordScreen("Take the session over", body, TAKE_OVER_WORD)


def cancel_screen(order: Order, decimals: int) -> ChoiceScreen:
    """Whether to cancel an order."""
    filled = f"{figures.quantity(order.filled)} of {figures.quantity(order.qty)} are filled and stay filled."
    body = [Content(order_words(order, decimals))]
    if order.filled > 0:
        body.append(Content(filled))
    answers = [Answer(KEEP, "Keep it", "n"), Answer(CANCEL, "Cancel the order", "y", guarded=True)]
    return ChoiceScreen("Cancel this order?", body, answers, tone="warn")


class UnknownScreen(ChoiceScreen):
    """An order of unknown fate: what is known, what is being done, and what a person can decide.

    Answers with `keep`, `cancel_on_sight` or `not_sent`; the last only after the core has looked for two minutes.
    """

    def __init__(self, state: DeskState, order: Order, decimals: int) -> None:
        self._state = state
        self.order = order
        sent = f" · sent {state.clock_time(order.placed_at)}, no answer" if order.placed_at else " · no answer"
        body = [
            Content.styled("IBKR may or may not have this order. It will not be sent again.", "bold"),
            Content("The order stream, the list of orders and the trades are watched until it is seen."),
            Content(f"New orders to {order.side} {clean(order.symbol, limit=20)} are blocked meanwhile; cancels work."),
        ]
        if order.text:
            body += [Content(""), Content.styled(clean(order.text), "$muted")]
        title = Content(f"UNKNOWN · {order_words(order, decimals)}{sent}")
        super().__init__(title, body, self._answers(), tone="danger")

    @property
    def left(self) -> float:
        """Seconds until it may be declared not sent."""
        since = self.order.since
        return 0 if since is None else LOOKED_FOR - (self._state.clock.now() - since).total_seconds()

    def _answers(self) -> list[Answer]:
        wait = f" (in {figures.countdown(self.left + 0.999)})" if self.left > 0 else " …"
        word = "Declare it over" if self.order.order_id else "Declare not sent"
        return [
            Answer(KEEP, "Keep watching", "k"),
            Answer(ON_SIGHT, "Cancel on sight", "x", guarded=True),
            Answer(NOT_SENT, word + wait, "n"),
        ]

    def on_key(self, event: events.Key) -> None:
        early = event.key == "n" or (event.key == "enter" and self.answers[self.marked].value == NOT_SENT)
        if event.key == "escape" or (self.left > 0 and early):
            event.stop()
            event.prevent_default()
            if event.key == "escape":
                self.dismiss("")  # no verdict: an earlier one stays
            return
        super().on_key(event)

    def second(self) -> None:
        """A second has passed."""
        self.answers = self._answers()
        self.refresh_lines()


def not_sent_screen(order: Order, decimals: int) -> TypedWordScreen:
    """The symbol is typed before an order is declared not sent."""
    body = [
        Content(order_words(order, decimals)),
        Content(""),
        Content("Look at IBKR's own list of orders first, in its portal or on its phone app."),
        Content("Nothing is cancelled. New orders like it are allowed again: if IBKR has it, it would stand twice."),
    ]
    return TypedWordScreen("Declare this order not sent?", body, clean(order.symbol, limit=24).upper())


def order_screen(state: DeskState, order: Order, decimals: int) -> ChoiceScreen:
    """One order in full; for an unknown one, what is known and what is being done."""
    if order.state is OrderState.UNKNOWN:
        return UnknownScreen(state, order, decimals)
    words = order_words(order, decimals)
    facts = [
        ("State", f"{order.state}" + (f" · IBKR says {order.broker_status}" if order.broker_status else "")),
        ("Filled", f"{figures.quantity(order.filled)} of {figures.quantity(order.qty)}"),
        ("Average", figures.number(order.avg_price, decimals)),
        ("Placed", state.clock_time(order.placed_at) if order.placed_at is not None else figures.UNKNOWN),
        ("IBKR id", order.order_id or figures.UNKNOWN),
    ]
    body = [Content.assemble((figures.left(name, 10), "$muted"), clean(value)) for name, value in facts]
    if order.text:
        body += [Content(""), Content(clean(order.text, limit=400))]
    answers = [Answer(KEEP, "Close", "enter")]
    if not order.state.is_done:
        answers.append(Answer(CANCEL, "Cancel the order", "x", guarded=True))
    return ChoiceScreen(Content(words), body, answers)
