"""Account ids masked on every line that is painted, whichever widget paints it: for a screen that others see."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from ibkr_tui.model.masking import mask_accounts


class AccountMask(LineFilter):
    """As long as before, so that nothing moves. An id that a style splits in two is shown in neither part."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments of a line with its account ids masked."""
        text = "".join(segment.text for segment in segments if segment.control is None)
        masked = mask_accounts(text)
        if masked == text:
            return segments
        done: list[Segment] = []
        at = 0
        for segment in segments:
            if segment.control is not None:
                done.append(segment)
                continue
            end = at + len(segment.text)
            done.append(Segment(masked[at:end], segment.style))
            at = end
        return done
