"""Live profit and loss: the `spl` topic, sparse, about once a second (reference 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.numbers import parse_wire_or_none
from ibkr_tui.model.portfolio import Pnl
from ibkr_tui.model.table import Table

_FIELDS: Final = {"dpl": "daily", "upl": "unrealized", "nl": "net_liquidation", "mv": "market_value"}


class PnlBoard:
    """The `pnl` table."""

    def __init__(self, table: Table[Pnl], account: str, clock: Clock) -> None:
        self._table = table
        self._account = account
        self._clock = clock

    def merge(self, args: Mapping[str, Any]) -> None:
        """Take in one frame's `args`, keyed `{account}.{segment}`; other accounts are none of ours."""
        for key, row in args.items():
            if key.partition(".")[0] != self._account or not isinstance(row, Mapping):
                continue
            fields = {ours: parse_wire_or_none(row[theirs]) for theirs, ours in _FIELDS.items() if theirs in row}
            known = {name: value for name, value in fields.items() if value is not None}
            if known:
                pnl = self._table.get(self._account) or Pnl(self._account)
                self._table.put(self._account, msgspec.structs.replace(pnl, updated_at=self._clock.now(), **known))
