"""The keys of the Activity page."""

from __future__ import annotations

from typing import Final

from ibkr_tui.tui.action import Action, Scope


def _key(id: str, key: str, label: str, help: str, method: str, *, rank: int = 0) -> Action:
    return Action(id, key, label, help, Scope.ACTIVITY, method, rank=rank)


SHOW_ACTIVITY: Final = Action(
    "screen.activity",
    "7",
    "Activity",
    "Activity: fills, the life of orders and the audit as one time line.",
    Scope.EVERYWHERE,
    "show_activity",
    rank=7,
)

ACTIVITY_ACTIONS: Final[tuple[Action, ...]] = (
    _key(
        "activity.open",
        "enter",
        "Open",
        "Show the request, the approval and the answer behind the line; on a gap, read what is missing.",
        "open_row",
        rank=1,
    ),
    _key("activity.kind", "f", "Kind", "Everything, fills, orders, the audit, or alerts.", "next_kind", rank=2),
    _key("activity.words", "slash", "Find", "Only lines with these words.", "find", rank=3),
    _key(
        "activity.symbol",
        "y",
        "Symbol",
        "Only the symbol of the selected line, or every symbol.",
        "this_symbol",
        rank=4,
    ),
    _key("activity.order", "i", "Order", "Only the order of the selected line, or every order.", "this_order", rank=4),
    _key("activity.close", "escape", "Close", "Put the details away; then show every line again.", "close", rank=5),
    _key("activity.up", "k", "Up", "The line above; the arrow keys, Page and Home/End too.", "row_up"),
    _key("activity.down", "j", "Down", "The line below.", "row_down"),
    _key("activity.scroll_down", "right_square_bracket", "Details", "Scroll the details on.", "details_down"),
    _key("activity.scroll_up", "left_square_bracket", "Details", "Scroll the details back.", "details_up"),
    _key("replay.play", "space", "Play", "In a replay: pause, or play on.", "replay_play", rank=1),
    _key("replay.faster", "greater_than_sign", "Faster", "In a replay: faster.", "replay_faster", rank=2),
    _key("replay.slower", "less_than_sign", "Slower", "In a replay: slower.", "replay_slower", rank=3),
    _key("replay.step", "n", "Next", "In a replay: pause and go to the next row.", "replay_step", rank=3),
    _key("replay.again", "0", "Again", "In a replay: the day from its beginning.", "replay_again", rank=4),
)
