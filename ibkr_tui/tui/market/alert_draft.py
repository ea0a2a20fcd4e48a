"""An alert as it is being set: what stands in the fields, in words, and what is asked of the core. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.alerts import AlertKind, Direction
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import parse_entry, plain
from ibkr_tui.model.quotes import Quote
from ibkr_tui.tui import figures

KINDS: Final = (AlertKind.PRICE, AlertKind.CHANGE, AlertKind.STALENESS)
LABELS: Final = {
    AlertKind.PRICE: "price",
    AlertKind.CHANGE: "change of the day, in per cent",
    AlertKind.STALENESS: "seconds without a fresh price",
}


class AlertDraft(msgspec.Struct, frozen=True):
    """`direction` None: the side that the value is not on now."""

    symbol: str
    conid: int
    kind: AlertKind = AlertKind.PRICE
    level: str = ""
    direction: Direction | None = None
    repeat: bool = False
    note: str = ""

    def with_next_kind(self) -> AlertDraft:
        """Another kind; its level is another thing too."""
        kind = KINDS[(KINDS.index(self.kind) + 1) % len(KINDS)]
        level = "60" if kind is AlertKind.STALENESS else ""
        return msgspec.structs.replace(self, kind=kind, level=level, direction=None)

    def with_next_direction(self) -> AlertDraft:
        """By itself, above, below."""
        if self.kind is AlertKind.STALENESS:
            return self
        order = (None, Direction.ABOVE, Direction.BELOW)
        return msgspec.structs.replace(self, direction=order[(order.index(self.direction) + 1) % len(order)])


def present(draft: AlertDraft, quote: Quote | None) -> Decimal | None:
    """The value that the alert would look at now."""
    if quote is None or draft.kind is AlertKind.STALENESS:
        return None
    return quote.change_pct if draft.kind is AlertKind.CHANGE else quote.last or quote.mid


def in_words(draft: AlertDraft, quote: Quote | None) -> str:
    """What will be told, as a sentence. Raises BrokerError BAD_NUMBER for a level that is none."""
    level = parse_entry(draft.level, what="level")
    again = ", each time" if draft.repeat else ", once"
    if draft.kind is AlertKind.STALENESS:
        return f"Tell when {draft.symbol} has had no fresh price for {plain(level)} s{again}."
    now = present(draft, quote)
    side = draft.direction
    if side is None and now is not None:
        side = Direction.ABOVE if level >= now else Direction.BELOW
    where = {Direction.ABOVE: "at or above", Direction.BELOW: "at or below", None: "on the other side of"}[side]
    unit = " %" if draft.kind is AlertKind.CHANGE else ""
    places = quote.decimals if quote is not None and draft.kind is AlertKind.PRICE else 2
    stands = f" Now {figures.number(now, places)}{unit}." if now is not None else ""
    what = "day's change" if draft.kind is AlertKind.CHANGE else "price"
    return f"Tell when {draft.symbol}'s {what} is {where} {plain(level)}{unit}{again}.{stands}"


def problem_of(draft: AlertDraft, quote: Quote | None) -> str:
    """What is wrong with the level as it stands; empty when nothing is."""
    try:
        in_words(draft, quote)
    except BrokerError as error:
        return error.message
    return ""


def arguments(draft: AlertDraft) -> dict[str, object]:
    """What is asked of the core."""
    asked: dict[str, object] = {
        "symbol": draft.symbol,
        "conid": draft.conid,
        "kind": str(draft.kind),
        "level": draft.level.strip(),
        "repeat": draft.repeat,
        "note": draft.note.strip(),
    }
    if draft.direction is not None:
        asked["direction"] = str(draft.direction)
    return asked
