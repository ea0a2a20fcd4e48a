"""The time line: one line for what happened, newest on top. It follows until a person goes down into it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from textwrap import wrap
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.activity.entry import Entry, Ink, Kind
from ibkr_tui.tui.activity.selection import Wanted
from ibkr_tui.tui.activity.timeline import Timeline
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.palette import Palette
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.spans import Row

_TIME: Final = 9
_WORD: Final = 11
_SYMBOL: Final = 8
_SEQ: Final = 7
_WHO: Final = 8
_WIDE: Final = 98
_NUMBERED: Final = 66


def style_of(palette: Palette, ink: Ink) -> Style:
    """The palette's style of an ink."""
    style: Style = getattr(palette, str(ink))
    return style


class ActivityBoard(Board):
    """Keys are those of the entries."""

    def __init__(self, timeline: Timeline, *, id: str) -> None:
        super().__init__(id=id)
        self.timeline = timeline
        self.wanted = Wanted()
        self._entries: dict[str, Entry] = {}

    @property
    def entry(self) -> Entry | None:
        """The line under the cursor."""
        return self._entries.get(self.selected) if self.selected is not None else None

    @property
    def follows(self) -> bool:
        """Whether the newest line stays in view."""
        return self.cursor == 0

    def rearrange(self) -> None:
        """Show the lines that are wanted now."""
        follows = self.follows
        found = self.timeline.wanted(self.wanted)
        self._entries = {entry.key: entry for entry in found}
        self.show([entry.key for entry in found])
        if follows:
            self.move_to(0)
        self.paint()
        self.retitle()

    def want(self, wanted: Wanted) -> None:
        """Other lines; the cursor stays on its line where that is still there."""
        self.wanted = wanted
        self.rearrange()

    # painting

    def _columns(self, width: int) -> tuple[int, int]:
        """Cells for the number of the audit row and for who did it; 0 leaves a column out."""
        return (_SEQ if width >= _NUMBERED else 0), (_WHO if width >= _WIDE else 0)

    def header(self, width: int) -> Row:
        seq, who = self._columns(width)
        words = figures.left("Time", _TIME) + " " + figures.left("State", _WORD) + " "
        words += figures.left("Symbol", _SYMBOL) + " "
        words += figures.left("What", max(0, width - _TIME - _WORD - _SYMBOL - 3 - seq - who - (1 if who else 0)))
        words += (" " + figures.left("By", who) if who else "") + (figures.right("Row", seq) if seq else "")
        return [Segment(" " + words, self.palette.muted)]

    def cells(self, key: str, width: int) -> Row:
        entry = self._entries.get(key)
        if entry is None:
            return []
        palette = self.palette
        seq, who = self._columns(width)
        ink = style_of(palette, entry.ink)
        room = max(0, width - _TIME - _WORD - _SYMBOL - 3 - seq - who - (1 if who else 0))
        time = Segment(figures.left(self.moment(entry.at), _TIME) + " ", palette.muted)
        word = Segment(figures.left(entry.word, _WORD) + " ", ink)
        if entry.kind is Kind.GAP:
            return [time, word, Segment(figures.left(entry.text, width - _TIME - _WORD - 2), ink)]
        quiet = entry.ink in {Ink.MUTED, Ink.DANGER, Ink.WARN}
        row = [
            time,
            word,
            Segment(figures.left(entry.symbol, _SYMBOL) + " ", palette.bright),
            Segment(figures.left(entry.text, room), ink if quiet or entry.kind is Kind.FILL else palette.text),
        ]
        if who:
            row.append(Segment(" " + figures.left(entry.who, who), palette.muted))
        if seq:
            row.append(Segment(figures.right(f"#{entry.seq}" if entry.seq else "", seq), palette.muted))
        return row

    def moment(self, at: datetime) -> str:
        """A time in nine cells: today's to the second, this week's with its day, an older one's date."""
        now = self.state.now()
        local = at.astimezone(now.tzinfo)
        days = abs((local.date() - now.date()).days)
        return f"{local:%H:%M:%S}" if days == 0 else f"{local:%a %H:%M}" if days < 7 else f"{local:%d %b %y}"

    def nothing(self) -> Sequence[str]:
        link = self.state.feed.link
        if not self.wanted.is_all and self.timeline.entries:
            return (f"Nothing matches {self.wanted.told()}. Esc shows everything.",)
        if link is not LinkState.LIVE:
            when = "appears when the core is ready" if link is LinkState.STARTING else "comes back with the core"
            return (f"The time line {when}.",)
        if failure := self.audit_failure:
            return self._wrapped(f"No audit: {failure}. No order is sent until it can be written.")
        if self.state.feed.is_replay:
            return ("The day begins…",)
        return self._wrapped("Reading the audit… Orders, fills and what the core did appear here.")

    def _wrapped(self, words: str) -> Sequence[str]:
        return tuple(wrap(words, max(20, self.content_size.width - 2)))

    @property
    def audit_failure(self) -> str:
        """Why nothing is audited; empty while all is well."""
        health = self.state.health
        return clean(health.journal_failure, limit=200).rstrip(".") if health is not None else ""

    def retitle(self) -> None:
        """What is shown, how much, and whether it follows; an audit that fails is never left out."""
        parts: list[str | tuple[str, str]] = ["Activity", (f" · {self.wanted.told() or 'everything'}", "$muted")]
        parts.append((f" · {len(self.keys):,}", "$muted"))
        if self.audit_failure:
            parts.append((" · NO AUDIT", "bold $danger"))
        if not self.state.feed.is_live and self.keys:
            parts.append((" · STALE", "$warn"))
        elif self.keys:
            parts.append((" · follows", "$muted") if self.follows else (" · Home follows", "$warn"))
        self.entitle(Content.assemble(*parts))
