"""The Health page: what it says in each state, what is old, what a key does, and that hidden pages do not paint."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ibkr_tui.model.events import Event, Severity
from ibkr_tui.model.guards import Guards
from ibkr_tui.model.health import SessionState, StreamState
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.screens.health import HealthScreen
from ibkr_tui.tui.screens.help import HelpScreen
from ibkr_tui.tui.screens.ticket import TicketScreen
from tests.tui.conftest import NOW

SIZES = [(80, 24), (120, 40), (200, 50)]
WORDS = (
    "Session", "Token", "Stream", "API", "Market", "Orders", "Journal", "Keys", "Core", "23h12m left", "3h01m", "38 ms",
    "9 of 80", "+0.1 s", "NYSE", "1,312", "local disk", "credentials file", "SHA256:9f2c41aa00112233", "44 MB", "4242",
)  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_every_group_says_what_it_knows(drive: Any, scene: Any, size: tuple[int, int]) -> None:
    async with drive(size=size) as desk:
        desk.feed.rows("health", {"paper": scene.whole_health()})
        await desk.press("8")
        await desk.frame()
        missing = [words for words in WORDS if words not in desk.text]
        assert missing == []
        assert "PAPER" in desk.text.split("\n")[0]
        assert "1 Desk" in desk.text.split("\n")[-1]


async def test_a_core_that_stood_still_says_so_for_an_hour(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        stalled = {"stalls": 2, "last_stall_s": 6.4, "last_stall_at": NOW - timedelta(minutes=3)}
        desk.feed.rows("health", {"paper": scene.whole_health(**stalled)})
        await desk.press("8")
        await desk.frame()
        assert "2×, last 6s until 10:39:10" in desk.text
        assert "◐ Core" in desk.text
        desk.clock.advance(3600)
        await desk.frame()
        assert "● Core" in desk.text


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_nothing_is_cut_without_a_sign(drive: Any, scene: Any, size: tuple[int, int]) -> None:
    async with drive(size=size) as desk:
        desk.feed.rows("health", {"paper": scene.whole_health(journal_failure="the journal cannot be written: " * 5)})
        await desk.press("8")
        lines = desk.text.split("\n")
        assert len(lines) == size[1]
        assert "…" in desk.line("the journal cannot")


async def test_blocked_says_what_to_do_in_the_core_s_words(drive: Any, scene: Any) -> None:
    words = "the consumer key is not active. A new consumer key can take a day to become active"
    async with drive() as desk:
        row = scene.health(session=SessionState.BLOCKED, message=words, code="IBKR_CONSUMER_REVOKED")
        desk.feed.rows("health", {"paper": row})
        await desk.press("8")
        assert "✗ Blocked" in desk.text
        told = " ".join(desk.text.split())
        assert "The consumer key is not active" in told
        assert "can take a day to become active. (IBKR_CONSUMER_REVOKED)" in told


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (SessionState.DEGRADED, "◐ Degraded"),
        (SessionState.COMPETING, "✗ Competing"),
        (SessionState.OFFLINE, "✗ Offline"),
        (SessionState.MINTING, "◐ Logging in"),
        (SessionState.INITIALISING, "◐ Logging in"),
    ],
)
async def test_every_state_has_its_words(drive: Any, scene: Any, state: SessionState, words: str) -> None:
    async with drive() as desk:
        desk.feed.rows("health", {"paper": scene.health(session=state)})
        await desk.press("8")
        assert words in desk.text


async def test_every_state_of_the_session_is_known_here() -> None:
    from ibkr_tui.tui.health_facts import _STATES

    assert {str(state) for state in SessionState} <= set(_STATES)


async def test_an_unknown_order_is_not_well(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        desk.feed.rows("health", {"paper": scene.whole_health()})
        await desk.press("8")
        assert "✗ Unknown order" in desk.text
        desk.feed.rows("orders", {}, "t2")
        await desk.frame()
        assert "● All is well" in desk.text


async def test_ready_with_a_trouble_is_not_well(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        row = scene.health(message="the journal fails. No order is sent.", code="JOURNAL_UNAVAILABLE",
                           journal_failure="disk full")  # fmt: skip
        desk.feed.rows("health", {"paper": row})
        await desk.press("8")
        assert "All is well" not in desk.text
        assert "✗ Trouble" in desk.text
        assert "held back" in desk.line("Orders")
        assert "disk full" in desk.line("Journal")
        desk.feed.rows("health", {"paper": scene.health(stream=StreamState.CONNECTING, message="prices are not live")})
        await desk.frame()
        assert "◐ Nearly" in desk.text


async def test_the_kill_switch_is_not_well(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        desk.feed.rows("health", {"paper": scene.whole_health()})
        desk.feed.rows("orders", {}, "t2")
        await desk.press("8")
        desk.feed.rows("guards", {"paper": Guards("paper", True, "the command line", "looking", NOW)})
        await desk.frame()
        assert f"✗ Kill switch  since {NOW.astimezone(desk.app.state.now().tzinfo):%H:%M:%S}" in desk.text
        assert "No new order leaves; cancels do. Turned on by the command line: looking" in " ".join(desk.text.split())
        assert "held back" in desk.line("Orders")
        desk.feed.rows("guards", {"paper": Guards("paper", False)})
        await desk.frame()
        assert "● All is well" in desk.text


async def test_a_lost_core_makes_everything_old(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        desk.feed.rows("health", {"paper": scene.whole_health()})
        await desk.press("8")
        desk.feed.say(LinkState.LOST, "The link to the core was lost.")
        await desk.frame(65)
        assert "✗ Core lost" in desk.text
        assert "for 1m" in desk.line("Core lost")
        assert "The link to the core was lost. What stands below is old." in desk.text
        assert "r Start core" in desk.text.split("\n")[-1]
        row = next(row for row in desk.app.health.panel._rows if any("Journal" in part.text for part in row))
        assert row[0].style == desk.app.palette.stale
        assert row[2].style == desk.app.palette.stale


async def test_before_the_core_has_spoken_its_steps_are_shown(drive: Any) -> None:
    async with drive(live=False) as desk:
        desk.feed._step("Starting the core")
        desk.feed._step("Logging in")
        await desk.press("8")
        assert "◐ Starting" in desk.text
        assert "✓ Starting the core" in desk.text
        assert "▸ Logging in" in desk.text
        assert "Session" not in desk.text


async def test_an_old_token_and_an_old_frame_want_watching(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        row = scene.whole_health(token_expires_at=NOW + timedelta(seconds=200), last_frame_mono=940.0,
                                 clock_skew_s=-42.0, bad_checks=1)  # fmt: skip
        desk.feed.rows("health", {"paper": row})
        await desk.press("8")
        assert "◐ Token" in desk.text
        assert "◐ Stream" in desk.text
        assert "−42.0 s: set it right" in desk.line("API")
        assert "bad 1×" in desk.line("Session")


async def test_a_gateway_has_no_token_and_no_keys_of_ours(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        row = scene.whole_health(keys_source="gateway", keys_id="", token_expires_at=None)
        desk.feed.rows("health", {"paper": row})
        await desk.press("8")
        assert "held by the gateway" in desk.line("Token")
        assert "none needed" in desk.line("Keys")


async def test_last_troubles_are_the_newest_and_no_news_is_left_out(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        desk.feed.event(Event(NOW, "filled BUY 1 SPY"), Event(NOW, "stream lost\x1b[2J", Severity.WARNING))
        await desk.press("8")
        await desk.frame(11)
        assert "! stream lost\ufffd[2J" in desk.line("stream lost")
        assert "filled BUY 1 SPY" not in desk.text


async def test_the_latency_is_sampled_while_the_desk_is_shown(drive: Any) -> None:
    async with drive() as desk:
        for _ in range(12):
            await desk.frame(1)
        await desk.press("8")
        assert "·▂▂▂ 120s" in desk.line("API")


async def test_the_keys_change_the_page_and_the_desk_is_as_it_was(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await desk.press("down", "8")
        assert isinstance(desk.app.screen, HealthScreen)
        await desk.press("b", "8")
        assert isinstance(desk.app.screen, HealthScreen)
        await desk.press("1")
        assert desk.app.screen is desk.app.desk
        assert desk.app.desk.watch_board.selected == "MSFT#272093"
        await desk.press("8", "1", "b")
        assert isinstance(desk.app.screen, TicketScreen)
        await desk.press("escape", "escape", "8", "question_mark")
        assert isinstance(desk.app.screen, HelpScreen)
        assert "only Blocked and Competing need a person" in " ".join(desk.text.replace("│", " ").split())


async def test_a_page_that_is_away_does_not_paint_and_is_whole_when_it_is_back(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        await desk.press("8")
        painted = desk.app.desk.watch_board._rows
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", last=scene.price("199.99"))})
        desk.feed.rows("positions", {}, "272093")
        await desk.frame()
        assert desk.app.desk.watch_board._rows is painted
        await desk.press("1")
        assert "199.99" in desk.line("▸AAPL")
        assert "−50" not in desk.text
        health = desk.app.health.panel._rows
        await desk.frame(3)
        assert desk.app.health.panel._rows is health


async def test_a_link_lost_while_the_desk_is_away_is_seen_on_it(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        await desk.press("8")
        desk.feed.say(LinkState.LOST, "The link to the core was lost.")
        await desk.frame()
        await desk.press("1")
        assert "STALE" in desk.line("▸AAPL")


async def test_a_message_follows_to_the_other_page(drive: Any) -> None:
    async with drive() as desk:
        await desk.press("t", "8")
        assert "Theme" in desk.text.split("\n")[-2]


async def test_a_question_and_the_ways_out_work_over_health(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await desk.press("8")
        desk.feed.rows("questions", {"q1": scene.question()})
        await desk.frame()
        assert "IBKR asks" in desk.text
        await desk.press("1")
        assert "IBKR asks" in desk.text
        await desk.press("escape")
        await desk.until(lambda: isinstance(desk.app.screen, HealthScreen), "health again")
        await desk.press("q")
        assert "Detach" in desk.text or "detach" in desk.text


async def test_r_attaches_again_from_health(drive: Any) -> None:
    async with drive() as desk:
        await desk.press("8", "r")
        assert not desk.feed._again.is_set()
        desk.feed.say(LinkState.LOST, "The core was stopped.")
        await desk.frame()
        await desk.press("r")
        assert desk.feed._again.is_set()


async def test_a_penalty_and_the_requests_are_shown(drive: Any, scene: Any) -> None:
    async with drive((120, 40)) as desk:
        busy = {"pacing_used": 7, "pacing_limit": 10, "pacing_waiting": 4}
        desk.feed.rows("health", {"paper": scene.whole_health(**busy)})
        await desk.press("8")
        await desk.frame()
        assert "7 of 10, 4 wait" in desk.text
        assert "penalty" not in desk.text
        desk.feed.rows("health", {"paper": scene.whole_health(**busy, blocked_for=600)})
        await desk.frame()
        assert "only cancels for 10m" in desk.text


async def test_moments_are_told_in_the_market_s_zone(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        row = scene.whole_health(journal_committed_at=NOW - timedelta(hours=1), token_minted_at=NOW)
        desk.feed.rows("health", {"paper": row})
        desk.feed.event(Event(NOW - timedelta(minutes=42, seconds=10), "the stream was lost", Severity.WARNING))
        await desk.press("8")
        await desk.frame()
        assert "10:42:10" in desk.line("minted")  # 15:42:10 UTC in New York
        assert "09:42:10" in desk.text
        assert "10:00:00" in desk.line("the stream was lost")
