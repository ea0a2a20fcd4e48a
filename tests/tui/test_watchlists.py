"""Several named lists: made, named, deleted, moved through, and kept between runs with the board's look."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibkr_tui.tui.remembered import BoardLook, Remembered
from ibkr_tui.tui.watchlist import MOST_LISTS, MOST_ROWS, ListError, Watchlists


def test_lists_and_the_board_are_kept(tmp_path: Path) -> None:
    lists = Watchlists(Remembered(tmp_path))
    lists.make("tech")
    lists.current.add("NVDA")
    lists.current.add("AMD", 4391)
    lists.show(BoardLook(("last", "volume"), "volume", True))
    again = Watchlists(Remembered(tmp_path))
    assert again.names == ["Main", "tech"]
    assert again.current.name == "tech"
    assert [(row.symbol, row.conid) for row in again.current.rows.values()] == [("NVDA", None), ("AMD", 4391)]
    assert again.look == BoardLook(("last", "volume"), "volume", True)


def test_a_line_moves_up_and_down(tmp_path: Path) -> None:
    lists = Watchlists(Remembered(tmp_path))
    lists.make("tech")
    keys = [lists.current.add(symbol) for symbol in ("A", "B", "C")]
    assert lists.current.move(keys[2], -2)
    assert list(lists.current.rows) == ["C", "A", "B"]
    assert not lists.current.move("C", -1)
    assert not lists.current.move("Z", 1)
    assert list(Watchlists(Remembered(tmp_path)).current.rows) == ["C", "A", "B"]


def test_a_name_is_cleaned_and_stands_once(tmp_path: Path) -> None:
    lists = Watchlists(Remembered(tmp_path))
    lists.make(" te\x1bch ")
    assert "\x1b" not in lists.current.name
    with pytest.raises(ListError, match="already"):
        lists.rename("main")
    with pytest.raises(ListError, match="name"):
        lists.make("  ")
    lists.rename("Tech")
    assert lists.names == ["Main", "Tech"]
    lists.rename("TECH")
    assert lists.current.name == "TECH"


def test_the_last_list_stays(tmp_path: Path) -> None:
    lists = Watchlists(Remembered(tmp_path))
    lists.make("second")
    lists.step(1)
    assert lists.current.name == "Main"
    assert lists.delete() == "Main"
    assert lists.current.name == "second"
    with pytest.raises(ListError, match="only list"):
        lists.delete()


def test_lists_have_an_end(tmp_path: Path) -> None:
    lists = Watchlists(Remembered(tmp_path))
    for number in range(MOST_ROWS - len(lists.current.rows)):
        lists.current.add(f"S{number}")
    with pytest.raises(ListError, match="another list"):
        lists.current.add("ONE")
    for number in range(MOST_LISTS - 1):
        lists.make(f"list {number}")
    with pytest.raises(ListError, match="delete one"):
        lists.make("more")
