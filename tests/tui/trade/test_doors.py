"""What takes risk away, by keys: cancel an order or a group, cancel all, close, reverse, flatten, move, kill."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.guards import Guards
from ibkr_tui.model.live_gate import LiveGate
from ibkr_tui.model.orders import OrderState, Refusal, Side
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.screens.choice import ChoiceScreen
from ibkr_tui.tui.screens.move_order import MoveScreen
from ibkr_tui.tui.screens.typed_word import TypedWordScreen
from ibkr_tui.tui.trade.sheet import Stage
from ibkr_tui.tui.trade.writes import restated
from tests.tui.trade.conftest import bracket_rows

D = Decimal


async def blotter(desk: Any, core: Any, key: str) -> Any:
    """The Trade page with the cursor on a row of the blotter."""
    core(desk)
    await desk.press("3")
    page = desk.app.screen
    await desk.until(lambda: page.ticket.instrument is not None, "the instrument")
    page.blotter.focus()
    await desk.pilot.pause()
    page.blotter.select(key)
    await desk.pilot.pause()
    return page


async def type_word(desk: Any, word: str) -> None:
    await desk.until(lambda: isinstance(desk.app.screen, TypedWordScreen), "the question for a word")
    await desk.pilot.pause()
    await desk.pilot.press(*word)
    await desk.press("enter", calm=1)


async def asked(desk: Any, kind: type = ChoiceScreen) -> Any:
    await desk.until(lambda: isinstance(desk.app.screen, kind), "a question")
    await desk.pilot.pause()
    return desk.app.screen


async def test_a_bracket_is_one_line_that_unfolds(drive: Any, core: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        page = await blotter(desk, core, "group:g1")
        assert "bracket 188.00 tgt 195.00 stp 185.00 R 2.3" in desk.line("bracket")
        assert "working" in desk.line("bracket")
        await desk.press("space")
        assert "├ ● SELL     100 target" in desk.text
        assert "└ ● SELL     100 stop" in desk.text
        assert "held" in desk.line("STP 185.00")
        await desk.press("space")
        assert "STP 185.00" not in desk.text
        assert page.blotter.selected == "group:g1"


async def test_fills_unfold_under_their_order(drive: Any, core: Any) -> None:
    async with drive() as desk:
        await blotter(desk, core, "t4")
        assert "8/20" in desk.line("20 NVDA")
        await desk.press("space")
        assert "filled 8 @ 1,150.00  commission 0.40" in desk.text


async def test_one_leg_or_the_whole_group_is_cancelled(drive: Any, core: Any) -> None:
    async with drive() as desk:
        page = await blotter(desk, core, "group:g1")
        await desk.press("space")
        page.blotter.select("b3")
        await desk.press("c")
        await asked(desk)
        await desk.press("y", calm=1)
        await desk.until(lambda: desk.feed.called("cancel_order"), "the cancel")
        assert desk.feed.called("cancel_order") == [{"order_id": "2003"}]
        await desk.press("c", "a", calm=1)
        await desk.until(lambda: len(desk.feed.called("cancel_order")) == 2, "the group's cancel")
        assert desk.feed.called("cancel_order")[1] == {"group_id": "g1"}


async def test_cancel_all_wants_its_word_and_a_paste_is_none(drive: Any, core: Any) -> None:
    async with drive() as desk:
        await blotter(desk, core, "t1")
        await desk.press("C")
        await asked(desk, TypedWordScreen)
        await desk.pilot.press(*"CANCEL-AL", "enter")
        assert desk.feed.called("cancel_all_orders") == []
        words = "cancel requested for 3 orders; 1 order failed (IBKR refused requests)"
        desk.feed.answers["cancel_all_orders"] = {"text": words, "requested": 3, "failed": 1}
        await desk.pilot.press("l")
        await desk.press("enter", calm=1)
        await desk.until(lambda: "1 order failed" in desk.text, "what became of it")


@pytest.mark.parametrize(("key", "operation"), [("x", "close_position"), ("v", "reverse_position")])
async def test_a_position_is_closed_or_turned_round(
    drive: Any, core: Any, scene: Any, key: str, operation: str
) -> None:
    async with drive() as desk:
        core(desk)
        desk.feed.answers["preview_order"] = lambda a: scene.preview(side=Side.SELL, qty=D(100))
        await desk.press("tab", key)
        await asked(desk)
        assert "SELL 100 AAPL at market" in desk.text
        assert "orders work on it and are cancelled first" in desk.text
        assert "0.62 → 0.64 / 4.0" in desk.text
        await desk.press("enter")
        assert desk.feed.called(operation) == []
        await desk.press(key)
        await asked(desk)
        await desk.press("y", calm=1)
        await desk.until(lambda: desk.feed.called(operation), operation)
        assert desk.feed.called(operation) == [{"conid": 265598}]
        assert {a["kind"] for a in desk.feed.called("preview_order")} == {"close" if key == "x" else "reverse"}


async def test_a_live_close_is_approved_first(drive: Any, core: Any, scene: Any) -> None:
    async with drive(kind="live") as desk:
        core(desk)
        desk.feed.answers["preview_order"] = lambda a: scene.preview(preview_id="p1", needs_approval=True)
        await desk.press("tab", "x")
        await asked(desk)
        await desk.press("y", calm=1)
        await desk.until(lambda: desk.feed.called("close_position"), "the close")
        assert desk.feed.called("approve_order") == [{"preview_id": "p1"}]
        assert desk.feed.called("close_position") == [{"conid": 265598, "approval": "a1"}]


async def test_where_no_market_order_is_allowed_a_position_is_closed_at_a_limit(
    drive: Any, core: Any, scene: Any
) -> None:
    def preview(asked: dict[str, Any]) -> Any:
        limit = asked.get("limit_price")
        fields = {"limit_price": D(limit)} if limit else {"refused_by": ("LIVE_MARKET_ORDER",)}
        return scene.preview(side=Side.SELL, needs_approval=True, preview_id="p1", **fields)

    async with drive(kind="live") as desk:
        core(desk)
        desk.feed.answers["preview_order"] = preview
        await desk.press("tab", "x")
        await asked(desk)
        assert "SELL 100 AAPL at a limit of 189.42" in desk.text
        assert "allow_market" in desk.text
        await desk.press("y", calm=1)
        await desk.until(lambda: desk.feed.called("close_position"), "the close")
        assert desk.feed.called("close_position") == [{"conid": 265598, "limit_price": "189.42", "approval": "a1"}]
        gate = LiveGate("live", applies=True, is_open=True, allow_market=False, gates=(), checklist=())
        desk.feed.answers["get_live_gate"] = lambda _: gate
        refused = {"description": "NVDA", "error": "RISK_NO_QUOTE", "text": "no fresh quote"}
        desk.feed.answers["close_all_positions"] = lambda _: {"positions": [refused, {"description": "AAPL"}]}
        await desk.press("f")
        await asked(desk, TypedWordScreen)
        assert "closed at limits" in desk.text
        await type_word(desk, "close-all")
        await desk.until(lambda: "1 of 2 positions" in desk.text, "the one that is not closed")
        assert desk.feed.called("close_all_positions") == [{"confirm": "CLOSE-ALL", "at_limit": True}]


async def test_a_live_order_is_approved_first(drive: Any, core: Any, scene: Any) -> None:
    async with drive(kind="live") as desk:
        page = await blotter(desk, core, "t1")
        desk.feed.answers["preview_order"] = lambda a: scene.preview(preview_id="p1", needs_approval=True)
        await desk.press("b")
        await desk.pilot.press(*"100", "enter")
        await desk.until(lambda: page.ticket.stage is Stage.PREVIEWED, "the preview")
        await desk.pilot.pause()
        assert desk.feed.called("approve_order") == []
        await desk.press("y", calm=1)
        await desk.until(lambda: desk.feed.called("place_order"), "the order")
        assert desk.feed.called("approve_order") == [{"preview_id": "p1"}]
        assert desk.feed.called("place_order")[0]["approval"] == "a1"


async def test_a_preview_that_would_be_refused_can_not_be_sent(drive: Any, core: Any, scene: Any) -> None:
    async with drive() as desk:
        page = await blotter(desk, core, "t1")
        desk.feed.answers["preview_order"] = lambda a: scene.preview(
            refused_by=("RISK_LEVERAGE",),
            warnings=("leverage would be 4.12 (RISK_LEVERAGE)",),
            refusals=(Refusal("RISK_LEVERAGE", "leverage would be 4.12", "Lower the quantity to 93.", "qty"),),
        )
        await desk.press("b")
        await desk.pilot.press(*"100", "enter")
        await desk.until(lambda: "RISK_LEVERAGE" in desk.text, "the refusal")
        assert page.ticket.stage is Stage.EDITING
        assert "✗ Leverage would be 4.12" in desk.line("│ Qty")
        assert "Lower the quantity to 93." in desk.text
        await desk.press("ctrl+s", calm=1)
        assert desk.feed.called("place_order") == []


async def test_flatten_wants_its_word(drive: Any, core: Any) -> None:
    async with drive() as desk:
        core(desk)
        await desk.press("f")
        await asked(desk, TypedWordScreen)
        assert "All 4 positions are closed at market" in desk.text
        await type_word(desk, "close-all")
        await desk.until(lambda: desk.feed.called("close_all_positions"), "flatten")
        assert desk.feed.called("close_all_positions") == [{"confirm": "CLOSE-ALL"}]


async def test_an_order_moves_by_ticks_and_only_a_fresh_key_sends(drive: Any, core: Any) -> None:
    async with drive() as desk:
        await blotter(desk, core, "t1")
        await desk.press("shift+up")
        screen = await asked(desk, MoveScreen)
        await desk.press("shift+up", "up", "pagedown")
        assert "188.00 → 187.93" in desk.text
        assert screen.steps == -7
        for _ in range(20):
            desk.clock.advance(0.03)
            await desk.pilot.press("y")
        assert desk.feed.called("amend_order") == []
        await desk.press("y", calm=2)
        await desk.until(lambda: desk.feed.called("amend_order"), "the amendment")
        assert desk.feed.called("amend_order") == [
            {
                "order_id": "1001", "side": "buy", "qty": "100", "order_type": "limit", "tif": "day",
                "symbol": "AAPL", "conid": 265598, "limit_price": "187.93",
            }
        ]  # fmt: skip


async def test_the_whole_bracket_moves_together(drive: Any, core: Any) -> None:
    async with drive() as desk:
        await blotter(desk, core, "group:g1")
        await desk.press("alt+down")
        await asked(desk, MoveScreen)
        assert "185.00 → 184.99" in desk.text
        await desk.press("y", calm=1)
        await desk.until(lambda: len(desk.feed.called("amend_order")) == 3, "the amendments")
        moved = desk.feed.called("amend_order")
        assert [a.get("stop_price") or a["limit_price"] for a in moved] == ["184.99", "187.99", "194.99"]


async def test_no_move_is_no_amendment(drive: Any, core: Any) -> None:
    async with drive() as desk:
        await blotter(desk, core, "t1")
        await desk.press("shift+up")
        await asked(desk, MoveScreen)
        await desk.press("down")
        await desk.press("y", calm=1)
        assert desk.feed.called("amend_order") == []


def test_a_stop_limit_keeps_its_distance(scene: Any) -> None:
    order = scene.order(order_type="stop_limit", stop_price=D("185"), limit_price=D("184.50"))
    assert restated(order, D("186"))["limit_price"] == "185.5"
    assert restated(order, D("186"))["stop_price"] == "186"


async def test_an_order_is_amended_in_the_ticket(drive: Any, core: Any) -> None:
    async with drive() as desk:
        page = await blotter(desk, core, "t1")
        await desk.press("e")
        assert "AMEND BUY · AAPL" in desk.text
        assert page.ticket.form.leg.qty == "100"
        assert "✎" in desk.line("LMT 188.00")
        before = page.ticket.form
        await desk.press("f4", "f5", "f2")
        assert page.ticket.form == before
        await desk.press("tab", "up", "enter")
        await desk.until(lambda: page.ticket.stage is Stage.PREVIEWED, "the preview")
        await desk.pilot.pause()
        assert desk.feed.called("preview_order")[0]["kind"] == "amend"
        await desk.press("y", calm=1)
        await desk.until(lambda: desk.feed.called("amend_order"), "the amendment")
        sent = desk.feed.called("amend_order")[0]
        assert (sent["order_id"], sent["limit_price"], sent["qty"]) == ("1001", "188.01", "100")
        assert sent["outside_rth"] is False, "what is not said stays"
        await desk.until(lambda: page.ticket.form.amends == "", "an empty ticket")
        await desk.until(lambda: page.blotter.selected == "t1", "the cursor on the order")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("IBKR_ORDER_UNKNOWN", "Whether the order was changed is not known."),
        ("IBKR_GROUP_PARTIAL", "Its other legs work as they were."),
    ],
)
async def test_an_amendment_that_is_lost_or_half_taken_is_not_sent_again(
    drive: Any, core: Any, scene: Any, code: str, words: str
) -> None:
    async with drive() as desk:
        page = await blotter(desk, core, "t1")
        desk.feed.answers["amend_order"] = BrokerError(code, "told", details={"coid": "t1"})
        await desk.press("e")
        await desk.press("tab", "up", "enter")
        await desk.until(lambda: page.ticket.stage is Stage.PREVIEWED, "the preview")
        await desk.pilot.pause()
        await desk.press("y", calm=1)
        await desk.until(lambda: words in desk.text, "what is known of it")
        desk.feed.rows("orders", {"t1": scene.order(key="t1")})
        await desk.pilot.pause()
        assert page.ticket.stage.is_over
        await desk.press("ctrl+s", calm=1)
        assert len(desk.feed.called("amend_order")) == 1


async def test_leaving_an_amendment_changes_nothing(drive: Any, core: Any) -> None:
    async with drive() as desk:
        page = await blotter(desk, core, "t1")
        await desk.press("e", "escape")
        assert page.ticket.form.amends == ""
        assert "✎" not in desk.text
        assert desk.feed.called("amend_order") == []


async def test_an_unknown_order_opens_with_its_three_choices(drive: Any, core: Any) -> None:
    async with drive() as desk:
        await blotter(desk, core, "t2")
        await desk.press("enter")
        await asked(desk)
        assert "Keep watching" in desk.text
        assert "Cancel on sight" in desk.text
        assert "Declare not sent" in desk.text
        await desk.press("x", calm=1)
        await desk.until(lambda: desk.feed.called("resolve_order"), "the verdict")
        assert desk.feed.called("resolve_order")[0]["verdict"] == "cancel_on_sight"


async def test_the_kill_switch_works_inside_a_field_at_once(drive: Any, core: Any) -> None:
    async with drive() as desk:
        core(desk)
        await desk.press("b")
        await desk.pilot.press(*"12")
        await desk.pilot.press("ctrl+k")
        await desk.until(lambda: desk.feed.called("set_kill_switch"), "the kill switch")
        assert desk.feed.called("set_kill_switch") == [{"on": True}]
        await asked(desk)
        assert "No new order leaves" in desk.text
        await desk.press("c", calm=1)
        await desk.until(lambda: desk.feed.called("cancel_all_orders"), "cancel all")


async def test_the_kill_switch_is_shown_and_only_a_word_turns_it_off(drive: Any, core: Any) -> None:
    async with drive() as desk:
        core(desk)
        await desk.frame()
        assert "k○" in desk.text.split("\n")[0]
        desk.feed.rows("guards", {"paper": Guards("paper", True)})
        await desk.frame()
        assert "KILL ON" in desk.text.split("\n")[0]
        await desk.press("ctrl+k")
        await asked(desk)
        assert desk.feed.called("set_kill_switch") == []
        await desk.press("o")
        await type_word(desk, "resume")
        await desk.until(lambda: desk.feed.called("set_kill_switch"), "the kill switch off")
        assert desk.feed.called("set_kill_switch") == [{"on": False}]


async def test_a_kill_switch_that_no_core_hears_says_what_works(drive: Any, core: Any) -> None:
    async with drive() as desk:
        core(desk)
        desk.feed.say(LinkState.LOST, "gone")
        desk.feed.answers["set_kill_switch"] = BrokerError("CORE_UNREACHABLE", "the core is not connected")
        await desk.press("ctrl+k")
        await desk.until(lambda: "NOT on" in desk.text, "the alarm")
        assert "ibkr-tui kill on" in desk.text


async def test_a_child_rejected_while_its_entry_lives_is_seen(drive: Any, core: Any, scene: Any) -> None:
    async with drive() as desk:
        await blotter(desk, core, "group:g1")
        rows = bracket_rows(scene)
        rows["b3"] = msgspec.structs.replace(rows["b3"], state=OrderState.REJECTED, text="no stops here")
        desk.feed.rows("orders", rows)
        await desk.frame()
        assert "stop REJECTED" in desk.line("tgt195.00")


async def test_what_can_not_be_done_is_said(drive: Any, core: Any) -> None:
    async with drive() as desk:
        page = await blotter(desk, core, "t1")
        desk.feed.answers["cancel_order"] = BrokerError("ORDER_DONE", "already filled")
        await desk.press("c", "y", calm=1)
        await desk.until(lambda: "Not cancelled: already filled" in desk.text, "the reason")
        desk.feed.answers["preview_order"] = BrokerError("ORDER_DONE", "nothing is held")
        page.doors.close(desk.app.state.position_of(265598))
        await desk.until(lambda: "Not closed: nothing is held" in desk.text, "the reason")
        page.doors.close(None)
        await desk.frame()
        assert "Nothing is held in the selected instrument" in desk.text
