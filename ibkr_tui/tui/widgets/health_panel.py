"""The Health page's body: a verdict, then groups: a line for each where there is little room, else cards."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Final

from rich.segment import Segment
from rich.style import Style

from ibkr_tui.tui import figures
from ibkr_tui.tui.health_facts import Fact, Group, Tone, groups, moment, troubles, verdict
from ibkr_tui.tui.latency import BUCKET_S, Latencies
from ibkr_tui.tui.widgets.fitting import Part, fit
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

SIGNS: Final = {Tone.GOOD: "●", Tone.WATCH: "◐", Tone.BAD: "✗", Tone.IDLE: "○"}
_NAME: Final = 9
_VERDICT: Final = 13
_LABEL: Final = 13
_CARD_WIDTH: Final = 48
_MOST_COLUMNS: Final = 3
_SENTENCE_WIDTH: Final = 110
_TROUBLES: Final = 5
_ROOMY: Final = 18
_BARS: Final = 24
_BARS_STEP: Final = 6


class HealthPanel(Painted):
    """Reads the state when it is painted; `latencies` is kept by the page, also while it is away."""

    def __init__(self, latencies: Latencies, *, id: str) -> None:
        super().__init__(id=id)
        self._latencies = latencies

    def least(self, width: int, *, grouped: bool) -> int:
        """The lines that the verdict needs, and with `grouped` a line for each group."""
        found = groups(self.state, self._latencies) if grouped else []
        return len(self._top(width)) + len(found) + (1 if found else 0)

    def rows(self, width: int, height: int) -> list[Row]:
        top = [*([[]] if height >= _ROOMY else []), *self._top(width)]
        found = groups(self.state, self._latencies)
        if not found:
            return [*top, *self._steps(width, height - len(top))]
        if height < len(top) + len(found):
            return top
        columns = min(_MOST_COLUMNS, (width - 1) // _CARD_WIDTH)
        cards = self._cards(found, columns, width) if columns > 1 else []
        if not cards or len(top) + len(cards) > height:
            cards = [self._line(group, width) for group in found]
        left = height - len(top) - len(cards) - 2
        return [*top, *cards, *self._troubles(width, left)]

    def _ink(self, tone: Tone) -> Style:
        palette = self.palette
        if not self.state.feed.is_live:
            return palette.stale
        inks = {Tone.GOOD: palette.up, Tone.WATCH: palette.warn, Tone.BAD: palette.danger, Tone.IDLE: palette.muted}
        return inks[tone]

    def _sign(self, group: Group) -> str:
        return SIGNS[group.tone if self.state.feed.is_live else Tone.IDLE]

    def _plain(self, tone: Tone = Tone.IDLE) -> Style:
        if not self.state.feed.is_live:
            return self.palette.stale
        return self._ink(tone) if tone in {Tone.WATCH, Tone.BAD} else self.palette.text

    def _top(self, width: int) -> list[Row]:
        """The verdict, and its sentence in as many lines as it takes, three at most."""
        palette, said = self.palette, verdict(self.state)
        inks = {Tone.GOOD: palette.up, Tone.WATCH: palette.warn, Tone.BAD: palette.danger, Tone.IDLE: palette.muted}
        head: Row = [
            Segment(f" {SIGNS[said.tone]} ", inks[said.tone]),
            Segment(said.words, palette.bright if said.tone is Tone.GOOD else inks[said.tone] + Style(bold=True)),
            Segment(f"  {said.since}", palette.muted),
        ]
        lines = wrap(said.sentence, max(20, min(width - 4, _SENTENCE_WIDTH)))
        if len(lines) > 3:
            lines = [*lines[:2], figures.left(" ".join(lines[2:]), min(width - 4, _SENTENCE_WIDTH))]
        return [head, *([Segment("   " + line, palette.text)] for line in lines), []]

    def _steps(self, width: int, height: int) -> list[Row]:
        """What has been done so far, while nothing is known of the core."""
        steps = self.state.feed.steps[-max(1, height) :]
        rows: list[Row] = []
        for index, step in enumerate(steps):
            done = index < len(steps) - 1
            mark = Segment("   ✓ " if done else "   ▸ ", self.palette.up if done else self.palette.accent)
            rows.append([mark, Segment(figures.left(step, width - 6), self.palette.muted)])
        return rows or [[Segment("   The facts appear here when the core has said them.", self.palette.muted)]]

    # one line a group

    def _line(self, group: Group, width: int) -> Row:
        row: Row = [
            Segment(f" {self._sign(group)} ", self._ink(group.tone)),
            Segment(figures.left(group.name, _NAME), self.palette.muted),
            Segment(figures.left(group.verdict, _VERDICT) + "  ", self._plain(group.tone)),
        ]
        room = width - 3 - _NAME - _VERDICT - 3
        parts = [Part((self._label(fact.label + " "), self._value(fact)), fact.rank) for fact in group.facts]
        spare = room - sum(part.width + 2 for part in parts) - len(" 120s")
        spare = min(_BARS, spare // _BARS_STEP * _BARS_STEP)  # in steps, so that a digit more does not shift it
        if group.chart and spare > 0:
            words = self._label(f" {spare * BUCKET_S:.0f}s")
            parts.insert(0, Part((Segment(group.chart[-spare:], self._ink(group.tone)), words), 5))
        if len(parts) == 1 and parts[0].width > room:
            return [*row, Segment(figures.left(group.facts[0].value, room), self._plain(group.facts[0].tone))]
        return [*row, *fit(parts, room, gap=2)]

    def _label(self, words: str) -> Segment:
        return Segment(words, self.palette.muted)

    def _value(self, fact: Fact) -> Segment:
        return Segment(fact.value, self._plain(fact.tone))

    # cards

    def _cards(self, found: Sequence[Group], columns: int, width: int) -> list[Row]:
        """Rows of cards, each row as high as its highest card."""
        room = (width - 1) // columns
        lines: list[Row] = []
        for start in range(0, len(found), columns):
            cards = [self._card(group, room - 3) for group in found[start : start + columns]]
            for y in range(max(len(card) for card in cards)):
                line: Row = [Segment(" ")]
                for card in cards:
                    row = card[y] if y < len(card) else []
                    used = sum(segment.cell_length for segment in row)
                    line += [*row, Segment(" " * max(0, room - used))]
                lines.append(line)
            lines.append([])
        return lines[:-1]

    def _card(self, group: Group, width: int) -> list[Row]:
        head = figures.left(group.verdict, width - len(group.name) - 5).rstrip()
        rule = max(0, width - 2 - len(group.name) - 1 - len(head) - 1)
        rows: list[Row] = [
            [
                Segment(f"{self._sign(group)} ", self._ink(group.tone)),
                Segment(group.name + " ", self.palette.bright),
                Segment("─" * rule + " ", self.palette.stale),
                Segment(head, self._plain(group.tone)),
            ]
        ]
        for fact in group.facts:
            label = figures.left("  " + fact.label, _LABEL + 2)
            value = figures.left(fact.value, width - len(label)).rstrip()
            rows.append([self._label(label), Segment(value, self._plain(fact.tone))])
        if group.chart:
            bars = group.chart[-(width - 2) :]
            rows.append([Segment("  " + bars, self._ink(group.tone))])
            rows.append([self._label("  " + group.legend)])
        return rows

    # what went wrong

    def _troubles(self, width: int, height: int) -> list[Row]:
        """The last events that were no good news, if there is room for one."""
        now = self.state.now()
        found = list(troubles(self.state, min(_TROUBLES, height - 1)))
        if height < 2:
            return []
        rows: list[Row] = [[], [Segment(" Last troubles", self.palette.bright)]]
        if not found:
            rows[1].append(self._label("  none since the app was started"))
        for at, words, grave in found:
            ink = self.palette.danger if grave else self.palette.warn
            time = figures.left(moment(at, now), 9)
            rows.append(
                [self._label(f"   {time} "), Segment("✗ " if grave else "! ", ink),
                 Segment(figures.left(words, width - 16), self.palette.text)]
            )  # fmt: skip
        return rows
