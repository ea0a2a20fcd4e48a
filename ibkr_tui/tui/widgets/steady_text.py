"""A text that is told often and seldom another: only another one is drawn, and arranges the page anew."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class SteadyText(Static):
    """Takes cleaned text only. `fixed` says that the style sheet gives it its size: then nothing beside it moves."""

    def __init__(self, *, id: str, classes: str = "", fixed: bool = False) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._fixed = fixed
        self._stands = Content()

    def show(self, text: Content) -> None:
        """`text` in the place of what stands there."""
        if text.is_same(self._stands):
            return
        self._stands = text
        self.update(text, layout=not self._fixed)
