"""The demo: three processes that start from nothing, and nothing left of them however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.cli.demo import PREFIX, DemoLauncher, sweep
from ibkr_tui.link.client import LinkClient
from ibkr_tui.model.errors import BrokerError

HOLDER = """
import asyncio, json, os, sys
from ibkr_tui.cli.demo import DemoLauncher
launcher = DemoLauncher(1, os.environ)
asyncio.run(launcher.attach(lambda _: None))
print(json.dumps({"place": str(launcher.place), "pids": [c.process.pid for c in launcher._children]}), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory of this test's own."""
    place = tmp_path / "t"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.setenv("TMPDIR", str(place))
    yield place
    sweep(place)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return not Path("/proc/self").exists()
        return False
    return state != "Z"


def until(condition: object, seconds: float = 15) -> None:
    limit = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < limit, "it did not come"
        os.sched_yield()


async def test_it_serves_and_leaves_nothing(temporary: Path) -> None:
    steps: list[str] = []
    launcher = DemoLauncher(7, os.environ | {"IBKR_ACCOUNT_ID_TESTNET": "DU999", "IBKR_CONSUMER_KEY": "X"})
    try:
        launcher.begin()
        begun = [child.process.pid for child in launcher._children]
        place = await launcher.attach(steps.append)
        pids = [child.process.pid for child in launcher._children]
        assert (pids[:1], len(pids)) == (begun, 2)
        async with await LinkClient.connect(
            place.socket_path, fingerprint=place.fingerprint, face="app", face_id="t"
        ) as client:
            assert client.welcome.profile == "paper"
            found = await client.call("get_contract", {"symbol": "AAPL"})
        assert found["conid"] == 265598
        assert steps == ["Starting the simulated exchange", "Starting the core", "Logging in to the simulated exchange"]
        await launcher.stop()
        assert not any(map(is_alive, pids))
    finally:
        launcher.close()
    assert list(temporary.glob(f"{PREFIX}*")) == []


async def test_it_can_be_started_again_after_it_was_stopped(temporary: Path) -> None:
    launcher = DemoLauncher(1, os.environ)
    try:
        first = await launcher.attach(lambda _: None)
        await launcher.stop()
        second = await launcher.attach(lambda _: None)
        assert second.fingerprint != first.fingerprint
    finally:
        launcher.close()


async def test_what_keeps_it_from_starting_is_said(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = DemoLauncher(1, os.environ)
    try:
        (launcher.place / "sim").write_text("in the way")
        with pytest.raises(BrokerError, match="simulator") as failed:
            await launcher.attach(lambda _: None)
        assert failed.value.code == "CORE_UNREACHABLE"
    finally:
        launcher.close()
    assert list(temporary.glob(f"{PREFIX}*")) == []


async def test_without_its_exchange_the_core_ends_and_both_are_started_anew(temporary: Path) -> None:
    """The app comes back by itself when its core has gone, and would wait for ever for an exchange that has."""
    launcher = DemoLauncher(1, os.environ)
    try:
        await launcher.attach(lambda _: None)
        exchange, core = (child.process for child in launcher._children)
        exchange.kill()
        until(lambda: core.poll() is not None)
        after = await launcher.attach(lambda _: None)
        async with await LinkClient.connect(
            after.socket_path, fingerprint=after.fingerprint, face="app", face_id="t"
        ) as client:
            assert client.welcome.pid not in {core.pid, exchange.pid}
    finally:
        launcher.close()


def test_children_die_with_a_killed_demo_and_the_next_one_sweeps(temporary: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        held = json.loads(holder.stdout.readline())
        assert all(map(is_alive, held["pids"]))
        sweep(temporary)
        assert Path(held["place"]).exists()
        holder.kill()
    until(lambda: not any(map(is_alive, held["pids"])))
    sweep(temporary)
    assert not Path(held["place"]).exists()


def test_a_sweep_spares_what_is_not_a_demos(temporary: Path) -> None:
    starting = temporary / f"{PREFIX}starting"
    starting.mkdir()
    (temporary / f"{PREFIX}link").symlink_to(starting)
    sweep(temporary)
    assert starting.exists()


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_on_a_terminal_a_signal_ends_it_clean(
    temporary: Path, terminal: Callable[..., Any], sent: signal.Signals, status: int
) -> None:
    screen = terminal("demo")
    screen.until(b"AAPL")
    until(lambda: list(temporary.glob(f"{PREFIX}*")))
    screen.process.send_signal(sent)
    assert screen.wait() == status
    assert b"\x1b[?1049l" in screen.seen
    assert b"Traceback" not in screen.seen
    assert list(temporary.glob(f"{PREFIX}*")) == []


def test_quitting_ends_it_and_gives_the_terminal_back(temporary: Path, terminal: Callable[..., Any]) -> None:
    screen = terminal("demo", "--seed", "3")
    screen.until(b"AAPL")
    screen.type(b"q")
    assert screen.wait() == 0
    assert b"\x1b[?1049l" in screen.seen
    assert list(temporary.glob(f"{PREFIX}*")) == []
