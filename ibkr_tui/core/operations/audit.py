"""The audit, read: rows of an order, of a kind, since a time, page by page. Also when nothing can be recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.journal.audit import FIELDS
from ibkr_tui.model.audit import AuditPage
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker


class GetAudit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest `count` rows of an order (`coid`), of a `kind` or several `kinds`, `since` a day or a time in UTC,
    `before` the row of that number."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    coid: str = ""
    kind: str = ""
    kinds: tuple[str, ...] = ()
    since: str = ""
    before: Annotated[int, msgspec.Meta(ge=1)] | None = None


def audit_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""

    async def get_audit(arguments: GetAudit, caller: Caller) -> AuditPage:
        kinds = tuple(dict.fromkeys(kind for kind in (arguments.kind, *arguments.kinds) if kind))
        for kind in kinds:
            if kind not in FIELDS:
                words = f"there is no audit row of the kind “{clean(kind, limit=40)}”; there are: {', '.join(FIELDS)}"
                raise BrokerError("BAD_ARGUMENT", words, details={"field": "kind"})
        return await broker.journal.audit(
            count=arguments.count,
            coid=arguments.coid,
            kinds=kinds,
            since=moment(arguments.since, "since") if arguments.since else None,
            before=arguments.before,
        )

    summary = "Rows of the audit: of an order, of a kind, since a time; newest last."
    return [Operation("get_audit", Tier.READ, GetAudit, get_audit, summary)]


def moment(text: str, what: str) -> datetime:
    """A day or a time, in UTC unless it says otherwise. Raises BrokerError BAD_ARGUMENT."""
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        words = f"{what}: “{clean(text, limit=40)}” is no day or time such as 2026-01-31 or 2026-01-31T15:30"
        raise BrokerError("BAD_ARGUMENT", words, details={"field": what}) from None
