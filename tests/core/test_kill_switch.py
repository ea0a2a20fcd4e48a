"""The kill switch's file: its presence is the truth, whatever is in it."""

from __future__ import annotations

import os
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.kill_switch import KillSwitch, Trip
from ibkr_tui.model.errors import BrokerError


@pytest.fixture
def switch(tmp_path: Path, fake_clock: Any) -> KillSwitch:
    return KillSwitch(tmp_path, fake_clock)


def test_on_and_off_say_what_they_changed(switch: KillSwitch, fake_clock: Any) -> None:
    assert (switch.is_on, switch.read()) == (False, None)
    switch.check()
    assert switch.turn_on("call", "something smells") is True
    assert switch.is_on
    assert switch.read() == Trip("call", "something smells", fake_clock.now())
    assert switch.turn_on("app", "again") is False
    assert switch.read() == Trip("call", "something smells", fake_clock.now())
    assert switch.turn_off() is True
    assert switch.turn_off() is False
    switch.check()


def test_another_process_needs_only_to_make_the_file(switch: KillSwitch) -> None:
    switch.path.touch()
    assert switch.is_on
    found = switch.read()
    assert found is not None
    assert (found.by, found.reason) == ("", "")
    assert found.since is not None
    assert found.since.tzinfo is UTC


@pytest.mark.parametrize("content", [b"\xff\x00", b"{}", b'{"by": 3}', b"[" * 9000])
def test_any_content_is_a_switch_that_is_on(switch: KillSwitch, content: bytes) -> None:
    switch.path.write_bytes(content)
    with pytest.raises(BrokerError) as caught:
        switch.check()
    assert caught.value.code == "KILL_SWITCH_ON"


def test_a_link_to_nowhere_a_directory_and_a_pipe_are_on_too(switch: KillSwitch) -> None:
    switch.path.symlink_to("/nowhere")
    assert switch.read() is not None
    assert switch.turn_off()
    os.mkfifo(switch.path)
    assert switch.read() is not None
    assert switch.turn_off()
    switch.path.mkdir()
    assert switch.read() is not None
    with pytest.raises(BrokerError) as caught:
        switch.turn_off()
    assert caught.value.code == "STATE_UNUSABLE"


def test_a_place_that_cannot_be_looked_at_is_on(tmp_path: Path, fake_clock: Any) -> None:
    (tmp_path / "file").write_text("")
    lost = KillSwitch(tmp_path / "file", fake_clock)
    assert lost.is_on


def test_a_switch_that_cannot_be_made_says_so(tmp_path: Path, fake_clock: Any) -> None:
    with pytest.raises(BrokerError) as caught:
        KillSwitch(tmp_path / "gone", fake_clock).turn_on("call", "")
    assert caught.value.code == "STATE_UNUSABLE"


def test_the_words_are_cleaned_and_private(switch: KillSwitch) -> None:
    switch.turn_on("call", "a\x1b[31mred\x07 reason")
    found = switch.read()
    assert found is not None
    assert "\x1b" not in found.reason
    assert switch.path.stat().st_mode & 0o077 == 0


def test_the_refusal_says_who_and_why(switch: KillSwitch) -> None:
    switch.turn_on("app", "runaway")
    with pytest.raises(BrokerError, match="turned on by app: runaway") as caught:
        switch.check()
    assert caught.value.details["by"] == "app"
