"""The keys of the Market page."""

from __future__ import annotations

from typing import Final

from ibkr_tui.tui.action import Action, Scope

BOARD: Final = "market-board"
LADDER: Final = "ladder"
CHART: Final = "market-chart"


def _do(id: str, key: str, label: str, help: str, method: str, *, rank: int = 0, where: str = "") -> Action:
    return Action(id, key, label, help, Scope.MARKET, method, rank=rank, where=where)


MARKET_ACTIONS: Final[tuple[Action, ...]] = (
    _do("market.find", "slash", "Symbol", "Add a symbol, or several: {AAPL,MSFT} and SP{Y,XL} are expanded.", "find",
        rank=1),
    _do("market.remove", "minus,delete", "Remove", "Take the selected symbol off the list.", "remove_symbol",
        rank=6, where=BOARD),
    _do("market.raise", "K", "Move up", "Move the selected row up in the list.", "raise_row", where=BOARD),
    _do("market.lower", "J", "Move down", "Move the selected row down in the list.", "lower_row", where=BOARD),
    _do("list.next", "full_stop", "Next list", "The next watchlist.", "next_list", rank=5),
    _do("list.before", "comma", "List before", "The watchlist before.", "list_before"),
    _do("list.new", "n", "New list", "Begin a watchlist.", "new_list", rank=9),
    _do("list.rename", "e", "Rename", "Give the watchlist another name.", "rename_list"),
    _do("list.delete", "X", "Delete list", "Delete the watchlist, after asking.", "delete_list"),
    _do("board.columns", "w", "Columns", "Choose the columns, their order, and what the board is sorted by.", "columns",
        rank=4),
    _do("board.filter", "f", "Filter", "Show only rows with these words; !word shows those without. Empty shows all.",
        "filter", rank=3),
    _do("alert.set", "a", "Alert", "Be told of a price, a change, or a price that goes stale.", "set_alert", rank=2),
    _do("alert.list", "A", "Alerts", "The alerts that are set; one can be deleted there.", "list_alerts"),
    _do("pane.zoom", "z", "Zoom", "The focused pane over the whole page, and back.", "zoom", rank=7),
    _do("ladder.centre", "g", "Centre", "Centre the ladder on the price again, and follow it.", "centre",
        rank=2, where=LADDER),
    _do("ladder.coarser", "plus", "Coarser", "Fewer, wider price rows in the ladder.", "coarser", where=LADDER),
    _do("ladder.finer", "underscore", "Finer", "Finer price rows in the ladder, down to the increment.", "finer",
        where=LADDER),
    _do("chart.values", "h", "Values", "Crosshair: the bar's values; the arrow keys move it.", "crosshair", rank=8),
    _do("market.longer", "right_square_bracket", "Bars", "Longer bars in the chart.", "longer_bars"),
    _do("market.shorter", "left_square_bracket", "Bars", "Shorter bars in the chart.", "shorter_bars"),
    _do("market.up", "k", "Up", "The row above; the arrow keys, Page and Home/End work too.", "row_up"),
    _do("market.down", "j", "Down", "The row below.", "row_down"),
    _do("market.pane", "tab", "Pane", "Go to the next pane; Shift+Tab goes back.", "next_pane", rank=8),
)  # fmt: skip
