"""The looks: Textual themes in TOML with roles of our own, found in the installed package or in a checkout.

A theme file that can't be used is a sentence for the person, never a refusal to start.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from textual.color import Color, ColorParseError
from textual.theme import Theme

ROLES: Final = ("up", "down", "buy", "sell", "accent", "warn", "danger", "live", "paper", "demo", "stale", "muted")
DEFAULT: Final = "harbour"
_COLOURS: Final = (
    "primary", "secondary", "warning", "error", "success", "accent", "foreground", "background", "surface", "panel",
)  # fmt: skip

FALLBACK: Final[Mapping[str, Any]] = {
    "primary": "#5fa8d3",
    "warning": "#e0af4f",
    "error": "#e5616b",
    "success": "#5fbf8f",
    "accent": "#6cb6e0",
    "foreground": "#d5dbe3",
    "background": "#10151b",
    "surface": "#10151b",
    "panel": "#1b232d",
    "dark": True,
    "variables": {
        "up": "#52c08a",
        "down": "#e8707a",
        "buy": "#5aa9f0",
        "sell": "#f0a04b",
        "warn": "#e6b450",
        "danger": "#ff5c66",
        "live": "#ff3b6b",
        "paper": "#57b6c9",
        "demo": "#b48ae0",
        "stale": "#6b7480",
        "muted": "#7c8794",
    },
}
"""The default look, for when no theme file can be read."""


SIXTEEN: Final[Mapping[str, str]] = {
    "up": "#00aa00",
    "down": "#ff5555",
    "buy": "#5555ff",
    "sell": "#aa5500",
    "accent": "#55ffff",
    "warn": "#ffff55",
    "danger": "#ff5555",
    "live": "#ff5555",
    "paper": "#00aaaa",
    "demo": "#ff55ff",
    "stale": "#555555",
    "muted": "#aaaaaa",
}
"""The roles on a dark terminal of sixteen colours, where the nearest colour of a theme can be another role's."""


def folder() -> Path | None:
    """Where the theme files are: in the installed package, else beside the package in a checkout."""
    here = Path(__file__).resolve().parent
    for place in (here / "themes", here.parent.parent / "themes"):
        if place.is_dir():
            return place
    return None


def load(places: Iterable[Path]) -> tuple[list[Theme], list[str]]:
    """The themes of every `*.toml` in `places`, and what was wrong with the others."""
    themes: dict[str, Theme] = {}
    problems: list[str] = []
    for place in places:
        for path in sorted(place.glob("*.toml")):
            try:
                theme = parse(path.read_text(encoding="utf-8"), path.stem)
            except (OSError, UnicodeDecodeError, ValueError) as error:
                problems.append(f"Theme {path.name} is left out: {error}")
            else:
                themes[theme.name] = theme
    if DEFAULT not in themes:
        themes[DEFAULT] = _theme(DEFAULT, FALLBACK)
    return list(themes.values()), problems


def parse(text: str, name: str) -> Theme:
    """One theme file. Raises ValueError with what is wrong."""
    table = tomllib.loads(text)
    variables = table.get("variables")
    if not isinstance(variables, dict):
        raise ValueError("it has no [variables] table")
    missing = [role for role in ROLES if role != "accent" and role not in variables]
    if missing:
        raise ValueError(f"these roles are missing: {', '.join(missing)}")
    for key, value in [*table.items(), *variables.items()]:
        if key in _COLOURS or key in ROLES:
            _check_colour(key, value)
        elif key not in {"dark", "variables"} and key in table:
            raise ValueError(f"unknown key “{key}”")
    return _theme(name, table)


def _check_colour(key: str, value: object) -> None:
    try:
        Color.parse(str(value))
    except ColorParseError:
        raise ValueError(f"{key} = {value!r} is not a colour") from None


def _theme(name: str, table: Mapping[str, Any]) -> Theme:
    if not isinstance(table.get("primary"), str):
        raise ValueError("it has no primary colour")
    colours = {key: table[key] for key in _COLOURS if key in table}
    accent = str(table.get("accent", table["primary"]))
    variables = {
        "border": accent,
        "border-blurred": str(table["variables"]["muted"]),
        "input-cursor-background": str(table.get("foreground", accent)),
        "footer-key-foreground": accent,
        **{key: str(value) for key, value in table["variables"].items()},
    }
    return Theme(name=name, dark=bool(table.get("dark", True)), variables=variables, **colours)
