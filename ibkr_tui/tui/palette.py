"""The theme's roles as styles that the painting widgets use. A role is a meaning, never a colour of its own."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from rich.style import Style
from textual.color import Color

from ibkr_tui.model.quotes import QuoteStatus


class Palette(msgspec.Struct, frozen=True):
    """One style a role. Styles carry no background, except `cursor` and the badges."""

    text: Style
    bright: Style
    muted: Style
    stale: Style
    up: Style
    down: Style
    buy: Style
    sell: Style
    accent: Style
    warn: Style
    danger: Style
    cursor: Style
    cursor_idle: Style
    badges: dict[str, Style]

    def change(self, value: object) -> Style:
        """The style of a change or a profit: its sign decides; nothing known or no change is plain."""
        if value is None or value == 0:
            return self.muted
        return self.up if value > 0 else self.down  # type: ignore[operator]

    def side(self, is_buy: bool) -> Style:
        """The style of an order's side; never the colour of a profit."""
        return self.buy if is_buy else self.sell

    def status(self, status: QuoteStatus) -> Style:
        """The style of the word that says how far a price may be believed."""
        if status is QuoteStatus.LIVE:
            return self.muted
        return self.danger if status is QuoteStatus.HALTED else self.warn


def palette_of(variables: Mapping[str, str]) -> Palette:
    """The palette of the theme variables now in force."""

    def ink(name: str, *, bold: bool | None = None) -> Style:
        return Style(color=_colour(variables, name).rich_color, bold=bold)

    background = _colour(variables, "background")
    accent = _colour(variables, "accent")

    def badge(name: str) -> Style:
        fill = _colour(variables, name)
        return Style(color=fill.get_contrast_text(1.0).rich_color, bgcolor=fill.rich_color, bold=True)

    return Palette(
        text=ink("foreground"),
        bright=ink("foreground", bold=True),
        muted=ink("muted"),
        stale=ink("stale"),
        up=ink("up"),
        down=ink("down"),
        buy=ink("buy"),
        sell=ink("sell"),
        accent=ink("accent"),
        warn=ink("warn"),
        danger=ink("danger", bold=True),
        cursor=Style(bgcolor=background.blend(accent, 0.24).rich_color),
        cursor_idle=Style(bgcolor=background.blend(accent, 0.10).rich_color),
        badges={kind: badge(kind) for kind in ("paper", "live", "demo")} | {"replay": badge("warn")},
    )


def _colour(variables: Mapping[str, str], name: str) -> Color:
    return Color.parse(variables[name])
