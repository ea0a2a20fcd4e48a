"""Options: the chain of the chosen underlying around the money, with greeks; a contract goes into the ticket."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from ibkr_tui.model.chains import OptionChain
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.instruments import Listing
from ibkr_tui.model.orders import Side
from ibkr_tui.model.portfolio import Position
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures, requests
from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import of_scope
from ibkr_tui.tui.desk_state import WORDS, Chosen, DeskState
from ibkr_tui.tui.feed import Changed, LinkState
from ibkr_tui.tui.options.strikes import CALL, PUT, Tab, beside, days_left, lines, month_beside, tabs
from ibkr_tui.tui.screens.search import SearchScreen
from ibkr_tui.tui.trade.page_keys import OrderPage
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.chain_board import ChainBoard
from ibkr_tui.tui.widgets.contract_panel import ContractPanel
from ibkr_tui.tui.widgets.expiry_tabs import ExpiryTabs

_FEWEST: Final = 5
_MOST: Final = 40
"""The core reads so many at once."""
_FIRST: Final = 15
_STEP: Final = 10
_AGAIN_S: Final = 5.0
_OPTION_TYPES: Final = {"OPT", "FOP"}


class OptionsScreen(OrderPage):
    """Follows the chosen instrument; a contract of its own chain that was chosen is no new underlying."""

    scope = Scope.OPTIONS
    action = "screen.options"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(a.key, a.method, a.label, id=a.id, show=False) for a in of_scope(Scope.OPTIONS)
    ]

    def __init__(self, state: DeskState, keys: Mapping[str, str]) -> None:
        self.underlying = Chosen("")
        self._reading = ""
        self.chain: OptionChain | None = None
        self._wanted = ""
        self._strikes = _FIRST
        self._asked_for: Chosen | None = None
        self._refused = False
        self._again: float | None = None
        self.tabs = ExpiryTabs(id="expiries")
        self.board = ChainBoard(id="chain")
        self.panel = ContractPanel(id="contract")
        super().__init__(state, keys)

    def compose(self) -> ComposeResult:
        yield self.status
        yield self.tabs
        yield self.board
        yield self.panel
        yield self.message
        yield self.keys_bar

    def on_mount(self) -> None:
        self.board.focus()
        self._follow_chosen()

    @property
    def help_pane(self) -> str:
        return "chain"

    @property
    def selected_position(self) -> Position | None:
        """What is held of the contract under the cursor."""
        contract = self.board.contract
        return self.state.position_of(contract.conid) if contract is not None else None

    def looks_at(self) -> set[int]:
        """The underlying, and the contracts that can be seen."""
        mine = {self.chain.conid} if self.chain is not None else set()
        return mine | self.board.visible_conids()

    # the chain

    def resume(self) -> None:
        self._follow_chosen()
        super().resume()

    def _follow_chosen(self) -> None:
        """Another instrument was chosen elsewhere: its chain. An option leads to its underlying."""
        chosen = self.state.chosen
        if not chosen.symbol or self._is_mine(chosen):
            self._explain()
            return
        held = self.state.position_of(chosen.conid)
        if held is not None and held.sec_type in _OPTION_TYPES:
            chosen = Chosen(held.symbol)
        if chosen != self.underlying:
            self._begin(chosen)

    def _is_mine(self, chosen: Chosen) -> bool:
        """Whether it is the underlying, or a contract of the chain that is shown."""
        if self.chain is None or chosen.conid is None:
            return chosen == self.underlying
        return chosen.conid in self.board.lines.conids(self.board.keys) or chosen.conid == self.chain.conid

    def _begin(self, underlying: Chosen) -> None:
        self.underlying, self.chain, self._wanted, self._strikes = underlying, None, "", _FIRST
        self._ask()

    def _ask(self) -> None:
        """Read the chain of the expiry that is wanted; what is shown stays until it comes."""
        self._refused, self._again = False, None
        if not self.underlying.symbol or not self.state.feed.is_live:
            self._explain()
            return
        self._asked_for = self.underlying
        if self.chain is None:
            self.board.begin(f"Reading the chain of {self.underlying.symbol}: strikes and contracts, a few seconds…")
        else:
            self.message.unsay(self._reading)
            self._reading = f"Reading {self._wanted or self.chain.month} of {self.underlying.symbol}…"
            self.say(self._reading)
        self._retitle()
        self.read_chain(self.underlying, self._wanted, self._strikes)

    @work(exclusive=True, group="chain", name="chain", exit_on_error=False)
    async def read_chain(self, underlying: Chosen, expiry: str, strikes: int) -> None:
        """Ask the core; only the newest question is answered."""
        try:
            found = await requests.option_chain(self.state.feed, underlying.symbol, underlying.conid, expiry, strikes)
        except BrokerError as error:
            self._fail(error)
            return
        self._show(found)

    def _fail(self, error: BrokerError) -> None:
        said = f"{clean(error.message, limit=300)} ({error.code}). {error.user_action}".strip()
        if self.chain is not None:
            self.say(said, Severity.ERROR)
            return
        self._refused = True
        self._asked_for = None
        self._again = self.state.clock.monotonic() + _AGAIN_S if error.retryable else None
        self.board.begin(f"No options of {self.underlying.symbol}: {said}")
        self.tabs.show(())
        self._retitle()
        self._tell_panel()

    def _show(self, chain: OptionChain) -> None:
        self.chain = chain
        self._asked_for = None
        self.message.unsay(self._reading)
        self.tabs.show(tabs(chain))
        if chain.rows:
            self.board.lay(lines(chain.rows, self._spot()))
        else:
            self.board.begin(f"{chain.symbol} has no strikes for {chain.month}. ] and [ choose another expiry.")
        self._retitle()
        self._tell_panel()
        self.keys_bar.paint()

    def _explain(self) -> None:
        """Why there is no chain, where there is none."""
        if self.chain is not None or self._refused or self._asked_for is not None:
            return
        link = self.state.feed.link
        if link is LinkState.STARTING:
            self.board.begin("Option chains appear when the core is ready.")
        elif link is not LinkState.LIVE:
            self.board.begin("Option chains come back with the core.")
        else:
            self.board.begin("No underlying is chosen. Press / and type a symbol.")
        self._retitle()

    def _spot(self) -> Decimal | None:
        """The price of the underlying now."""
        if self.chain is None:
            return None
        quote = self.state.quote(self.chain.conid)
        return quote.last if quote is not None and quote.last is not None else self.chain.spot

    # painting

    def frame(self, changed: Changed, *, flashes: bool) -> None:
        super().frame(changed, flashes=flashes)
        if changed.link:
            self._link_changed()
        quotes = changed.keys.get("quotes", set())
        self.board.frame(quotes, flashes=flashes)
        if "positions" in changed.keys:
            self.board.paint_keys(self.board.visible_keys())
        contract = self.board.contract
        if contract is not None and str(contract.conid) in quotes:
            self._tell_panel()

    def _link_changed(self) -> None:
        if self.chain is None and self.state.feed.is_live and (not self._refused or self._again is not None):
            self._follow_chosen()
            if self.underlying.symbol and self._asked_for is None:
                self._ask()
        self._explain()
        self.board.repaint()
        self._retitle()

    def second(self) -> None:
        super().second()
        if self._again is not None and self.state.feed.is_live and self.state.clock.monotonic() >= self._again:
            self._ask()
        self._move_money()
        self.board.paint_keys(self.board.visible_keys())
        self._retitle()
        self._tell_panel()

    def _move_money(self) -> None:
        """The underlying has moved: its line goes with it, the cursor stays on its strike."""
        spot = self._spot()
        if self.chain is not None and self.chain.rows and spot != self.board.lines.spot:
            self.board.relay(lines(self.chain.rows, spot))

    def _retitle(self) -> None:
        chain = self.chain
        name = clean(self.underlying.symbol, limit=20) or "Options"
        if chain is None:
            self.board.entitled(name, "options" if self.underlying.symbol else "", "")
            return
        quote = self.state.quote(chain.conid)
        price = figures.number(self._spot(), quote.decimals if quote is not None else 2)
        today = (self.state.venue_time() or self.state.clock.now()).date()
        aside = f"{chain.expiry.day} {chain.expiry:%b %Y} · {days_left(chain.expiry, today)}"
        warning = WORDS[self.state.status(quote)] if quote is not None else chain.spot_problem and "no price"
        change = f" {figures.percent(quote.change_pct)}" if quote is not None and quote.change_pct is not None else ""
        self.board.entitled(f"{chain.symbol} {price}{change}", aside, warning)

    def _tell_panel(self) -> None:
        chain = self.chain
        note = (chain.problem or chain.spot_problem) if chain is not None else ""
        self.panel.tell(self.board.contract, self._spot(), clean(note, limit=300))

    @on(Board.Moved)
    @on(ChainBoard.Turned)
    def moved(self) -> None:
        """Another contract is marked."""
        self._tell_panel()
        self.keys_bar.paint()

    # actions

    def applies(self, action: Action) -> bool:
        if action.method in {"later", "earlier", "month_later", "month_earlier", "more_strikes", "fewer_strikes"}:
            return self.chain is not None
        if action.method in {"pick", "buy", "sell"}:
            return self.board.contract is not None
        if action.method == "to_money":
            return bool(self.board.keys)
        return super().applies(action)

    def action_pick(self) -> None:
        """The marked contract is the chosen instrument, and a ticket opens on it."""
        contract = self.board.contract
        if contract is None:
            self.say("There is no contract on this side of the strike.", Severity.WARNING)
            return
        held = self.selected_position
        self._open(Side.SELL if held is not None and held.qty > 0 else Side.BUY)

    def action_buy(self) -> None:
        """A buy ticket for the marked contract."""
        self._open(Side.BUY)

    def action_sell(self) -> None:
        """A sell ticket for the marked contract."""
        self._open(Side.SELL)

    def _open(self, side: Side) -> None:
        contract = self.board.contract
        if contract is not None:
            self.state.chosen = Chosen(clean(contract.description, limit=40), contract.conid)
            self.doors.open_ticket(side)

    def action_find(self) -> None:
        """Another underlying."""
        self.app.push_screen(SearchScreen(self.state.feed, verb="show"), self._found)

    def _found(self, listing: Listing | tuple[str, ...] | None) -> None:
        if isinstance(listing, Listing):
            self.state.chosen = Chosen(clean(listing.symbol, limit=20), listing.conid)
            self._begin(self.state.chosen)

    def action_read_again(self) -> None:
        """The chain anew."""
        self._ask()

    def action_later(self) -> None:
        """The next expiry."""
        self._go(beside(self.chain, 1) if self.chain is not None else None, "There is no later expiry.")

    def action_earlier(self) -> None:
        """The expiry before."""
        self._go(beside(self.chain, -1) if self.chain is not None else None, "There is no earlier expiry.")

    def action_month_later(self) -> None:
        """The next month."""
        self._go(month_beside(self.chain, 1) if self.chain is not None else None, "There is no later month.")

    def action_month_earlier(self) -> None:
        """The month before."""
        self._go(month_beside(self.chain, -1) if self.chain is not None else None, "There is no earlier month.")

    def _go(self, tab: Tab | None, otherwise: str) -> None:
        if tab is None:
            self.say(otherwise)
            return
        self._wanted = tab.day.isoformat() if tab.day is not None else tab.month
        self._ask()

    def action_more_strikes(self) -> None:
        """Strikes further from the money."""
        self._widen(_STEP)

    def action_fewer_strikes(self) -> None:
        """Only strikes near the money."""
        self._widen(-_STEP)

    def _widen(self, step: int) -> None:
        wanted = max(_FEWEST, min(_MOST, self._strikes + step))
        if wanted == self._strikes:
            self.say(f"The board has {wanted} strikes; {'more' if step > 0 else 'fewer'} are not read at once.")
            return
        self._strikes = wanted
        if self.chain is not None:
            self._wanted = self.chain.expiry.isoformat()
        self._ask()

    def action_to_money(self) -> None:
        self.board.to_money()

    def action_to_calls(self) -> None:
        self.board.turn(CALL)

    def action_to_puts(self) -> None:
        self.board.turn(PUT)

    def action_row_up(self) -> None:
        self.board.move(-1)

    def action_row_down(self) -> None:
        self.board.move(1)
