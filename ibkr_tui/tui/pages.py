"""The pages under the number keys. The desk is there at once; another is loaded when it is first asked for, or all of
them when the first picture stands: nobody waits for eight pages to see one."""

# ruff: noqa: PLC0415 - that is what this file is for
from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from ibkr_tui.tui.book.ledger import Ledger
from ibkr_tui.tui.crash import FramesOnly
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.remembered import Remembered
from ibkr_tui.tui.screens.desk import DeskScreen
from ibkr_tui.tui.screens.page import Page
from ibkr_tui.tui.subscriptions import Subscriptions

if TYPE_CHECKING:
    from ibkr_tui.tui.screens.account import AccountScreen
    from ibkr_tui.tui.screens.activity import ActivityScreen
    from ibkr_tui.tui.screens.health import HealthScreen
    from ibkr_tui.tui.screens.keys import KeysScreen
    from ibkr_tui.tui.screens.market import MarketScreen
    from ibkr_tui.tui.screens.options import OptionsScreen
    from ibkr_tui.tui.screens.positions import PositionsScreen
    from ibkr_tui.tui.screens.trade import TradeScreen

_NAMES: Final = ("desk", "market", "trade", "positions", "account", "options", "activity", "health", "key_sets")
Made = TypeVar("Made", bound=Page)


class PagedApp(FramesOnly):
    """An app that has the pages, by name and in the order of their keys."""

    state: DeskState
    subscriptions: Subscriptions
    remembered: Remembered
    keys: Mapping[str, str]

    @property
    def pages(self) -> tuple[Page, ...]:
        """Those that have been made."""
        return tuple(self.__dict__[name] for name in _NAMES if name in self.__dict__)

    def load_pages(self) -> None:
        """Make those that have not been."""
        for name in _NAMES:
            getattr(self, name)

    def _made(self, page: Made) -> Made:
        """A new page, which has seen nothing of the link yet."""
        page.missed_link = True
        self.install_screen(page, page.scope)
        return page

    @cached_property
    def ledger(self) -> Ledger:
        """Currencies, for the pages of the book."""
        return Ledger(self.state.feed, self.state.clock)

    @cached_property
    def desk(self) -> DeskScreen:
        return DeskScreen(self.state, self.subscriptions, self.keys)

    @cached_property
    def market(self) -> MarketScreen:
        from ibkr_tui.tui.screens.market import MarketScreen

        return self._made(MarketScreen(self.state, self.subscriptions, self.keys))

    @cached_property
    def trade(self) -> TradeScreen:
        from ibkr_tui.tui.screens.trade import TradeScreen

        return self._made(TradeScreen(self.state, self.keys))

    @cached_property
    def positions(self) -> PositionsScreen:
        from ibkr_tui.tui.screens.positions import PositionsScreen

        return self._made(PositionsScreen(self.state, self.keys, self.ledger, self.remembered))

    @cached_property
    def account(self) -> AccountScreen:
        from ibkr_tui.tui.screens.account import AccountScreen

        return self._made(AccountScreen(self.state, self.keys, self.ledger))

    @cached_property
    def options(self) -> OptionsScreen:
        from ibkr_tui.tui.screens.options import OptionsScreen

        return self._made(OptionsScreen(self.state, self.keys))

    @cached_property
    def activity(self) -> ActivityScreen:
        from ibkr_tui.tui.screens.activity import ActivityScreen

        return self._made(ActivityScreen(self.state, self.keys))

    @cached_property
    def health(self) -> HealthScreen:
        from ibkr_tui.tui.screens.health import HealthScreen

        return self._made(HealthScreen(self.state, self.keys))

    @cached_property
    def key_sets(self) -> KeysScreen:
        from ibkr_tui.tui.screens.keys import KeysScreen

        return self._made(KeysScreen(self.state, self.keys))
