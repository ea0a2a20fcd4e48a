"""What stands behind a line: the request, who approved it, the answer, the order's life, its fills."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.activity.entry import Entry, Ink, Kind
from ibkr_tui.tui.activity.facts import amount, number, order_words, price, short, words
from ibkr_tui.tui.activity.timeline import Timeline
from ibkr_tui.tui.activity.words import FOREIGN, of_row

_ANSWERS: Final = {"accepted", "rejected", "unknown", "not_sent"}
_SAID: Final = {"question", "answered"}
_REQUEST: Final = {"intent", "sent"}


class Line(msgspec.Struct, frozen=True):
    """A label and what it is; a heading has no text. Long texts are wrapped where they are shown."""

    label: str
    text: str = ""
    ink: Ink = Ink.PLAIN

    @property
    def is_heading(self) -> bool:
        return not self.text


Moment = Callable[[datetime], str]


def title(entry: Entry, timeline: Timeline) -> str:
    """What the details are of: `BUY 100 AAPL LMT 188.00 DAY`, or the line's own word."""
    intent = _intent(timeline.rows_of(entry.order)) if entry.order else None
    return order_words(intent.facts) if intent is not None else entry.word


def lacks(entry: Entry, timeline: Timeline) -> bool:
    """Whether rows of its order have to be read from the journal: an order of ours whose beginning is not here."""
    if not entry.order or entry.order.startswith(FOREIGN):
        return False
    intent = _intent(timeline.rows_of(entry.order))
    return intent is None or (bool(intent.facts.get("proposal_hash")) and timeline.approval_of(intent) is None)


def details(entry: Entry, timeline: Timeline, moment: Moment) -> list[Line]:
    """Every line, in the order of the pane."""
    if entry.kind is Kind.GAP:
        return [Line("gap", entry.text, Ink.WARN)]
    rows = timeline.rows_of(entry.order) if entry.order and not entry.order.startswith(FOREIGN) else []
    if not rows:
        return [*_single(entry, moment), *_foreign(entry, timeline, moment)]
    intent = _intent(rows)
    fills = [other for other in timeline.of_order(entry.order) if other.kind is Kind.FILL]
    lines = _request(rows, intent, moment)
    lines += _approved(rows, intent, timeline, moment)
    lines += _answer(rows, moment)
    lines += _life(rows, moment)
    lines += _fills(fills, intent, moment)
    return lines + _audit(rows, intent)


def _intent(rows: Sequence[AuditRow]) -> AuditRow | None:
    return next((row for row in rows if row.kind == "intent"), None)


def _request(rows: Sequence[AuditRow], intent: AuditRow | None, moment: Moment) -> list[Line]:
    if intent is None:
        return [
            Line("Request"),
            Line("order", "Its beginning is not here: the row that wrote it down is older.", Ink.WARN),
        ]
    facts = intent.facts
    by = f" by {face}" if (face := words(facts, "face", limit=20)) else ""
    sent = next((row for row in rows if row.kind == "sent"), None)
    when = moment(intent.at)
    if sent is None:
        lines = [Line("Request"), Line("written", f"{when}{by}, and not sent since", Ink.WARN)]
    else:
        again = number(sent.facts, "attempt")
        more = f", attempt {again}" if again not in {"", "1"} else ""
        lines = [Line("Request"), Line("sent", f"{moment(sent.at)}{more}, once; written down{by} before, {when}")]
    value, leverage = price(facts, "value"), number(facts, "leverage_after")
    if value:
        lines.append(Line("value", value + (f", leverage after it {leverage}" if leverage else "")))
    if group := words(facts, "group_id", limit=40):
        many = words(facts, "legs_count", limit=4)
        role = words(facts, "role", limit=12)
        legs = f" of {many} orders" if many else ""
        lines.append(Line("group", f"{words(facts, 'kind', limit=12)} {group}: the {role}{legs}"))
    return lines


def _audit(rows: Sequence[AuditRow], intent: AuditRow | None) -> list[Line]:
    """By what it is found again, in the journal and at IBKR's."""
    first, last = rows[0].seq, rows[-1].seq
    lines = [Line("Audit")]
    if intent is not None:
        lines.append(Line("cOID", clean(intent.coid, limit=60)))
        if digest := words(intent.facts, "request_hash", limit=64):
            lines.append(Line("request", f"SHA-256 {short(digest, 24)}", Ink.MUTED))
    lines.append(Line("rows", f"#{first}" if first == last else f"{len(rows)} of #{first}…#{last}"))
    if tag := rows[0].acct_tag:
        lines.append(Line("account", f"tag {clean(tag, limit=40)}", Ink.MUTED))
    return lines


def _approved(rows: Sequence[AuditRow], intent: AuditRow | None, timeline: Timeline, moment: Moment) -> list[Line]:
    lines = [Line("Approved")]
    approval = timeline.approval_of(intent) if intent is not None else None
    if approval is not None:
        face = words(approval.facts, "face", limit=20) or "a face that has no name"
        lines.append(Line("by", f"{face}, {moment(approval.at)}, on its preview (row #{approval.seq})", Ink.GOING))
    elif intent is not None:
        face = words(intent.facts, "face", limit=20)
        lines.append(Line("by", f"{face or 'nobody'}, by sending it; no approval of its own is in the audit"))
    for row in rows:
        if row.kind in _SAID:
            entry = of_row(row, {})
            lines.append(Line(moment(row.at), f"{entry.word}: {entry.text}", entry.ink))
    return lines if len(lines) > 1 else []


def _answer(rows: Sequence[AuditRow], moment: Moment) -> list[Line]:
    lines = [Line("Answer")]
    for row in rows:
        if row.kind not in _ANSWERS:
            continue
        word = of_row(row, {})
        said = [words(row.facts, name, limit=400) for name in ("status", "text", "code")]
        if order_id := words(row.facts, "order_id", limit=24):
            said.append(f"IBKR's order {order_id}")
        text = " · ".join(part for part in said if part)
        lines.append(Line(moment(row.at), f"{word.word}{': ' if text else ''}{text}", word.ink))
        if body := words(row.facts, "body_start", limit=300):
            lines.append(Line("answer", body, Ink.MUTED))
        if digest := words(row.facts, "body_hash", limit=64):
            lines.append(Line("hash", short(digest, 24), Ink.MUTED))
    if len(lines) == 1:
        lines.append(Line("none", "No answer is in the audit yet.", Ink.WARN))
    return lines


def _life(rows: Sequence[AuditRow], moment: Moment) -> list[Line]:
    """What happened after the answer."""
    lines = [Line("Life")]
    for row in rows:
        if row.kind in _ANSWERS | _SAID | _REQUEST or row.kind == "filled":
            continue
        entry = of_row(row, {})
        by = words(row.facts, "face", limit=20)
        text = f"{entry.word}{f': {entry.text}' if entry.text else ''}{f' by {by}' if by else ''}"
        lines.append(Line(moment(row.at), text, entry.ink))
    return lines if len(lines) > 1 else []


def _fills(fills: Iterable[Entry], intent: AuditRow | None, moment: Moment) -> list[Line]:
    lines = [Line("Fills")]
    done, money = Decimal(0), Decimal(0)
    for entry in fills:
        lines.append(Line(moment(entry.at), entry.text, entry.ink))
        qty, at = _executed(entry)
        done, money = done + qty, money + qty * at
    if len(lines) == 1:
        return []
    wanted = number(intent.facts, "qty") if intent is not None else ""
    mean = f"{money / done:.4f}".rstrip("0") if done else ""
    average = price({"price": mean.rstrip(".")}, "price")
    many = f"{figures.quantity(done)}{f' of {wanted}' if wanted else ''}"
    lines.append(Line("in all", f"{many}{f' at {average}' if average else ''}", Ink.BRIGHT))
    return lines


def _executed(entry: Entry) -> tuple[Decimal, Decimal]:
    if entry.fill is not None:
        return entry.fill.qty, entry.fill.price
    facts = entry.row.facts if entry.row is not None else {}
    return amount(facts, "qty") or Decimal(0), amount(facts, "price") or Decimal(0)


def _foreign(entry: Entry, timeline: Timeline, moment: Moment) -> list[Line]:
    """What else was heard of an order that was placed elsewhere."""
    if not entry.order.startswith(FOREIGN):
        return []
    others = [other for other in timeline.of_order(entry.order) if other.key != entry.key]
    note = "Placed elsewhere (TWS, a phone): no request or approval of it is in this audit."
    lines = [
        Line("Order"),
        Line("order", f"IBKR {clean(entry.order.removeprefix(FOREIGN), limit=24)}"),
        Line("note", note),
    ]
    return lines + [Line(moment(other.at), other.text, other.ink) for other in others]


def _single(entry: Entry, moment: Moment) -> list[Line]:
    """A line that belongs to no order of ours: all that it says."""
    lines = [Line(entry.word[:1].upper() + entry.word[1:]), Line("at", moment(entry.at))]
    if entry.text:
        lines.append(Line("what", entry.text, entry.ink))
    if entry.fill is not None:
        lines.append(Line("execution", clean(entry.fill.execution_id, limit=60)))
    if entry.event is not None and entry.event.code:
        lines.append(Line("code", clean(entry.event.code, limit=40)))
    if entry.row is not None and entry.fill is None:
        lines.append(Line("row", f"#{entry.row.seq} of the audit, kind {clean(entry.row.kind, limit=24)}"))
        lines += [
            Line(clean(name, limit=14), words(entry.row.facts, name, limit=400) or "—") for name in entry.row.facts
        ]
    return lines
