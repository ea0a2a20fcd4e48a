"""The last guard before the terminal: no control or format character is painted, whatever a widget was given.

Texts from outside are cleaned where they come in (model/text.py). This one asks nothing of anybody's discipline.
"""

from __future__ import annotations

import re
from typing import Final

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_OBEYED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ue000-\uf8ff"
    "\ud800-\udfff\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
"""C0, C1, bidirectional and zero-width characters, private ones, lone surrogates, tags: none has a place in a cell."""


class ControlGuard(LineFilter):
    """Takes them out; they are of no width, so that nothing moves."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments of a line without what a terminal obeys."""
        if not any(segment.control is None and _OBEYED.search(segment.text) for segment in segments):
            return segments
        return [
            segment if segment.control is not None else Segment(_OBEYED.sub("", segment.text), segment.style)
            for segment in segments
        ]
