"""A child is rejected while its parent lives: the app says so over everything and offers the ways out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Event, Severity
from ibkr_tui.model.orders import OrderState
from ibkr_tui.tui.screens.choice import ChoiceScreen
from ibkr_tui.tui.trade.sheet import Stage
from tests.tui.conftest import NOW
from tests.tui.trade.conftest import bracket_rows

D = Decimal
WORDS = "BUY 100 AAPL works on without its stop: cancel it or place it again – no stops here"


async def alarmed(desk: Any, core: Any, scene: Any, **entry: Any) -> Any:
    """The desk with a bracket whose stop was rejected, after the core's alarm."""
    core(desk)
    rows = bracket_rows(scene)
    rows["b1"] = msgspec.structs.replace(rows["b1"], **entry)
    rows["b3"] = msgspec.structs.replace(rows["b3"], state=OrderState.REJECTED, text="no stops here")
    desk.feed.rows("orders", rows)
    desk.feed.event(Event(NOW, WORDS, Severity.ERROR, "IBKR_GROUP_PARTIAL", "b1"))
    await desk.frame()
    await desk.until(lambda: isinstance(desk.app.screen, ChoiceScreen), "the alarm")
    await desk.pilot.pause()
    return desk.app.screen


async def test_the_entry_or_the_whole_group_can_be_cancelled_at_once(drive: Any, core: Any, scene: Any) -> None:
    async with drive() as desk:
        await alarmed(desk, core, scene)
        assert "The stop was rejected: no stops here" in desk.text
        assert "once it fills, its position is unguarded" in desk.text
        assert "rejected" in desk.line("STP 185.00")
        await desk.press("y", calm=1)
        await desk.until(lambda: desk.feed.called("cancel_order"), "the cancel")
        assert desk.feed.called("cancel_order") == [{"order_id": "2001"}]
    async with drive() as desk:
        await alarmed(desk, core, scene)
        await desk.press("a", calm=1)
        await desk.until(lambda: desk.feed.called("cancel_order"), "the cancel")
        assert desk.feed.called("cancel_order") == [{"group_id": "g1"}]


async def test_after_the_fill_the_position_can_be_closed(drive: Any, core: Any, scene: Any) -> None:
    async with drive() as desk:
        await alarmed(desk, core, scene, state=OrderState.FILLED, filled=D(100))
        assert "Cancel the entry" not in desk.text
        await desk.press("x", calm=1)
        await desk.until(lambda: desk.feed.called("preview_order"), "what closing would do")
        assert desk.feed.called("preview_order") == [{"kind": "close", "conid": 265598}]


async def test_it_waits_until_no_other_question_is_open(drive: Any, core: Any, scene: Any) -> None:
    async with drive() as desk:
        core(desk)
        desk.feed.rows("orders", bracket_rows(scene))
        await desk.press("C")
        other = desk.app.screen
        desk.feed.event(Event(NOW, WORDS, Severity.ERROR, "IBKR_GROUP_PARTIAL", "b1"))
        await desk.frame()
        assert desk.app.screen is other
        await desk.press("escape")
        await desk.frame()
        await desk.until(lambda: "BUY 100 AAPL works on" in desk.text, "the alarm")


async def test_a_ticket_of_which_a_part_works_can_not_be_sent_again(drive: Any, core: Any) -> None:
    async with drive() as desk:
        core(desk)
        desk.feed.answers["place_bracket_order"] = BrokerError(
            "IBKR_GROUP_PARTIAL", "IBKR refused a part of the bracket (stop): no stops here"
        )
        await desk.press("3", "ctrl+l")
        ticket = desk.app.trade.ticket
        await desk.until(lambda: ticket.instrument is not None, "the instrument")
        await desk.pilot.press(*"buy 1 AAPL @ 188 stop 185 target 195", "enter")
        await desk.until(lambda: ticket.stage is Stage.PREVIEWED, "the preview")
        await desk.pilot.pause()
        await desk.press("y", calm=1)
        await desk.until(lambda: ticket.stage is Stage.PARTIAL, "the partial outcome")
        assert "The rest of it is at IBKR." in desk.text
        await desk.press("enter", "y", "ctrl+s", calm=2)
        assert len(desk.feed.called("place_bracket_order")) == 1
        await desk.press("escape")
        assert ticket.stage is Stage.EDITING
        assert ticket.form.leg.qty == ""
