"""The time line: audit rows, fills and events as one sequence, newest first, and what is missing as gaps.

A fill and its audit row are one line. Events that only repeat an audit row are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from ibkr_tui.model.audit import AuditPage, AuditRow
from ibkr_tui.tui.activity.entry import Entry, Ink, Kind
from ibkr_tui.tui.activity.selection import Wanted
from ibkr_tui.tui.activity.words import of_event, of_fill, of_row
from ibkr_tui.tui.feed import Feed

_REPEATED: Final = "filled "
_NOTHING: Final[Mapping[str, Any]] = {}


class Timeline:
    """Reads the feed. `older` adds rows that were asked for; `begin` is the first audit row that is to be had."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._older: dict[int, AuditRow] = {}
        self._made: dict[str, Entry] = {}
        self.begin = 1
        self.entries: list[Entry] = []

    def older(self, page: AuditPage) -> None:
        """Rows of the audit that were read from the core, in the place of a gap."""
        self._older |= {row.seq: row for row in page.rows}

    def nothing_before(self, seq: int) -> None:
        """The journal has no row before `seq` any more."""
        self.begin = max(self.begin, seq)

    @property
    def rows(self) -> dict[int, AuditRow]:
        """Every audit row that is known here, by its number."""
        return self._older | self._feed.audit

    def read(self) -> None:
        """Bring the entries up to date with the feed."""
        rows = sorted(self.rows.values(), key=lambda row: row.seq)
        orders = {row.coid: row.facts for row in rows if row.kind == "intent" and row.coid}
        filled = {str(row.facts.get("execution_id")): row for row in rows if row.kind == "filled"}
        shown = {fill.execution_id for fill in self._feed.fills}
        made: dict[str, Entry] = {}
        found: list[Entry] = []
        for row in rows:
            if row.kind == "filled" and row.facts.get("execution_id") in shown:
                continue
            found.append(self._keep(made, f"a{row.seq}{row.coid in orders}", row, orders))
        for fill in self._feed.fills:
            entry = of_fill(fill, filled.get(fill.execution_id))
            found.append(entry)
        audited = {row.coid for row in rows if row.coid}
        for event in self._feed.recent:
            repeats = event.order_key in audited or (bool(event.order_key) and event.text.startswith(_REPEATED))
            if not repeats:
                found.append(of_event(event))
        self._made = made
        found += self._gaps(rows)
        unique = {entry.key: entry for entry in found}
        self.entries = sorted(unique.values(), key=_place, reverse=True)

    def _keep(self, made: dict[str, Entry], key: str, row: AuditRow, orders: Mapping[str, Mapping[str, Any]]) -> Entry:
        entry = self._made.get(key)
        if entry is None or entry.row is not row:
            entry = of_row(row, orders.get(row.coid, _NOTHING))
        made[key] = entry
        return entry

    def _gaps(self, rows: list[AuditRow]) -> Iterator[Entry]:
        expected = self.begin
        for row in rows:
            if row.seq > expected:
                yield _gap(expected, row.seq - 1, row.at, oldest=expected == self.begin)
            expected = row.seq + 1
        for missed in self._feed.missed:
            if missed.log != "audit":
                many = f"{missed.count} entries of the log of {missed.log} are gone: nobody was here to take them"
                yield Entry(f"g{missed.log}{missed.at}", missed.at, Kind.GAP, "gap", many, Ink.WARN)

    def wanted(self, wanted: Wanted) -> list[Entry]:
        """The lines that are wanted, newest first."""
        return [entry for entry in self.entries if wanted.takes(entry)]

    def of_order(self, coid: str) -> list[Entry]:
        """Everything of one order, oldest first."""
        return [entry for entry in reversed(self.entries) if entry.order == coid]

    def rows_of(self, coid: str) -> list[AuditRow]:
        """The audit rows of one order, oldest first."""
        return sorted((row for row in self.rows.values() if row.coid == coid), key=lambda row: row.seq)

    def approval_of(self, intent: AuditRow) -> AuditRow | None:
        """Who approved the order of this intent: the newest approval of the same order before it."""
        digest = intent.facts.get("proposal_hash")
        found = [
            row
            for row in self.rows.values()
            if digest and row.kind == "approved" and row.seq < intent.seq and row.facts.get("request_hash") == digest
        ]
        return max(found, key=lambda row: row.seq, default=None)


def _gap(first: int, last: int, at: datetime, *, oldest: bool) -> Entry:
    many = f"Row {first}" if first == last else f"Rows {first:,}–{last:,}"
    where = "older" if oldest else "not here"
    text = f"{many} of the audit {'is' if first == last else 'are'} {where}: Enter reads them from the journal."
    return Entry(f"g{first}-{last}", at, Kind.GAP, "gap", text, Ink.WARN, seq=0, first=first, last=last)


def _place(entry: Entry) -> tuple[datetime, int, int]:
    """By time; rows of one moment by their number, a gap right under the row that follows it."""
    if entry.kind is Kind.GAP:
        return (entry.at, entry.last, 1)
    return (entry.at, entry.seq, 2)
