"""The keys of the Options page."""

from __future__ import annotations

from typing import Final

from ibkr_tui.tui.action import Action, Scope, Tier


def _do(id: str, key: str, label: str, help: str, method: str, *, rank: int = 0) -> Action:
    return Action(id, key, label, help, Scope.OPTIONS, method, rank=rank)


OPTIONS_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "option.pick",
        "enter",
        "Ticket",
        "Take the marked contract into a ticket: to buy it, or to sell what is held. The arrow keys choose.",
        Scope.OPTIONS,
        "pick",
        Tier.CHANGE,
        1,
    ),
    Action("option.buy", "b", "Buy", "A buy ticket for the marked contract.", Scope.OPTIONS, "buy", Tier.CHANGE, 2),
    Action("option.sell", "s", "Sell", "A sell ticket for the marked contract.", Scope.OPTIONS, "sell", Tier.CHANGE, 2),
    _do("option.find", "slash", "Underlying", "Show the chain of another underlying.", "find", rank=3),
    _do("option.later", "right_square_bracket", "Later", "The next expiry.", "later", rank=3),
    _do("option.earlier", "left_square_bracket", "Earlier", "The expiry before.", "earlier", rank=4),
    _do("option.month_later", "right_curly_bracket", "Month", "The next month of expiry.", "month_later"),
    _do("option.month_earlier", "left_curly_bracket", "Month", "The month of expiry before.", "month_earlier"),
    _do("option.more", "plus", "More strikes", "Read strikes further from the money.", "more_strikes", rank=5),
    _do("option.fewer", "minus", "Fewer", "Read fewer strikes.", "fewer_strikes"),
    _do("option.money", "m", "Money", "Back to the strike at the money.", "to_money", rank=6),
    _do("option.again", "u", "Read again", "Read the chain anew.", "read_again"),
    _do("option.up", "k", "Up", "The strike above; the arrow keys, Page and Home/End too.", "row_up"),
    _do("option.down", "j", "Down", "The strike below.", "row_down"),
    _do("option.call", "h", "Calls", "To the calls; the left arrow too.", "to_calls"),
    _do("option.put", "p", "Puts", "To the puts; the right arrow too.", "to_puts"),
)
