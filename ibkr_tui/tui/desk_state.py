"""What the desk knows at this moment, in the words its panes need. It reads the feed and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.depth import DepthBook
from ibkr_tui.model.guards import Guards
from ibkr_tui.model.health import Health, SessionState
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order, OrderState
from ibkr_tui.model.portfolio import AccountSummary, Pnl, Position
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.tui.feed import Feed, LinkState
from ibkr_tui.tui.market.marks import Mark, conditions, mark
from ibkr_tui.tui.watchlist import Watchlist, Watchlists, WatchRow

WORDS: Final = {
    QuoteStatus.LIVE: "",
    QuoteStatus.DELAYED: "DELAYED",
    QuoteStatus.FROZEN: "FROZEN",
    QuoteStatus.HALTED: "HALTED",
    QuoteStatus.STALE: "STALE",
    QuoteStatus.NO_DATA: "NO DATA",
}

_ORDER_RANK: Final = {
    OrderState.UNKNOWN: 0,
    OrderState.QUESTION: 1,
    OrderState.SENDING: 2,
    OrderState.CANCELLING: 3,
    OrderState.WORKING: 3,
}
_DONE_SHOWN: Final = 20


class Chosen(msgspec.Struct, frozen=True):
    """The selected instrument. `conid` is None until the core has named its listing."""

    symbol: str
    conid: int | None = None


class DeskState:
    """The feed seen through the clock: ages, statuses, orders in the order of their urgency."""

    def __init__(
        self,
        feed: Feed,
        watchlists: Watchlists,
        clock: Clock,
        *,
        profile: str,
        kind: str,
        is_demo: bool,
        spares_line: bool = False,
    ) -> None:
        self.feed = feed
        self.watchlists = watchlists
        self.clock = clock
        self.profile = profile
        self.kind = kind
        self.is_demo = is_demo
        self.spares_line = spares_line
        self.chosen = Chosen("")
        self.instruments: dict[int, Instrument] = {}
        self.refused: dict[int, str] = {}

    @property
    def watchlist(self) -> Watchlist:
        """The list that is current."""
        return self.watchlists.current

    @property
    def badge(self) -> str:
        """`demo`, `paper`, `live` or `replay`."""
        if self.feed.is_replay:
            return "replay"
        return "demo" if self.is_demo else self.kind

    @property
    def health(self) -> Health | None:
        return next(iter(self.feed.health.rows.values()), None)

    @property
    def is_competing(self) -> bool:
        """Another program has the username."""
        health = self.health
        return self.feed.is_live and health is not None and health.session is SessionState.COMPETING

    @property
    def account_id(self) -> str:
        health = self.health
        if health is not None and health.account:
            return health.account
        return next(iter(self.feed.account.rows), "")

    @property
    def account(self) -> AccountSummary | None:
        rows = self.feed.account.rows
        return rows.get(self.account_id) or next(iter(rows.values()), None)

    @property
    def pnl(self) -> Pnl | None:
        rows = self.feed.pnl.rows
        return rows.get(self.account_id) or next(iter(rows.values()), None)

    @property
    def guards(self) -> Guards | None:
        """What stands guard over orders; None before the core has said it."""
        return next(iter(self.feed.guards.rows.values()), None)

    @property
    def net(self) -> Decimal | None:
        """Net liquidation: the live figure of the P&L stream, else the summary's."""
        pnl, account = self.pnl, self.account
        if pnl is not None and pnl.net_liquidation is not None:
            return pnl.net_liquidation
        return account.net_liquidation if account is not None else None

    @property
    def day_percent(self) -> Decimal | None:
        """Day P&L against what the account was worth before it."""
        pnl, net = self.pnl, self.net
        if pnl is None or pnl.daily is None or net is None or net - pnl.daily <= 0:
            return None
        return pnl.daily / (net - pnl.daily) * 100

    def quote(self, conid: int | None) -> Quote | None:
        return self.feed.quotes.rows.get(str(conid)) if conid is not None else None

    def quote_of(self, row: WatchRow) -> Quote | None:
        return self.quote(row.conid)

    def status(self, quote: Quote | None) -> QuoteStatus:
        """How far a price may be believed from here: a live one is stale while the link is not."""
        if quote is None:
            return QuoteStatus.NO_DATA
        if quote.status is QuoteStatus.NO_DATA or self.feed.is_live:
            return quote.status
        return QuoteStatus.STALE

    def mark(self, quote: Quote | None, problem: str = "") -> Mark:
        """What stands beside a price, and why it is not a present one."""
        shared = conditions(self.health, linked=self.feed.is_live)
        if quote is None:
            return mark(None, problem, None, shared)
        return mark(quote.status, problem or quote.problem, self.age(quote), shared)

    def mark_of(self, row: WatchRow) -> Mark:
        """The mark of a watchlist's row; what the core said when it was asked for counts too."""
        return self.mark(self.quote_of(row), row.problem or self.refused.get(row.conid or 0, ""))

    def depth_of(self, conid: int | None) -> DepthBook | None:
        """The book of an instrument, if one was sent."""
        return self.feed.depth.rows.get(str(conid)) if conid is not None else None

    def age(self, quote: Quote | None) -> float | None:
        """Seconds since the price last changed."""
        if quote is None or quote.changed_mono is None:
            return None
        return max(0.0, self.feed.core_seconds - quote.changed_mono)

    def position_of(self, conid: int | None) -> Position | None:
        return self.feed.positions.rows.get(str(conid)) if conid is not None else None

    def price_of(self, position: Position) -> tuple[Decimal, bool]:
        """The price a position is valued at here, and whether it is a live one."""
        quote = self.quote(position.conid)
        if quote is not None and quote.last is not None and self.status(quote) is QuoteStatus.LIVE:
            return quote.last, True
        return position.market_price, False

    def open_pnl(self, position: Position) -> Decimal:
        """Unrealized P&L in the position's currency, at the live price where there is one."""
        price, live = self.price_of(position)
        if not live:
            return position.unrealized_pnl
        return (price - position.avg_price) * position.qty * position.multiplier

    def positions(self) -> list[Position]:
        """Open positions by name; a closed one is not a position."""
        rows = [row for row in self.feed.positions.rows.values() if row.qty != 0]
        return sorted(rows, key=lambda row: (row.description, row.conid))

    def orders(self) -> list[Order]:
        """Orders as they matter: unknown, asking, sending, working, then the finished ones, newest first."""
        rows = list(self.feed.orders.rows.values())
        going = [row for row in rows if not row.state.is_done]
        done = sorted((row for row in rows if row.state.is_done), key=_since, reverse=True)[:_DONE_SHOWN]
        going.sort(key=lambda row: (_ORDER_RANK.get(row.state, 9), -_since(row).timestamp()))
        return [*going, *done]

    def open_orders(self) -> Iterable[Order]:
        return (row for row in self.feed.orders.rows.values() if not row.state.is_done)

    def unknown_orders(self) -> list[Order]:
        return [row for row in self.feed.orders.rows.values() if row.state is OrderState.UNKNOWN]

    def distance(self, order: Order) -> Decimal | None:
        """How far its stop, else its limit, is from the price it needs, in percent of the market; None when the market
        is not live."""
        quote = self.quote(order.conid)
        price = order.stop_price if order.stop_price is not None else order.limit_price
        if price is None or quote is None or self.status(quote) is not QuoteStatus.LIVE:
            return None
        market = (quote.ask if order.side.sign > 0 else quote.bid) or quote.last
        return (price - market) / market * 100 if market else None

    @property
    def zone(self) -> tzinfo | None:
        """The zone of every time on screen: the market's; None (this machine's) until it is known."""
        health = self.health
        if health is None or health.market is None:
            return None
        try:
            return ZoneInfo(health.market.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            return UTC

    def venue_time(self) -> datetime | None:
        """The time at the market's venue, by the broker's clock; None before it is known."""
        health = self.health
        if health is None or health.market is None:
            return None
        said = health.market_mono if health.market_mono is not None else self.feed.market_heard
        passed = timedelta(seconds=max(0.0, self.feed.core_seconds - said))
        return (health.market.now + passed).astimezone(self.zone)

    def now(self) -> datetime:
        """The present moment in the market's zone."""
        return self.clock.now().astimezone(self.zone)

    def clock_time(self, at: datetime) -> str:
        """A moment as it is shown: HH:MM:SS in the market's zone."""
        return f"{at.astimezone(self.zone):%H:%M:%S}"

    def trouble(self) -> tuple[str, bool]:
        """The sentence that stays in the message line while something is wrong, and whether it is grave."""
        link = self.feed.link
        if link is not LinkState.LIVE:
            return self.feed.sentence, link is not LinkState.STARTING
        health = self.health
        if health is not None and health.message:
            return health.message, bool(health.code)
        unknown = len(self.unknown_orders())
        if unknown:
            what = "One order is" if unknown == 1 else f"{unknown} orders are"
            return f"{what} UNKNOWN: IBKR may or may not have it. Select it and press Enter.", True
        return "", False


def _since(order: Order) -> datetime:
    return order.since or order.placed_at or datetime.min.replace(tzinfo=UTC)
