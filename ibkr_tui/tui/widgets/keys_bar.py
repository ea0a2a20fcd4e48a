"""The keys line, made from the action table: hints go by rank when the line is narrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment

from ibkr_tui.tui.action import Action
from ibkr_tui.tui.actions import shown_key
from ibkr_tui.tui.widgets.fitting import Part, fit
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row


class KeysBar(Painted):
    """`applies` says whether an action does something now; one that does not is not shown."""

    def __init__(
        self, actions: Sequence[Action], key_of: Callable[[str], str], applies: Callable[[Action], bool], *, id: str
    ) -> None:
        super().__init__(id=id)
        self._actions = [action for action in actions if action.rank]
        self._key_of = key_of
        self._applies = applies

    def rows(self, width: int, height: int) -> list[Row]:
        palette = self.palette
        parts = [
            Part(
                (
                    Segment(shown_key(self._key_of(action.id)), palette.accent),
                    Segment(" " + action.label, palette.muted),
                ),
                action.rank,
            )
            for action in self._actions
            if self._applies(action)
        ]
        return [[Segment(" "), *fit(parts, width - 1)]]
