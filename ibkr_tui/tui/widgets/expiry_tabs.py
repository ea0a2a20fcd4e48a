"""The expiries of a chain in one line: months, and the days of the open month in its place."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment

from ibkr_tui.tui.options.strikes import Tab
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row


class ExpiryTabs(Painted):
    """The open one can always be seen; ‹ and › say that there are more."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._tabs: Sequence[Tab] = ()

    def show(self, tabs: Sequence[Tab]) -> None:
        """These expiries."""
        self._tabs = tabs
        self.paint()

    def rows(self, width: int, height: int) -> list[Row]:
        tabs, palette = self._tabs, self.palette
        if not tabs:
            return [[]]
        first, last = self._window(width - 4)
        row: Row = [Segment("‹ " if first else "  ", palette.muted)]
        for tab in tabs[first:last]:
            if tab.is_open:
                row.append(Segment(f"[{tab.label}]", palette.accent))
            else:
                row.append(Segment(f" {tab.label} ", palette.text if tab.day is not None else palette.muted))
            row.append(Segment(" "))
        return [[*row, Segment("›" if last < len(tabs) else " ", palette.muted)]]

    def _window(self, room: int) -> tuple[int, int]:
        """The tabs that fit around the open one."""
        tabs = self._tabs
        at = next((index for index, tab in enumerate(tabs) if tab.is_open), 0)
        first, last, used = at, at + 1, len(tabs[at].label) + 3
        while True:
            before = len(tabs[first - 1].label) + 3 if first > 0 else 0
            after = len(tabs[last].label) + 3 if last < len(tabs) else 0
            if after and used + after <= room:
                used, last = used + after, last + 1
            elif before and used + before <= room:
                used, first = used + before, first - 1
            else:
                return first, last
