"""`ibkr-tui core`: the one process that is logged in, run here or in the background."""

from __future__ import annotations

import os
import uuid
from typing import Any

import click
import msgspec

from ibkr_tui.cli.output import Exit, emit, show, tell
from ibkr_tui.cli.running import guard, run_command
from ibkr_tui.cli.selection import Selection
from ibkr_tui.model.errors import BrokerError


@click.group()
def core() -> None:
    """Run, start, stop or ask for the core: the one process that is logged in to the broker."""


@core.command()
@click.option("--leave-after", type=click.FloatRange(min=0.05), metavar="S", help="Leave after S seconds alone.")
@click.option("--detach", is_flag=True, hidden=True)
@click.option("--exit-with-parent", is_flag=True, hidden=True)
@click.option("--ready-fd", type=int, hidden=True)
@click.option("--settings-fd", type=int, hidden=True)
@click.option("--load-first", is_flag=True, hidden=True)
@click.pass_obj
def run(
    selection: Selection,
    *,
    leave_after: float | None,
    detach: bool,
    exit_with_parent: bool,
    ready_fd: int | None,
    settings_fd: int | None,
    load_first: bool,
) -> None:
    """Run the core in the foreground, until a signal or `core stop`."""
    from ibkr_tui.cli.serving import Terms, load_core, serve_profile

    environ = dict(os.environ)
    if load_first:
        load_core()
    if settings_fd is not None:
        with os.fdopen(settings_fd, "rb") as pipe:
            environ |= msgspec.json.decode(pipe.read(), type=dict[str, str])
    terms = Terms(detach, leave_after, exit_with_parent, ready_fd)
    guard(lambda: serve_profile(Selection(selection.profile, selection.config, environ, selection.account), terms))


@core.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def start(selection: Selection, as_json: bool) -> None:
    """Start the core in the background, and return when it serves."""
    from ibkr_tui.cli.launching import CoreLauncher
    from ibkr_tui.core.state import open_state

    async def work() -> int:
        chosen = selection.load()
        before = open_state(chosen.name, selection.environ).facts()
        await CoreLauncher(chosen, selection.environ, leave_after=None).attach(lambda _: None)
        facts = open_state(chosen.name, selection.environ).facts()
        if as_json:
            emit({"ok": True, "result": facts})
        elif facts is not None:
            word = "already serves" if before is not None and before.pid == facts.pid else "serves"
            show(f"The core {word} profile {facts.profile} ({facts.kind}, {facts.account}), process {facts.pid}.")
        return Exit.DONE

    run_command(work, json_errors=as_json)


@core.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def stop(selection: Selection, as_json: bool) -> None:
    """Stop the core in an orderly way, and return when it has gone."""
    from ibkr_tui.cli.launching import stop_core
    from ibkr_tui.core.state import open_state

    async def work() -> int:
        name = _profile_name(selection)
        pid = await stop_core(open_state(name, selection.environ))
        if as_json:
            emit({"ok": True, "result": {"profile": name, "stopped": pid is not None, "pid": pid}})
        else:
            show(f"The core of profile {name} has stopped (process {pid})." if pid else f"No core serves {name}.")
        return Exit.DONE

    run_command(work, json_errors=as_json)


@core.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def status(selection: Selection, as_json: bool) -> None:
    """Say whether the core serves, and how it is. Exits 0 only when it serves."""

    async def work() -> int:
        name = _profile_name(selection)
        found = await _ask(name, selection)
        if as_json:
            emit({"ok": True, "result": {"profile": name, "running": found is not None, **(found or {})}})
        elif found is None:
            show(f"No core serves {name}.")
        else:
            _show_status(found)
        return Exit.FAILED if found is None else Exit.DONE

    run_command(work, json_errors=as_json)


@core.command()
@click.pass_obj
def unit(selection: Selection) -> None:
    """Print a hardened systemd user unit that runs this profile's core."""
    from ibkr_tui.cli.children import python, scrubbed
    from ibkr_tui.cli.launching import core_run_words
    from ibkr_tui.cli.unit import Place, unit_text
    from ibkr_tui.core.state import state_root

    def work() -> int:
        chosen = selection.load()
        profile = chosen.profile
        if profile.environment is not None:
            raise BrokerError(
                "CONFIG_INVALID",
                "the credentials come from the environment, and a unit file is no place for them",
                user_action="Take them into a key store with `ibkr-tui config import-env`, then ask again.",
            )
        root = state_root(selection.environ)
        passed = scrubbed(selection.environ)
        kept = [(name, passed[name]) for name in ("IBKR_TUI_STATE", "PYTHONPATH") if passed.get(name)]
        writable = [root, *([profile.key_store] if profile.key_store is not None else [])]
        words = python(*core_run_words(chosen))
        show(unit_text(Place(chosen.name, chosen.kind, chosen.account, words, writable, kept)).rstrip("\n"))
        return Exit.DONE

    guard(work)


async def _ask(name: str, selection: Selection) -> dict[str, Any] | None:
    from ibkr_tui.core.state import open_state
    from ibkr_tui.link.client import LinkClient

    facts = open_state(name, selection.environ).facts()
    if facts is None:
        return None
    try:
        client = await LinkClient.connect(facts.socket, fingerprint="", face="status", face_id=uuid.uuid4().hex)
    except BrokerError as error:
        if error.code == "CORE_UNREACHABLE":
            tell(error.message)
            return None
        raise
    async with client:
        return await client.call("status", result=dict[str, Any])


def _show_status(found: dict[str, Any]) -> None:
    facts, health = found["core"], found["health"] or {}
    show(f"The core {facts['version']} serves profile {facts['profile']} ({facts['kind']}, {facts['account']})")
    show(f"  process   {facts['pid']}, since {facts['started']}")
    show(f"  faces     {found['faces']}")
    show(f"  session   {health.get('session', 'unknown')}")
    show(f"  stream    {health.get('stream', 'unknown')}")
    if health.get("message"):
        show(f"  {health['message']}")


def _profile_name(selection: Selection) -> str:
    """The profile meant; a broken configuration must not keep anyone from stopping a core that is named."""
    return selection.profile or selection.load().name
