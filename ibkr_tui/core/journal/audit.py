"""The audit: append-only rows, each bound to the one before it by an HMAC-SHA256 chain (design 9).

An allow-list names the fields each kind of row keeps; what is not on it is not written. Account ids never are: a tag
that only the holder of the key can make stands for them. Whoever holds the key can forge from now on; who does not
cannot change, remove or swap a row unseen.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.text import clean

KEY_BYTES: Final = 32
_FIRST: Final = bytes(32)
_LONGEST_TEXT: Final = 400
_SENT: Final = frozenset({
    "conid", "symbol", "side", "qty", "order_type", "limit_price", "tif", "stop_price", "trail", "trail_by",
    "limit_offset", "outside_rth", "exchange", "group_id", "role", "request_hash", "value", "leverage_after", "face",
})  # fmt: skip
_ANSWER: Final = frozenset({"status", "text", "order_id", "body_hash", "body_start"})

FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "opened": frozenset({"version", "schema", "key_id"}),
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
}

_canonical: Final = msgspec.json.Encoder(order="sorted")


def load_key(path: Path) -> bytes:
    """The chain's key, made on first use (32 random bytes, 0600). Raises BrokerError JOURNAL_UNAVAILABLE."""
    try:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            descriptor = -1
        if descriptor >= 0:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
        key = path.read_bytes()
        mode = path.stat().st_mode & 0o077
    except OSError as error:
        words = (error.strerror or "no reason given").lower()
        raise BrokerError("JOURNAL_UNAVAILABLE", f"the audit key cannot be used: {words}") from None
    if len(key) != KEY_BYTES or mode:
        why = "others can read it" if mode else f"it has {len(key)} bytes, not {KEY_BYTES}"
        raise BrokerError("JOURNAL_UNAVAILABLE", f"the audit key cannot be used: {why}")
    return key


class AuditChain:
    """Appends to and verifies the audit table of a connection."""

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
    ) -> int:
        """Add a row inside the caller's transaction; its number. Fields that `kind` does not list are left out."""
        payload = _payload(kind, facts)
        tag = self.account_tag(account) if account else ""
        last = connection.execute("SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        previous, seq = (last[1], last[0] + 1) if last else (_FIRST, 1)
        ts = at.isoformat()
        mac = self._mac((str(seq), ts, kind, coid, tag, payload), previous)
        connection.execute(
            "INSERT INTO audit (seq, ts, kind, coid, acct_tag, payload, prev_mac, mac) VALUES (?,?,?,?,?,?,?,?)",
            (seq, ts, kind, coid, tag, payload, previous, mac),
        )
        return int(seq)

    def verify(self, connection: sqlite3.Connection) -> int | None:
        """The number of the first row that is broken, missing or out of place; None when the chain is whole."""
        expected, previous = 1, _FIRST
        rows = connection.execute(
            "SELECT seq, ts, kind, coid, acct_tag, payload, prev_mac, mac FROM audit ORDER BY seq"
        )
        for seq, ts, kind, coid, tag, payload, prev_mac, mac in rows:
            if seq != expected or prev_mac != previous:
                return expected
            if not hmac.compare_digest(self._mac((str(seq), ts, kind, coid, tag, payload), prev_mac), bytes(mac)):
                return expected
            expected, previous = seq + 1, mac
        counter = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
        return expected if counter and counter[0] >= expected else None

    def _mac(self, parts: tuple[str, ...], previous: bytes) -> bytes:
        chain = hmac.new(self._key, b"v1", hashlib.sha256)
        for part in parts:
            octets = str(part).encode()
            chain.update(len(octets).to_bytes(8, "big") + octets)
        chain.update(bytes(previous))
        return chain.digest()


def _payload(kind: str, facts: Mapping[str, Any]) -> str:
    allowed = FIELDS.get(kind, frozenset())  # a row nobody described keeps its place in the sequence, and nothing else
    kept = {name: _plain(value) for name, value in facts.items() if name in allowed and value is not None}
    return _canonical.encode(kept).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return plain(value)
    return clean(str(value), limit=_LONGEST_TEXT)
