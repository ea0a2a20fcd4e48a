"""The player: a quiet hour is passed over, a pause holds, a step is one moment, the end is the end."""

from __future__ import annotations

from datetime import timedelta

from ibkr_tui.model.audit import AuditRow
from ibkr_tui.tui.replay.player import LONGEST_QUIET_S, Player
from tests.tui.conftest import NOW


def player(*seconds: float) -> Player:
    return Player([AuditRow(at + 1, NOW + timedelta(seconds=when), "sent") for at, when in enumerate(seconds)])


def test_it_plays_by_the_recorded_times() -> None:
    playing = player(0, 0.5, 3)
    assert not playing.tick(0.5)
    assert [row.seq for row in playing.tick(0.5)] == [1]
    assert [row.seq for row in playing.tick(0.5)] == [2]
    assert not playing.tick(0.4)
    playing.change_speed(1)
    assert playing.speed == 2
    assert [row.seq for row in playing.tick(1.1)] == [3]
    assert playing.is_done
    assert not playing.is_playing
    assert not playing.tick(5)


def test_quiet_hours_are_passed_over() -> None:
    playing = player(0, 7200)
    playing.tick(1)
    playing.tick(0.1)
    assert (playing.rows[1].at - playing.now).total_seconds() == LONGEST_QUIET_S
    assert [row.seq for row in playing.tick(LONGEST_QUIET_S)] == [2]


def test_a_pause_holds_and_a_step_goes_to_the_next_moment() -> None:
    playing = player(0, 0, 60, 61)
    playing.toggle()
    assert not playing.tick(10)
    assert [row.seq for row in playing.step()] == [1, 2]
    assert [row.seq for row in playing.step()] == [3]
    playing.toggle()
    assert [row.seq for row in playing.tick(1)] == [4]
    playing.toggle()
    assert not playing.is_playing, "there is nothing left to play"
    assert not playing.step()
    playing.begin_again()
    assert (playing.at, playing.is_playing) == (0, True)


def test_the_speed_has_two_ends() -> None:
    playing = player(0)
    playing.change_speed(-5)
    assert playing.speed == 1
    playing.change_speed(50)
    assert playing.speed == 600
