"""The order ticket as a sheet to fill in: its fields and choices, what stands beside them, what each key changes."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final, cast

import msgspec
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind
from ibkr_tui.model.increments import increment_at, round_price
from ibkr_tui.model.instruments import Instrument, Listing
from ibkr_tui.model.numbers import parse_entry, plain
from ibkr_tui.model.order_language import LanguageError, read, write
from ibkr_tui.model.orders import Side
from ibkr_tui.model.text import clean
from ibkr_tui.tui import requests
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.screens.choice import GuardedApp
from ibkr_tui.tui.screens.search import SearchScreen
from ibkr_tui.tui.trade import said, words
from ibkr_tui.tui.trade.draft import Draft, draft_line
from ibkr_tui.tui.trade.form import FIELDS, TicketForm, first_price
from ibkr_tui.tui.trade.picture import TicketPicture
from ibkr_tui.tui.trade.reading import Listed, Reading, read_form
from ibkr_tui.tui.widgets.steady_text import SteadyText

_NUDGED: Final = {"limit_price", "stop_price", "stop_loss", "take_profit"}


class Stage(StrEnum):
    """Where the ticket stands. Only PREVIEWED can send, and only once."""

    EDITING = "editing"
    ASKING = "asking"
    PREVIEWED = "previewed"
    SENDING = "sending"
    UNKNOWN = "unknown"
    PARTIAL = "partial"

    @property
    def is_over(self) -> bool:
        """What it asked for is with the broker, or may be: these values must not be sent again from here."""
        return self in {Stage.UNKNOWN, Stage.PARTIAL}


class TicketSheet(Vertical, can_focus=True):
    """`form` is what it begins with; an empty limit price is filled from the quote."""

    def __init__(self, state: DeskState, form: TicketForm, *, name_shown: str, id: str = "ticket") -> None:
        super().__init__(id=id)
        self.state = state
        self.shown = name_shown
        self.account = state.account_id
        self.form = form
        self.stage = Stage.EDITING
        self.draft: Draft | None = None
        self.known: dict[int, Instrument] = {}
        self._follows_price = False
        self.answer: list[Content] = []
        self.told: dict[tuple[int, str], str] = {}

    @property
    def instrument(self) -> Instrument | None:
        """The ticket's instrument, once the core has told of it."""
        return self.known.get(self.form.conid or 0)

    @property
    def instrument_here(self) -> Instrument | None:
        """That of the leg that is being filled in."""
        return self.known.get(self.form.conid_here or 0)

    @property
    def conids(self) -> set[int]:
        """Every instrument on the ticket."""
        conids = (self.form.listing(at)[1] for at in range(len(self.form.legs)))
        return {conid for conid in conids if conid is not None}

    # what stands on the screen

    def compose(self) -> ComposeResult:
        yield SteadyText(id="choices")
        with Horizontal(id="body"):
            with Vertical(id="fields"):
                for name in FIELDS:
                    with Horizontal(classes="field", id=f"{name}-field"):
                        yield SteadyText(id=f"{name}-label", classes="label", fixed=True)
                        yield Input(self.form.value(name), id=name, compact=True, max_length=24)
                        yield SteadyText(id=f"{name}-note", classes="note", fixed=True)
            yield TicketPicture(id="picture")
        yield SteadyText(id="answer")
        with Horizontal(classes="field", id="line-field"):
            yield Static("›", id="line-label", classes="label", markup=False)
            yield Input(id="line", compact=True, max_length=300)
        yield SteadyText(id="hint")

    @property
    def _is_up(self) -> bool:
        """Whether the fields are there: not before the mount, and not while closing, when an answer may still come."""
        leaves = len(self.query(".note")), len(self.query(Input)), len(self.query("#hint"))
        return self.is_attached and leaves == (len(FIELDS), len(FIELDS) + 1, 1)

    def on_mount(self) -> None:
        if not self._follows_price:  # else it was begun already
            self._fill_first_price()
        self.call_after_refresh(self.load)
        self.learn()

    def begin(self, form: TicketForm, *, name_shown: str) -> None:
        """Another ticket in the place of this one."""
        self.form, self.shown, self.account = form, name_shown, self.state.account_id
        self._fill_first_price()
        self.edit(focus=False)
        for line in self.query("#line").results(Input):
            line.clear()
        self.load()
        self.learn()

    def learn(self) -> None:
        """Names and price increments of what stands on the ticket; without them the core still checks the prices."""
        self._of_kind()
        if self.conids - self.known.keys():
            self.learn_instruments()

    @work(exclusive=True, group="instrument", name="instrument", exit_on_error=False)
    async def learn_instruments(self) -> None:
        """Ask the core for each that is not known."""
        for symbol, conid in [self.form.listing(at) for at in range(len(self.form.legs))]:
            if conid is None or conid in self.known:
                continue
            try:
                self.known[conid] = await requests.contract(self.state.feed, symbol, conid)
            except BrokerError:
                continue
            self._of_kind()
            self.draw()

    def _of_kind(self) -> None:
        if self.instrument is not None:
            self.form = self.form.of_kind(self.instrument.sec_type)

    def _fill_first_price(self) -> None:
        self._follows_price = not self.form.leg.limit_price and not self.form.amends
        if self._follows_price:
            self._take_price()

    def _take_price(self) -> None:
        quote = self.state.quote(self.form.conid_here)
        self.form = self.form.with_leg(limit_price=first_price(quote, self.form.leg.side))

    def price_came(self) -> None:
        """A limit that nobody wrote follows the market while nobody is in the ticket; an empty one is filled anyhow."""
        if not self._is_up or not self._follows_price or self.stage is not Stage.EDITING:
            return
        at = self.screen.focused
        empty = not self.form.leg.limit_price and (at is None or at.id != "limit_price")
        if empty or not (self.form.is_touched or self.has_focus_within):
            self._take_price()
            self.load()

    def focus_first(self) -> None:
        """Where filling in begins."""
        self.price_came()
        self.query_one("#qty", Input).focus()

    def focus_line(self) -> None:
        """The order in one line."""
        self.query_one("#line", Input).focus()

    def load(self) -> None:
        """The form's texts into the fields."""
        if not self._is_up:
            return
        with self.prevent(Input.Changed):
            for name in FIELDS:
                field, text = self.query_one(f"#{name}", Input), self.form.value(name)
                if field.value != text:
                    field.value = text
                    field.action_select_all()  # what was not typed is replaced by typing
        self.draw()

    def draw(self) -> None:
        if not self._is_up:
            return
        form, state = self.form, self.state
        reading = self.reading()
        buys = form.leg.side is Side.BUY
        self.set_class(buys, "buy")
        self.set_class(not buys, "sell")
        shown = clean(form.leg.symbol, limit=30) or self.shown
        self.border_title = words.title(state, form, shown, self.instrument_here, self.account)
        self.border_subtitle = words.prices(state, form)
        self.query_one("#choices", SteadyText).show(words.choices(form))
        self._draw_fields(reading)
        self.query_one("#body").set_class(form.mode in {GroupKind.OCO, GroupKind.OTO}, "legs")
        self.query_one("#picture", TicketPicture).show(form, reading, self.instrument)
        answer = self.query_one("#answer", SteadyText)
        answer.display = bool(self.answer)
        answer.show(Content("\n").join(self.answer))
        self.query_one("#hint", SteadyText).show(self._hint())

    def reading(self) -> Reading:
        quote = self.state.quote
        others = {conid: Listed(self.known.get(conid), quote(conid)) for conid in self.conids}
        return read_form(self.form, self.instrument, quote(self.form.conid), others)

    def _draw_fields(self, reading: Reading) -> None:
        found = reading.of(self.form.at)
        told = {field: said for (at, field), said in self.told.items() if at == self.form.at}
        troubled = False
        for name in FIELDS:
            shown = name in self.form.fields
            self.query_one(f"#{name}-field").display = shown
            if not shown:
                continue
            self.query_one(f"#{name}-label", SteadyText).show(Content(words.label(self.form, name)))
            problem = told.get(name) or (found.get(name, "") if self.form.value(name) else "")
            troubled = troubled or bool(problem)
            note = Content.styled(f"✗ {problem}", "$danger") if problem else self._note(name, reading)
            self.query_one(f"#{name}-note", SteadyText).show(note)
        self.query_one("#body").set_class(troubled, "troubled")
        line = self.query_one("#line", Input)
        line.placeholder = "" if self.form.amends else self._line(reading)

    def _note(self, field: str, reading: Reading) -> Content:
        if field == "qty":
            return words.worth(self.form, reading, self.state, self.instrument_here)
        if field == "ext_operator":
            return Content.styled("by whom (CME rule 576)", "$stale")
        return words.distance(self.form, field, self._number(field), self.state)

    def _number(self, field: str) -> Decimal | None:
        try:
            return parse_entry(self.form.value(field))
        except BrokerError:
            return None

    def _line(self, reading: Reading) -> str:
        """What could have been typed instead of the fields."""
        if reading.draft is None:
            return "buy 100 AAPL @ 188 stop 185 target 195"
        return write(said.from_draft(reading.draft))

    def _hint(self) -> Content:
        line = self.query_one("#line", Input)
        if self.stage is Stage.EDITING and line.has_focus and line.value.strip():
            try:
                return Content.assemble(("= ", "$accent"), said.meaning(read(line.value)))
            except LanguageError as error:
                return Content.styled(f"✗ {error}", "$danger")
        legs = {
            GroupKind.OCO: "F9 leg  F10 its symbol  ^n add  ^r remove",
            GroupKind.OTO: "F9 trigger or child  F10 its symbol",
        }.get(self.form.mode, "↑↓ tick")
        hints = {
            Stage.EDITING: f"Enter preview  {legs}  ^l line  Esc leave",
            Stage.ASKING: "Asking for a preview…",
            Stage.SENDING: "Sending… it is sent once; a question of IBKR's opens here.",
            Stage.UNKNOWN: "Esc close",
            Stage.PARTIAL: "Esc close; the orders that work stand among the day's orders",
        }
        if self.stage is not Stage.PREVIEWED or self.draft is None:
            return Content.styled(hints.get(self.stage, ""), "$muted")
        sends = " amends  " if self.draft.amends else " sends  "
        return Content.assemble(
            ("^s", "bold $accent"), "/", ("y", "bold $accent"), sends,
            (draft_line(self.draft, self.shown), "bold"), ("  Esc edit", "$muted"),
        )  # fmt: skip

    # editing

    @on(Input.Changed)
    def edited(self, message: Input.Changed) -> None:
        """A change makes any preview void."""
        name = message.input.id or ""
        if name in FIELDS and message.value == self.form.value(name):
            return  # the toolkit tells of a first value too
        if name in FIELDS:
            self._follows_price = self._follows_price and name != "limit_price"
            self.form = self.form.with_value(name, message.value)
            self.told.clear()
            if self.stage is Stage.PREVIEWED:
                self.edit(focus=False)
        elif self.stage is Stage.EDITING:
            self.answer = []  # it was about what the fields say
        self.draw()

    def on_descendant_focus(self) -> None:
        self.draw()

    def on_key(self, event: events.Key) -> None:
        """Up and down move a price by one step of its increment."""
        field = self.screen.focused.id if isinstance(self.screen.focused, Input) else None
        if event.key in {"up", "down"} and field in _NUDGED:
            event.stop()
            self._nudge(str(field), 1 if event.key == "up" else -1)

    def _nudge(self, field: str, steps: int) -> None:
        quote = self.state.quote(self.form.conid_here)
        try:
            price = parse_entry(self.form.value(field))
        except BrokerError:
            last = quote.last if quote is not None else None
            if last is None or self.form.value(field).strip():
                return
            price, steps = last, 0
        if self.instrument_here is None:
            return
        rules = self.instrument_here.increments
        moved = round_price(rules, price) + steps * increment_at(rules, price)
        if moved > 0:
            self.query_one(f"#{field}", Input).value = plain(moved)

    def edit(self, *, focus: bool = True) -> None:
        """Back to the fields."""
        self.stage = Stage.EDITING
        self.draft = None
        self.answer = []
        self.told.clear()
        self.can_focus = False
        cast(GuardedApp, self.app).fresh.hide()
        if focus and not isinstance(self.screen.focused, Input):
            self.focus_first()

    def _choose(self, form: TicketForm) -> None:
        if self.stage in {Stage.EDITING, Stage.PREVIEWED}:
            hidden = self.screen.focused is not None and self.screen.focused.id not in {*form.fields, "line"}
            self.form = form
            self.edit()
            self.load()
            if hidden and isinstance(self.screen.focused, Input):
                self.focus_first()

    def action_next_mode(self) -> None:
        """Simple, bracket, OCO, OTO; an amended order stays what it is."""
        if not self.form.amends:
            self._choose(self.form.with_next_mode())

    def action_next_type(self) -> None:
        """The next order type; an amended order keeps its own."""
        if not self.form.amends:
            self._choose(self.form.with_next_type())

    def action_next_tif(self) -> None:
        """The next time in force."""
        self._choose(self.form.with_next_tif())

    def action_next_size(self) -> None:
        """Size by number, money, risk."""
        self._choose(self.form.with_next_size())

    def action_outside(self) -> None:
        """Outside regular trading hours, or not."""
        self._choose(self.form.with_outside_rth())

    def action_trail_by(self) -> None:
        """The trailing distance in money or per cent."""
        self._choose(self.form.with_other_trail())

    def action_instrument(self) -> None:
        """Another instrument: in a group for the leg that is being filled in, else for the ticket."""
        if self.stage in {Stage.EDITING, Stage.PREVIEWED} and not self.form.amends:
            self.app.push_screen(SearchScreen(self.state.feed), self._found)

    def _found(self, listing: Listing | tuple[str, ...] | None) -> None:
        if not isinstance(listing, Listing) or self.stage not in {Stage.EDITING, Stage.PREVIEWED}:
            return
        symbol = clean(listing.symbol, limit=20)
        if self.form.at == 0:
            self.shown = symbol
        form = self.form.with_instrument(symbol, listing.conid)
        self._choose(msgspec.structs.replace(form, stop_loss="", take_profit=""))
        self._fill_first_price()
        self.load()
        self.learn()

    def action_next_leg(self) -> None:
        """The next leg of a group."""
        self._follows_price = False
        self._turn_to(self.form.with_next_leg())

    def action_add_leg(self) -> None:
        """One alternative more."""
        self._turn_to(self.form.with_leg_added())

    def action_remove_leg(self) -> None:
        """One alternative less."""
        self._turn_to(self.form.with_leg_removed())

    def _turn_to(self, form: TicketForm) -> None:
        """A leg, at the first of its fields that is empty."""
        self._choose(form)
        empty = next((name for name in self.form.fields if not self.form.value(name).strip()), None)
        if empty is not None and isinstance(self.screen.focused, Input):
            self.query_one(f"#{empty}", Input).focus()

    def action_other_side(self) -> None:
        """Buy or sell; an untouched price follows to the other side of the market."""
        if self.form.amends:
            return
        quote = self.state.quote(self.form.conid_here)
        untouched = self.form.leg.limit_price == first_price(quote, self.form.leg.side)
        form = self.form.with_other_side()
        if untouched:
            form = form.with_leg(limit_price=first_price(quote, form.leg.side))
        self._choose(form)
