"""The order ticket: fields, a preview that sends nothing, then one fresh key that sends. A refusal stays in it."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order, OrderPreview, OrderState, OrderTicket, OrderType, Side
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures, requests
from ibkr_tui.tui.actions import Scope, of_scope
from ibkr_tui.tui.desk_state import WORDS, DeskState
from ibkr_tui.tui.screens.choice import GuardedApp
from ibkr_tui.tui.screens.ticket_form import TIFS, TYPES, TicketForm, first_price, read_form
from ibkr_tui.tui.screens.ticket_preview import order_line, preview_lines

_PREVIEW_LIVES_S: Final = 30.0

UNKNOWN_SENTENCE: Final = (
    "No answer came. IBKR may or may not have this order.",
    "It will not be sent again. It stands first among the orders, UNKNOWN, until it is seen.",
)


class Stage(StrEnum):
    """Where the ticket stands. Only PREVIEWED can send, and only once."""

    EDITING = "editing"
    ASKING = "asking"
    PREVIEWED = "previewed"
    SENDING = "sending"
    UNKNOWN = "unknown"


class TicketScreen(ModalScreen[None]):
    """`form` is what it begins with; an empty limit price is filled from the quote."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.key, action.method, action.label, id=action.id, show=False) for action in of_scope(Scope.TICKET)
    ]

    def __init__(self, state: DeskState, form: TicketForm, *, name_shown: str) -> None:
        super().__init__()
        self._state = state
        self._shown = name_shown
        self._account = state.account_id
        self.form = form
        self.stage = Stage.EDITING
        self._instrument: Instrument | None = None
        self._ticket: OrderTicket | None = None
        self._previewed_at = 0.0
        self._answer: list[Content] = []

    # what stands on the screen

    def compose(self) -> ComposeResult:
        quote = self._state.quote(self.form.conid)
        price = self.form.limit_price or first_price(quote, self.form.side)
        with Vertical(id="box"):
            yield Static(id="choices", markup=False)
            with Horizontal(classes="field"):
                yield Static("Quantity", classes="label", markup=False)
                yield Input(self.form.qty, id="qty", compact=True, max_length=16)
                yield Static(id="qty-note", classes="note", markup=False)
            with Horizontal(classes="field", id="limit-field"):
                yield Static("Limit", classes="label", markup=False)
                yield Input(price, id="limit_price", compact=True, max_length=24)
                yield Static(id="limit_price-note", classes="note", markup=False)
            yield Static(id="answer", markup=False)
            yield Static(id="hint", markup=False)

    @property
    def _is_up(self) -> bool:
        """Whether the fields are there: not before the mount, and not while closing, when an answer may still come."""
        return self.is_mounted and self.is_attached and bool(self.query("#hint"))

    def on_mount(self) -> None:
        self._form_from_fields()
        self._draw()
        self.query_one("#qty", Input).focus()
        self.learn_instrument()

    def second(self) -> None:
        """A second has passed: ages move on, and a preview runs out."""
        if self.stage is Stage.PREVIEWED and self._age_of_preview() > _PREVIEW_LIVES_S:
            self._edit()
        self._draw()

    def _draw(self) -> None:
        if not self._is_up:
            return
        box = self.query_one("#box", Vertical)
        box.set_class(self.form.side is Side.BUY, "buy")
        box.set_class(self.form.side is Side.SELL, "sell")
        box.border_title = self._title()
        box.border_subtitle = self._prices()
        self.query_one("#choices", Static).update(self._choices())
        self.query_one("#limit-field").display = self.form.order_type is OrderType.LIMIT
        self.query_one("#answer", Static).update(Content("\n").join(self._answer))
        self.query_one("#hint", Static).update(self._hint())

    def _title(self) -> Content:
        state, form = self._state, self.form
        position = state.position_of(form.conid)
        held = "nothing held" if state.feed.positions.is_read else "holding not read yet"
        if position is not None and position.qty:
            held = f"hold {figures.signed_quantity(position.qty)} @ {figures.number(position.avg_price)}"
        name = self._instrument.name if self._instrument is not None else ""
        full = f" {clean(name, limit=28)}" if name else ""
        side = f"bold ${form.side}"
        return Content.assemble((form.side.upper(), side), f" · {self._shown}{full} · {held} · {self._account}")

    def _prices(self) -> Content:
        quote = self._state.quote(self.form.conid)
        status = self._state.status(quote)
        if quote is None or quote.last is None:
            return Content("no price yet")
        bid, ask = figures.number(quote.bid, quote.decimals), figures.number(quote.ask, quote.decimals)
        live = status is QuoteStatus.LIVE
        age = figures.age(self._state.age(quote)) if live else WORDS[status]
        return Content.assemble(f"bid {bid}  ask {ask}  ", (age, "$muted" if live else "bold $warn"))

    def _choices(self) -> Content:
        form = self.form
        names = {"market": "Market", "limit": "Limit", "day": "Day", "gtc": "Until cancelled", "ioc": "At once"}

        def line(label: str, key: str, values: tuple[str, ...], chosen: str, style: str) -> Content:
            parts: list[str | tuple[str, str]] = [(figures.left(label, 10), "$muted")]
            for value in values:
                words = f" {names.get(value, value.upper())} "
                parts += [(words, style) if value == chosen else (words, "$muted"), " "]
            return Content.assemble(*parts, (key, "$stale"))

        sides = tuple(str(side) for side in Side)
        return Content("\n").join(
            [
                line("Side", "F4", sides, form.side, f"reverse bold ${form.side}"),
                line("Type", "F2", tuple(map(str, TYPES)), form.order_type, "reverse"),
                line("Time", "F3", tuple(map(str, TIFS)), form.tif, "reverse"),
            ]
        )

    def _hint(self) -> Content:
        words = {
            Stage.EDITING: "Enter preview · Esc close",
            Stage.ASKING: "Asking for a preview…",
            Stage.SENDING: "Sending… it is sent once; a question of IBKR's opens here.",
            Stage.UNKNOWN: "Esc close",
        }
        if self.stage is not Stage.PREVIEWED or self._ticket is None:
            return Content.styled(words.get(self.stage, ""), "$muted")
        line = order_line(self._ticket, self._shown)
        return Content.assemble(
            ("^s", "bold $accent"), " or ", ("y", "bold $accent"), " sends  ", (line, "bold"), ("  Esc edit", "$muted")
        )

    # editing

    def _form_from_fields(self) -> None:
        self._change(qty=self.query_one("#qty", Input).value, limit_price=self.query_one("#limit_price", Input).value)

    def _change(self, **changes: object) -> None:
        fields = {name: getattr(self.form, name) for name in self.form.__struct_fields__}
        self.form = TicketForm(**{**fields, **changes})

    @on(Input.Changed)
    def edited(self) -> None:
        """A change makes any preview void."""
        self._form_from_fields()
        if self.stage is Stage.PREVIEWED:
            self._edit()
        self._notes({})
        self._draw()

    def _notes(self, problems: dict[str, str]) -> None:
        if not self._is_up:
            return
        _, found = read_form(self.form, self._instrument)
        for field in ("qty", "limit_price"):
            typed = bool(getattr(self.form, field))
            words = problems.get(field) or (found.get(field, "") if typed else "")
            note = self.query_one(f"#{field}-note", Static)
            note.update(Content.styled(f"✗ {words}", "$danger") if words else self._value_note(field))

    def _value_note(self, field: str) -> Content:
        """Beside a good quantity stands what it is worth."""
        quote = self._state.quote(self.form.conid)
        ticket, _ = read_form(self.form, self._instrument)
        if field != "qty" or ticket is None or quote is None:
            return Content("")
        price = ticket.limit_price or (quote.ask if self.form.side is Side.BUY else quote.bid) or quote.last
        if price is None:
            return Content("")
        multiplier = self._instrument.multiplier if self._instrument is not None else 1
        return Content.styled(f"= {figures.number(ticket.qty * price * multiplier)}", "$muted")

    def _edit(self) -> None:
        """Back to the fields."""
        self.stage = Stage.EDITING
        self._ticket = None
        self._answer = []
        cast(GuardedApp, self.app).fresh.hide()
        if not isinstance(self.focused, Input):
            self.query_one("#qty", Input).focus()

    def _choose(self, form: TicketForm) -> None:
        if self.stage in {Stage.EDITING, Stage.PREVIEWED}:
            self.form = form
            self._edit()
            self._notes({})
            self._draw()

    def action_next_type(self) -> None:
        """Market or limit."""
        self._choose(self.form.with_next_type())

    def action_next_tif(self) -> None:
        """The next time in force."""
        self._choose(self.form.with_next_tif())

    def action_other_side(self) -> None:
        """Buy or sell; an untouched price follows to the other side of the market."""
        quote = self._state.quote(self.form.conid)
        field = self.query_one("#limit_price", Input)
        untouched = field.value == first_price(quote, self.form.side)
        form = self.form.with_other_side()
        self._choose(form)
        if untouched:
            field.value = first_price(quote, form.side)

    def action_back(self) -> None:
        """From the preview to the fields, from the fields to the desk. What is being sent goes on."""
        if self.stage is Stage.PREVIEWED:
            self._edit()
            self._draw()
        else:
            self.dismiss(None)

    # preview and sending

    @on(Input.Submitted)
    def submitted(self) -> None:
        """Enter in a field."""
        self.action_preview()

    def action_preview(self) -> None:
        """Ask what the order would do."""
        if self.stage is not Stage.EDITING:
            return
        ticket, problems = read_form(self.form, self._instrument)
        self._notes(problems)
        if ticket is None:
            self.query_one(f"#{next(iter(problems))}", Input).focus() if next(iter(problems)) in {
                "qty",
                "limit_price",
            } else None
            return
        self.stage, self._answer = Stage.ASKING, []
        self._draw()
        self.ask_preview(ticket)

    @work(exclusive=True, group="ticket", name="preview", exit_on_error=False)
    async def ask_preview(self, ticket: OrderTicket) -> None:
        """The core's numbers and the broker's what-if."""
        try:
            preview = await requests.preview(self._state.feed, ticket)
        except BrokerError as error:
            self._refused(error)
            return
        if self.stage is Stage.ASKING:
            self._show_preview(ticket, preview)

    def _show_preview(self, ticket: OrderTicket, preview: OrderPreview) -> None:
        app = cast(GuardedApp, self.app)
        self.stage, self._ticket, self._answer = Stage.PREVIEWED, ticket, preview_lines(preview)
        self._previewed_at = app.monotonic()
        self.set_focus(None)
        self._draw()
        self.call_after_refresh(lambda: app.fresh.show(app.monotonic()))

    def _age_of_preview(self) -> float:
        return cast(GuardedApp, self.app).monotonic() - self._previewed_at

    def action_send(self) -> None:
        """Send what was previewed, if a person has just pressed the key for it."""
        app = cast(GuardedApp, self.app)
        ticket = self._ticket
        if self.stage is not Stage.PREVIEWED or ticket is None or not app.fresh.may_confirm(app.monotonic()):
            return
        if self._state.account_id != self._account:
            self._edit()
            self._answer = [
                Content.styled(f"✗ The account is no longer {self._account}. Close this ticket.", "$danger")
            ]
            self._draw()
            return
        self.stage = Stage.SENDING
        app.fresh.hide()
        self._draw()
        self.send(ticket)

    @work(group="ticket", name="place", exit_on_error=False)
    async def send(self, ticket: OrderTicket) -> None:
        """One call; the core sends the order once."""
        try:
            order = await requests.place(self._state.feed, ticket)
        except BrokerError as error:
            if error.code == "IBKR_ORDER_UNKNOWN" or error.details.get("outcome") == "unknown":
                self._unknown()
            else:
                self._refused(error)
            return
        self._placed(order)

    def _placed(self, order: Order) -> None:
        if order.state is OrderState.UNKNOWN:
            self._unknown()
        elif order.state is OrderState.REJECTED:
            self._refused(BrokerError("IBKR_ORDER_REJECTED", clean(order.text) or "IBKR rejected the order"))
        else:
            self.dismiss(None)

    def _unknown(self) -> None:
        self.stage = Stage.UNKNOWN
        first, second = UNKNOWN_SENTENCE
        self._answer = [Content.styled(f"? UNKNOWN. {first}", "bold $danger"), Content(second)]
        self._draw()

    def _refused(self, error: BrokerError) -> None:
        """Nothing was sent, or the broker said no: the values stay, with the reason."""
        self._edit()
        words = clean(error.message, limit=600)
        self._answer = [
            Content.styled(f"✗ {words} ({error.code})", "$danger"),
            Content.styled(clean(error.user_action, limit=300), "$muted"),
        ]
        fields = error.details.get("fields")
        if isinstance(fields, dict):
            self._notes({str(name): clean(str(text)) for name, text in fields.items()})
        self._draw()

    @work(exclusive=True, group="instrument", name="instrument", exit_on_error=False)
    async def learn_instrument(self) -> None:
        """Name and price increments; without them the core still checks the price."""
        try:
            self._instrument = await requests.contract(self._state.feed, self.form.symbol, self.form.conid)
        except BrokerError:
            return
        self._notes({})
        self._draw()
