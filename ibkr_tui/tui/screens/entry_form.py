"""What IBKR gave, entered by a person. What is secret is not shown, not copied, and gone when the form closes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, Final, cast

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean
from ibkr_tui.tui.rotation.calls import TokenEntered
from ibkr_tui.tui.screens.choice import GuardedApp
from ibkr_tui.tui.screens.help import HelpScreen

LONGEST: Final = 2000


class Entry(msgspec.Struct, frozen=True):
    """What a form asks for: fields as name, label and hint, and the refusals after which what was typed stays."""

    title: str
    intro: str
    fields: tuple[tuple[str, str, str], ...]
    doing: str
    before: str
    help: str
    stays: frozenset[str]


_DOING: Final = "Testing: a login with the new set. It can take half a minute…"
_BEFORE: Final = "Nothing changes before the test login has worked."
_STAYS: Final = frozenset({"TOKEN_INVALID", "CONFIRMATION_REQUIRED", "CORE_UNREACHABLE", "ROTATION_BUSY"})
"""Refusals after which the values are still needed here: they did not reach the disk."""
_IBKRS: Final = frozenset(
    {"IBKR_CONSUMER_REVOKED", "IBKR_AUTH_FAILED", "IBKR_UNAVAILABLE", "IBKR_REQUEST_REFUSED", "IBKR_RESPONSE_INVALID",
     "IBKR_RATE_LIMITED", "CLOCK_SKEW", "ACCOUNT_KIND_MISMATCH"}
)  # fmt: skip
TOKEN: Final = Entry(
    "Enter the new token",
    "From IBKR's portal, made after the upload of this stage's files.",
    (
        ("consumer_key", "Consumer key", "nine letters, A to Z"),
        ("access_token", "Access token", "not shown"),
        ("access_token_secret", "Token secret", "not shown"),
    ),
    _DOING,
    _BEFORE,
    "keys_token",
    _STAYS,
)
VERIFIER: Final = Entry(
    "Enter the verifier",
    "The address that IBKR's page led to ends in oauth_verifier=…; what stands behind the = is wanted here.",
    (("oauth_verifier", "Verifier", "not shown"),),
    _DOING,
    _BEFORE,
    "keys_verifier",
    _STAYS | _IBKRS,
)
CONSUMER: Final = Entry(
    "Ask for a request token",
    "For third parties only: IBKR has given them a consumer key of 25 digits, and has this stage's public files.",
    (("consumer_key", "Consumer key", "25 hexadecimal digits"),),
    "Asking IBKR for a request token…",
    "Self-service consumers do not need this: e takes the portal's token.",
    "keys_verifier",
    _STAYS | _IBKRS,
)
_SECRET: Final = frozenset({"access_token", "access_token_secret", "oauth_verifier"})

Prove = Callable[[TokenEntered, str], Awaitable[None]]


class SecretInput(Input):
    """Shows dots, and gives nothing away to a clipboard."""

    def action_copy(self) -> None:
        """Never."""

    def action_cut(self) -> None:
        """Never."""


class EntryForm(ModalScreen[bool]):
    """`prove` makes the test login and raises its refusal. Gives whether it was asked for; a wrong value stays here.

    `name` is the profile's name when it has to be typed too; `consumer_key` stands in the field from the beginning.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Leave"), ("f1", "explain", "Help")]

    def __init__(self, entry: Entry, prove: Prove, profile: str, *, must_name: bool, consumer_key: str = "") -> None:
        super().__init__()
        self._entry = entry
        self._prove = prove
        self._profile = profile
        self._must_name = must_name
        self._consumer_key = consumer_key
        self._proves = False

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(f"{self._entry.title} · {clean(self._profile, limit=40)}")
            box.border_subtitle = Content("Enter next · F1 what is this? · Esc leave")
            yield Static(Content(self._entry.intro), markup=False)
            for name, label, hint in self._entry.fields:
                yield from self._field(name, label, hint)
            if self._must_name:
                yield from self._field("typed", "Profile", f"type {self._profile} if you mean it")
            yield Static(id="says", markup=False)

    def _field(self, name: str, label: str, hint: str) -> ComposeResult:
        secret = name in _SECRET
        with Horizontal(classes="field"):
            yield Label(label, classes="label")
            if secret:
                yield SecretInput(password=True, max_length=LONGEST, id=name, compact=True)
            else:
                value = self._consumer_key if name == "consumer_key" else ""
                yield Input(value, max_length=60, id=name, compact=True)
            known = name == "consumer_key" and self._consumer_key
            yield Label(Content("Enter keeps it" if known else hint), classes="note", id=f"{name}-note")
        yield Static(id=f"{name}-refusal", classes="refusal", markup=False)

    def on_mount(self) -> None:
        for refusal in self.query(".refusal"):
            refusal.display = False
        self.query(Input).first().focus()  # what stands there is selected: typing puts another in its place
        self.call_after_refresh(self._seen)
        self._say(self._entry.before, "$muted")

    def _seen(self) -> None:
        app = cast(GuardedApp, self.app)
        app.fresh.show(app.monotonic())

    def on_unmount(self) -> None:
        cast(GuardedApp, self.app).fresh.hide()

    # typing

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """A refusal was about what stood there before; of a secret only its length is told."""
        field = event.input
        self.query_one(f"#{field.id}-refusal").display = False
        if field.id == "consumer_key" and self._consumer_key and field.value != self._consumer_key:
            self.query_one("#consumer_key-note", Label).update(Content(self._entry.fields[0][2]))
        if isinstance(field, SecretInput):
            length = len(field.value.strip())
            self.query_one(f"#{field.id}-note", Label).update(
                Content(f"{length} characters" if length else "not shown")
            )

    @on(Input.Submitted)
    def next_field(self, event: Input.Submitted) -> None:
        """Enter goes on to the next empty field; in the last one it makes the test login."""
        event.stop()
        fields = list(self.query(Input))
        at = fields.index(event.input)
        if not event.input.value.strip():
            self._refuse(str(event.input.id), "It is empty: copy what IBKR shows.")
        elif at + 1 < len(fields):
            fields[at + 1].focus()
        elif (empty := next((field for field in fields if not field.value.strip()), None)) is not None:
            empty.focus()
            self._refuse(str(empty.id), "It is empty: copy what IBKR shows.")
        else:
            self._begin()

    def _begin(self) -> None:
        app = cast(GuardedApp, self.app)
        if self._proves:
            return
        if not app.fresh.may_confirm(app.monotonic()):
            self._say("That Enter came with a paste. Press Enter again to go on.", "$warn")
            return
        self._proves = True
        for field in self.query(Input):
            field.disabled = True
        self._say(self._entry.doing, "$accent")
        self.prove()

    @work(exclusive=True, group="prove", name="prove", exit_on_error=False)
    async def prove(self) -> None:
        """A wrong value is said beside its field; anything else is the page's matter."""
        values = {str(field.id): field.value for field in self.query(Input)}
        typed = values.pop("typed", "").strip()
        try:
            await self._prove(TokenEntered(**values), typed)
        except BrokerError as error:
            if error.code in self._entry.stays:
                self._again(error)
                return
        self._close(True)

    def _again(self, error: BrokerError) -> None:
        self._proves = False
        for field in self.query(Input):
            field.disabled = False
        name = str((error.details or {}).get("field", "typed" if error.code == "CONFIRMATION_REQUIRED" else ""))
        self._say("Nothing has changed.", "$muted")
        if name and self.query(f"#{name}"):
            self._refuse(name, f"{error.message} ({error.code})")
        else:
            self._say(f"{error.message[:1].upper()}{error.message[1:]} ({error.code}). {error.user_action}", "$danger")
            self.query(Input).last().focus()

    def _refuse(self, name: str, words: str) -> None:
        note = self.query_one(f"#{name}-refusal", Static)
        note.update(Content.styled("✗ " + clean(words[:1].upper() + words[1:], limit=400), "$danger"))
        note.display = True
        self.query_one(f"#{name}", Input).focus()

    def _say(self, words: str, style: str) -> None:
        self.query_one("#says", Static).update(Content.styled(clean(words, limit=400), style))

    # leaving

    def _close(self, proved: bool) -> None:
        for field in self.query(Input):
            with field.prevent(Input.Changed):
                field.value = ""
        self.dismiss(proved)

    def action_leave(self) -> None:
        """Leave everything as it was; not while the core proves, whose answer is a moment away."""
        if not self._proves:
            self._close(False)

    def action_explain(self) -> None:
        """What this form is."""
        self.app.push_screen(HelpScreen(self._entry.help, getattr(self.app, "keys", {})))
