"""The keys of the Positions and the Account page."""

from __future__ import annotations

from typing import Final

from ibkr_tui.tui.action import Action, Scope, Tier


def _book(id: str, key: str, label: str, help: str, method: str, *, rank: int = 0) -> Action:
    return Action(id, key, label, help, Scope.POSITIONS, method, rank=rank)


def _account(id: str, key: str, label: str, help: str, method: str, *, rank: int = 0) -> Action:
    return Action(id, key, label, help, Scope.ACCOUNT, method, rank=rank)


def _order(id: str, key: str, label: str, help: str, method: str, *, rank: int = 0) -> Action:
    return Action(id, key, label, help, Scope.POSITIONS, method, Tier.CHANGE, rank)


BOOK_ACTIONS: Final[tuple[Action, ...]] = (
    _order(
        "book.open",
        "enter",
        "Open",
        "A ticket that takes from the position, or the selected order.",
        "open_row",
        rank=4,
    ),
    _order("book.buy", "b", "Buy", "Open a buy ticket for the selected position.", "buy"),
    _order("book.sell", "s", "Sell", "Open a sell ticket for the selected position.", "sell"),
    _order("book.cancel", "c", "Cancel", "Cancel the selected order.", "cancel_order", rank=3),
    _book("book.sort", "greater_than_sign", "Sort", "Sort the positions by the next column.", "sort_next", rank=3),
    _book("book.sort_before", "less_than_sign", "Sort", "Sort the positions by the column before.", "sort_before"),
    _book("book.turn", "i", "Turn", "The other end of the positions first.", "turn_order", rank=5),
    _book("book.group", "g", "Group", "Gather the positions by class, by currency, or not at all.", "group", rank=4),
    _book("book.up", "k", "Up", "The row above; the arrow keys, Page and Home/End too.", "row_up"),
    _book("book.down", "j", "Down", "The row below.", "row_down"),
    _account(
        "account.longer", "right_square_bracket", "Longer", "Performance over a longer time.", "longer_period", rank=1
    ),
    _account(
        "account.shorter",
        "left_square_bracket",
        "Shorter",
        "Performance over a shorter time.",
        "shorter_period",
        rank=2,
    ),
    _account(
        "account.value", "v", "Value", "Performance as net value, or as return in percent.", "value_or_return", rank=3
    ),
    _account(
        "account.pick",
        "a",
        "Accounts",
        "The accounts of this login, and going over to another one.",
        "pick_account",
        rank=4,
    ),
    _account("account.up", "k", "Up", "The line of the ledger above.", "row_up"),
    _account("account.down", "j", "Down", "The line of the ledger below.", "row_down"),
)
