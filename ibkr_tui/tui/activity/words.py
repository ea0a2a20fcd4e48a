"""What each kind of audit row, event and fill says on its line: a word for the state, its colour, a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.events import Event, Severity
from ibkr_tui.model.orders import Fill, Side
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.activity.entry import Entry, Ink, Kind
from ibkr_tui.tui.activity.facts import number, order_words, price, short, words

ALERT_CODE: Final = "ALERT"
FOREIGN: Final = "ib:"
Facts = Mapping[str, Any]

_STATES: Final[Mapping[str, tuple[str, Ink]]] = {
    "intent": ("sending", Ink.WARN),
    "sent": ("sent", Ink.PLAIN),
    "not_sent": ("not sent", Ink.WARN),
    "question": ("IBKR asks", Ink.WARN),
    "answered": ("answered", Ink.PLAIN),
    "accepted": ("accepted", Ink.GOING),
    "working": ("working", Ink.GOING),
    "filled": ("filled", Ink.BRIGHT),
    "amend": ("amending", Ink.WARN),
    "amended": ("amended", Ink.GOING),
    "amend_refused": ("not amended", Ink.WARN),
    "amend_unknown": ("AMEND ?", Ink.DANGER),
    "cancel_requested": ("cancelling", Ink.WARN),
    "cancelled": ("cancelled", Ink.MUTED),
    "rejected": ("rejected", Ink.WARN),
    "unknown": ("UNKNOWN", Ink.DANGER),
    "resolved": ("resolved", Ink.GOING),
    "approved": ("approved", Ink.GOING),
    "kill_switch": ("kill switch", Ink.DANGER),
    "limits": ("limits", Ink.PLAIN),
    "live_acknowledged": ("checked", Ink.GOING),
    "opened": ("opened", Ink.MUTED),
    "migrated": ("migrated", Ink.MUTED),
    "purged": ("purged", Ink.WARN),
}
_VERDICTS: Final = {
    "keep": "keeps being looked for",
    "cancel_on_sight": "to be cancelled when it is seen",
    "not_sent": "declared not sent",
}


def of_row(row: AuditRow, order: Facts) -> Entry:
    """The line of an audit row; `order` are the facts of the intent it belongs to, where they are known."""
    word, ink = _STATES.get(row.kind, (clean(row.kind, limit=20) or "?", Ink.PLAIN))
    facts = row.facts
    if row.kind == "kill_switch":
        on = facts.get("on") is True
        word, ink = ("KILL ON", Ink.DANGER) if on else ("kill off", Ink.GOING)
    if row.kind == "resolved" and words(facts, "verdict") == "keep":
        ink = Ink.WARN
    say = _SAYS.get(row.kind)
    text = say(facts, order) if say is not None else _all(facts)
    return Entry(
        key=f"a{row.seq}",
        at=row.at,
        kind=Kind.FILL if row.kind == "filled" else Kind.ORDER if row.coid or row.kind == "approved" else Kind.AUDIT,
        word=word,
        text=text,
        ink=ink,
        symbol=words(facts, "symbol", limit=24) or words(order, "symbol", limit=24),
        order=row.coid,
        seq=row.seq,
        who=words(facts, "face", limit=20) or words(facts, "by", limit=20),
        row=row,
    )


def of_fill(fill: Fill, row: AuditRow | None) -> Entry:
    """The line of a fill, with its audit row where it is an order of ours."""
    order = fill.coid or (FOREIGN + fill.order_id if fill.order_id else "")
    text = f"{fill.side.value.upper()} {figures.quantity(fill.qty)} {clean(fill.symbol, limit=24)} @ "
    text += price({"price": fill.price}, "price")
    if fill.commission is not None:
        text += f" · commission {price({'paid': fill.commission}, 'paid')}"
    if row is not None and row.facts.get("late") is True:
        text += " · learnt after a gap"
    if not fill.coid:
        text += " · placed elsewhere"
    return Entry(
        key=f"f{fill.execution_id}",
        at=fill.at,
        kind=Kind.FILL,
        word="filled",
        text=text,
        ink=Ink.BUY if fill.side is Side.BUY else Ink.SELL,
        symbol=clean(fill.symbol, limit=24),
        order=order,
        seq=row.seq if row is not None else 0,
        row=row,
        fill=fill,
    )


def of_event(event: Event) -> Entry:
    """The line of an event: an alert that was told, an order placed elsewhere, or news of the core."""
    told = event.code == ALERT_CODE
    kind = Kind.ALERT if told else Kind.ORDER if event.order_key else Kind.NEWS
    plain = "order" if event.order_key else "news"
    word = "alert" if told else {Severity.ERROR: "error", Severity.WARNING: "warning"}.get(event.severity, plain)
    ink = {Severity.ERROR: Ink.DANGER, Severity.WARNING: Ink.WARN}.get(event.severity, Ink.PLAIN)
    return Entry(
        key=f"e{event.at.timestamp()}{event.order_key}{event.text}",
        at=event.at,
        kind=kind,
        word=word,
        text=clean(event.text, limit=400),
        ink=ink,
        order=event.order_key,
        event=event,
    )


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _intent(facts: Facts, _: Facts) -> str:
    group = _joined(words(facts, "kind", limit=12), words(facts, "role", limit=12))
    value = price(facts, "value")
    return _joined(order_words(facts), f"value {value}" if value else "", group)


def _answer(facts: Facts, order: Facts) -> str:
    """What was said comes first: the order's own line stands below it."""
    identity = words(facts, "order_id", limit=24)
    said = words(facts, "text", limit=300) or words(facts, "body_start", limit=200)
    return _joined(said, order_words(order), words(facts, "status", limit=40), f"IBKR {identity}" if identity else "")


def _filled(facts: Facts, order: Facts) -> str:
    name = words(order, "symbol", limit=24) or f"conid {words(facts, 'conid', limit=12)}"
    late = "learnt after a gap" if facts.get("late") is True else ""
    side = words(facts, "side", limit=8).upper()
    return _joined(f"{side} {number(facts, 'qty')} {name} @ {price(facts, 'price')}", late)


def _amended(facts: Facts, _: Facts) -> str:
    named = (
        ("now", number(facts, "qty")),
        ("limit", price(facts, "limit_price")),
        ("stop", price(facts, "stop_price")),
    )
    return ", ".join(f"{name} {value}" for name, value in named if value) or words(facts, "text", limit=300)


def _resolved(facts: Facts, order: Facts) -> str:
    verdict = words(facts, "verdict", limit=40)
    return _joined(order_words(order), _VERDICTS.get(verdict, verdict))


def _answered(facts: Facts, _: Facts) -> str:
    by = words(facts, "by", limit=40)
    said = words(facts, "answer", limit=20) or "no answer"
    return _joined(f"{said}{f' by {by}' if by else ''}", words(facts, "message_ids", limit=80))


def _all(facts: Facts) -> str:
    return ", ".join(f"{clean(name, limit=24)} {words(facts, name, limit=60)}" for name in facts)


_SAYS: Final[Mapping[str, Callable[[Facts, Facts], str]]] = {
    "intent": _intent,
    "sent": lambda facts, order: _joined(order_words(order), f"request {short(words(facts, 'request_hash'))}"),
    "not_sent": _answer,
    "question": lambda facts, order: words(facts, "text", limit=400) or words(facts, "message_ids"),
    "answered": _answered,
    "accepted": _answer,
    "working": _answer,
    "filled": _filled,
    "amend": _intent,
    "amended": _amended,
    "amend_refused": _answer,
    "amend_unknown": _answer,
    "cancel_requested": lambda facts, order: order_words(order) or f"order {words(facts, 'order_id', limit=24)}",
    "cancelled": _answer,
    "rejected": _answer,
    "unknown": _answer,
    "resolved": _resolved,
    "approved": lambda facts, _: _joined(
        f"preview {short(words(facts, 'preview_id'), 10)}", f"order {short(words(facts, 'request_hash'))}"
    ),
    "kill_switch": lambda facts, _: (
        words(facts, "text", limit=200)
        or ("no new order leaves, cancels do" if facts.get("on") is True else "orders may leave again")
    ),
    "limits": lambda facts, _: words(facts, "tightened", limit=200) or words(facts, "limits", limit=300),
    "live_acknowledged": lambda facts, _: words(facts, "item").replace("_", " "),
    "purged": lambda facts, _: f"rows up to {words(facts, 'through', limit=12)} went to an export",
}
