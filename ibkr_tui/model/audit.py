"""Rows of the audit as faces see them: what was done, in sequence, without an account id in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class AuditRow(msgspec.Struct, frozen=True):
    """One row. `coid` ties it to an order (empty: to none), `acct_tag` stands for the account.

    `facts` are those that the kind's allow-list keeps, cleaned; money and quantities are plain decimal texts.
    """

    seq: int
    at: datetime
    kind: str
    coid: str = ""
    acct_tag: str = ""
    facts: dict[str, Any] = {}


class AuditPage(msgspec.Struct, frozen=True):
    """Rows, newest last. `more`: older ones match too; `before=` the first one's number gets them."""

    rows: tuple[AuditRow, ...]
    more: bool = False
