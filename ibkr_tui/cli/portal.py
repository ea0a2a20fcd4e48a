"""`ibkr-tui portal`: the simulator's self-service portal, where a person practises what IBKR's own page asks for."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from ibkr_tui.cli.output import Exit, emit, emit_result, show, table, tell
from ibkr_tui.cli.running import guard
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.unreadable import UNREADABLE

DEADLINE_S: Final = 10.0
THIRD_PARTY: Final = 25
"""Digits of a third party's consumer key."""
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_CONSUMER = click.argument("consumer_key", metavar="CONSUMERKEY")


class Ready(msgspec.Struct, frozen=True):
    """What `ready.json` of a simulator says that the portal needs."""

    control_url: str
    config: str


@dataclass(frozen=True)
class Portal:
    """Which simulator: by its control URL, by the directory of `sim --out`, or the demo that runs."""

    control: str | None = None
    directory: Path | None = None

    @property
    def words(self) -> str:
        """How this place is named on a command line."""
        return f"--sim {self.directory} " if self.directory is not None else ""

    def found(self) -> tuple[str, Path | None]:
        """The control URL, and the simulator's directory if it is known. Raises PORTAL_UNREACHABLE."""
        if self.control is not None:
            return self.control.rstrip("/"), None
        place = self.directory if self.directory is not None else _demo()
        try:
            ready = msgspec.json.decode((place / "ready.json").read_bytes(), type=Ready)
        except (OSError, *UNREADABLE):
            raise BrokerError("PORTAL_UNREACHABLE", f"{place} is no directory of `ibkr-tui sim --out`") from None
        return ready.control_url, place.absolute()

    def ask(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The portal's answer, to what it is to do or to how it stands. Raises PORTAL_UNREACHABLE, PORTAL_REFUSED."""
        import httpx

        url = f"{self.found()[0]}/portal"
        try:
            with httpx.Client(timeout=DEADLINE_S, trust_env=False) as client:
                answer = client.get(url) if body is None else client.post(url, json=body)
            said = msgspec.json.decode(answer.content, type=dict[str, Any])
        except (httpx.HTTPError, httpx.InvalidURL, *UNREADABLE) as error:
            why = str(error) if isinstance(error, httpx.HTTPError) else "that is no control URL of a simulator"
            raise BrokerError("PORTAL_UNREACHABLE", f"no simulator answers: {why or type(error).__name__}") from None
        if answer.status_code != 200:
            raise BrokerError("PORTAL_REFUSED", str(said.get("error", f"status {answer.status_code}")))
        return said


def _demo() -> Path:
    from ibkr_tui.cli.demo import SIMULATOR, running_demos

    places = running_demos(Path(tempfile.gettempdir()))
    if len(places) == 1:
        return places[0] / SIMULATOR
    if not places:
        raise BrokerError("PORTAL_UNREACHABLE", "no demo runs")
    many = ", ".join(str(place / SIMULATOR) for place in places)
    raise BrokerError("PORTAL_UNREACHABLE", f"{len(places)} demos run", user_action=f"Choose with --sim: {many}.")


@click.group()
@click.option("--control", metavar="URL", help="The control URL of a simulator.")
@click.option("--sim", "directory", metavar="DIR", type=click.Path(path_type=Path), help="The DIR of sim --out.")
@click.pass_context
def portal(context: click.Context, control: str | None, directory: Path | None) -> None:
    """The simulator's key portal, to practise on. Without options: the one of the demo that runs.

    Nothing here reaches Interactive Brokers.
    """
    context.obj = Portal(control, directory)


@portal.command()
@_JSON
@click.pass_obj
def status(place: Portal, as_json: bool) -> None:
    """Which consumers there are, and where to practise."""

    def work() -> int:
        said = place.ask()
        if as_json:
            emit_result(said)
            return Exit.DONE
        show(table([_row(consumer) for consumer in said["consumers"]]))
        url, directory = place.found()
        tell(f"As a page: {url}/portal")
        if directory is not None:
            from ibkr_tui.cli.demo import KEY_STORES

            state = directory.parent / "state"
            words = f"IBKR_TUI_STATE={state} " if state.is_dir() and place.directory is None else ""
            tell(f"To rotate: {words}ibkr-tui --config {directory / KEY_STORES} rotate start")
        return Exit.DONE

    guard(work, json_errors=as_json)


@portal.command(short_help="Upload what is staged under a consumer key.")
@_CONSUMER
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--account", metavar="NAME", help="paper, live or an account's number; by default paper.")
@click.option("--delay", type=click.FloatRange(0, 2_592_000), default=0.0, show_default=True, metavar="SECONDS",
              help="How long the activation takes; IBKR's can take a day.")  # fmt: skip
@_JSON
@click.pass_obj
def register(
    place: Portal, *, consumer_key: str, directory: Path | None, account: str | None, delay: float, as_json: bool
) -> None:
    """Upload DIR, the staged/upload of `rotate start`, under a consumer key of nine letters; without DIR: the demo's.

    A key of 25 hex digits is a third party's."""

    def work() -> int:
        uploads = directory
        if uploads is None:
            simulator = place.found()[1]
            if simulator is None:
                raise BrokerError("BAD_ARGUMENT", "name the directory with the files to upload: staged/upload")
            uploads = simulator / "keys" / ("live" if account == "live" else "paper") / "staged" / "upload"
        body = {"do": "upload_directory", "consumer_key": consumer_key, "path": str(uploads.absolute())}
        more = {} if account is None else {"account": account}
        said = place.ask({**body, **more, "activation_delay_s": delay})
        if as_json:
            emit_result(said)
            return Exit.DONE
        show(table([_row(said)]))
        key = said["consumer_key"]
        if len(key) == THIRD_PARTY:
            tell(f"Now ask for a request token: ibkr-tui rotate authorize {key}, or v on the Keys page.")
        else:
            tell(f"Now make its token: ibkr-tui portal {place.words}token {key}")
        return Exit.DONE

    guard(work, json_errors=as_json)


@portal.command()
@_CONSUMER
@_JSON
@click.pass_obj
def token(place: Portal, consumer_key: str, as_json: bool) -> None:
    """Make a new access token, shown once. With --json: the document that `rotate confirm --input -` reads."""

    def work() -> int:
        said = place.ask({"do": "token", "consumer_key": consumer_key})
        if as_json:
            emit({
                "new_consumer_key": consumer_key,
                "new_access_token": said["access_token"],
                "new_access_token_secret": said["access_token_secret"],
            })  # fmt: skip
            return Exit.DONE
        show(f"Consumer key         {consumer_key}")
        show(f"Access token         {said['access_token']}")
        show(f"Access token secret  {said['access_token_secret']}")
        tell("The secret is one line, however your terminal breaks it.")
        return Exit.DONE

    guard(work, json_errors=as_json)


@portal.command(short_help="Allow a third party's request token.")
@click.argument("page", metavar="URL|REQUESTTOKEN")
@_JSON
@click.pass_obj
def authorize(place: Portal, page: str, as_json: bool) -> None:
    """Allow a third party's request token, as a person would in the browser. With --json: what `rotate confirm` reads.

    Give the address that `rotate authorize` printed.
    """

    def work() -> int:
        said = place.ask({"do": "authorize", "oauth_token": page.rpartition("oauth_token=")[2]})
        if as_json:
            emit({"oauth_verifier": said["oauth_verifier"]})
        else:
            show(f"Verifier  {said['oauth_verifier']}")
        return Exit.DONE

    guard(work, json_errors=as_json)


@portal.command()
@click.argument("consumer_key", metavar="[CONSUMERKEY]", required=False)
@_JSON
@click.pass_obj
def activate(place: Portal, consumer_key: str | None, as_json: bool) -> None:
    """End the wait for activation now: of one consumer, or of all."""
    _act(place, "activate", consumer_key, as_json=as_json)


@portal.command()
@_CONSUMER
@_JSON
@click.pass_obj
def revoke(place: Portal, consumer_key: str, as_json: bool) -> None:
    """Take a consumer out, and end its logins."""
    _act(place, "revoke", consumer_key, as_json=as_json)


def _act(place: Portal, what: str, consumer_key: str | None, *, as_json: bool) -> None:
    def work() -> int:
        said = place.ask({"do": what} if consumer_key is None else {"do": what, "consumer_key": consumer_key})
        if as_json:
            emit_result(said)
        elif what == "activate":
            tell(f"Active now: {', '.join(said['activated']) or 'nothing waited'}.")
        else:
            tell(f"{consumer_key} is revoked; logins ended: {said['logins_ended']}.")
        return Exit.DONE

    guard(work, json_errors=as_json)


def _row(said: dict[str, Any]) -> dict[str, str]:
    if said["missing"]:
        state = f"wants {', '.join(said['missing'])}"
    else:
        state = "active" if said["active"] else f"active in {said['active_in_s']:.0f} s"
    return {
        "consumer": said["consumer_key"],
        "account": f"{said['account']} {said['environment']}",
        "signature": (said["signature"] or "–")[:23],
        "encryption": (said["encryption"] or "–")[:23],
        "token": "has a token" if said["token"] else "no token",
        "logins": f"logins: {said['logins']}",
        "state": state,
    }
