"""The order ticket: fields for every kind of order, a preview that sends nothing, then one fresh key that sends.

A refusal stays in it, beside the field it is about. It stands in a page or in a dialog; both hear `Done` and `Left`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, cast

import msgspec
from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.order_language import LanguageError, Sentence, read
from ibkr_tui.model.orders import OrderPreview, OrderState
from ibkr_tui.model.text import clean
from ibkr_tui.tui import requests
from ibkr_tui.tui.action import Scope
from ibkr_tui.tui.actions import of_scope
from ibkr_tui.tui.fresh_key import SETTLE_S
from ibkr_tui.tui.screens.choice import GuardedApp
from ibkr_tui.tui.trade import calls, said
from ibkr_tui.tui.trade.draft import Draft
from ibkr_tui.tui.trade.form import fresh_form
from ibkr_tui.tui.trade.preview_lines import preview_lines
from ibkr_tui.tui.trade.sheet import Stage, TicketSheet

_PREVIEW_LIVES_S: Final = 30.0
_FIELD_OF: Final = {"entry_price": "limit_price"}
_PARTIAL: Final = {"IBKR_GROUP_PARTIAL", "IBKR_OTO_PARTIAL_FAILURE"}

UNKNOWN_SENTENCE: Final = (
    "No answer came. IBKR may or may not have this order.",
    "It will not be sent again. It stands first among the orders, UNKNOWN, until it is seen.",
)


PART_WORKS: Final = "The rest of it is at IBKR. Cancel it, or place what is missing by itself."
PART_CHANGED: Final = "Its other legs work as they were. Amend them by themselves, or cancel the group."
CHANGE_SENTENCE: Final = (
    "No answer came. Whether the order was changed is not known.",
    "It works on, and its row will tell. Until then it is not changed again; a cancel passes.",
)


class TicketPanel(TicketSheet):
    """Previews and sends what the sheet asks for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.key, action.method, action.label, id=action.id, show=False) for action in of_scope(Scope.TICKET)
    ]

    class Done(Message):
        """The order was sent and stands, in that row of the blotter."""

        def __init__(self, row: str) -> None:
            super().__init__()
            self.row = row

    class Left(Message):
        """Escape was pressed where nothing more can be taken back."""

    class Lost(Message):
        """No answer came; what is known of the order stands in that row of the blotter."""

        def __init__(self, row: str) -> None:
            super().__init__()
            self.row = row

    _previewed_at = 0.0
    _sought = ""
    _preview: OrderPreview | None = None

    def second(self) -> None:
        """A second has passed: ages move on, and a preview runs out."""
        if self.stage is Stage.PREVIEWED and self._age_of_preview() > _PREVIEW_LIVES_S:
            self.edit()
        if self.stage is Stage.UNKNOWN:
            self._look_for_it()
        self.price_came()
        self.draw()

    def shown_again(self) -> None:
        """Nothing lies over the ticket any more: a preview in it can be read again from now on."""
        if self.stage is Stage.PREVIEWED:
            app = cast(GuardedApp, self.app)
            app.fresh.show(app.monotonic())

    def action_line(self) -> None:
        """To the order in one line."""
        if self.stage is Stage.PREVIEWED:
            self.edit(focus=False)
        self.focus_line()

    def action_back(self) -> None:
        """From the preview to the fields, from the fields out. What is being sent goes on."""
        if self.stage is Stage.PREVIEWED:
            self.edit()
            self.draw()
        else:
            self.post_message(self.Left())

    # preview and sending

    @on(Input.Submitted)
    def submitted(self, message: Input.Submitted) -> None:
        """Enter in a field asks for the preview; in the line it fills in the fields first."""
        if message.input.id == "line" and message.value.strip():
            self._take_line(message.value)
        else:
            self.action_preview()

    def _take_line(self, text: str) -> None:
        if self.stage is not Stage.EDITING:
            return
        try:
            sentence = read(text)
        except LanguageError:
            return  # the hint says why
        if self.form.amends:
            self.answer = [Content.styled("✗ A line makes a new order; leave the amendment first (Esc).", "$danger")]
            self.draw()
        elif {order.symbol for order in sentence.orders} != {self.form.symbol.upper()}:
            self.find_instruments(sentence)
        else:
            self._take_sentence(sentence, {})

    def _take_sentence(self, sentence: Sentence, found: Mapping[str, int]) -> None:
        """`found` are the conids of what the sentence names beside the ticket's instrument."""
        form = said.to_form(sentence, self.form)
        legs = tuple(msgspec.structs.replace(leg, conid=found[leg.symbol]) if leg.symbol else leg for leg in form.legs)
        self.form = msgspec.structs.replace(form, legs=legs)
        self.load()
        self.action_preview()

    @work(exclusive=True, group="instrument", name="instrument", exit_on_error=False)
    async def find_instruments(self, sentence: Sentence) -> None:
        """The listings that a line names, as far as they are not the one on the ticket."""
        symbols = dict.fromkeys(order.symbol for order in sentence.orders)
        found: dict[str, int] = {}
        try:
            for symbol in symbols:
                if symbol != self.form.symbol.upper() or self.form.conid is None:
                    instrument = await requests.contract(self.state.feed, symbol, None)
                    self.known[instrument.conid] = instrument
                    found[symbol] = instrument.conid
        except BrokerError as error:
            self._refused(error)
            return
        first = sentence.orders[0]
        if first.symbol in found:
            if self.form.conid is not None:
                found.setdefault(self.form.symbol.upper(), self.form.conid)
            self.form = fresh_form(first.symbol, found[first.symbol], first.side)
            lead = self.known[found[first.symbol]]
            self.shown = clean(lead.description or first.symbol, limit=30)
            self.form = self.form.of_kind(lead.sec_type)
        self._take_sentence(sentence, found)

    def action_preview(self) -> None:
        """Ask what the order would do."""
        if self.stage is not Stage.EDITING:
            return
        reading = self.reading()
        if reading.draft is None:
            self._point_at(reading.problems)
            return
        self.stage, self.answer = Stage.ASKING, []
        self.draw()
        self.ask_preview(reading.draft)

    def _point_at(self, problems: dict[tuple[int, str], str]) -> None:
        """Say every problem beside its field, and go to the first one."""
        at, field = min(problems, key=lambda place: (place[0] != self.form.at, place[0]))
        if at != self.form.at:
            self.form = msgspec.structs.replace(self.form, at=at)
            self.load()
        self.told = dict(problems)
        if field in self.form.fields:
            self.query_one(f"#{field}", Input).focus()
        else:
            self.answer = [Content.styled(f"✗ {problems[at, field]}", "$danger")]
        self.draw()

    @work(exclusive=True, group="ticket", name="preview", exit_on_error=False)
    async def ask_preview(self, draft: Draft) -> None:
        """The core's numbers and the broker's what-if."""
        try:
            preview = await calls.preview(self.state.feed, draft)
        except BrokerError as error:
            self._refused(error)
            return
        if self.stage is Stage.ASKING:
            self._show_preview(draft, preview)

    def _show_preview(self, draft: Draft, preview: OrderPreview) -> None:
        app = cast(GuardedApp, self.app)
        if preview.refused_by:
            self.edit(focus=False)
            self.answer = preview_lines(preview)
            self._tell({refusal.field: refusal.reason for refusal in preview.refusals if refusal.field})
            return
        self.stage, self.draft, self.answer = Stage.PREVIEWED, draft, preview_lines(preview)
        self._preview = preview
        self._previewed_at = app.monotonic()
        self.can_focus = True
        self.focus()
        self.draw()
        self.call_after_refresh(lambda: app.fresh.show(app.monotonic()))

    def _age_of_preview(self) -> float:
        return cast(GuardedApp, self.app).monotonic() - self._previewed_at

    def action_send(self) -> None:
        """Send what was previewed, if a person has just pressed the key for it."""
        app = cast(GuardedApp, self.app)
        now = app.monotonic()
        if self.stage is Stage.PREVIEWED and app.fresh.may_confirm(now):
            self.set_timer(SETTLE_S, lambda: self._send_alone(now))

    def _send_alone(self, pressed: float) -> None:
        """The press stood alone: it was a person's."""
        app = cast(GuardedApp, self.app)
        draft, preview = self.draft, self._preview
        if self.stage is not Stage.PREVIEWED or draft is None or preview is None or not app.fresh.stood_alone(pressed):
            return
        if self.state.account_id != self.account:
            self.edit()
            self.answer = [Content.styled(f"✗ The account is no longer {self.account}. Close this ticket.", "$danger")]
            self.draw()
            return
        self.stage = Stage.SENDING
        app.fresh.hide()
        self.draw()
        self.send(draft, preview)

    @work(group="ticket", name="place", exit_on_error=False)
    async def send(self, draft: Draft, preview: OrderPreview) -> None:
        """One call; the core sends the order once."""
        try:
            sent = await calls.send(self.state.feed, draft, preview)
        except BrokerError as error:
            if error.code == "IBKR_ORDER_UNKNOWN" or error.details.get("outcome") == "unknown":
                self._unknown(str(error.details.get("coid", "")))
            elif error.code in _PARTIAL and error.details.get("cancel") != OrderState.CANCELLED:
                self._partial(error.message, error.code)
            else:
                self._refused(error)
            return
        if sent.state is OrderState.UNKNOWN:
            self._unknown(sent.row)
        elif sent.state is OrderState.REJECTED and sent.row:
            self._partial(sent.words, "IBKR_GROUP_PARTIAL")
        elif sent.state is OrderState.REJECTED:
            self._refused(BrokerError("IBKR_ORDER_REJECTED", sent.words or "IBKR rejected the order"))
        else:
            self.post_message(self.Done(sent.row))

    def _unknown(self, row: str) -> None:
        """Nobody knows whether the order is there; or, of one that is there, whether it was changed."""
        changes = bool(self.form.amends)
        self.stage, self._sought = Stage.UNKNOWN, "" if changes else row
        first, second = CHANGE_SENTENCE if changes else UNKNOWN_SENTENCE
        self.answer = [Content.styled(f"? UNKNOWN. {first}", "bold $danger"), Content(second)]
        self.draw()
        if not changes:
            self.post_message(self.Lost(row))

    def _look_for_it(self) -> None:
        """What was lost has been seen, or was decided on: the ticket is over as it would have been at once."""
        order = self.state.feed.orders.rows.get(self._sought)
        if order is None or order.state in {OrderState.UNKNOWN, OrderState.SENDING, OrderState.QUESTION}:
            return
        if order.state is OrderState.REJECTED:
            self._refused(BrokerError("IBKR_ORDER_REJECTED", clean(order.text, limit=400) or "IBKR does not have it"))
        else:
            self.post_message(self.Done(order.key))

    def _partial(self, why: str, code: str) -> None:
        """A part of it works: sending it again would send that part twice."""
        self.stage = Stage.PARTIAL
        self.answer = [
            Content.styled(f"✗ {clean(why, limit=400)} ({code})", "$danger"),
            Content.styled(PART_CHANGED if self.form.amends else PART_WORKS, "$warn"),
        ]
        self.draw()

    def _refused(self, error: BrokerError) -> None:
        """Nothing was sent, or the broker said no: the values stay, with the reason."""
        self.edit()
        why = clean(error.message, limit=360).replace("declined (person):", "You said no:")
        self.answer = [
            Content.styled(f"✗ {_sentence(why)} ({error.code})", "$danger"),
            Content.styled(clean(error.user_action, limit=300), "$muted"),
        ]
        self._tell(fields_of(error))

    def _tell(self, fields: Mapping[str, str]) -> None:
        """Say what the core says of a leg's field beside it, and go to that leg."""
        self.told = told(fields, self.form.at)
        at = min((leg for leg, _ in self.told), default=self.form.at)
        if at != self.form.at and at < len(self.form.legs):
            self.form = msgspec.structs.replace(self.form, at=at)
            self.load()
        self.draw()


def fields_of(error: BrokerError) -> dict[str, str]:
    """What an error says of each field."""
    fields, field = error.details.get("fields"), error.details.get("field")
    if isinstance(fields, dict):
        return {str(name): str(text) for name, text in fields.items()}
    return {field: error.message} if isinstance(field, str) else {}


def told(fields: Mapping[str, str], at: int) -> dict[tuple[int, str], str]:
    """The same by the leg's number and its field here; without a number it is about the leg `at`."""
    return {_place(name, at): _sentence(clean(text)) for name, text in fields.items()}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _place(name: str, at: int) -> tuple[int, str]:
    """Leg and field of `legs.1.stop_price`, `child.qty`, `entry_price`."""
    whose, _, field = name.rpartition(".")
    leg = {"": at, "trigger": 0, "child": 1}.get(whose)
    if leg is None:
        number = whose.removeprefix("legs.")
        leg = int(number) if number.isascii() and number.isdigit() else at
    return leg, _FIELD_OF.get(field, field)
