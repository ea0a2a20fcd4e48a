"""`ibkr-tui doctor`: what is wrong, and what to do about it, from the configuration to the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from ibkr_tui.cli.output import Exit, emit, show, tell
from ibkr_tui.cli.running import guard, run_command
from ibkr_tui.cli.selection import Selection
from ibkr_tui.model.errors import BrokerError

if TYPE_CHECKING:
    from ibkr_tui.cli.selection import Chosen
    from ibkr_tui.core.doctor import Step
    from ibkr_tui.core.state import StateDirectory
    from ibkr_tui.model.health import Health


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--smoke", is_flag=True, help="Then trade one share and a bracket on paper, and clear up; refuses live.")
@click.option("--live", is_flag=True, help="Instead: what stands before live orders, and what a person must check.")
@click.option("--runbook", is_flag=True, help="With --live: the way from paper to live, and what to do in an incident.")
@click.pass_obj
def doctor(selection: Selection, as_json: bool, smoke: bool, live: bool, runbook: bool) -> None:
    """Walk from the configuration to the account, and name the first thing that is broken, with its remedy.

    Logs in by itself only when no core serves the profile, takes no session from anybody, and logs out again. Exits 0
    when every step is in order, else 1.
    """
    if live:
        from ibkr_tui.cli.live import tell_gate, tell_runbook

        if smoke:
            raise click.UsageError("--smoke trades on paper; --live only looks")
        guard(lambda: tell_runbook() if runbook else tell_gate(selection, as_json=as_json), json_errors=as_json)
    if runbook:
        raise click.UsageError("--runbook goes with --live")
    run_command(lambda: examine(selection, as_json, smoke), json_errors=as_json)


async def examine(selection: Selection, as_json: bool = False, smoke: bool = False) -> int:
    """Walk the steps, telling each, and say how it ended; the exit status."""
    from ibkr_tui.core.doctor import Doctor, Step
    from ibkr_tui.core.state import open_state
    from ibkr_tui.model.clock import SystemClock

    try:
        chosen = selection.load()
        state = open_state(chosen.name, selection.environ)
    except BrokerError as error:
        steps = [Step("configuration", error.message, error)]
        _tell_step(steps[0])
        return _conclude(selection.profile or "", steps, as_json)
    first = Step("configuration", f"{chosen.path or 'the environment'}, profile {chosen.name} ({chosen.kind})")
    _tell_step(first)

    if smoke and chosen.kind != "paper":
        refusal = BrokerError("ORDERS_REFUSED", "the smoke test trades: it is for paper profiles only")
        _tell_step(Step("smoke", refusal.message, refusal))
        return _conclude(chosen.name, [first, Step("smoke", refusal.message, refusal)], as_json)

    async def ask() -> Health | None:
        return await _core(chosen, state)

    steps = [first, *await Doctor(chosen.profile, state, SystemClock(), ask).run(_tell_step)]
    if smoke and steps[-1].error is None:
        from ibkr_tui.cli.smoke import smoke as walk

        steps += await walk(selection, chosen, _tell_step)
    return _conclude(chosen.name, steps, as_json)


async def _core(chosen: Chosen, state: StateDirectory) -> Health | None:
    """What the profile's core says of itself; None when none serves. Raises CONFIG_MISMATCH for another one's."""
    from ibkr_tui.cli.health import ask_core

    facts = state.facts()
    found = None if facts is None else await ask_core(facts)
    if facts is not None and found is not None and facts.fingerprint != chosen.fingerprint:
        raise BrokerError("CONFIG_MISMATCH", f"the core (process {facts.pid}) runs with another configuration")
    return found


def _tell_step(step: Step) -> None:
    tell(f"{'ok   ' if step.error is None else 'FAIL '} {step.name}: {step.found}")


def _conclude(profile: str, steps: list[Step], as_json: bool) -> int:
    """Say it on stdout; the exit status."""
    broken = steps[-1]
    error = broken.error
    if as_json:
        rows = [{"name": step.name, "ok": step.error is None, "found": step.found} for step in steps]
        result = {"profile": profile, "steps": rows, "broken": broken.name if error else None}
        document: dict[str, Any] = {"ok": error is None, "result": result}
        emit(document if error is None else document | {"error": msgspec.to_builtins(error.problem())})
    elif error is None:
        show(f"All {len(steps)} steps are in order: profile {profile} can log in.")
    else:
        show(f"{broken.name}: {error.message} ({error.code})\n{error.user_action}")
    return Exit.DONE if error is None else Exit.FAILED
