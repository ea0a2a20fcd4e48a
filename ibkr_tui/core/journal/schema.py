"""The journal's tables, by version: what a new file gets, and the step that each older one takes."""

from __future__ import annotations

import sqlite3
from typing import Final

from ibkr_tui.model.errors import BrokerError

SCHEMA_VERSION: Final = 3
ANCHORED_SINCE: Final = 3
"""Journals of this version and later have a file of anchors beside them."""

_FIRST: Final = """
CREATE TABLE intents (
    coid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    conid INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    description TEXT NOT NULL,
    side TEXT NOT NULL,
    qty TEXT NOT NULL,
    order_type TEXT NOT NULL,
    limit_price TEXT,
    tif TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    instance TEXT NOT NULL,
    state TEXT NOT NULL,
    order_id TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX intents_by_state ON intents (state);

CREATE TABLE fills (
    execution_id TEXT PRIMARY KEY,
    coid TEXT NOT NULL,
    at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    ts TEXT NOT NULL,
    kind TEXT NOT NULL,
    coid TEXT NOT NULL,
    acct_tag TEXT NOT NULL,
    payload TEXT NOT NULL,
    prev_mac BLOB NOT NULL,
    mac BLOB NOT NULL
);
CREATE INDEX audit_by_coid ON audit (coid);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows are final'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows are final'); END;
"""

_STEPS: Final = {
    1: """
ALTER TABLE intents ADD COLUMN ticket TEXT;
ALTER TABLE intents ADD COLUMN group_id TEXT NOT NULL DEFAULT '';
ALTER TABLE intents ADD COLUMN role TEXT NOT NULL DEFAULT 'single';
ALTER TABLE intents ADD COLUMN parent TEXT NOT NULL DEFAULT '';
CREATE INDEX intents_by_group ON intents (group_id);
""",
    2: """
CREATE INDEX audit_by_kind ON audit (kind);
""",
}
"""What turns a journal of schema N into one of schema N + 1; a new file takes every step too."""


def version_of(connection: sqlite3.Connection) -> int:
    """The schema of the file; 0 for a new one. Raises BrokerError JOURNAL_UNAVAILABLE when it is a newer program's."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise BrokerError(
            "JOURNAL_UNAVAILABLE",
            f"the journal was written by a newer version (schema {version}, this one knows {SCHEMA_VERSION})",
            user_action="Use the newer ibkr-tui, or another state directory.",
        )
    return int(version)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the file from `version` to this program's, each step whole or not at all."""
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE;{_FIRST}PRAGMA user_version=1;COMMIT;")
    for step in range(max(version, 1), SCHEMA_VERSION):
        connection.executescript(f"BEGIN IMMEDIATE;{_STEPS[step]}PRAGMA user_version={step + 1};COMMIT;")
