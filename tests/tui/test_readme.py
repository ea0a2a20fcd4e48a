"""The README's key table is the action table's."""

from __future__ import annotations

from pathlib import Path

from ibkr_tui.tui.actions import markdown


def test_the_readme_shows_every_key() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert markdown() in readme
