"""The Activity page under a pilot: one sequence, filters, details, gaps that are read, every state in words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.log import LogPage
from ibkr_tui.tui.activity.entry import Kind
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.screens.help import HelpScreen
from ibkr_tui.tui.screens.line_entry import LineEntry
from tests.tui.activity.conftest import DAY, MISSING, Journal, row, tell


async def opened(desk: Any, journal: Journal | None = None) -> Any:
    if journal is not None:
        desk.feed.answers["get_audit"] = journal.answer
    await desk.press("7")
    page = desk.app.activity
    await desk.until(lambda: desk.app.screen is page and page.board.content_size.width, "the page")
    await desk.frame()
    return page


async def to(desk: Any, page: Any, key: str) -> None:
    """Put the cursor on a line."""
    page.board.select(key)
    await desk.pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_everything_stands_in_one_sequence(drive: Any, size: tuple[int, int]) -> None:
    async with drive(size=size) as desk:
        tell(desk.feed)
        page = await opened(desk)
        assert [entry.key for entry in page.timeline.entries if entry.kind is not Kind.NEWS][:5] == [
            "a115", "a114", "a113", "a112", "a111",
        ]  # fmt: skip
        assert "UNKNOWN" in desk.line("#115")
        assert "no answer within 10 s" in desk.line("#115")
        assert "KILL ON" in desk.line("#111")
        fill = desk.line("BUY 40 AAPL @ 188.00")
        assert "filled" in fill
        assert "#110" in fill  # one line for the fill and its audit row
        assert "learnt after a gap" in page.timeline.entries[[e.key for e in page.timeline.entries].index("fe1")].text
        assert "alert" in desk.line("AAPL 187.95 is below")
        assert desk.text.count("working BUY 100 AAPL") == 0  # the audit row says it already
        assert [entry.kind for entry in page.timeline.entries if "SELL 50 SPY @" in entry.text] == [Kind.FILL]
        assert "Row 109 of the audit is not here" in desk.text


async def test_it_follows_until_a_person_goes_down_into_it(drive: Any) -> None:
    async with drive() as desk:
        tell(desk.feed)
        page = await opened(desk)
        assert "follows" in desk.text
        desk.feed.accept(LogPage("audit", 1, (row(116, 1, "working", "t2", {"order_id": "1002"}),)))
        await desk.frame()
        assert page.board.selected == "a116"
        await desk.press("down", "down")
        chosen = page.board.selected
        desk.feed.accept(LogPage("audit", 1, (row(117, 0, "cancelled", "t2"),)))
        await desk.frame()
        assert page.board.selected == chosen
        assert "Home follows" in desk.text
        await desk.press("home")
        assert page.board.selected == "a117"


async def test_what_comes_while_the_page_is_away_is_there_when_it_returns(drive: Any) -> None:
    async with drive() as desk:
        tell(desk.feed)
        await opened(desk)
        await desk.press("1")
        desk.feed.accept(LogPage("audit", 1, (row(116, 1, "rejected", "t2", {"text": "too late"}),)))
        await desk.frame()
        await desk.press("7")
        assert "too late" in desk.line("#116")


async def test_kinds_words_symbol_and_order_narrow_it(drive: Any) -> None:
    async with drive() as desk:
        tell(desk.feed)
        page = await opened(desk)
        everything = len(page.board.keys)
        await desk.press("f")
        assert [key for key in page.board.keys if key[0] != "g"] == ["fe2", "fe1"]
        assert "· fills" in desk.text
        await desk.press("f")
        assert {entry.kind for entry in page.board._entries.values()} == {Kind.ORDER, Kind.GAP}
        await desk.press("f")
        assert all(entry.seq for entry in page.board._entries.values() if entry.kind is not Kind.GAP)
        assert "fe1" in page.board.keys  # a fill of ours is a row of the audit
        assert "fe2" not in page.board.keys
        await desk.press("f")
        assert "is below 188.00" in desk.text
        assert "#115" not in desk.text
        await desk.press("f")
        assert len(page.board.keys) == everything

        await to(desk, page, "a113")
        await desk.press("y")
        assert {e.symbol for e in page.board._entries.values() if e.kind is not Kind.GAP} == {"MSFT"}
        await desk.press("y", "i")
        assert {e.order for e in page.board._entries.values()} == {"t2"}
        await desk.press("escape")
        assert len(page.board.keys) == everything

        await desk.press("slash")
        await desk.until(lambda: isinstance(desk.app.screen, LineEntry), "the entry")
        await desk.press(*"drill", "enter")
        await desk.until(lambda: desk.app.screen is page, "the page")
        assert [key for key in page.board.keys if key[0] != "g"] == ["a111"]


async def test_words_that_match_nothing_say_so(drive: Any) -> None:
    async with drive() as desk:
        desk.feed.accept(LogPage("audit", 1, DAY[:2]))
        page = await opened(desk)
        page.timeline.nothing_before(100)  # no gap: it is shown whatever is wanted
        page.board.want(msgspec.structs.replace(page.board.wanted, words="xyzzy", symbol="AAPL"))
        page._read()
        await desk.frame()
        assert "Nothing matches AAPL · “xyzzy”. Esc shows everything." in desk.text
        await desk.press("escape")
        assert "#100" in desk.text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (170, 50)], ids=str)
async def test_a_line_opens_to_request_approval_answer_and_life(
    drive: Any, journal: Journal, size: tuple[int, int]
) -> None:
    async with drive(size=size) as desk:
        tell(desk.feed)
        page = await opened(desk, journal)
        await to(desk, page, "fe1")
        await desk.press("enter")
        await desk.until(lambda: "Request" in desk.text, "the details")
        seen = desk.text
        for _ in range(6):
            await desk.press("right_square_bracket")
            seen += desk.text
        for words in (
            "BUY 100 AAPL LMT 188.00 DAY", "value", "leverage after it 0.641", "once; written down by app before",
            "on its preview (row #102)", "IBKR asks: The price exceeds", "answered: yes by app",
            "accepted: Submitted · IBKR's order 1001", "working", "40 of 100 at 188.00 ", "tag 5f0e9a11",
        ):  # fmt: skip
            assert words in seen, words
        assert "DU1234567" not in "".join(line for line in seen.split("\n") if "tag" in line)
        await desk.press("escape")
        assert not page.pane.display
        assert desk.feed.called("get_audit") == []  # everything was here


async def test_an_order_without_approval_and_an_unknown_answer(drive: Any, journal: Journal) -> None:
    async with drive(size=(120, 40)) as desk:
        tell(desk.feed)
        page = await opened(desk, journal)
        await to(desk, page, "a115")
        await desk.press("enter")
        await desk.until(lambda: "Request" in desk.text, "the details")
        assert "call, by sending it; no approval of its own is in the audit" in desk.text
        assert "bracket g7: the entry of 3 orders" in desk.text
        assert "UNKNOWN: no answer within 10 s" in desk.text
        assert "<html>" in desk.text


async def test_rows_of_an_order_that_are_older_are_read(drive: Any, journal: Journal) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.accept(LogPage("audit", 1, DAY[8:]))
        page = await opened(desk, journal)
        await to(desk, page, "a108")
        await desk.press("enter")
        await desk.until(lambda: "on its preview (row #102)" in desk.text, "who approved it")
        assert [(asked["coid"], asked["kinds"]) for asked in desk.feed.called("get_audit")] == [
            ("t1", []), ("", ["approved"]),
        ]  # fmt: skip
        assert "now 100, limit 188.00" in desk.text  # the row of the gap came with its order


async def test_rows_that_cannot_be_read_are_said(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.accept(LogPage("audit", 1, DAY[8:]))
        desk.feed.answers["get_audit"] = BrokerError("JOURNAL_UNAVAILABLE", "the journal cannot be read: bad disk")
        page = await opened(desk)
        await to(desk, page, "a108")
        await desk.press("enter")
        await desk.until(lambda: "cannot be read: the journal cannot be read: bad disk" in desk.text, "the refusal")
        assert "Its beginning is not here" in desk.text
        assert page.board.selected == "a108"


async def test_a_gap_is_read_from_the_journal(drive: Any, journal: Journal) -> None:
    async with drive(size=(120, 40)) as desk:
        tell(desk.feed)
        page = await opened(desk, journal)
        await to(desk, page, "g109-109")
        await desk.press("enter")
        await desk.until(lambda: "a109" in page.board.keys, "the missing row")
        assert "g109-109" not in page.board.keys
        assert desk.feed.called("get_audit") == [{"count": 1, "coid": "", "kinds": [], "before": 110}]
        assert page.timeline.rows[109] == MISSING


async def test_the_older_rows_are_read_from_the_last_line(drive: Any, journal: Journal) -> None:
    async with drive() as desk:
        tell(desk.feed)
        page = await opened(desk, journal)
        await desk.press("end")
        assert "Rows 1–99 of the audit are older" in desk.text
        await desk.press("enter")
        await desk.until(lambda: "a1" in page.board.keys, "the older rows")
        assert not any(key.startswith("g1-") for key in page.board.keys)


async def test_rows_that_were_purged_are_no_longer_asked_for(drive: Any) -> None:
    async with drive() as desk:
        tell(desk.feed)
        page = await opened(desk, Journal(*DAY))
        await desk.press("end", "enter")
        await desk.until(lambda: "no row of that gap any more" in desk.text, "what is not there")
        assert "g1-99" not in page.board.keys


async def test_a_missed_log_is_a_gap(drive: Any) -> None:
    async with drive() as desk:
        tell(desk.feed)
        desk.feed.accept(LogPage("fills", 9, (), missed=3))
        await opened(desk)
        assert "3 entries of the log of fills are gone" in desk.text


async def test_loading_empty_no_audit_and_lost(drive: Any, scene: Any) -> None:
    async with drive(live=False) as desk:
        page = await opened(desk)
        assert "The time line appears when the core is ready." in desk.text
        scene.fill(desk.feed)
        desk.feed.recent.clear()
        await desk.frame()
        assert "Reading the audit…" in desk.text
        health = scene.health(journal_failure="the disk is full")
        desk.feed.rows("health", {"paper": health})
        await desk.frame()
        assert "No audit: the disk is full. No order is sent" in desk.text
        assert "NO AUDIT" in desk.text
        desk.feed.rows("health", {"paper": scene.health()})
        tell(desk.feed)
        desk.feed.say(LinkState.LOST, "The link to the core was lost.")
        await desk.frame()
        assert "STALE" in desk.text
        assert page.board.keys


async def test_help_explains_the_page(drive: Any) -> None:
    async with drive() as desk:
        await opened(desk)
        await desk.press("f1")
        await desk.until(lambda: isinstance(desk.app.screen, HelpScreen), "help")
        assert "who approved it" in desk.text.replace("\n", " ")


async def test_what_a_file_says_is_never_more_than_text(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        bad = {"symbol": "\x1b]52;c;x\x07[b]A", "qty": {"a": 1}, "side": None, "order_type": ["x"], "value": "1_0"}
        desk.feed.accept(LogPage("audit", 1, (row(1, 5, "intent", "t\x1b[2J", bad), row(2, 4, "no\x1bsuch", "", bad))))
        page = await opened(desk)
        await desk.press("end", "enter")
        await desk.until(lambda: "Request" in desk.text, "the details")
        assert "\x1b" not in desk.text
        assert page.board.keys[-2:] == ["a2", "a1"]
