"""The state directory: private, locked by one core, and honest about crashes."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ibkr_tui.core.state import CRASHES_ALLOWED, LONGEST_SOCKET_PATH, CoreFacts, StateDirectory, open_state
from ibkr_tui.model.errors import BrokerError


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return open_state("paper", {"IBKR_TUI_STATE": str(tmp_path / "state")})


def facts(path: Path) -> CoreFacts:
    return CoreFacts(os.getpid(), str(path), "f" * 16, "paper", "paper", "DU1", "0.1.0", datetime.now(UTC))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_directory_is_private_even_when_it_was_not(state: StateDirectory, tmp_path: Path) -> None:
    assert mode(state.path) == 0o700
    state.path.chmod(0o755)
    again = open_state("paper", {"IBKR_TUI_STATE": str(tmp_path / "state")})
    assert mode(again.path) == 0o700


@pytest.mark.parametrize("name", ["", "..", ".x", "a/b", "a" * 41, "a\n"])
def test_a_profile_name_cannot_lead_elsewhere(name: str, tmp_path: Path) -> None:
    with pytest.raises(BrokerError) as refused:
        open_state(name, {"IBKR_TUI_STATE": str(tmp_path)})
    assert refused.value.code == "CONFIG_INVALID"


def test_a_file_or_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "paper").write_text("x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "live").symlink_to(tmp_path / "elsewhere")
    for name in ("paper", "live"):
        with pytest.raises(BrokerError) as refused:
            open_state(name, {"IBKR_TUI_STATE": str(tmp_path)})
        assert refused.value.code == "STATE_UNUSABLE"


def test_another_owner_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(BrokerError, match="another user") as refused:
        open_state("paper", {"IBKR_TUI_STATE": str(tmp_path / "state")})
    assert refused.value.code == "STATE_UNUSABLE"


def test_a_second_core_is_refused_at_once_and_told_who(state: StateDirectory) -> None:
    with state.serve(), state.socket() as path:
        said = facts(path)
        state.announce(said)
        with pytest.raises(BrokerError, match=str(os.getpid())) as refused, state.serve():
            pass
        assert refused.value.code == "CORE_RUNNING"
        assert state.facts() == said
    with state.serve():
        pass


def test_an_orderly_end_leaves_nothing_but_the_lock_file(state: StateDirectory) -> None:
    with state.serve(), state.socket() as path:
        state.announce(facts(path))
        assert mode(state.path / "core.json") == 0o600
    assert state.facts() is None
    assert {p.name for p in state.path.iterdir()} == {"core.lock"}


def test_a_long_path_is_served_from_a_private_place_that_goes_again(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    state = open_state("paper", {"IBKR_TUI_STATE": str(deep)})
    with state.socket() as path:
        assert len(os.fsencode(path)) <= LONGEST_SOCKET_PATH
        assert mode(path.parent) == 0o700
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    assert not path.parent.exists()


def test_a_short_path_stays_in_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = StateDirectory(Path(), clock=Hands())
    with state.socket() as path:
        assert path == Path("core.sock")


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from ibkr_tui.core.state import CoreFacts, open_state
state = open_state("paper", os.environ)
with state.serve(), state.socket() as path:
    path.touch()
    state.announce(CoreFacts(os.getpid(), str(path), "f", "paper", "paper", "DU1", "1", datetime.now(UTC)))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_core_frees_its_lock_and_its_remains_are_cleared(tmp_path: Path) -> None:
    environ = os.environ | {"IBKR_TUI_STATE": str(tmp_path / ("d" * 100))}
    ended = subprocess.run([sys.executable, "-c", KILLED], env=environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    state = open_state("paper", environ)
    left = state.facts()
    assert left is not None
    assert Path(left.socket).exists()
    with state.serve():
        assert state.facts() is None
        assert not Path(left.socket).parent.exists()


def test_too_many_crashes_in_a_minute_are_not_followed_by_another_start(tmp_path: Path) -> None:
    hands = Hands()
    state = open_state("paper", {"IBKR_TUI_STATE": str(tmp_path)}, hands)
    for _ in range(CRASHES_ALLOWED):
        state.announce(facts(tmp_path / "core.sock"))
        with state.serve():
            hands.at += timedelta(seconds=1)
    state.announce(facts(tmp_path / "core.sock"))
    for _ in range(2):
        with pytest.raises(BrokerError) as refused, state.serve():
            pass
        assert refused.value.code == "CORE_CRASHING"
    hands.at += timedelta(seconds=61)
    with state.serve():
        pass


def test_unreadable_facts_are_no_facts(state: StateDirectory) -> None:
    (state.path / "core.json").write_text('{"pid": "x"}')
    assert state.facts() is None
    with state.serve():
        pass


def test_a_directory_that_cannot_be_written_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerError) as refused:
        open_state("paper", {"IBKR_TUI_STATE": str(tmp_path / "file" / "state")})
    assert refused.value.code == "STATE_UNUSABLE"
