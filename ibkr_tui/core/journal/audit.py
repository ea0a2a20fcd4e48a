"""The audit: append-only rows, each bound to the one before it by an HMAC-SHA256 chain (design 9).

An allow-list names the fields each kind of row keeps; what is not on it is not written. Account ids never are: a tag
that only the holder of the key can make stands for them, in the words of others too. Whoever holds the key can forge
from now on; who does not cannot change, remove or swap a row unseen.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.text import clean

FIRST: Final = bytes(32)
"""What the first row is bound to."""
_LONGEST_TEXT: Final = 400
_ACCOUNT: Final = re.compile(r"(?<![A-Za-z0-9])(?:DU|DF|U|F)\d{5,9}(?![A-Za-z0-9])")
_SENT: Final = frozenset({
    "conid", "symbol", "side", "qty", "order_type", "limit_price", "tif", "stop_price", "trail", "trail_by",
    "limit_offset", "outside_rth", "exchange", "group_id", "role", "request_hash", "proposal_hash", "value",
    "leverage_after", "face",
})  # fmt: skip
_ANSWER: Final = frozenset({"status", "text", "order_id", "body_hash", "body_start"})

FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "opened": frozenset({"version", "schema", "key_id"}),
    "migrated": frozenset({"version", "schema", "from_schema"}),
    "purged": frozenset({"through", "head", "export_hash", "key_id"}),
    "intent": _SENT | {"instance", "kind", "legs_count"},
    "sent": frozenset({"request_hash", "attempt"}),
    "not_sent": frozenset({"text"}),
    "question": frozenset({"message_ids", "text"}),
    "answered": frozenset({"message_ids", "answer", "by"}),
    "accepted": _ANSWER,
    "working": frozenset({"order_id", "status", "filled"}),
    "filled": frozenset({"order_id", "execution_id", "qty", "price", "side", "conid", "at", "late"}),
    "amend": _SENT | {"order_id"},
    "amended": _ANSWER | {"qty", "limit_price", "stop_price"},
    "amend_refused": _ANSWER,
    "amend_unknown": _ANSWER,
    "cancel_requested": frozenset({"order_id", "face"}),
    "cancelled": frozenset({"order_id", "status", "filled", "text"}),
    "rejected": _ANSWER | {"code"},
    "unknown": _ANSWER,
    "resolved": frozenset({"verdict", "face", "order_id"}),
    "approved": frozenset({"request_hash", "preview_id", "face"}),
    "kill_switch": frozenset({"on", "by", "text", "face"}),
    "limits": frozenset({"limits", "tightened", "face"}),
    "live_acknowledged": frozenset({"item", "face"}),
}

_canonical: Final = msgspec.json.Encoder(order="sorted")


class StoredRow(msgspec.Struct, frozen=True):
    """A row as it stands in the file; the fields that its `mac` covers are texts, exactly as they were written.

    Whoever can write the file can put anything there: only `told` is fit to be shown.
    """

    seq: int
    ts: str
    kind: str
    coid: str
    acct_tag: str
    payload: str
    prev_mac: bytes
    mac: bytes

    def told(self) -> AuditRow:
        """The row as faces see it: only fields of the allow-list, cleaned and masked once more."""
        allowed = FIELDS.get(self.kind, frozenset())
        facts = {name: _shown(value) for name, value in self.facts().items() if name in allowed}
        kind, coid, tag = (clean(text, limit=80) for text in (self.kind, self.coid, self.acct_tag))
        return AuditRow(self.seq, self.at(), kind, coid, tag, facts)

    def facts(self) -> dict[str, Any]:
        """The payload; nothing when somebody has broken it."""
        try:
            return msgspec.json.decode(self.payload, type=dict[str, Any])
        except (msgspec.MsgspecError, TypeError):
            return {}

    def at(self) -> datetime:
        """When it was written; the beginning of time when somebody has broken that."""
        try:
            found = datetime.fromisoformat(self.ts)
        except (ValueError, TypeError):
            return _NEVER
        return found if found.tzinfo else _NEVER


_NEVER: Final = datetime.fromisoformat("0001-01-01T00:00:00+00:00")


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return clean(_ACCOUNT.sub("account ***", value), limit=_LONGEST_TEXT)
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return value if isinstance(value, bool | int | float) else None


class AuditChain:
    """Makes rows, and knows whether a row was made with its key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.key_id = hashlib.sha256(b"audit key id" + key).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"AuditChain(key_id={self.key_id!r})"

    def account_tag(self, account: str) -> str:
        """What stands for an account in the rows."""
        return hmac.new(self._key, b"account" + account.encode(), hashlib.sha256).hexdigest()[:16]

    def append(
        self,
        connection: sqlite3.Connection,
        kind: str,
        at: datetime,
        facts: Mapping[str, Any],
        *,
        coid: str = "",
        account: str = "",
    ) -> AuditRow:
        """Add a row inside the caller's transaction. Fields that `kind` does not list are left out."""
        payload = self._payload(kind, facts)
        tag = self.account_tag(account) if account else ""
        last = connection.execute("SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        previous, seq = (bytes(last[1]), int(last[0]) + 1) if last else (FIRST, 1)
        row = StoredRow(seq, at.isoformat(), kind, coid, tag, payload, previous, b"")
        connection.execute(
            "INSERT INTO audit (seq, ts, kind, coid, acct_tag, payload, prev_mac, mac) VALUES (?,?,?,?,?,?,?,?)",
            (seq, row.ts, kind, coid, tag, payload, previous, self.seal(row)),
        )
        return row.told()

    def sealed(self, row: StoredRow) -> bool:
        """Whether the row is as it was when its key made it."""
        return hmac.compare_digest(self.seal(row), row.mac)

    def seal(self, row: StoredRow) -> bytes:
        """The HMAC over the row and the seal that it follows."""
        chain = hmac.new(self._key, b"v1", hashlib.sha256)
        for part in (str(row.seq), row.ts, row.kind, row.coid, row.acct_tag, row.payload):
            octets = part.encode("utf-8", "surrogatepass")
            chain.update(len(octets).to_bytes(8, "big") + octets)
        chain.update(row.prev_mac)
        return chain.digest()

    def _payload(self, kind: str, facts: Mapping[str, Any]) -> str:
        # A row of a kind that nobody described keeps its place in the sequence, and nothing else.
        allowed = FIELDS.get(kind, frozenset())
        kept = {name: self._plain(value) for name, value in facts.items() if name in allowed and value is not None}
        return _canonical.encode(kept).decode()

    def _plain(self, value: Any) -> Any:
        if isinstance(value, bool | int):
            return value
        if isinstance(value, list | tuple):
            return [self._plain(item) for item in value]
        if isinstance(value, Decimal):
            return plain(value)
        masked = _ACCOUNT.sub(lambda found: f"account {self.account_tag(found[0])}", str(value))
        return clean(masked, limit=_LONGEST_TEXT)
