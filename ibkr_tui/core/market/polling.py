"""Without the stream (`ws_enabled = false`): single snapshots of what is subscribed, asked for politely, marked so."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.market.subscriptions import Subscriptions
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError

log = logging.getLogger(__name__)

EVERY: Final = 2.0
AT_ONCE: Final = 100


class SnapshotReads(Protocol):
    """The read this module needs."""

    async def snapshot(self, conids: Sequence[int], fields: Sequence[str]) -> Mapping[int, Mapping[str, Any]]: ...


async def poll(reads: SnapshotReads, subscriptions: Subscriptions, board: QuoteBoard, clock: Clock) -> None:
    """Snapshots every two seconds, until cancelled; when they fail the rows go stale."""
    while True:
        try:
            await poll_once(reads, subscriptions, board)
        except BrokerError as error:
            log.warning("snapshots: %s (%s)", error.message, error.code)
            board.lost()
        await clock.sleep(EVERY)


async def poll_once(reads: SnapshotReads, subscriptions: Subscriptions, board: QuoteBoard) -> None:
    """One snapshot of everything subscribed. A conid's first one only starts its stream at the broker (W-14)."""
    conids = subscriptions.conids
    for first in range(0, len(conids), AT_ONCE):
        rows = await reads.snapshot(conids[first : first + AT_ONCE], subscriptions.fields)
        board.polled()
        for conid, row in rows.items():
            if "6509" in row:
                board.merge(conid, row)
