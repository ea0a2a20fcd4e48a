"""The Account page under a pilot: margins, ledger, the day, performance, the accounts, and every state in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.portfolio import Pnl
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.screens.account_choice import AccountChoice

D = Decimal


async def opened(desk: Any, accounts: Any) -> Any:
    accounts.answers(desk.feed)
    await desk.press("5")
    await desk.frame()
    page = desk.app.account
    await desk.until(lambda: page._ledger.lines and page.history.of("DU1234567"), "ledger and performance")
    await desk.frame()
    return page


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_money_margins_and_ledger(drive: Any, accounts: Any, size: tuple[int, int]) -> None:
    async with drive(size=size) as desk:
        await opened(desk, accounts)
        assert "Account · DU1234567 · USD" in desk.text
        assert "1,024,311.22" in desk.line("Net liquidation")
        assert "+3,120.40" in desk.text
        assert "30% of equity" in desk.line("Initial")
        assert "28% of equity" in desk.line("Maintenance")
        assert "0.62 of 4.0" in desk.line("Leverage")
        assert "389,238" in desk.line("Total")
        assert "−41,251" in desk.line(" EUR ")


async def test_a_margin_that_is_near_is_marked(drive: Any, accounts: Any) -> None:
    async with drive() as desk:
        await opened(desk, accounts)
        account = desk.feed.account.rows["DU1234567"]
        tight = msgspec.structs.replace(account, initial_margin=D(900_000), maintenance_margin=D(1_000_000))
        desk.feed.rows("account", {"DU1234567": tight})
        await desk.frame()
        assert "! 88% of equity" in desk.line("Initial")
        assert "! 98% of equity" in desk.line("Maintenance")


async def test_the_day_is_drawn_from_what_was_heard(drive: Any, accounts: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        page = await opened(desk, accounts)
        assert len(page.day.moments) == 1
        assert "The course of the day is drawn from here on" in desk.text
        await desk.press("1")  # it goes on while another page is current
        for daily in (900, -400, 2500):
            desk.feed.rows("pnl", {"DU1234567": Pnl("DU1234567", D(daily), D(8310), D(1_024_311))})
            await desk.frame(16)
        await desk.press("5")
        await desk.frame()
        assert "low −400 · high +3,120" in desk.text
        assert "◂ +2,500" in desk.text


async def test_performance_by_period_and_as_value(drive: Any, accounts: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        page = await opened(desk, accounts)
        assert "Return · 1M" in desk.text
        assert "20 Nov 26" in desk.text
        await desk.press("right_square_bracket")
        await desk.until(lambda: {"period": "3M"} in desk.feed.called("get_performance"), "the longer period")
        await desk.until(lambda: page.history.of("DU1234567") is not None, "its answer")
        await desk.press("v")
        assert "Net value · 3M" in desk.text
        assert "1,0" in desk.line("┤")
        asked = len(desk.feed.called("get_performance"))
        await desk.press("left_square_bracket")
        await desk.frame()
        assert len(desk.feed.called("get_performance")) == asked  # kept: IBKR gives it once in fifteen minutes


async def test_what_cannot_be_read_says_why(drive: Any, accounts: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.answers["get_ledger"] = BrokerError("IBKR_UNAVAILABLE", "no answer within 10 s")
        desk.feed.answers["get_performance"] = BrokerError("IBKR_RATE_LIMITED", "once in 15 minutes")
        await desk.press("5")
        await desk.frame()
        await desk.until(lambda: "No ledger: no answer within 10 s (IBKR_UNAVAILABLE)." in desk.text, "the ledger's")
        await desk.until(
            lambda: "No performance: once in 15 minutes (IBKR_RATE_LIMITED)." in desk.text, "performance's"
        )
        desk.feed.answers["get_ledger"] = lambda _: accounts.ledger()
        await desk.frame(6)
        await desk.until(lambda: "389,238" in desk.line("Total"), "the ledger after all")


async def test_an_account_without_history_says_so(drive: Any, accounts: Any) -> None:
    async with drive() as desk:
        accounts.answers(desk.feed)
        desk.feed.answers["get_performance"] = lambda a: msgspec.structs.replace(accounts.performance(), points=())
        await desk.press("5")
        await desk.frame()
        await desk.until(lambda: "IBKR has no performance for 1M" in desk.text, "the sentence")


async def test_the_link_goes(drive: Any, accounts: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        await opened(desk, accounts)
        desk.feed.say(LinkState.LOST, "The link to the core was lost.")
        await desk.frame()
        assert "STALE" in desk.line("Account · DU1234567")
        assert desk.line("Ledger by currency").count("STALE") == 2


async def test_before_the_core(drive: Any) -> None:
    async with drive(live=False, size=(120, 40)) as desk:
        await desk.press("5")
        for words in (
            "The account appears",
            "The ledger appears",
            "The course of the day begins",
            "Performance appears",
        ):
            assert f"{words} when the core is ready." in desk.text
        desk.feed.say(LinkState.LOST, "The core has gone.")
        await desk.frame()
        assert "The ledger comes back with the core." in desk.text


async def test_the_accounts_of_the_login(drive: Any, accounts: Any) -> None:
    async with drive() as desk:
        await opened(desk, accounts)
        desk.feed.answers["list_accounts"] = [
            {"account": "DU1234567", "selected": True}, {"account": "DU7654321", "selected": False},
        ]  # fmt: skip
        pinned = "the profile paper is pinned to DU1234567"
        desk.feed.answers["switch_account"] = BrokerError("IBKR_ACCOUNT_NOT_FOUND", pinned)
        await desk.press("a")
        assert isinstance(desk.app.screen, AccountChoice)
        await desk.until(lambda: "DU7654321" in desk.text, "the accounts")
        assert "● DU1234567" in desk.text
        await desk.press("down", "enter")
        await desk.until(lambda: "Go over to DU7654321?" in desk.text, "the question")
        await desk.press("enter", calm=0.05)
        assert not desk.feed.called("switch_account"), "a held key confirms nothing"
        await desk.press("enter", calm=2)
        await desk.until(lambda: pinned in desk.text, "the refusal")
        desk.feed.answers["switch_account"] = {"account": "DU7654321", "changed": True}
        await desk.press("enter", "enter", calm=2)
        await desk.until(lambda: desk.app.screen is desk.app.account, "the page")
        assert desk.feed.called("switch_account") == [{"account": "DU7654321"}] * 2


async def test_accounts_that_cannot_be_read(drive: Any, accounts: Any) -> None:
    async with drive() as desk:
        await opened(desk, accounts)
        desk.feed.answers["list_accounts"] = BrokerError("IBKR_NO_SESSION", "not logged in yet")
        await desk.press("a")
        await desk.until(lambda: "No accounts: not logged in yet" in desk.text, "the reason")
        await desk.press("escape")
        assert desk.app.screen is desk.app.account
