"""`ibkr-tui audit`: what was written down of every order, verified, followed, exported. With and without a core."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ibkr_tui.cli.output import Exit, emit, emit_result, show, tell
from ibkr_tui.cli.running import run_command
from ibkr_tui.cli.selection import Chosen, Selection
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean

if TYPE_CHECKING:
    from ibkr_tui.core.journal.audit import StoredRow
    from ibkr_tui.core.journal.verification import Verdict
    from ibkr_tui.model.audit import AuditRow

FOLLOW_EVERY_S: Final = 0.5
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_FLAWS: Final = {
    "broken_row": Exit.BROKEN_ROW,
    "cut_tail": Exit.CUT_TAIL,
    "gap": Exit.GAP,
    "orphan_intent": Exit.ORPHAN_INTENT,
}


@click.group()
def audit() -> None:
    """Verify, follow or export what was written down of every order, with or without a running core."""


@audit.command()
@click.option("--anchors", type=click.Path(path_type=Path), metavar="FILE", help="A copy of audit.anchors to trust.")
@click.option(
    "--archive", type=click.Path(path_type=Path), metavar="FILE", help="Verify this file of `export` instead."
)
@_JSON
@click.pass_obj
def verify(selection: Selection, anchors: Path | None, archive: Path | None, as_json: bool) -> None:
    """Say whether the audit is whole, or an archive of it.

    Exits 0 when it is, 10 for a broken row, 11 for a cut tail, 12 for a gap, 13 for an order without its row, and names
    the first bad number.
    """

    async def work() -> int:
        chosen = selection.load()
        if archive is None:
            verdict = _verdict(chosen, selection, anchors=anchors)
        else:
            verdict = _archived(chosen, selection, archive, anchors)
        if as_json:
            emit({"ok": verdict.finding is None, "result": {"profile": chosen.name, "verdict": verdict}})
        else:
            show(_words(chosen.name if archive is None else str(archive), verdict))
        for note in verdict.notes:
            tell(f"ibkr-tui: {note}")
        return _status(verdict)

    run_command(work, json_errors=as_json)


@audit.command()
@click.option("--count", type=click.IntRange(1, 100_000), default=20, show_default=True, metavar="N", help="Rows.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def tail(selection: Selection, count: int, follow: bool, as_json: bool) -> None:
    """Show the newest rows. The end of the audit is verified first; the exit status is that of `verify`."""
    from ibkr_tui.core.journal.verification import TAIL_ROWS

    async def work() -> int:
        chosen = selection.load()
        status = _told(_verdict(chosen, selection, tail=max(TAIL_ROWS, count)))
        await _print(_state(chosen, selection), count, follow, _put_json if as_json else _put_line)
        return status

    run_command(work, json_errors=as_json)


@audit.command()
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="A new file; without it stdout.")
@click.option("--since", metavar="TIME", help="From this day or time (UTC) on.")
@click.option("--until", metavar="TIME", help="Before this day or time (UTC).")
@click.option("--purge", is_flag=True, help="Remove from the journal what FILE holds, all that is older than --until.")
@click.option("--json", "as_json", is_flag=True, help="With --out: print one JSON document.")
@click.pass_obj
def export(
    selection: Selection, *, out: Path | None, since: str | None, until: str | None, purge: bool, as_json: bool
) -> None:
    """Write rows as JSON Lines, masked, with their seals. The audit is verified first; the status is that of `verify`.

    --purge needs --out and --until, a core that does not run and an audit that is whole. Live rows stay for 2555 days
    and longer if audit.live_write_retention_days says so, paper rows for 30; orders that may still live stay.
    """

    async def work() -> int:
        chosen = selection.load()
        begin, end = _moment(since, "--since"), _moment(until, "--until")
        if purge:
            if out is None or end is None or begin is not None:
                raise BrokerError("BAD_ARGUMENT", "--purge needs --out and --until, and no --since")
            return await _purge(chosen, selection, out, end, as_json=as_json)
        verdict = _verdict(chosen, selection)
        _export(_state(chosen, selection), out, begin, end, as_json)
        return _told(verdict)

    run_command(work, json_errors=as_json)


def _state(chosen: Chosen, selection: Selection) -> Path:
    from ibkr_tui.core.state import open_state

    return open_state(chosen.name, selection.environ).path


def _key(chosen: Chosen, state: Path) -> bytes:
    from ibkr_tui.core.journal.audit_key import load_key
    from ibkr_tui.core.journal.journal import KEY_NAME

    return load_key(state / KEY_NAME, chosen.profile.audit_secret, create=False)


def _verdict(chosen: Chosen, selection: Selection, *, anchors: Path | None = None, tail: int | None = None) -> Verdict:
    from ibkr_tui.core.journal.reading import DATABASE_NAME, missing_journal, reading, verify_file

    state = _state(chosen, selection)
    gone = missing_journal(state)
    if gone is not None:
        return gone
    with reading(state / DATABASE_NAME):
        pass  # a journal that is not there is said before a key that is not there
    return verify_file(state, _key(chosen, state), anchors=anchors, tail=tail)


def _archived(chosen: Chosen, selection: Selection, archive: Path, anchors: Path | None) -> Verdict:
    from ibkr_tui.core.journal.archives import verify_archive

    state = _state(chosen, selection)
    return verify_archive(archive, state, _key(chosen, state), anchors=anchors)


def _status(verdict: Verdict) -> Exit:
    return Exit.DONE if verdict.finding is None else _FLAWS[verdict.finding.flaw.value]


def _told(verdict: Verdict) -> Exit:
    """The status, and on stderr what is wrong."""
    if verdict.finding is not None:
        tell(f"ibkr-tui: the audit is NOT whole: {verdict.finding.text}; see `ibkr-tui audit verify`")
    return _status(verdict)


def _words(profile: str, verdict: Verdict) -> str:
    if (finding := verdict.finding) is not None:
        where = f" First bad row: {finding.seq}." if finding.seq else ""
        return clean(f"{profile}: the audit is NOT whole: {finding.text}.{where}", limit=1000)
    rows = f"rows {verdict.first} to {verdict.last}" if verdict.last else "no rows"
    by = f", anchored to row {verdict.anchored}" if verdict.anchored else ""
    purged = f"; rows up to {verdict.purged} are in an export" if verdict.purged else ""
    return f"{profile}: the audit is whole: {rows}{by}{purged}"


async def _print(state: Path, count: int, follow: bool, put: Callable[[AuditRow], None]) -> None:
    from ibkr_tui.core.journal.reading import DATABASE_NAME, newest, reading, stored_rows

    with reading(state / DATABASE_NAME) as connection:
        rows = newest(connection, count=count).rows
    last = rows[-1].seq if rows else 0
    for row in rows:
        put(row)
    clock = SystemClock()
    while follow:
        await clock.sleep(FOLLOW_EVERY_S)
        with reading(state / DATABASE_NAME) as connection:  # opened anew: a journal that was moved away is noticed
            for stored in stored_rows(connection, after=last):
                put(stored.told())
                last = stored.seq


def _put_json(row: AuditRow) -> None:
    emit(row)


def _put_line(row: AuditRow) -> None:
    facts = "  ".join(f"{name}={_word(value)}" for name, value in row.facts.items())
    line = f"{row.seq:>6}  {row.at:%Y-%m-%d %H:%M:%S}  {row.kind:<16}  {row.coid or '-':<28}  {facts}"
    show(clean(line, limit=2000))


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _export(state: Path, out: Path | None, since: datetime | None, until: datetime | None, as_json: bool) -> None:
    from ibkr_tui.core.journal.export import archived, write_archive
    from ibkr_tui.core.journal.reading import DATABASE_NAME, reading, stored_rows

    with reading(state / DATABASE_NAME) as connection:
        rows = stored_rows(connection, since=since, until=until)
        if out is not None:
            written = write_archive(out, rows)
            _say(written, as_json, "exported")
            return
        row: StoredRow
        for row in rows:
            emit(archived(row))


async def _purge(chosen: Chosen, selection: Selection, out: Path, until: datetime, *, as_json: bool) -> int:
    from ibkr_tui.core.journal.audit import AuditChain
    from ibkr_tui.core.journal.export import archive_and_purge

    verdict = _verdict(chosen, selection)
    if verdict.finding is not None:
        tell("ibkr-tui: nothing is purged")
        return _told(verdict)
    state = _state(chosen, selection)
    written = await archive_and_purge(
        state,
        AuditChain(_key(chosen, state)),
        out,
        until=until,
        clock=SystemClock(),
        kind=chosen.kind,
        configured_days=chosen.profile.audit.live_write_retention_days,
    )
    _say(written, as_json, "exported and purged")
    return Exit.DONE


def _say(written: Any, as_json: bool, word: str) -> None:
    if as_json:
        emit_result(written)
    elif written.rows:
        show(f"{word} rows {written.first} to {written.last} ({written.rows}): {written.file}")
    else:
        show(f"no rows of that time: {written.file} is empty")


def _moment(text: str | None, what: str) -> datetime | None:
    from ibkr_tui.core.operations.audit import moment

    return None if text is None else moment(text, what)
