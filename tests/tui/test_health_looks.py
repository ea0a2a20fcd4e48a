"""How the Health page looks, as snapshots: frozen clock, given rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ibkr_tui.model.core_log import LogLevel, LogRecord, LogTail
from ibkr_tui.model.events import Event, Severity
from ibkr_tui.model.health import SessionState, StreamState
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.latency import BUCKET_S, KEPT
from ibkr_tui.tui.settings import UiSettings
from tests.tui.conftest import NOW

SIZES = [(80, 24), (120, 40)]
REVOKED = (
    "IBKR does not know this consumer key. A new consumer key can take a day to become active; an older one was "
    "revoked: register it again."
)
STATES: dict[str, dict[str, Any]] = {
    "ready": {},
    "degraded": {
        "session": SessionState.DEGRADED, "session_since": NOW - timedelta(seconds=50), "code": "IBKR_UNAVAILABLE",
        "message": "no answer from IBKR within 10 s. IBKR did not answer as it should. Check the network; the next "
        "attempt is automatic.",
        "api_latency_ms": 2140.0, "stream": StreamState.LOST, "frames_per_s": None, "last_frame_mono": 937.0,
        "bad_checks": 1,
    },
    "blocked": {
        "session": SessionState.BLOCKED, "session_since": NOW - timedelta(minutes=2), "code": "IBKR_CONSUMER_REVOKED",
        "message": REVOKED, "stream": StreamState.OFF, "frames_per_s": None, "last_frame_mono": None, "market": None,
        "token_expires_at": None, "token_minted_at": None, "subscriptions": 0, "api_latency_ms": None,
        "clock_skew_s": -42.4, "journal_failure": "the journal cannot be opened: no space left on device",
    },
    "competing": {
        "session": SessionState.COMPETING, "session_since": NOW - timedelta(minutes=11),
        "code": "IBKR_COMPETING_SESSION",
        "message": "another program uses this username. Another program uses this username. Log out there, then try "
        "again.",
        "stream": StreamState.LOST, "frames_per_s": None,
    },
}  # fmt: skip


@pytest.fixture
def look(snap_compare: Any, make_app: Any, scene: Any) -> Callable[..., bool]:
    def compare(size: tuple[int, int], *, lose: bool = False, health: Any = None, **options: Any) -> bool:
        app = make_app(**options)

        async def settle(pilot: Any) -> None:
            app, clock = pilot.app, pilot.app.clock
            if health is not None:
                app.feed.rows("health", {"paper": health})
                app.feed.rows("orders", {}, "t2")
            for bucket in range(KEPT):
                app.health.latencies.sample(clock.monotonic() - (KEPT - bucket) * BUCKET_S, 90 + 70 * math.sin(bucket))
            app.feed.event(
                Event(NOW - timedelta(minutes=10, seconds=22), "stream lost: nothing was heard for 60 s",
                      Severity.WARNING),
                Event(NOW - timedelta(minutes=3), "order reads failed 3 times; they are tried again", Severity.ERROR),
            )  # fmt: skip
            await pilot.press("8")
            clock.advance(12)
            if lose:
                app.feed.say(LinkState.LOST, "The core has gone. Starting it again…")
            clock.advance(3)
            app._frame()
            await pilot.pause()

        return bool(snap_compare(app, terminal_size=size, run_before=settle))

    return compare


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("state", STATES)
def test_health(look: Any, scene: Any, state: str, size: tuple[int, int]) -> None:
    assert look(size, health=scene.whole_health(**STATES[state]))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_health_without_a_core(look: Any, scene: Any, size: tuple[int, int]) -> None:
    assert look(size, health=scene.whole_health(), lose=True)


def test_health_before_the_core(look: Any) -> None:
    assert look((80, 24), live=False)


def test_health_wide(look: Any, scene: Any) -> None:
    assert look((200, 50), health=scene.whole_health(), kind="live")


def test_health_in_another_theme(look: Any, scene: Any) -> None:
    assert look((80, 24), health=scene.whole_health(**STATES["blocked"]), settings=UiSettings(theme="daylight"))


def test_health_without_colour(look: Any, scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert look((80, 24), health=scene.whole_health(**STATES["degraded"]))


LOG = (
    ("info", "cli.serving", "the core 0.1.0 serves profile paper", ()),
    ("info", "core.session.session", "session ready", ()),
    ("warning", "core.session.session", "session: IBKR_UNAVAILABLE no answer from IBKR within 10 s; the keep-alive was "
     "not answered and is sent again in 55 s", ()),
    ("error", "core.supervision", "market hours failed", (
        "Traceback (most recent call last):", '  File "ibkr_tui/core/supervision.py", line 26, in supervise',
        "    await work()", "KeyError: 'timezone'",
    )),
    ("info", "core.session.session", "session ready", ()),
)  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_log(snap_compare: Any, make_app: Any, scene: Any, size: tuple[int, int]) -> None:
    app = make_app()
    records = tuple(
        LogRecord(NOW + timedelta(seconds=n - 60), LogLevel(level), source, text, details)
        for n, (level, source, text, details) in enumerate(LOG)
    )
    app.feed.answers["get_log"] = lambda a: LogTail(() if a["after"] else records, "1:1")

    async def settle(pilot: Any) -> None:
        pilot.app.feed.rows("health", {"paper": scene.whole_health()})
        pilot.app.feed.rows("orders", {}, "t2")
        await pilot.press("8", "l")
        while not pilot.app.health.log_pane._loaded:
            await pilot.pause()
        pilot.app.clock.advance(12)
        pilot.app._frame()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=settle)
