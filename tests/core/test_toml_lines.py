"""Where a key stands in a TOML text."""

from __future__ import annotations

from ibkr_tui.core.toml_lines import line_of


def test_the_line_finder_knows_the_ways_of_toml() -> None:
    text = '# limits\n[ profiles . "paper" ]  # x\nkind = 1\n[[other]]\n[limits]\nmax_leverage.x = 2\n'
    assert line_of(text, ("profiles", "paper", "kind")) == 3
    assert line_of(text, ("profiles", "paper", "nothing")) == 2
    assert line_of(text, ("limits", "max_leverage")) == 6
    assert line_of(text, ("limits", "max_leverage", "x")) == 6
    assert line_of(text, ("nowhere",)) == 1
