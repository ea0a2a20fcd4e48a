"""Help: what the focused pane shows, what the words mean, and every key, from the action table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ibkr_tui.tui import figures
from ibkr_tui.tui.action import Action, Scope, Tier
from ibkr_tui.tui.actions import ACTIONS, of_scope, shown_key
from ibkr_tui.tui.rotation.words import KEYS_PANES

PANES: Final = {
    "watchlist": (
        "Watchlist",
        "One line a symbol: last price, change since the last close, best bid and ask. Age is the time since the price "
        "last changed. / adds a symbol, - takes it away; the list is kept between runs.",
    ),
    "market-board": (
        "Watchlists",
        "The rows of the current list in columns of your choice (w). . and , go through the lists, n begins one, / "
        "adds symbols, also several: {AAPL,MSFT} or SP{Y,XL}. f shows only rows with some words. Age is the time since "
        "the price last changed; where a price is not live its place says why: the socket is down, there is no "
        "subscription, or the market is closed. Trend is the day's course.",
    ),
    "ladder": (
        "Ladder",
        "Depth on fixed price rows, one an increment. The bars are sums from the best price to the row, cum the "
        "number. ◂ is the last trade, ◇ an alert. my: own orders, + buys and − sells; S a stop, T a trail, * one of a "
        "group, ? UNKNOWN. The rows stand still while the price moves in their middle, and follow it when it leaves; "
        "moving past the edge holds them, g centres again. Space goes to your next order, and when it moves the cursor "
        "goes with it. The tape below is sampled: the stream shows a few changes a "
        "second at most.",
    ),
    "market-chart": (
        "Chart",
        "Candles with volume; ▲ and ▼ are own fills, a line in a side's colour an own order, ◇ an alert. [ and ] "
        "change the bars, h shows the values of a bar, the arrow keys move it, Esc puts it away.",
    ),
    "positions": (
        "Positions",
        "What the account holds, at its average price, and what each position makes or loses at the live price. Short "
        "positions have a −. Day is today's profit and loss of the account, open what is not yet realised.",
    ),
    "book": (
        "Positions",
        "Every holding at the price it has now; a short one has a −. Under a position stand the orders that close it, "
        "and Exits says how much of it they would take: orders of one group count once. A price with ~ before its age "
        "is the broker's own valuation, of that age, not a live price. of net is the value against the account's net "
        "liquidation. Totals are by currency, and in the account's own by the ledger's exchange rates.",
    ),
    "account": (
        "Account",
        "The money of the account in its base currency. Initial and maintenance margin are bars against equity with "
        "loan value, leverage against the cap of the configuration; ! says that a bar is over four fifths. The ledger "
        "has cash and values by currency, with the rate that turns one into the base currency. P&L of the day is "
        "drawn from the moment this app began to listen. The return is time-weighted, deposits taken out; IBKR gives "
        "it once in fifteen minutes.",
    ),
    "chain": (
        "Options",
        "Calls at the left, puts at the right of each strike; the line with a price is where the underlying stands. "
        "IV% is the implied volatility of the contract; where a price is not live, the word in its place says why. The "
        "greeks are the broker's. A dot beside a strike marks a contract that the account holds. Below stand the "
        "contract under the cursor, where a buyer breaks even, and how much of the price is time. The strikes that "
        "can be seen stream; + reads more of them.",
    ),
    "activity": (
        "Activity",
        "What was done and what came of it, newest on top: orders from their request to their end, every fill, alerts, "
        "and the rows of the audit with their numbers. UNKNOWN is an order whose answer was lost. A gap is a line of "
        "its own; Enter on it reads what is missing. Enter on a line shows the request, who approved it, IBKR's answer "
        "and the order's life. f chooses the kind, / finds words, y keeps to a symbol, i to an order, Esc shows all. "
        "On the first line it follows what happens; Home returns there.",
    ),
    "orders": (
        "Orders",
        "UNKNOWN orders stand first: their answer was lost and IBKR may or may not have them; they are never sent "
        "again. A working order shows how far its limit is from the market. Enter opens one, c cancels it.",
    ),
    "ticket": (
        "Ticket",
        "Every kind of order. F5 chooses the mode: simple, bracket (entry with stop and target), OCO (one fill "
        "cancels the others) or OTO (the second is sent when the first has filled); F9 goes from leg to leg, F10 gives "
        "one another contract. F2 to F8 choose type, time, side, size and hours; ↑ ↓ move a price by a tick, and a "
        "limit that nobody wrote follows the market until you are in the ticket. The last line takes an order in "
        "words. Enter asks for the preview and sends nothing; then a fresh ^s or y sends, once. A refusal stays beside "
        "its field. Lev+orders is the leverage with all orders that work.",
    ),
    "blotter": (
        "Blotter",
        "The day's orders, UNKNOWN ones first. A bracket, OCO or OTO is one line; Space shows its legs, or an order's "
        "fills. Behind the state stand what is filled and how long it has been so. e puts an order on the ticket to "
        "change it, Shift with ↑ ↓ moves its price, Alt moves the whole bracket, c cancels it or its group.",
    ),
    "health": (
        "Health",
        "The first lines say what is wrong and what to do. Below, ● is well, ◐ wants watching, ✗ is broken, ○ is off "
        "or not known. The core logs in again by itself; only Blocked and Competing need a person. The token proves "
        "the login and is replaced before it ends; the stream brings prices and orders; the journal is written before "
        "an order leaves, so none is sent while it fails. l shows the core's log.",
    ),
    "log": (
        "Core log",
        "What the core wrote of its own work, the newest line last; ! is a warning, ✗ an error. Secrets are taken out "
        "before a line is written. f chooses the level; the arrow keys, Page and Home/End scroll, End follows again. "
        "Debug lines are written when the core was started with IBKR_TUI_LOG=debug. The file is core.log in the state "
        "directory; `ibkr-tui call get_log` prints it too.",
    ),
    **KEYS_PANES,
}

WORDS: Final = (
    ("STALE", "no confirmation for a while, or the link is down: not a present price"),
    ("DELAYED", "15 minutes old or more: no live data subscription"),
    ("FROZEN", "the last price before the market closed"),
    ("HALTED", "trading in it is halted"),
    ("NO DATA", "nothing to show; the reason stands beside it"),
)
_SCOPES: Final = {
    Scope.DESK: "Desk",
    Scope.MARKET: "Market",
    Scope.TRADE: "Trade",
    Scope.POSITIONS: "Positions",
    Scope.ACCOUNT: "Account",
    Scope.OPTIONS: "Options",
    Scope.ACTIVITY: "Activity",
    Scope.HEALTH: "Health",
    Scope.KEYS: "Keys",
    Scope.TICKET: "Ticket",
    Scope.EVERYWHERE: "Everywhere",
}


class HelpScreen(ModalScreen[None]):
    """Any of Escape, q, ? and F1 closes it. The keys of `first`, the page it is opened on, stand before all others."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,question_mark,f1", "dismiss", "Close")]

    def __init__(
        self, pane: str, keys: Mapping[str, str], only: Scope | None = None, first: Scope | None = None
    ) -> None:
        super().__init__()
        self._first = first
        self._pane = pane
        self._only = only
        self._keys = keys

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box") as box:
            box.border_title = Content("Help")
            box.border_subtitle = Content("↑↓ scroll · Esc close")
            yield Static(self._text(), markup=False)

    def _text(self) -> Content:
        parts: list[Content] = []
        if self._pane in PANES:
            title, words = PANES[self._pane]
            parts += [Content.styled(title, "bold $accent"), Content(words), Content("")]
        for scope, name in sorted(_SCOPES.items(), key=lambda item: item[0] is not self._first):
            if not any(of_scope(scope)) or self._only not in {None, scope}:
                continue
            parts.append(Content.styled(name, "bold $accent"))
            for action in ACTIONS:
                if action.scope is scope:
                    key = figures.left(shown_key(self._keys.get(action.id, action.key), every=True), 9)
                    asks = ("  asks first", "$warn") if _asks(action) else ""
                    parts.append(Content.assemble((key, "bold"), action.help, asks))
            parts.append(Content(""))
        if self._only is not None:
            return Content("\n").join(parts[:-1])
        parts.append(Content.styled("Words beside a price", "bold $accent"))
        parts += [Content.assemble((figures.left(word, 9), "$warn"), meaning) for word, meaning in WORDS]
        return Content("\n").join(parts)


def _asks(action: Action) -> bool:
    """Whether it is to be said that a key asks first; what wants a word, and what says it itself, does."""
    is_said = "asks first" in action.help or "Wants a word" in action.help
    return action.tier is not Tier.READ and action.scope is Scope.DESK and not is_said
