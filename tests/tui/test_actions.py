"""The action table: no clash in it, none made by a keymap that could trade, and Markdown from it."""

from __future__ import annotations

import pytest

from ibkr_tui.tui.actions import ACTIONS, Scope, Tier, keymap, markdown, of_scope, shown_key
from ibkr_tui.tui.app import TradingApp
from ibkr_tui.tui.screens.account import AccountScreen
from ibkr_tui.tui.screens.desk import DeskScreen
from ibkr_tui.tui.screens.health import HealthScreen
from ibkr_tui.tui.screens.market import MarketScreen
from ibkr_tui.tui.screens.options import OptionsScreen
from ibkr_tui.tui.screens.positions import PositionsScreen
from ibkr_tui.tui.screens.trade import TradeScreen
from ibkr_tui.tui.trade.panel import TicketPanel


def test_the_table_has_no_clash_and_no_double_id() -> None:
    assert keymap({}).problems == ()
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize(
    ("scope", "home"),
    [
        (Scope.DESK, DeskScreen),
        (Scope.MARKET, MarketScreen),
        (Scope.HEALTH, HealthScreen),
        (Scope.TICKET, TicketPanel),
        (Scope.TRADE, TradeScreen),
        (Scope.POSITIONS, PositionsScreen),
        (Scope.ACCOUNT, AccountScreen),
        (Scope.OPTIONS, OptionsScreen),
        (Scope.EVERYWHERE, TradingApp),
    ],
)
def test_every_action_can_be_done(scope: Scope, home: type) -> None:
    missing = [action.method for action in of_scope(scope) if not hasattr(home, f"action_{action.method}")]
    assert missing == []


def test_a_keymap_moves_keys() -> None:
    assert keymap({"look.theme": "ctrl+t"}).keys["look.theme"] == "ctrl+t"


def test_a_clash_with_an_order_key_refuses_the_whole_keymap() -> None:
    made = keymap({"order.buy": "s", "look.theme": "ctrl+t"})
    assert made.keys["order.buy"] == "b"
    assert made.keys["look.theme"] == "t"
    assert "Buy" in made.problems[0]
    assert "Sell" in made.problems[0]


def test_a_key_everywhere_may_not_hide_an_order_key() -> None:
    assert keymap({"help.keys": "b"}).keys["help.keys"] == "question_mark,f1"


def test_a_harmless_clash_drops_only_the_wanted_key() -> None:
    made = keymap({"look.theme": "slash"})
    assert made.keys["look.theme"] == "t"
    assert made.keys["symbol.find"] == "slash"
    assert len(made.problems) == 1


def test_unknown_actions_and_empty_keys_are_said() -> None:
    made = keymap({"order.bye": "x", "look.theme": " "})
    assert len(made.problems) == 2
    assert made.keys["look.theme"] == "t"


def test_keys_are_shown_as_people_write_them() -> None:
    assert shown_key("slash") == "/"
    assert shown_key("ctrl+p") == "^p"
    assert shown_key("question_mark,f1", every=True) == "? F1"


def test_the_markdown_has_a_row_for_each_action() -> None:
    assert markdown().count("\n") == len(ACTIONS) + 1


def test_what_changes_money_is_not_a_read() -> None:
    tiers = {action.id: action.tier for action in ACTIONS}
    assert {tiers[name] for name in ("order.buy", "order.sell", "order.cancel", "ticket.send")} == {Tier.CHANGE}
