"""The keys of the Trade page, of the ticket, and of what closes and cancels on every page."""

from __future__ import annotations

from typing import Final

from ibkr_tui.tui.action import Action, Scope, Tier
from ibkr_tui.tui.market.keys import LADDER

CHANGE, DANGEROUS = Tier.CHANGE, Tier.DANGEROUS


def _closing(scope: Scope, *, rank: int) -> tuple[Action, ...]:
    """What takes away risk, the same on each page that shows orders or positions."""
    at = str(scope)
    return (
        Action(
            f"{at}.close", "x", "Close", "Close the selected position; asks first.", scope, "close_position", CHANGE,
            2 if scope is Scope.POSITIONS else 0,
        ),
        Action(
            f"{at}.reverse", "v", "Reverse", "Turn the selected position round; asks first.", scope, "reverse_position",
            CHANGE,
        ),
        Action(
            f"{at}.flatten", "f", "Flatten", "Close every position. Wants a word typed.", scope, "flatten", DANGEROUS,
            rank,
        ),
        Action(
            f"{at}.cancel_all", "C", "Cancel all", "Cancel every working order. Wants a word typed.", scope,
            "cancel_all", DANGEROUS,
        ),
    )  # fmt: skip


def _trade(id: str, key: str, label: str, help: str, method: str, *, tier: Tier = Tier.READ, rank: int = 0) -> Action:
    return Action(f"trade.{id}", key, label, help, Scope.TRADE, method, tier, rank)


def _change(id: str, key: str, label: str, help: str, method: str, *, rank: int = 0) -> Action:
    return _trade(id, key, label, help, method, tier=CHANGE, rank=rank)


def _ticket(id: str, key: str, label: str, help: str, method: str, *, tier: Tier = Tier.READ) -> Action:
    return Action(f"ticket.{id}", key, label, help, Scope.TICKET, method, tier)


CLOSING_ACTIONS: Final = (
    *_closing(Scope.DESK, rank=3),
    *_closing(Scope.POSITIONS, rank=2),
)


def _ladder(id: str, key: str, label: str, help: str, method: str, *, rank: int = 0, where: str = "") -> Action:
    return Action(f"ladder.{id}", key, label, help, Scope.MARKET, method, CHANGE, rank, where)


LADDER_ACTIONS: Final[tuple[Action, ...]] = (
    _ladder("buy", "b", "Buy", "A buy ticket, in the ladder at its row's price.", "buy", rank=2),
    _ladder("sell", "s", "Sell", "A sell ticket, in the ladder at its row's price.", "sell", rank=2),
    _ladder("cancel", "c", "Cancel", "Cancel the own order on the row, or its group; asks.", "cancel_order", rank=3,
            where=LADDER),
    _ladder("up", "shift+up", "Move leg", "Move the own order on the row up by ticks; asks.", "move_up", rank=2,
            where=LADDER),
    _ladder("down", "shift+down", "Move leg", "Move the own order on the row down by ticks; asks.", "move_down",
            where=LADDER),
    _ladder("all_up", "alt+up", "Move all", "Move its whole bracket up by ticks; asks.", "move_all_up", rank=3,
            where=LADDER),
    _ladder("all_down", "alt+down", "Move all", "Move its whole bracket down by ticks; asks.", "move_all_down",
            where=LADDER),
    Action("ladder.own", "space", "Own order", "To the next own order in the ladder, from the last one to the first.",
           Scope.MARKET, "to_own", rank=4, where=LADDER),
    *(action for action in _closing(Scope.MARKET, rank=0) if action.method != "flatten"),
)  # fmt: skip

KILL_ACTION: Final = Action(
    "order.kill",
    "ctrl+k",
    "KILL",
    "The kill switch: at once, also inside a field, no new order leaves; cancels do. Off wants a word typed.",
    Scope.EVERYWHERE,
    "kill",
    DANGEROUS,
    1,
)

TRADE_ACTIONS: Final[tuple[Action, ...]] = (
    _trade("buy", "b", "Buy", "Fill in a buy ticket.", "buy", rank=2),
    _trade("sell", "s", "Sell", "Fill in a sell ticket.", "sell", rank=2),
    _trade("line", "colon,ctrl+l", "Line", "An order in one line: buy 100 AAPL @ 188 stop 185 target 195.", "line"),
    _trade("find", "slash", "Symbol", "Find the instrument for the ticket.", "find", rank=5),
    _trade("open", "enter", "Open", "The selected order in full; for an UNKNOWN one its three choices.", "open_row"),
    _trade("fold", "space", "Unfold", "Show or hide a group's legs, or an order's fills.", "fold", rank=5),
    _change("amend", "e", "Amend", "Change the selected order in the ticket.", "amend", rank=3),
    _change("cancel", "c", "Cancel", "Cancel the selected order or group; asks first.", "cancel_order", rank=2),
    _change("move_up", "shift+up", "Move", "Move the selected order's price up by ticks.", "move_up"),
    _change("move_down", "shift+down", "Move", "Move the selected order's price down by ticks.", "move_down"),
    _change("move_all_up", "alt+up", "Move all", "Move the whole bracket up by ticks.", "move_all_up"),
    _change("move_all_down", "alt+down", "Move all", "Move the whole bracket down by ticks.", "move_all_down"),
    *_closing(Scope.TRADE, rank=3),
    _trade("up", "k", "Up", "The row above; the arrow keys, Page and Home/End too.", "row_up"),
    _trade("down", "j", "Down", "The row below.", "row_down"),
    _trade("pane", "tab", "Pane", "The next field or pane; Shift+Tab goes back.", "next_pane", rank=8),
)  # fmt: skip

TICKET_ACTIONS: Final[tuple[Action, ...]] = (
    _ticket(
        "preview", "enter", "Preview",
        "What the order would do: value, commission, margin, leverage. Nothing is sent.", "preview",
    ),
    _ticket(
        "send", "ctrl+s,y", "Send", "Send the previewed order. A paste or a held key never does.", "send", tier=CHANGE
    ),
    _ticket("type", "f2", "Type", "Limit, market, stop, stop-limit, trailing stop or limit, midprice.", "next_type"),
    _ticket("tif", "f3", "Time", "How long it stands: day, until cancelled, at once, at the open.", "next_tif"),
    _ticket("side", "f4", "Side", "Buy or sell.", "other_side"),
    _ticket("mode", "f5", "Mode", "Simple, bracket, OCO (one cancels another), OTO (one sends another).", "next_mode"),
    _ticket("size", "f6", "Size", "Size it by number, by money, or in a bracket by the risk to its stop.", "next_size"),
    _ticket("outside", "f7", "Outside", "Outside regular trading hours, or not.", "outside"),
    _ticket("trail_by", "f8", "Trail by", "The trailing distance in money a unit, or in per cent.", "trail_by"),
    _ticket("instrument", "f10,ctrl+o", "Symbol", "Another instrument; in an OCO or OTO that of the leg.",
            "instrument"),
    _ticket("leg", "f9", "Leg", "The next leg of an OCO or OTO.", "next_leg"),
    _ticket("leg_add", "ctrl+n", "Add leg", "One alternative more in an OCO.", "add_leg"),
    _ticket("leg_remove", "ctrl+r", "Remove leg", "This alternative out of an OCO; two stay.", "remove_leg"),
    _ticket("line", "ctrl+l", "Line", "Write the order in one line.", "line"),
    _ticket(
        "close", "escape", "Close", "Back to the fields, then out. An order already being sent goes on.", "back"
    ),
)  # fmt: skip
