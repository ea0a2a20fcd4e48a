"""The core's log on the Health page: it follows, it stays where a person reads, it says what hinders it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ibkr_tui.model.core_log import LogLevel, LogRecord, LogTail
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui.screens.health import HealthScreen
from ibkr_tui.tui.screens.help import HelpScreen
from ibkr_tui.tui.widgets.log_pane import KEPT
from tests.tui.conftest import NOW


class CoreLog:
    """A core's log: what a test wrote into it; a cursor is how many records a face has seen."""

    def __init__(self, *texts: str) -> None:
        self.records: list[LogRecord] = []
        self.write(*texts)

    def write(self, *texts: str, level: LogLevel = LogLevel.INFO, details: tuple[str, ...] = ()) -> None:
        for text in texts:
            at = NOW + timedelta(seconds=len(self.records))
            self.records.append(LogRecord(at, level, "core.session.session", text, details))

    def answer(self, arguments: dict[str, Any]) -> LogTail:
        after = int(arguments["after"] or 0)
        wanted = [r for r in self.records[after:] if r.level.weight >= LogLevel(arguments["level"]).weight]
        newest = wanted[-arguments["lines"] :]
        return LogTail(tuple(newest), str(len(self.records)), len(newest) < len(wanted))


@pytest.fixture
def log() -> CoreLog:
    return CoreLog("first line", "second line")


async def opened(desk: Any, log: CoreLog) -> Any:
    """The Health page with the log on it."""
    desk.feed.answers["get_log"] = log.answer
    await desk.press("8", "l")
    pane = desk.app.health.log_pane
    await desk.until(lambda: pane._loaded, "the log")
    await desk.pilot.pause()
    return pane


async def test_it_opens_at_the_end_and_follows(drive: Any, log: CoreLog) -> None:
    async with drive() as desk:
        pane = await opened(desk, log)
        assert "second line" in desk.text
        assert "follows" in desk.text
        log.write("third line")
        await desk.frame()
        await desk.until(lambda: "third line" in desk.text, "the new line")
        assert pane.cursor == "3"
        assert "Unknown order" in desk.text
        assert "1 Desk" in desk.text.split("\n")[-1]


async def test_l_and_escape_put_it_away_and_nothing_is_read_any_more(drive: Any, log: CoreLog) -> None:
    async with drive() as desk:
        await opened(desk, log)
        await desk.press("escape")
        assert "Core log" not in desk.text
        assert "Journal" in desk.text
        asked = len(desk.feed.called("get_log"))
        await desk.frame(5)
        assert len(desk.feed.called("get_log")) == asked
        await desk.press("escape")
        assert isinstance(desk.app.screen, HealthScreen)
        await desk.press("l", "l")
        assert "Core log" not in desk.text


async def test_while_the_desk_is_shown_the_log_is_not_read(drive: Any, log: CoreLog) -> None:
    async with drive() as desk:
        await opened(desk, log)
        await desk.press("1")
        asked = len(desk.feed.called("get_log"))
        await desk.frame(5)
        assert len(desk.feed.called("get_log")) == asked
        log.write("meanwhile")
        await desk.press("8")
        await desk.until(lambda: "meanwhile" in desk.text, "what was written meanwhile")


async def test_f_chooses_the_level_and_says_when_there_is_nothing(drive: Any, log: CoreLog) -> None:
    log.write("it is odd", level=LogLevel.WARNING)
    async with drive() as desk:
        pane = await opened(desk, log)
        await desk.press("f")
        await desk.until(lambda: pane._loaded, "warnings")
        assert "! it is odd" in desk.text
        assert "first line" not in desk.text
        assert "warnings and errors" in desk.text
        await desk.press("f")
        await desk.until(lambda: pane._loaded, "errors")
        assert "Nothing of this level (errors only) is in the log." in desk.text
        await desk.press("f", "f")
        await desk.until(lambda: pane._loaded, "info again")
        assert pane.level is LogLevel.INFO
        assert [call["level"] for call in desk.feed.called("get_log") if not call["after"]][-1] == "info"


async def test_who_scrolls_up_stays_there(drive: Any) -> None:
    log = CoreLog(*(f"line {n:03d}." for n in range(60)))
    async with drive() as desk:
        pane = await opened(desk, log)
        assert "line 059." in desk.text
        await desk.press("pageup")
        shown = desk.line("line 04")
        assert not pane.follows
        log.write("line 060.", "line 061.")
        await desk.frame()
        await desk.until(lambda: pane.cursor == "62", "the next lines")
        await desk.pilot.pause()
        assert desk.line("line 04") == shown
        assert "newer lines below" in desk.text
        await desk.press("home")
        assert "line 000." in desk.text
        await desk.press("end")
        assert "line 061." in desk.text
        assert pane.follows


async def test_long_lines_wrap_and_tracebacks_stand_under_their_line(drive: Any) -> None:
    log = CoreLog()
    log.write("word " * 40 + "end", level=LogLevel.ERROR, details=("Traceback:", '  File "x.py"'))
    async with drive() as desk:
        await opened(desk, log)
        assert "✗ word" in desk.text
        assert "word end" in desk.text
        assert '  File "x.py"' in desk.text


async def test_an_error_is_said_and_the_lines_stay(drive: Any, log: CoreLog) -> None:
    async with drive(size=(120, 40)) as desk:
        await opened(desk, log)
        desk.feed.answers["get_log"] = BrokerError("CORE_UNREACHABLE", "the core is not connected yet")
        await desk.frame()
        await desk.until(lambda: "the core is not connected yet" in desk.text, "the reason")
        assert "second line" in desk.text
        log.write("back again")
        desk.feed.answers["get_log"] = log.answer
        await desk.frame()
        await desk.until(lambda: "back again" in desk.text, "the next line")
        assert "not connected" not in desk.text


async def test_only_so_much_is_kept_and_a_gap_is_said(drive: Any, log: CoreLog) -> None:
    async with drive() as desk:
        pane = await opened(desk, log)
        for _ in range(4):
            log.write(*(f"n {n}" for n in range(600)))
            await desk.frame()
            await desk.until(lambda: pane.cursor == str(len(log.records)), "the next lines")
        assert len(pane._records) <= KEPT
        assert any("more was written" in record.text for record in pane._records)
        assert "n 599" in desk.text


async def test_a_slow_answer_for_a_level_that_was_left_is_dropped(drive: Any, log: CoreLog) -> None:
    gate = asyncio.Event()

    async def slow(arguments: dict[str, Any]) -> LogTail:
        await gate.wait()
        return LogTail((LogRecord(NOW, LogLevel.INFO, "x", f"for {arguments['level']}"),), "9")

    async with drive() as desk:
        desk.feed.answers["get_log"] = slow
        await desk.press("8", "l")
        assert "Reading the log…" in desk.text
        await desk.press("f")
        gate.set()
        await desk.frame()
        await desk.until(lambda: "for warning" in desk.text, "the answer for the level that is shown")
        assert "for info" not in desk.text


async def test_help_explains_the_log(drive: Any, log: CoreLog) -> None:
    async with drive() as desk:
        await opened(desk, log)
        await desk.press("f1")
        assert isinstance(desk.app.screen, HelpScreen)
        assert "Secrets are taken out" in " ".join(desk.text.replace("│", " ").split())
