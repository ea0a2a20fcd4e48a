"""`ibkr-tui health`: how every profile stands, for a person and for a monitor."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click
import msgspec

from ibkr_tui.cli.output import Exit, emit, show
from ibkr_tui.cli.running import run_command
from ibkr_tui.cli.selection import Selection
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import Health
from ibkr_tui.model.standing import Standing, standing, worst

if TYPE_CHECKING:
    from ibkr_tui.cli.selection import Chosen
    from ibkr_tui.core.state import CoreFacts

ASK_WITHIN_S: Final = 5.0


class Report(msgspec.Struct, frozen=True):
    """One profile. `health` is what its core says of itself; None when none runs. Ages and what is left in seconds.

    A kill switch that is on is told, and is no ill health: somebody wanted it, or the journal's failure says why.
    """

    profile: str
    kind: str
    account: str
    standing: Standing
    message: str
    code: str = ""
    running: bool = False
    data_age_s: float | None = None
    token_left_s: int | None = None
    health: Health | None = None
    kill_switch: bool = False


class _Status(msgspec.Struct, frozen=True):
    """The part of a core's status that counts here."""

    health: Health | None = None


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def health(selection: Selection, as_json: bool) -> None:
    """Say how every profile stands: ok, degraded or down. Exits 0 only when each one is ok.

    `ibkr-tui --profile NAME health` asks for one alone. A profile without a running core is down; none is started.
    """

    async def work() -> int:
        reports = list(await asyncio.gather(*(_report(selection, name) for name in _names(selection))))
        overall = worst([report.standing for report in reports])
        if as_json:
            emit({"ok": overall is Standing.OK, "result": {"standing": overall, "profiles": reports}})
        else:
            for report in reports:
                show("\n".join(_lines(report)))
        return Exit.DONE if overall is Standing.OK else Exit.FAILED

    run_command(work, json_errors=as_json)


def _names(selection: Selection) -> list[str]:
    from ibkr_tui.core.config import profile_names

    return [selection.profile] if selection.profile else profile_names(selection.config, selection.environ)


async def _report(selection: Selection, name: str) -> Report:
    """How one profile stands; whatever keeps it from being asked is its message."""
    from ibkr_tui.core.kill_switch import KillSwitch
    from ibkr_tui.core.state import open_state

    try:
        chosen = Selection(name, selection.config, selection.environ).load()
    except BrokerError as error:
        if selection.profile is not None or error.code == "CONFIG_NOT_FOUND":
            raise
        return Report(name, "", "", Standing.DOWN, f"{error.message}. {error.user_action}", error.code)
    try:
        state = open_state(name, selection.environ)
        killed = KillSwitch(state.path, SystemClock()).is_on
        facts = state.facts()
        found = None if facts is None else await ask_core(facts)
    except BrokerError as error:
        return _without_core(chosen, f"{error.message}. {error.user_action}", error.code)
    if facts is None or found is None:
        report = _without_core(chosen, "no core runs; `ibkr-tui core start` starts it")
    else:
        report = _of_core(chosen, facts, found)
    return msgspec.structs.replace(report, kill_switch=killed)


async def ask_core(facts: CoreFacts) -> Health | None:
    """The core's own words; None when it is not there any more. Raises BrokerError when it does not answer."""
    from ibkr_tui.link.client import LinkClient

    try:
        client = await LinkClient.connect(
            facts.socket, fingerprint="", face="health", face_id=uuid.uuid4().hex, deadline=ASK_WITHIN_S
        )
    except BrokerError as error:
        if error.code == "CORE_UNREACHABLE":
            return None
        raise
    async with client:
        found = (await client.call("status", result=_Status, deadline=ASK_WITHIN_S)).health
    if found is None:
        raise BrokerError("IBKR_NO_SESSION", "the core has just started")
    return found


def _without_core(chosen: Chosen, message: str, code: str = "") -> Report:
    return Report(chosen.name, chosen.kind, chosen.account, Standing.DOWN, message, code)


def _of_core(chosen: Chosen, facts: CoreFacts, found: Health) -> Report:
    from ibkr_tui.cli.launching import as_it_runs

    word, message = standing(found)
    code = found.code
    if facts.fingerprint != as_it_runs(chosen, facts).fingerprint and word is Standing.OK:
        word, code = Standing.DEGRADED, "CONFIG_MISMATCH"
        message = "the core runs with another configuration; `ibkr-tui core stop` ends it"
    heard = found.last_frame_mono
    age = None if heard is None else round(max(0.0, SystemClock().monotonic() - heard), 1)
    ends = found.token_expires_at
    left = None if ends is None else max(0, round((ends - datetime.now(UTC)).total_seconds()))
    return Report(chosen.name, found.kind, found.account, word, message, code, True, age, left, found)


def _lines(report: Report) -> list[str]:
    """For people."""
    head = f"{report.profile}: {report.standing.value}"
    if report.account:
        head += f"  ({report.kind}, {report.account})"
    lines = [head]
    if report.message:
        lines.append(f"  {report.message}" + (f" ({report.code})" if report.code else ""))
    if report.kill_switch:
        lines.append("  the kill switch is ON: no new order leaves (`ibkr-tui kill status`)")
    if report.health is None:
        return lines
    return lines + [f"  {name:9}{words}" for name, words in _facts(report, report.health)]


def _facts(report: Report, found: Health) -> list[tuple[str, str]]:
    age = "no frame yet" if report.data_age_s is None else f"data {report.data_age_s:g} s old"
    market = found.market
    hours = "not known" if market is None else f"{market.venue} {'open' if market.is_open else 'closed'}"
    skew = found.clock_skew_s
    return [
        ("session", found.session.value),
        ("token", "none" if report.token_left_s is None else f"{_span(report.token_left_s)} left"),
        ("stream", f"{found.stream.value}, {age}" if found.stream.value != "off" else "off"),
        ("market", hours),
        ("journal", found.journal_failure or "in order"),
        ("intents", f"{found.open_intents} open"),
        ("clock", "not measured" if skew is None else f"{skew:+.1f} s off"),
        ("core", f"{found.core_version}, process {found.core_pid}"),
    ]


def _span(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds} s"
