"""`ibkr-tui kill`: the kill switch from a shell. It needs no core, no session and no network, only the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ibkr_tui.cli.output import Exit, emit_result, show, tell
from ibkr_tui.cli.running import guard
from ibkr_tui.cli.selection import Selection
from ibkr_tui.model.errors import BrokerError

if TYPE_CHECKING:
    from ibkr_tui.core.kill_switch import KillSwitch

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_BY = "the command line"


@click.group()
def kill() -> None:
    """Stop new orders at once; cancels always pass.

    The switch is a file in the profile's state directory. It works while the screen is stuck and with no core running.
    """


@kill.command("on", short_help="Turn the switch on: no new order leaves.")
@click.option("--reason", default="", metavar="TEXT", help="Why; shown wherever the switch is.")
@_JSON
@click.pass_obj
def turn_on(selection: Selection, reason: str, as_json: bool) -> None:
    """Turn the switch on: no new order leaves, and no amend that adds risk."""

    def work() -> int:
        for switch in _switches(selection):
            switch.turn_on(_BY, reason)
            _say(switch, as_json)
        return Exit.DONE

    guard(work, json_errors=as_json)


@kill.command("off")
@_JSON
@click.pass_obj
def turn_off(selection: Selection, as_json: bool) -> None:
    """Turn the switch off: orders may leave again."""

    def work() -> int:
        switch = _switch(selection)
        switch.turn_off()
        _say(switch, as_json)
        return Exit.DONE

    guard(work, json_errors=as_json)


@kill.command("status")
@_JSON
@click.pass_obj
def status(selection: Selection, as_json: bool) -> None:
    """Say whether the switch is on, since when and why."""

    def work() -> int:
        _say(_switch(selection), as_json)
        return Exit.DONE

    guard(work, json_errors=as_json)


def _switch(selection: Selection) -> KillSwitch:
    return _of_profile(selection, selection.load().name)


def _switches(selection: Selection) -> list[KillSwitch]:
    """The profile's switch; where the configuration can't be read, that of the named profile, or of every one."""
    from ibkr_tui.core.state import state_root

    try:
        return [_switch(selection)]
    except BrokerError as error:
        if error.code not in {"CONFIG_INVALID", "CONFIG_NOT_FOUND", "ACCOUNT_KIND_MISMATCH"}:
            raise
        root = state_root(selection.environ)
        named = selection.profile or selection.environ.get("IBKR_TUI_PROFILE")
        places = [root / named] if named else sorted(root.glob("*/"))
        found = [_of_profile(selection, place.name) for place in places if (place / "core.lock").exists()]
        if not found:
            raise
        tell(f"ibkr-tui: {error.message}")
        return found


def _of_profile(selection: Selection, name: str) -> KillSwitch:
    from ibkr_tui.core.kill_switch import KillSwitch
    from ibkr_tui.core.state import open_state
    from ibkr_tui.model.clock import SystemClock

    return KillSwitch(open_state(name, selection.environ).path, SystemClock())


def _say(switch: KillSwitch, as_json: bool) -> None:
    trip, profile = switch.read(), switch.path.parent.name
    if as_json:
        words = {"by": trip.by, "reason": trip.reason, "since": trip.since} if trip is not None else {}
        emit_result({"profile": profile, "on": trip is not None, "file": str(switch.path)} | words)
    elif trip is None:
        show(f"{profile}: the kill switch is off")
    else:
        since = f" since {trip.since:%Y-%m-%d %H:%M:%S} UTC" if trip.since else ""
        by = f", turned on by {trip.by}" if trip.by else ""
        show(f"{profile}: the kill switch is ON{since}{by}" + (f": {trip.reason}" if trip.reason else ""))
