"""`ibkr-tui doctor --live`: what the program enforces before live orders, what a person must check, the runbook."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

import msgspec

from ibkr_tui.cli.output import Exit, emit, show
from ibkr_tui.cli.selection import Selection
from ibkr_tui.model.errors import BrokerError

if TYPE_CHECKING:
    from ibkr_tui.model.live_gate import LiveGate

RUNBOOK: Final = "live_runbook.md"
ENFORCED: Final = (
    "Every live order and amendment needs a preview that was approved, for exactly that order, once; --yes is none.",
    "Market orders, closings among them, need allow_market in the risk policy; without it closings are at a limit.",
    "Quantity, value, value a day, orders a minute, leverage, collar and the age of the quote, as the policy says.",
    "The kill switch refuses every new order, and no cancel.",
    "An order is in the journal before its first byte leaves; without a journal none does.",
    "The account must be the profile's, IBKR must call it live, and nobody else may have the session.",
)
PERSON: Final = (
    "The whole flow was walked through on a paper account of the same username.",
    "The kill switch was turned on and off, and a refusal was seen.",
    "The audit is really written, backed up, and exported before it is purged.",
    "The limits of the policy are those you can bear to lose by.",
    "The runbook was rehearsed: `ibkr-tui doctor --live --runbook` prints it.",
    "IBKR's trade desk can be reached by phone from where this runs.",
)


def tell_runbook() -> int:
    """Print the way from paper to live and what to do in an incident; the exit status."""
    show(resources.files("ibkr_tui.cli").joinpath(RUNBOOK).read_text(encoding="utf-8").rstrip())
    return Exit.DONE


def tell_gate(selection: Selection, *, as_json: bool) -> int:
    """Print how the gate stands; the exit status: 0 when live orders may leave, else 1. Needs no core.

    Raises BrokerError as `Selection.load`, and BAD_ARGUMENT for a paper profile.
    """
    from ibkr_tui.core.live_gate import LiveDesk
    from ibkr_tui.core.state import open_state
    from ibkr_tui.model.clock import SystemClock

    chosen = selection.load()
    if chosen.kind != "live":
        raise BrokerError(
            "BAD_ARGUMENT",
            f"profile {chosen.name} is a paper profile",
            user_action="Name the live one: `ibkr-tui --profile live doctor --live`.",
        )
    state = open_state(chosen.name, selection.environ)
    found = LiveDesk(chosen.profile, state.path, SystemClock()).state()
    if as_json:
        result = {"gate": msgspec.to_builtins(found), "enforced": ENFORCED, "person": PERSON}
        emit({"ok": found.is_open, "result": result})
    else:
        show("\n".join(_lines(found)))
    return Exit.DONE if found.is_open else Exit.FAILED


def _lines(found: LiveGate) -> list[str]:
    lines = [f"Profile {found.profile}: live orders are {'OPEN' if found.is_open else 'LOCKED'}.", "", "Conditions:"]
    for gate in found.gates:
        lines.append(f"  {'ok     ' if gate.is_open else 'MISSING'} {gate.name}: {gate.found}")
        if gate.todo:
            lines.append(f"          → {gate.todo}")
    lines += ["", "Checklist:"]
    for item in found.checklist:
        until = f"until {item.expires_at:%Y-%m-%d}" if item.is_open and item.expires_at else item.note or "not yet"
        lines.append(f"  {'ok     ' if item.is_open else 'MISSING'} {item.item}: {until}")
        if not item.is_open:
            lines.append(f"          {item.means}")
    lines += ["", "Enforced by the program, whatever the configuration says:", *(f"  - {rule}" for rule in ENFORCED)]
    return [*lines, "", "To be seen to by a person:", *(f"  - {duty}" for duty in PERSON)]
