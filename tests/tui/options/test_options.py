"""The Options page under a pilot: around the money, expiries, strikes, picking a contract, and every state in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Side
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.tui.desk_state import Chosen
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.screens.ticket import TicketScreen

D = Decimal


async def opened(desk: Any, chains: Any, **changes: Any) -> Any:
    """The page with its chain and the quotes of it."""
    chains.answers(desk.feed)
    if changes:
        desk.feed.answers["get_option_chain"] = lambda _: msgspec.structs.replace(chains.chain(), **changes)
    await desk.press("6")
    page = desk.app.options
    await desk.until(lambda: page.chain is not None, "a chain")
    desk.feed.rows("quotes", chains.quotes(page.chain))
    await desk.frame()
    return page


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_the_chain_stands_around_the_money(drive: Any, chains: Any, size: tuple[int, int]) -> None:
    async with drive(size=size) as desk:
        page = await opened(desk, chains)
        assert page.board.selected == "190"
        for words in ("Calls", "Puts", "IV%", "Delta", "Strike", "─ 189.43 ─", "[15 JAN27]", "15 Jan 2027", "56 days"):
            assert words in desk.text
        line = desk.line("190.00")
        assert line.index("24.1") < line.index("190.00")
        assert "gamma" in desk.text
        assert "even at" in desk.text
        assert desk.feed.called("get_option_chain") == [{"symbol": "AAPL", "conid": 265598, "expiry": "", "rows": 15}]


async def test_what_can_be_seen_streams(drive: Any, chains: Any) -> None:
    async with drive() as desk:
        page = await opened(desk, chains)
        await desk.until(
            lambda: any(chains.contract(D(190), "C").conid in a["quotes"] for a in desk.feed.called("look_at")),
            "a look",
        )
        assert 265598 in page.looks_at()


async def test_the_cursor_passes_over_the_money_and_changes_sides(drive: Any, chains: Any) -> None:
    async with drive() as desk:
        page = await opened(desk, chains)
        await desk.press("up")
        assert page.board.selected == "185"
        await desk.press("j")
        assert page.board.selected == "190"
        await desk.press("right")
        assert page.board.contract.right == "P"
        assert "AAPL 15JAN27 190P" in desk.text
        await desk.press("h")
        assert page.board.contract.right == "C"
        await desk.press("end", "m")
        assert page.board.selected == "190"


async def test_a_contract_goes_into_the_ticket(drive: Any, chains: Any) -> None:
    async with drive() as desk:
        await opened(desk, chains)
        await desk.press("right", "enter")
        assert isinstance(desk.app.screen, TicketScreen)
        contract = chains.contract(D(190), "P")
        assert desk.app.state.chosen == Chosen(contract.description, contract.conid)
        assert desk.app.screen.panel.form.legs[0].side is Side.BUY
        await desk.press("escape", "escape")
        assert desk.app.page is desk.app.options
        assert desk.app.options.chain is not None


async def test_a_held_contract_is_marked(drive: Any, chains: Any, scene: Any) -> None:
    async with drive() as desk:
        page = await opened(desk, chains)
        contract = chains.contract(D(190), "C")
        held = scene.position("AAPL", contract.conid, "5", "7.85", "6", sec_type="OPT", multiplier=D(100))
        desk.feed.rows("positions", {str(contract.conid): held})
        await desk.frame()
        assert "•" in desk.line("190.00")
        assert "held +5 @ 7.85" in desk.text
        assert page.board.contract == contract


async def test_expiries_and_strikes_are_asked_for(drive: Any, chains: Any) -> None:
    async with drive() as desk:
        page = await opened(desk, chains)
        for keys, wanted in (
            (["right_square_bracket"], {"expiry": "2027-01-22", "rows": 15}),
            (["left_curly_bracket"], {"expiry": "DEC26", "rows": 15}),
            (["plus"], {"expiry": "2026-12-18", "rows": 25}),
        ):
            count = len(desk.feed.called("get_option_chain"))
            await desk.press(*keys)
            await desk.until(lambda count=count: len(desk.feed.called("get_option_chain")) > count, "a question")
            asked = desk.feed.called("get_option_chain")[-1]
            assert {name: asked[name] for name in wanted} == wanted
            await desk.until(lambda: page._asked_for is None, "the chain")
        await desk.press("left_square_bracket")
        assert "There is no earlier expiry." in desk.text


async def test_the_money_moves_with_the_underlying(drive: Any, chains: Any, scene: Any) -> None:
    async with drive() as desk:
        page = await opened(desk, chains)
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", last=D("196.10"))})
        await desk.frame()
        assert "─ 196.10 ─" in desk.text
        assert page.board.selected == "190"


async def test_the_link_goes_and_nothing_looks_live(drive: Any, chains: Any) -> None:
    async with drive() as desk:
        page = await opened(desk, chains)
        desk.feed.say(LinkState.LOST, "The link to the core was lost.")
        await desk.frame()
        assert desk.line("190.00").count("STALE") == 2
        row = page.board.cells("190", 77)
        assert {segment.style for segment in row if "6." in segment.text} <= {
            desk.app.palette.stale, desk.app.palette.stale + desk.app.palette.cursor,
        }  # fmt: skip


async def test_no_permission_is_said_in_the_row_and_below(drive: Any, chains: Any) -> None:
    async with drive() as desk:
        page = await opened(desk, chains)
        why = "No price: OPRA needs a subscription (IBKR_NO_MARKET_DATA_SUBSCRIPTION)."
        blind = {
            key: msgspec.structs.replace(quote, status=QuoteStatus.NO_DATA, bid=None, ask=None, last=None, problem=why)
            for key, quote in chains.quotes(page.chain).items()
        }
        desk.feed.rows("quotes", blind)
        await desk.frame()
        assert desk.line("190.00").count("NO DATA") == 2
        assert why in desk.text


async def test_what_cannot_be_read_is_a_sentence(drive: Any, chains: Any) -> None:
    async with drive() as desk:
        refusal = BrokerError("OPTION_NOT_FOUND", "IBKR names no options of EUR.USD")
        desk.feed.answers["get_option_chain"] = lambda _: refusal
        await desk.press(*["down"] * 5, "6")
        await desk.until(lambda: "IBKR names no options" in desk.text, "the refusal")
        assert "No options of EUR.USD: IBKR names no options of EUR.USD (OPTION_NOT_FOUND)." in desk.text


async def test_a_core_that_cannot_yet_is_asked_again(drive: Any, chains: Any) -> None:
    async with drive() as desk:
        desk.feed.answers["get_option_chain"] = lambda _: BrokerError("IBKR_UNAVAILABLE", "not logged in yet")
        await desk.press("6")
        await desk.until(lambda: "not logged in yet" in desk.text, "the reason")
        chains.answers(desk.feed)
        await desk.frame()
        assert len(desk.feed.called("get_option_chain")) == 1
        await desk.frame(5)
        await desk.until(lambda: desk.app.options.chain is not None, "the chain")


async def test_a_chain_with_a_gap_says_what_is_missing(drive: Any, chains: Any) -> None:
    async with drive() as desk:
        page = await opened(desk, chains, rows=(), strikes=())
        assert "AAPL has no strikes for JAN27." in desk.text
        assert page.board.contract is None
        await desk.press("enter")
        assert desk.app.screen is page


async def test_a_refused_expiry_keeps_the_chain(drive: Any, chains: Any) -> None:
    async with drive() as desk:
        page = await opened(desk, chains)
        desk.feed.answers["get_option_chain"] = lambda _: BrokerError("IBKR_UNAVAILABLE", "no answer within 10 s")
        await desk.press("right_square_bracket")
        await desk.until(lambda: "no answer within 10 s" in desk.text, "the refusal")
        assert page.board.selected == "190"


async def test_without_a_core_and_without_an_underlying(drive: Any) -> None:
    async with drive(live=False) as desk:
        await desk.press("6")
        assert "Option chains appear when the core is ready." in desk.text
        desk.feed.say(LinkState.LOST, "The core has gone.")
        await desk.frame()
        assert "Option chains come back with the core." in desk.text


async def test_an_option_leads_to_its_underlying(drive: Any, chains: Any) -> None:
    async with drive() as desk:
        chains.answers(desk.feed)
        await desk.press("4")
        await desk.until(lambda: desk.app.screen is desk.app.positions, "the positions")
        await desk.press("end")  # the scene holds an option of SPY
        assert desk.app.state.chosen == Chosen("SPY", 900001)
        await desk.press("6")
        await desk.until(lambda: desk.feed.called("get_option_chain"), "a question")
        assert desk.feed.called("get_option_chain")[0]["symbol"] == "SPY"
        assert "conid" not in desk.feed.called("get_option_chain")[0]
