"""What was recorded goes through the screens as it stood: prices with their ages, positions, money, orders, bars."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.recording import Beginning, Recorder, line
from ibkr_tui.tui import requests
from ibkr_tui.tui.app import TradingApp
from ibkr_tui.tui.replay import moments
from ibkr_tui.tui.replay.feed import ReplayLauncher
from ibkr_tui.tui.replay.moments import is_recording, read_moments
from ibkr_tui.tui.replay.player import LONGEST_QUIET_S
from ibkr_tui.tui.replay.recorded import RecordedDay, RecordedMemory
from tests.tui.activity.conftest import DAY
from tests.tui.conftest import NOW, HandClock, HandFeed, IdleLauncher
from tests.tui.replay.test_replay import seen

MINUTE = 60.0


def record(path: Path, scene: Any) -> Path:
    """Half an hour of a whole desk: AAPL rises by a cent a minute, and at its end 40 more of it are held."""
    desk = HandFeed(IdleLauncher(), HandClock())
    scene.fill(desk)
    recorder = Recorder(lambda seconds: NOW.timestamp() + seconds - 1000.0)
    lines = [line(Beginning(1, NOW, "paper", "paper", "0.1.0"))]
    for name in ("health", "account", "pnl", "positions", "orders", "quotes", "depth"):
        lines.append(line(recorder.table(name, NOW, desk.mirrors[name].rows, (), full=True)))
    lines.append(line(recorder.log("audit", NOW, DAY[:3])))
    for minute in range(1, 30):
        now = NOW + timedelta(minutes=minute)
        price = D("189.43") + D(minute) / 100
        changes = {"last": price, "bid": price - D("0.01"), "ask": price + D("0.01"), "changed_at": now}
        quote = scene.quote("AAPL", **changes, changed_mono=1000.0 + MINUTE * minute)
        lines.append(line(recorder.table("quotes", now, {"265598": quote}, (), full=False)))
    more = scene.position("AAPL", 265598, "140", "182.30", "189.72")
    lines.append(line(recorder.table("positions", now, {"265598": more}, (), full=False)))
    path.write_bytes(b"".join(lines))
    return path


@contextlib.asynccontextmanager
async def replaying(path: Path, size: tuple[int, int] = (120, 40)) -> AsyncIterator[tuple[Any, Any, RecordedDay]]:
    recording = read_moments(path)
    launcher = ReplayLauncher(recording.beginning.kind)
    feed = RecordedDay(recording, path, launcher)
    feed.player.toggle()  # a test plays it by hand
    remembered = RecordedMemory(path.parent, recording)
    app = TradingApp(launcher, path.parent, clock=feed.clock, feed=feed, remembered=remembered)
    async with app.run_test(size=size) as pilot:
        yield app, pilot, feed


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_prices_positions_money_and_orders_stand_as_they_stood(
    tmp_path: Path, scene: Any, size: tuple[int, int]
) -> None:
    async with replaying(record(tmp_path / "day.jsonl", scene), size) as (app, pilot, feed):
        feed.step()
        await seen(app, pilot, "189.43")
        shown = await seen(app, pilot, "1,024,311")
        assert " REPLAY " in shown.split("\n")[0] and "+100" in shown
        assert "DU1234567" not in shown and "DU·····67" in shown
        while not feed.player.is_done:
            feed.step()
        await seen(app, pilot, "189.72")
        await seen(app, pilot, "+140")
        await seen(app, pilot, "UNKNOWN")
        await pilot.press("4")
        await seen(app, pilot, "+140")
        await pilot.press("7", "0")
        assert feed.positions.rows == {} and feed.player.at <= 1


async def test_ages_and_bars_are_those_of_the_recorded_day(tmp_path: Path, scene: Any) -> None:
    async with replaying(record(tmp_path / "day.jsonl", scene)) as (app, _, feed):
        feed.step()
        quote = feed.quotes.rows["265598"]
        assert app.state.age(quote) == pytest.approx(0, abs=0.2)
        feed.player.toggle()
        feed.pass_on(1.0)
        quiet = MINUTE - LONGEST_QUIET_S
        assert app.state.age(quote) == pytest.approx(quiet, abs=0.2), "the day's own time, however fast it is played"
        while not feed.player.is_done:
            feed.step()
        bars = await requests.bars(feed, "AAPL", 265598, "1d", "5min")
        assert len(bars) >= 6
        assert (bars[0].open, bars[-1].close) == (D("189.43"), D("189.72"))
        assert (await requests.contract(feed, "AAPL", None)).conid == 265598
        for operation, asked in (("get_contract", {"symbol": "NONE"}), ("place_order", {}), ("get_ledger", {})):
            with pytest.raises(BrokerError) as refused:
                await feed.call(operation, asked)
            assert refused.value.code == "REPLAY_ONLY"
        with pytest.raises(BrokerError, match="no price of it was played") as refused:
            await feed.call("get_bars", {"conid": 1, "bar": "5min"})
        assert refused.value.retryable


def test_what_is_remembered_is_not_changed(tmp_path: Path, scene: Any) -> None:
    recording = read_moments(record(tmp_path / "day.jsonl", scene))
    remembered = RecordedMemory(tmp_path, recording)
    (one,) = remembered.memory.watchlists
    assert (one.name, one.symbols[0].symbol, len(one.symbols)) == ("Recorded", "AAPL", 9)
    remembered.keep(remembered.memory)
    assert not (tmp_path / "app.json").exists()


GOOD = b'{"recording":1,"at":"2026-11-20T15:00:00Z","profile":"paper","kind":"paper"}\n'
MOMENT = b'{"at":"2026-11-20T15:00:00Z","table":"quotes","rows":{"1":{%s}}}\n'
WHOLE = b'"conid":1,"symbol":"A\\u001b[2J","description":"A","status":"live"'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD, "nothing was recorded"),
        (GOOD.replace(b"1,", b"9,", 1) + MOMENT % WHOLE, "in format 9; this program reads format 1"),
        (GOOD + b"[]\n", "line 2 .* is no moment"),
        (GOOD + MOMENT % b'"conid":1', "line 2 .* is no moment"),
        (GOOD + MOMENT % (WHOLE + b',"last":"NaN"'), "line 2 .* a number in it is none"),
        (GOOD + MOMENT % (WHOLE + b',"changed_at":"2026-11-20T15:00:00"'), "line 2 .* a time in it has no zone"),
        (GOOD + (MOMENT % WHOLE).replace(b"00Z", b"00"), "line 2 .* is no moment"),
        (GOOD + b'{"at":"2026-11-20T15:00:00Z","table":"nothing"}\n', "line 2 .* names no table"),
        (GOOD + b'{"at":"2026-11-20T15:00:00Z","log":"tape"}\n', "line 2 .* names no log"),
        (GOOD + b"\xff\n", "line 2 .* is no moment"),
    ],
    ids=["empty", "format", "list", "part", "number", "row's zone", "zone", "table", "log", "no utf"],
)
def test_a_mistake_is_named_by_its_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(content)
    assert is_recording(path)
    with pytest.raises(BrokerError, match=words) as refused:
        read_moments(path)
    assert refused.value.code == "RECORDING_UNREADABLE"


def test_a_line_that_was_cut_off_and_hostile_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(GOOD + MOMENT % WHOLE + b'{"at":"2026')
    (one,) = read_moments(path).instruments
    assert (one.conid, "\x1b" in one.symbol) == (1, False)
    assert not is_recording(tmp_path / "absent")
    with pytest.raises(BrokerError, match="cannot be read: No such file"):
        read_moments(tmp_path / "absent")
    monkeypatch.setattr(moments, "LARGEST", 10)
    with pytest.raises(BrokerError, match="record a shorter time"):
        read_moments(path)
