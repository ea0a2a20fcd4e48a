"""Everything a key can do, in one table: bindings, the keys line, help and the command palette come from it.

`python -m ibkr_tui.tui.actions` prints it as Markdown.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from ibkr_tui.tui.action import Action, Scope, Tier
from ibkr_tui.tui.activity.keys import ACTIVITY_ACTIONS, SHOW_ACTIVITY
from ibkr_tui.tui.book.keys import BOOK_ACTIONS
from ibkr_tui.tui.market.keys import MARKET_ACTIONS
from ibkr_tui.tui.options.keys import OPTIONS_ACTIONS
from ibkr_tui.tui.rotation.keys import ROTATION_ACTIONS, SHOW_KEYS
from ibkr_tui.tui.trade.keys import CLOSING_ACTIONS, KILL_ACTION, LADDER_ACTIONS, TICKET_ACTIONS, TRADE_ACTIONS

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "order.buy", "b", "Buy", "Open a buy ticket for the selected instrument.", Scope.DESK, "buy", Tier.CHANGE, 1
    ),
    Action(
        "order.sell", "s", "Sell", "Open a sell ticket for the selected instrument.", Scope.DESK, "sell", Tier.CHANGE, 2
    ),
    Action(
        "order.cancel",
        "c",
        "Cancel",
        "Cancel the selected order.",
        Scope.DESK,
        "cancel_order",
        Tier.CHANGE,
        3,
    ),
    Action(
        "row.open",
        "enter",
        "Open",
        "Open a ticket for the selected instrument, or the selected order.",
        Scope.DESK,
        "open_row",
        Tier.CHANGE,
    ),
    Action("symbol.find", "slash", "Symbol", "Find a symbol and add it to the watchlist.", Scope.DESK, "find", rank=4),
    Action(
        "symbol.remove",
        "minus,delete",
        "Remove",
        "Take the selected symbol off the watchlist.",
        Scope.DESK,
        "remove_symbol",
        rank=9,
        where="watchlist",
    ),
    Action("row.up", "k", "Up", "The row above; the arrow keys, Page and Home/End work too.", Scope.DESK, "row_up"),
    Action("row.down", "j", "Down", "The row below.", Scope.DESK, "row_down"),
    Action("pane.next", "tab", "Pane", "Go to the next pane; Shift+Tab goes back.", Scope.DESK, "next_pane", rank=8),
    Action("chart.longer", "right_square_bracket", "Bars", "Longer bars in the chart.", Scope.DESK, "longer_bars"),
    Action("chart.shorter", "left_square_bracket", "Bars", "Shorter bars in the chart.", Scope.DESK, "shorter_bars"),
    *MARKET_ACTIONS,
    *BOOK_ACTIONS,
    *OPTIONS_ACTIONS,
    *ACTIVITY_ACTIONS,
    Action(
        "log.show",
        "l",
        "Log",
        "Show the core's log, or put it away. It follows what is written; scroll up to stay, End to follow again.",
        Scope.HEALTH,
        "log",
        rank=1,
    ),
    Action(
        "log.level",
        "f",
        "Level",
        "In the log: warnings and errors, errors only, everything with debug lines, or the ordinary.",
        Scope.HEALTH,
        "log_level",
        rank=2,
    ),
    Action(
        "live.gate",
        "g",
        "Live gate",
        "On a live profile: what stands before live orders, and the checklist that is acknowledged word by word.",
        Scope.HEALTH,
        "live_gate",
        Tier.DANGEROUS,
        rank=3,
    ),
    Action("log.close", "escape", "Close", "Put the log away.", Scope.HEALTH, "close_log"),
    Action(
        "core.start",
        "r",
        "Start core",
        "Attach to the core again; starts it if none serves.",
        Scope.EVERYWHERE,
        "start_core",
        rank=1,
    ),
    Action(
        "screen.desk",
        "1",
        "Desk",
        "The desk: watchlist, positions, orders, chart.",
        Scope.EVERYWHERE,
        "show_desk",
        rank=4,
    ),
    Action(
        "screen.market",
        "2",
        "Market",
        "The market: watchlists, the depth ladder, the tape, the chart.",
        Scope.EVERYWHERE,
        "show_market",
        rank=6,
    ),
    KILL_ACTION,
    Action(
        "screen.trade",
        "3",
        "Trade",
        "The order ticket for every kind of order, and the day's orders.",
        Scope.EVERYWHERE,
        "show_trade",
        rank=5,
    ),
    Action(
        "screen.positions",
        "4",
        "Positions",
        "The whole book: live P&L, what closes each position, sums by currency.",
        Scope.EVERYWHERE,
        "show_positions",
        rank=8,
    ),
    Action(
        "screen.account",
        "5",
        "Account",
        "The account: margins, the ledger by currency, P&L of the day, performance.",
        Scope.EVERYWHERE,
        "show_account",
        rank=8,
    ),
    Action(
        "screen.options",
        "6",
        "Options",
        "The option chain of the chosen instrument: calls, puts, greeks.",
        Scope.EVERYWHERE,
        "show_options",
        rank=8,
    ),
    SHOW_ACTIVITY,
    Action(
        "screen.health",
        "8",
        "Health",
        "The core's health: login, stream, journal, keys, and what is wrong.",
        Scope.EVERYWHERE,
        "show_health",
        rank=7,
    ),
    SHOW_KEYS,
    Action(
        "session.take_over",
        "o",
        "Take over",
        "When another program has the username: log it out and take the session. Wants a word typed.",
        Scope.EVERYWHERE,
        "take_over",
        Tier.DANGEROUS,
        1,
    ),
    Action("look.theme", "t", "Theme", "The next theme; it is remembered.", Scope.EVERYWHERE, "next_theme", rank=10),
    Action(
        "help.keys",
        "question_mark,f1",
        "Help",
        "What the focused pane shows, and every key.",
        Scope.EVERYWHERE,
        "help",
        rank=1,
    ),
    Action(
        "help.commands",
        "ctrl+p",
        "Commands",
        "Find a command by its name.",
        Scope.EVERYWHERE,
        "command_palette",
        rank=7,
    ),
    Action(
        "screen.picture",
        "f12",
        "Picture",
        "Save a picture of the screen, an SVG file in the current directory.",
        Scope.EVERYWHERE,
        "save_picture",
    ),
    Action("app.quit", "q,ctrl+q", "Quit", "Leave: detach, stop or stay.", Scope.EVERYWHERE, "leave", rank=6),
    *CLOSING_ACTIONS,
    *LADDER_ACTIONS,
    *TRADE_ACTIONS,
    *TICKET_ACTIONS,
    *ROTATION_ACTIONS,
)

_SHOWN: Final = {
    "slash": "/",
    "colon": ":",
    "shift+up": "⇧↑",
    "shift+down": "⇧↓",
    "alt+up": "⌥↑",
    "alt+down": "⌥↓",
    "less_than_sign": "<",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "greater_than_sign": ">",
    "minus": "-",
    "plus": "+",
    "underscore": "_",
    "full_stop": ".",
    "comma": ",",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "delete": "Del",
    "space": "Space",
}


def by_id(action_id: str) -> Action:
    """The action of that id. Raises KeyError."""
    for action in ACTIONS:
        if action.id == action_id:
            return action
    raise KeyError(action_id)


def of_scope(*scopes: Scope) -> Iterator[Action]:
    """The actions of these scopes, in the order of the table."""
    return (action for action in ACTIONS if action.scope in scopes)


def shown_key(key: str, *, every: bool = False) -> str:
    """A key as people write it: `slash` is `/`, `ctrl+p` is `^p`; only the first of several unless `every`."""
    names = [_one_key(k.strip()) for k in key.split(",")]
    return " ".join(names) if every else names[0]


def _one_key(key: str) -> str:
    if key in _SHOWN:
        return _SHOWN[key]
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+")
    return key.upper() if len(key) > 1 and key[0] == "f" and key[1:].isdigit() else key


class Keymap(msgspec.Struct, frozen=True):
    """The keys in force by action id, and what was wrong with the ones a person wanted."""

    keys: Mapping[str, str]
    problems: tuple[str, ...] = ()


def keymap(wanted: Mapping[str, str], actions: Iterable[Action] = ACTIONS) -> Keymap:
    """The table's keys with `wanted` in their place.

    A wanted keymap that makes two actions of one place share a key is refused as a whole when one of them can change
    something, because the toolkit would run either, silently; any other clash drops only the wanted key.
    """
    table = {action.id: action for action in actions}
    keys = {action.id: action.key for action in table.values()}
    problems: list[str] = []
    for name, key in wanted.items():
        if name not in table:
            problems.append(f"keymap: there is no action “{name[:40]}”")
        elif not key.strip():
            problems.append(f"keymap: {name} has no key")
        else:
            keys[name] = key
    for first, second, key in _clashes(table, keys):
        harmful = any(table[name].tier is not Tier.READ for name in (first, second))
        if harmful:
            problems.append(f"keymap refused: {shown_key(key)} would be {table[first].label} and {table[second].label}")
            return Keymap({action.id: action.key for action in table.values()}, tuple(problems))
        for name in (first, second):
            if name in wanted:
                problems.append(f"keymap: {shown_key(key)} is taken; {name} keeps {shown_key(table[name].key)}")
                keys[name] = table[name].key
    return Keymap(keys, tuple(problems))


def _clashes(table: Mapping[str, Action], keys: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    names = list(keys)
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            if not _meet(table[first], table[second]):
                continue
            for key in sorted(_set(keys[first]) & _set(keys[second])):
                yield first, second, key


def _meet(first: Action, second: Action) -> bool:
    scopes = {first.scope, second.scope}
    return len(scopes) == 1 or Scope.EVERYWHERE in scopes


def _set(keys: str) -> set[str]:
    return {key.strip() for key in keys.split(",")}


def markdown() -> str:
    """The table of keys for the README."""
    lines = ["| key | what it does | action |", "| --- | --- | --- |"]
    for action in ACTIONS:
        keys = " ".join(f"`{_one_key(key.strip())}`" for key in action.key.split(","))
        lines.append(f"| {keys} | {action.help} | `{action.id}` |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(markdown() + "\n")
