"""How a replay stands: playing or paused, the recorded time, the speed, how far it is."""

from __future__ import annotations

from typing import Any, Final

from rich.segment import Segment

from ibkr_tui.tui import figures
from ibkr_tui.tui.replay.player import Player
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

_LEAST: Final = 8


class ReplayBar(Painted):
    """One line over the time line."""

    def __init__(self, player: Player[Any], *, id: str) -> None:
        super().__init__(id=id)
        self._player = player

    def rows(self, width: int, height: int) -> list[Row]:
        palette, player = self.palette, self._player
        sign = "■ over" if player.is_done else "▶ playing" if player.is_playing else "❚❚ paused"
        now = player.now.astimezone(self.state.zone)
        done, total = player.at, len(player.rows)
        words = f"{now:%a %d %b %Y %H:%M:%S}  {player.speed}×  row {done:,} of {total:,} "
        room = width - len(words) - 14
        bar = "━" * round(room * done / total) if room >= _LEAST else ""
        rest = "─" * (room - len(bar)) if room >= _LEAST else ""
        return [
            [
                Segment(" " + figures.left(sign, 11), palette.warn),
                Segment(words, palette.text),
                Segment(bar, palette.accent),
                Segment(rest, palette.stale),
            ]
        ]
