"""`ibkr-tui setup`: from nothing to a profile that logs in: the account, then the wizard, or all of it line by line.

It keeps no state of its own: where it stands is what the configuration and the key store say. So it can be stopped
anywhere and run again.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

import click

from ibkr_tui.cli import third_party
from ibkr_tui.cli.inline import may_draw, run_wizard
from ibkr_tui.cli.output import Exit, show, tell, tell_error
from ibkr_tui.cli.rotate import status_lines
from ibkr_tui.cli.rotation_calls import (
    NOTHING_NEW,
    VERIFIER_WORDS,
    TokenDocument,
    ask_rotation,
    ask_status,
    check_name,
    confirm_rotation,
    entered,
    in_thread,
)
from ibkr_tui.cli.running import guard
from ibkr_tui.cli.selection import Chosen, Selection
from ibkr_tui.cli.setup_config import FirstProfile, config_place, missing_lines, write_config
from ibkr_tui.cli.setup_words import refuse_for_lines, say_portal, say_where
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.rotation import RotationDone, RotationPhase, RotationStarted, RotationStatus

if TYPE_CHECKING:
    from ibkr_tui.core.settings import Kind

TRY_EVERY_S: Final = 600
Group = Literal["keep", "group14", "search"]
_WAITED_OUT: Final = frozenset({"IBKR_ROTATION_VALIDATION_FAILED", "ROTATION_BLOCKED", "ROTATION_BUSY"})
_PROFILE: Final = re.compile(r"[A-Za-z0-9_]{1,40}")
_FIELDS: Final = {
    "consumer_key": ("Consumer key (nine letters)", False),
    "access_token": ("Access token (not shown)", True),
    "access_token_secret": ("Access token secret (not shown)", True),
}


@click.command()
@click.option("--kind", type=click.Choice(["paper", "live"]), help="Which account; asked when it is not given.")
@click.option("--account", metavar="ID", help="The account's number; asked when it is not given.")
@click.option("--group", type=click.Choice(["keep", "group14", "search"]), default="keep", show_default=True,
              help="Diffie-Hellman: the current set's, or that of RFC 3526; search: one of your own, in some "
              "minutes.")  # fmt: skip
@click.option("--rotate", is_flag=True, help="Make new keys although some are in charge.")
@click.option("--keep-trying", is_flag=True, help="Try every ten minutes until IBKR knows the new keys.")
@click.option(
    "--input", "source", metavar="FILE|-", help="The portal's values, as `rotate confirm --input` reads them."
)
@click.option("--input-fd", type=click.IntRange(min=3), metavar="N", help="The same from a file descriptor.")
@click.option("--third-party", metavar="CONSUMERKEY", help="Advanced: a third party's consumer key (25 hex digits), "
              "whose token is asked for and allowed in a browser.")  # fmt: skip
@click.option("--lines", is_flag=True, help="Ask line by line, also where the wizard could be drawn.")
@click.option("--confirm", "typed", default="", metavar="NAME", help="The live profile's name, if you mean it.")
@click.pass_obj
def setup(
    selection: Selection,
    *,
    kind: Kind | None,
    account: str | None,
    group: Group,
    rotate: bool,
    keep_trying: bool,
    source: str | None,
    input_fd: int | None,
    third_party: str | None,
    lines: bool,
    typed: str,
) -> None:
    """Set up an account: configuration, keys, what to do in IBKR's portal, a test login, the doctor.

    Stop at any time, and run it again: it goes on where it was. Nothing is in charge before it has logged in.
    """
    run_setup(
        Setup(
            selection, kind=kind, account=account, group=group, rotate=rotate, keep_trying=keep_trying, source=source,
            input_fd=input_fd, third_party_key=third_party, lines=lines, typed=typed,
        )
    )  # fmt: skip


def run_setup(made: Setup) -> NoReturn:
    """Run it to its end; Ctrl-C at a question leaves with the status of Ctrl-C."""

    def work() -> int:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.TERMINATED))
        try:
            return made.run()
        except (click.Abort, KeyboardInterrupt):
            tell("")
            tell("Stopped. Nothing is lost: run `ibkr-tui setup` again to go on.")
            return Exit.INTERRUPTED

    guard(work)


class Setup:
    """One run. `wait` sleeps so many seconds between two tries."""

    def __init__(
        self,
        selection: Selection,
        *,
        kind: Kind | None = None,
        account: str | None = None,
        group: Group = "keep",
        rotate: bool = False,
        keep_trying: bool = False,
        source: str | None = None,
        input_fd: int | None = None,
        third_party_key: str | None = None,
        lines: bool = False,
        typed: str = "",
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._selection = selection
        self._kind = kind
        self._account = account
        self._group = group
        self._rotate = rotate
        self._keep_trying = keep_trying
        self._source = source
        self._input_fd = input_fd
        self._third_party = third_party_key
        self._is_new = self._asks_anew = False
        self._typed = typed
        self._wait = wait
        self._wants_values = False
        self._asks = sys.stdin.isatty()
        self._draws = self._asks and not (lines or keep_trying or third_party_key or source or input_fd is not None)

    def run(self) -> int:
        """The exit status. Raises BrokerError where it cannot go on."""
        if self._third_party:
            from ibkr_tui.core.keys.third_party import third_party_key

            self._third_party = third_party_key(self._third_party)
        chosen = self._configured()
        self._selection = Selection(chosen.name, chosen.path, self._selection.environ)
        found = self._status()
        if found.managed_by:
            raise BrokerError("ROTATION_UNAVAILABLE", f"profile {chosen.name}: {found.managed_by}")
        if found.phase is RotationPhase.IDLE and found.current is not None and not self._rotate:
            tell(f"Keys are in charge already, since {_day(found)}. `ibkr-tui setup --rotate` makes new ones.")
            return self._doctor()
        if self._draws and self._group == "keep" and may_draw():
            return self._drawn(chosen, found)
        self._name_live(chosen)
        if found.phase is RotationPhase.IDLE:
            self._stage(chosen)
        elif found.phase is RotationPhase.EXPIRED:
            self._renew()
        else:
            tell("Going on with the keys that are staged.")
        return self._finish(chosen)

    def _drawn(self, chosen: Chosen, before: RotationStatus) -> int:
        """The wizard under the prompt, and the doctor when another set is in charge afterwards."""
        status = run_wizard(self._selection, chosen)
        if status != Exit.DONE:
            return status
        found = self._status()
        for line in status_lines(found):
            show(line)
        if found.current is not None and found.current != before.current:
            return self._doctor()
        tell("`ibkr-tui setup` goes on from here whenever you like.")
        return Exit.FAILED

    # the configuration

    def _configured(self) -> Chosen:
        path = config_place(self._selection)
        if path.exists():
            return self._there(path)
        tell("There is no configuration yet. This writes one, makes keys, and leads through IBKR's portal.")
        if self._selection.config is None and self._asks:
            path = Path(self._ask("Where", default=str(path))).expanduser().absolute()
            if path.is_dir():
                path /= "config.toml"
            if path.exists():
                return self._there(path)
        kind = self._kind or self._kind_of(self._account) or self._ask_kind()
        while True:
            account = (self._account or self._ask(f"Account number ({'DU…' if kind == 'paper' else 'U…'})")).strip()
            try:
                name = self._selection.profile or kind
                if not _PROFILE.fullmatch(name):
                    raise BrokerError("BAD_ARGUMENT", "a profile's name is letters, digits and underscores")
                chosen = write_config(path, FirstProfile(name, kind, account.upper()), self._selection)
            except BrokerError as error:
                if error.code != "ACCOUNT_KIND_MISMATCH" or self._account or not self._asks:
                    raise
                tell_error(error)
            else:
                tell(f"Written: {path}")
                say_where(path, self._selection.environ)
                return chosen

    def _there(self, path: Path) -> Chosen:
        """The file that is there, if it keeps its keys in a store; else what to put into it. It is never changed."""
        selection = Selection(self._selection.profile, path, self._selection.environ)
        try:
            chosen = selection.load()
        except BrokerError as error:
            name = self._selection.profile
            if name is None or "has no profile" not in error.message:
                raise
            refuse_for_lines(missing_lines(None, name, path), path)
        if lines := missing_lines(chosen, chosen.name, path):
            refuse_for_lines(lines, path)
        if self._kind not in {None, chosen.kind}:
            raise BrokerError("BAD_ARGUMENT", f"profile {chosen.name} of {path} is {chosen.kind}; see --profile")
        if self._account is not None and self._account.upper() != chosen.account.upper():
            raise BrokerError("BAD_ARGUMENT", f"profile {chosen.name} of {path} is for {chosen.account}")
        tell(f"Configuration: {path}, profile {chosen.name} ({chosen.kind}, {chosen.account})")
        return chosen

    @staticmethod
    def _kind_of(account: str | None) -> Kind | None:
        if account is None:
            return None
        return "paper" if account[:2].upper() in {"DU", "DF"} else "live"

    def _ask_kind(self) -> Kind:
        from ibkr_tui.tui.rotation.words import CHECKLIST

        tell("What the account needs:")
        for what, why in CHECKLIST:
            tell(f"□ {what}: {why}")
        return "live" if self._ask("Paper or live", kind=click.Choice(["paper", "live"]), default="paper") == "live" \
            else "paper"  # fmt: skip

    # the stage

    def _name_live(self, chosen: Chosen) -> None:
        if chosen.kind == "live" and self._typed != chosen.name and self._asks:
            self._typed = self._ask(f"This is the LIVE profile. Type its name, {chosen.name}, if you mean it")
        check_name(chosen.profile, self._typed)

    def _stage(self, chosen: Chosen) -> None:
        """New keys. They are made here also when a core runs: a stage is nothing to a login."""
        from ibkr_tui.core.keys import generation

        group = None if self._group == "keep" else (generation.GROUP_14, generation.GENERATOR)
        if self._group == "search":
            from ibkr_tui.cli.prime_search import search_group

            group = search_group()
        tell("Making two RSA-2048 pairs…")

        async def make() -> RotationStarted:
            from ibkr_tui.core.key_rotation import rotation_without_core
            from ibkr_tui.model.clock import SystemClock

            async with rotation_without_core(chosen.profile, SystemClock()) as rotation:
                return await asyncio.to_thread(rotation.start, group)

        asyncio.run(make())
        self._is_new = True

    def _renew(self) -> None:
        arguments = {"renew": True, "confirm": self._typed}
        asyncio.run(
            ask_rotation(
                self._selection, "rotate_start", arguments, in_thread(lambda it: it.renew()), RotationStarted,
                typed=self._typed,
            )
        )  # fmt: skip
        tell("The stage was more than a day old; it has another day.")

    # the portal, the token, the switch

    def _finish(self, chosen: Chosen) -> int:
        """From a stage to the doctor."""
        told = False
        while True:
            found = self._status()
            if found.phase is RotationPhase.IDLE:
                return self._doctor()
            if found.phase is RotationPhase.EXPIRED:
                self._renew()
                continue
            asks_outside = found.phase is RotationPhase.UPLOAD or self._asks_anew
            if asks_outside and (self._third_party or found.authorize_url):
                document = self._allowed(found)
                if document is None:
                    return Exit.DONE
                self._prove(document)
                continue
            if found.phase is RotationPhase.UPLOAD:
                if not told:
                    say_portal(found, chosen.account)
                    told = True
                if not self._can_enter:
                    tell("Then run `ibkr-tui setup` again on a terminal, or with --input FILE, to enter its values.")
                    return Exit.DONE
                self._wants_values = True
            elif self._source is not None or self._input_fd is not None:
                self._wants_values = True
            entry = self._enter(found) if self._wants_values else NOTHING_NEW
            self._wants_values = False
            self._prove(entry)

    @property
    def _can_enter(self) -> bool:
        return self._asks or self._source is not None or self._input_fd is not None

    def _enter(self, found: RotationStatus) -> TokenDocument:
        if self._source is not None or self._input_fd is not None:
            document = entered(self._source, self._input_fd)
            self._source = self._input_fd = None  # once: a second reading of a pipe finds nothing
            return document
        tell("Enter what the portal shows. Ctrl-C leaves; nothing is lost.")
        known = found.current.consumer_key if found.current is not None else None
        values = [self._ask(words, hidden=hidden, default=None if hidden else known or None)
                  for words, hidden in _FIELDS.values()]  # fmt: skip
        return TokenDocument(*values)

    def _allowed(self, found: RotationStatus) -> TokenDocument | None:
        """A third party's way: a request token that a person allows, then its verifier. None: to be done outside."""
        page = found.authorize_url
        if not page or self._asks_anew:
            if self._is_new:
                third_party.say_files(found)
                if not self._asks:
                    tell("When IBKR has them, run this again with the same --third-party.")
                    return None
                click.prompt("Press Enter when IBKR has them", default="", show_default=False, err=True)
            self._is_new = self._asks_anew = False
            page = third_party.ask_page(self._selection, str(self._third_party or ""), self._typed)
        if self._source is not None or self._input_fd is not None:
            return self._enter(found)
        third_party.say_page(page)
        if not self._asks:
            tell("Then run `ibkr-tui setup --input FILE` with its oauth_verifier.")
            return None
        return TokenDocument(oauth_verifier=self._ask(VERIFIER_WORDS, hidden=True))

    def _prove(self, entry: TokenDocument) -> None:
        """A test login and, when it works, the switch. Raises what trying again cannot mend here."""
        tell("Testing: a login with the new set…")
        try:
            done: RotationDone = asyncio.run(confirm_rotation(self._selection, entry, self._typed))
        except BrokerError as error:
            self._after(error)
        else:
            before = f", before it {done.old_version}" if done.old_version else ""
            tell(f"It works: {done.version} is in charge{before}.")

    def _after(self, error: BrokerError) -> None:
        """Get ready for another try, or raise `error`."""
        if error.retryable and error.code in _WAITED_OUT:
            if not self._keep_trying and not self._asks:
                raise BrokerError(
                    error.code,
                    error.message,
                    details=error.details,
                    user_action="Run `ibkr-tui setup` again later, or with --keep-trying; "
                    "`ibkr-tui rotate abort` drops it.",
                )
            tell_error(error)
            if not self._keep_trying and not click.confirm("Keep trying every ten minutes?", default=False, err=True):
                tell("`ibkr-tui setup` goes on from here whenever you like; `ibkr-tui rotate abort` drops it.")
                raise click.exceptions.Exit(Exit.FAILED)
            self._keep_trying = True
            tell(f"The next try is in {TRY_EVERY_S // 60} minutes. Ctrl-C leaves; nothing is lost.")
            self._wait(TRY_EVERY_S)
        elif self._asks and error.code in {"TOKEN_INVALID", "IBKR_ROTATION_VALIDATION_FAILED"}:
            tell_error(error)
            if self._third_party:
                self._asks_anew = (error.details or {}).get("field") != "oauth_verifier"
            else:
                self._wants_values = True
        elif self._asks and self._third_party and error.code in third_party.ASKED_ANEW:
            tell_error(error)
            self._asks_anew = True
        else:
            raise error

    # the end

    def _doctor(self) -> int:
        from ibkr_tui.cli.doctor import examine

        tell("")
        tell("The doctor looks at everything once:")
        status = asyncio.run(examine(self._selection))
        if status == Exit.DONE:
            tell("Next: `ibkr-tui` opens the desk, `9` there is the Keys page.")
        return status

    def _status(self) -> RotationStatus:
        return asyncio.run(ask_status(self._selection))

    def _ask(self, words: str, *, hidden: bool = False, default: str | None = None, kind: Any = None) -> str:
        if not self._asks:
            option = {"Paper": "--kind", "Accou": "--account"}.get(words[:5], "--input")
            raise BrokerError(
                "BAD_ARGUMENT", f"nobody is here to ask: give {option}", user_action="See `ibkr-tui setup --help`."
            )
        return str(click.prompt(words, hide_input=hidden, default=default, type=kind, err=True))


def _day(found: RotationStatus) -> str:
    current = found.current
    return f"{current.created:%Y-%m-%d}" if current is not None and current.created is not None else "they were made"
