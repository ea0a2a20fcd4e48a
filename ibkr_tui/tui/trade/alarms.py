"""A group of which a part was refused while the rest works: said over everything, with what can be done at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, Protocol

from textual.content import Content
from textual.screen import Screen

from ibkr_tui.model.events import Event
from ibkr_tui.model.orders import Order, OrderState, Role
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.screens.choice import Answer, ChoiceScreen
from ibkr_tui.tui.screens.confirmations import order_words
from ibkr_tui.tui.trade.doors import Doors
from ibkr_tui.tui.trade.groups import Group

KEEP, PARENT, WHOLE, CLOSE = "keep", "parent", "whole", "close"
_CODES: Final = {"IBKR_GROUP_PARTIAL", "IBKR_OTO_PARTIAL_FAILURE"}
_WORDS: Final = {Role.ENTRY: "the entry", Role.TRIGGER: "the trigger"}


class AlarmHost(Protocol):
    """What the alarms need of the app."""

    def push_screen(self, screen: Screen[Any], callback: Callable[[Any], None] | None = None) -> Any: ...

    def bell(self) -> None:
        """Sound the terminal's bell."""
        ...

    @property
    def may_ask(self) -> bool:
        """Whether a question may open: not over another one."""
        ...


class Alarms:
    """One for the app: `hear` takes news, `look` asks when a question may open."""

    def __init__(self, app: AlarmHost, state: DeskState, doors: Doors) -> None:
        self._app = app
        self._state = state
        self._doors = doors
        self._waiting: dict[str, Event] = {}

    def hear(self, news: Iterable[Event]) -> None:
        """Keep what is an alarm until it can be asked about; the bell sounds at once."""
        heard = {event.order_key: event for event in news if event.code in _CODES and event.order_key}
        if heard.keys() - self._waiting.keys():
            self._app.bell()
        self._waiting |= heard

    def look(self) -> None:
        """Ask about the first alarm whose order is known; one about an order that is gone is over."""
        if not self._waiting or not self._app.may_ask:
            return
        for key, event in list(self._waiting.items()):
            order = self._state.feed.orders.rows.get(key)
            if order is None:
                continue
            del self._waiting[key]
            if order.state not in {OrderState.CANCELLED, OrderState.REJECTED}:
                group = self._doors.group_of(order)
                screen = alarm_screen(self._state, event, order, group, self._doors.places(order.conid))
                self._app.push_screen(screen, partial(self._do, order, group))
                return

    def _do(self, order: Order, group: Group | None, given: str | None) -> None:
        if given == PARENT:
            self._doors.cancel_now(order)
        elif given == WHOLE and group is not None:
            self._doors.cancel_group_now(group)
        elif given == CLOSE:
            self._doors.close(self._state.position_of(order.conid))


def alarm_screen(state: DeskState, event: Event, order: Order, group: Group | None, places: int) -> ChoiceScreen:
    """What is wrong, each order of the group as it stands, and the ways out; leaving it is the default."""
    legs = group.orders if group is not None else (order,)
    refusals = [leg for leg in legs if leg.state is OrderState.REJECTED]
    body = [Content.styled(_said(leg), "bold $danger") for leg in refusals]
    if not refusals:
        body = [Content.styled(clean(event.text, limit=500), "bold")]
    elif order.state is OrderState.FILLED:
        body.append(
            Content(
                "The entry is filled: what it was to guard is unguarded."
                if order.role is Role.ENTRY
                else "What it was to follow is filled."
            )
        )
    elif order.role is Role.ENTRY:
        body.append(Content("The entry works on: once it fills, its position is unguarded."))
    body.append(Content(""))
    for leg in legs:
        refused = leg.state is OrderState.REJECTED
        role = "" if leg.role is Role.SINGLE else str(leg.role)
        body.append(
            Content.assemble(
                (figures.left(role, 9), "$muted"),
                order_words(leg, places),
                (f"  {leg.state}", "bold $danger" if refused else "$muted"),
            )
        )
    name = _WORDS.get(order.role, "the order")
    going = [leg for leg in legs if not leg.state.is_done]
    answers = [Answer(KEEP, "Leave it", "n")]
    if not order.state.is_done and order.state is not OrderState.CANCELLING:
        answers.append(Answer(PARENT, f"Cancel {name}", "y", guarded=True))
    if group is not None and len(going) > 1:
        answers.append(Answer(WHOLE, f"Cancel all {len(going)}", "a", guarded=True))
    position = state.position_of(order.conid)
    if order.filled > 0 and position is not None and position.qty:
        answers.append(Answer(CLOSE, "Close the position", "x", guarded=True))
    at = f" · {state.clock_time(event.at)}"
    return ChoiceScreen(Content(f"Not all of the {group.kind if group else 'order'} works{at}"), body, answers,
                        tone="danger")  # fmt: skip


def _said(leg: Order) -> str:
    why = clean(leg.text, limit=300)
    return f"The {leg.role} was rejected" + (f": {why}" if why else ".")
