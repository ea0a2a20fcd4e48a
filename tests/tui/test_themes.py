"""Themes: every shipped one has every role and can be read; a broken one is a sentence."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from textual.color import Color

from ibkr_tui.tui import themes
from ibkr_tui.tui.palette import palette_of

PLACE = Path(__file__).resolve().parents[2] / "themes"
SHIPPED = sorted(PLACE.glob("*.toml"))


def test_two_dark_one_light_one_of_high_contrast() -> None:
    found, problems = themes.load([PLACE])
    assert problems == []
    assert sorted(theme.name for theme in found) == ["contrast", "daylight", "ember", "harbour"]
    assert [theme.name for theme in found if not theme.dark] == ["daylight"]


def test_they_are_found_beside_the_package_or_in_it() -> None:
    place = themes.folder()
    assert place is not None
    assert {path.name for path in place.glob("*.toml")} == {path.name for path in SHIPPED}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_role_can_be_read_on_its_background(path: Path) -> None:
    table = tomllib.loads(path.read_text())
    ground = Color.parse(table["background"])
    least = 7.0 if path.stem == "contrast" else 4.5
    for role in ("up", "down", "buy", "sell", "warn", "danger"):
        assert _contrast(Color.parse(table["variables"][role]), ground) >= least, role
    assert _contrast(Color.parse(table["variables"]["muted"]), ground) >= 4.0
    assert _contrast(Color.parse(table["variables"]["stale"]), ground) >= 2.0


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_sides_are_not_the_colours_of_profit(path: Path) -> None:
    roles = tomllib.loads(path.read_text())["variables"]
    assert not {roles["buy"], roles["sell"]} & {roles["up"], roles["down"]}
    assert len({roles["live"], roles["paper"], roles["demo"]}) == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("primary = ", "Invalid value"),
        ('primary = "#fff"', "variables"),
        ('primary = "#fff"\n[variables]\nup = "#0f0"', "missing"),
    ],
)
def test_a_broken_file_is_a_sentence_and_the_rest_is_loaded(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    found, problems = themes.load([PLACE, tmp_path])
    assert len(found) == 4
    assert "mine.toml" in problems[0]
    assert why in problems[0]


def test_a_colour_that_is_none_and_a_key_that_is_none_are_named(tmp_path: Path) -> None:
    good = (PLACE / "harbour.toml").read_text()
    for text, why in ((good.replace("#52c08a", "greenish"), "greenish"), ("colour = 1\n" + good, "colour")):
        with pytest.raises(ValueError, match=why):
            themes.parse(text, "mine")


def test_without_any_file_there_is_still_a_look() -> None:
    found, _ = themes.load([])
    assert [theme.name for theme in found] == [themes.DEFAULT]
    variables = found[0].to_color_system().generate() | found[0].variables
    assert palette_of(variables).up.color is not None


def _contrast(one: Color, other: Color) -> float:
    def light(colour: Color) -> float:
        parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_widest_screens_keep_what_wide_ones_have() -> None:
    """The toolkit gives a screen the class of one width only: each rule for wide ones must name the widest too."""
    rules = Path(themes.__file__).with_name("app.tcss").read_text().split("}")
    for selectors in (rule.partition("{")[0].rpartition("*/")[2] for rule in rules):
        named = {selector.strip() for selector in selectors.split(",")}
        wide = {selector for selector in named if "-wide" in selector}
        assert {selector.replace("-wide", "-huge") for selector in wide} <= named, selectors
