"""One record that a status bar can show: session, token, stream, market, and one line that says what is wrong."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from ibkr_tui.model.quotes import MarketHours


class SessionState(StrEnum):
    OFFLINE = "offline"
    MINTING = "minting"
    INITIALISING = "initialising"
    READY = "ready"
    DEGRADED = "degraded"
    COMPETING = "competing"
    MAINTENANCE = "maintenance"
    BLOCKED = "blocked"


class StreamState(StrEnum):
    OFF = "off"
    CONNECTING = "connecting"
    LIVE = "live"
    LOST = "lost"


class Health(msgspec.Struct, frozen=True):
    """`message` is one line: what is wrong and what to do; empty when all is well.

    `pacing_used` of `pacing_limit` requests were sent in the last second, `pacing_waiting` wait; after a 429 only
    cancels leave for `blocked_for` seconds. `…_mono` are seconds of the machine's monotonic clock, `clock_skew_s` is
    the broker's clock minus ours. `keys_id` is the fingerprint of a public key, `journal_place` the kind of file system
    (`disk`, `memory`, `network`). Frames of the stream that were survived and not used: `garbage_frames` were no JSON
    object, `huge_frames` ended a connection by their size, `late_frames` were older than what was known,
    `repeated_frames` said nothing new, `stray_frames` belonged to nothing that is subscribed, `garbled_values` were no
    numbers. `stalls` is how often the core's event loop stood still, the last time for
    `last_stall_s` seconds until `last_stall_at`.
    """

    profile: str
    kind: str
    account: str
    session: SessionState = SessionState.OFFLINE
    stream: StreamState = StreamState.OFF
    message: str = ""
    code: str = ""
    orders_mode: str = "send"
    max_leverage: Decimal = Decimal(4)
    api_latency_ms: float | None = None
    last_frame_mono: float | None = None
    token_expires_at: datetime | None = None
    market: MarketHours | None = None
    subscriptions: int = 0
    open_intents: int = 0
    core_pid: int = 0
    core_version: str = ""
    started_at: datetime | None = None
    pacing_used: int = 0
    pacing_limit: int = 0
    pacing_waiting: int = 0
    blocked_for: int = 0
    blocked_until: datetime | None = None
    session_since: datetime | None = None
    checked_at: datetime | None = None
    bad_checks: int = 0
    token_minted_at: datetime | None = None
    stream_since: datetime | None = None
    reconnects: int = 0
    frames: int = 0
    frames_per_s: float | None = None
    most_subscriptions: int = 0
    clock_skew_s: float | None = None
    journal_place: str = ""
    journal_rows: int = 0
    journal_committed_at: datetime | None = None
    journal_failure: str = ""
    keys_source: str = ""
    keys_id: str = ""
    memory_mb: int | None = None
    faces: int = 0
    garbage_frames: int = 0
    huge_frames: int = 0
    late_frames: int = 0
    repeated_frames: int = 0
    stray_frames: int = 0
    garbled_values: int = 0
    stalls: int = 0
    last_stall_s: float = 0.0
    last_stall_at: datetime | None = None
    market_mono: float | None = None
