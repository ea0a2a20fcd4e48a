"""The app's own file: kept atomically, never the reason not to start."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ibkr_tui.tui.remembered import Memory, NamedList, Remembered, WatchedSymbol
from ibkr_tui.tui.watchlist import Watchlists


def test_a_first_run_has_a_watchlist(tmp_path: Path) -> None:
    kept = Remembered(tmp_path)
    assert [watched.symbol for watched in kept.memory.watchlists[0].symbols][:3] == ["AAPL", "MSFT", "NVDA"]
    assert kept.problem == ""
    assert list(tmp_path.iterdir()) == []


def test_the_watchlist_is_kept_between_runs(tmp_path: Path) -> None:
    watchlist = Watchlists(Remembered(tmp_path / "new")).current
    key = watchlist.add("SAP", 14204)
    watchlist.remove("MSFT")
    again = Watchlists(Remembered(tmp_path / "new")).current
    assert key in again.rows
    assert again.rows[key].wanted_conid == 14204
    assert "MSFT" not in again.rows
    assert (tmp_path / "new" / "app.json").stat().st_mode & 0o077 == 0


def test_a_symbol_stands_once(tmp_path: Path) -> None:
    watchlist = Watchlists(Remembered(tmp_path)).current
    watchlist.asked("AAPL", 265598)
    before = list(watchlist.rows)
    assert watchlist.add("AAPL", 265598) == "AAPL"
    assert watchlist.add("AAPL") == "AAPL"
    assert list(watchlist.rows) == before


def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path) -> None:
    (tmp_path / "app.json").write_text('{"watchlist": 7')
    kept = Remembered(tmp_path)
    assert "app.broken" in kept.problem
    assert (tmp_path / "app.broken").read_text() == '{"watchlist": 7'
    assert kept.memory == Memory()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    kept = Remembered(blocked)
    kept.keep(Memory(watchlists=(NamedList("Main", (WatchedSymbol("AAPL"),)),)))
    assert "could not be written" in kept.problem


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    kept = Remembered(tmp_path)
    kept.keep(Memory(theme="ember", watchlists=(NamedList("Tech", (WatchedSymbol("AAPL", 265598),)),)))
    stored = msgspec.json.decode((tmp_path / "app.json").read_bytes())
    assert stored["watchlists"] == [{"name": "Tech", "symbols": [{"symbol": "AAPL", "conid": 265598}]}]
    assert "watchlist" not in stored


def test_the_one_list_of_an_older_file_gets_a_name(tmp_path: Path) -> None:
    (tmp_path / "app.json").write_text('{"version": 1, "theme": "ember", "watchlist": [{"symbol": "SAP", "conid": 7}]}')
    kept = Remembered(tmp_path)
    assert kept.problem == ""
    assert kept.memory.theme == "ember"
    assert kept.memory.watchlists == (NamedList("Main", (WatchedSymbol("SAP", 7),)),)
    kept.keep(kept.memory)
    assert msgspec.json.decode((tmp_path / "app.json").read_bytes())["version"] == 2
