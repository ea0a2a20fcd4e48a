"""What an operation needs first: a session, an instrument, holdings that have been read, a first price."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from ibkr_tui.core.market.refusals import has_no_book, no_permission, not_subscribed
from ibkr_tui.core.operations.arguments import WhichInstrument
from ibkr_tui.core.operations.order_arguments import PlaceOrder
from ibkr_tui.core.session.waiting import wait_for
from ibkr_tui.model.depth import DepthBook
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import StreamState
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.quotes import Quote, QuoteStatus

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker

Row = TypeVar("Row")

READY_WITHIN: Final = 10.0
FIRST_ORDERS_WITHIN: Final = 20.0
TICK_WITHIN: Final = 3.0
_BOOKS: Final = frozenset(QuoteStatus) - {QuoteStatus.STALE, QuoteStatus.NO_DATA}


class Prerequisites:
    """Waits and look-ups that operations share. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def ready(self) -> None:
        """A session that may trade."""
        await self._broker.session.ready(READY_WITHIN)

    async def readable(self) -> None:
        """A session that may at least read."""
        await self._broker.session.readable(READY_WITHIN)

    async def holdings(self) -> None:
        """What works and what is held counts in the risk of an order: both have been read once before it is judged."""
        await self._broker.orders.reconciler.first_read(FIRST_ORDERS_WITHIN)
        await self._broker.portfolio.first_positions(FIRST_ORDERS_WITHIN)

    async def instrument(self, which: WhichInstrument, *, routed: bool = False) -> Instrument:
        """The instrument that is meant; `routed` as in `Contracts.resolve`.

        Raises BrokerError SYMBOL_NOT_FOUND, SYMBOL_AMBIGUOUS, BAD_ARGUMENT.
        """
        if not which.symbol and which.conid is None:
            raise BrokerError("BAD_ARGUMENT", "name the instrument: symbol or conid")
        if which.conid is not None and (known := self._broker.contracts.known(which.conid)):
            return known
        await self.ready()
        return await self._broker.contracts.resolve(
            which.symbol, which.conid, sec_type=which.sec_type, exchange=which.exchange, routed=routed
        )

    async def traded(self, arguments: PlaceOrder) -> Instrument:
        """The instrument of an order, subscribed: its quote is what the order is judged by."""
        exchange = "" if arguments.exchange.upper() == "SMART" else arguments.exchange
        which = WhichInstrument(arguments.symbol, arguments.conid, arguments.kind, exchange)
        instrument = await self.instrument(which, routed=True)
        await self.quoted(instrument, needed=arguments.order_type == "market")
        return instrument

    async def quoted(self, instrument: Instrument, *, needed: bool) -> None:
        """A quote of `instrument` on the board, or a try at it: the gate says what is missing.

        Raises BrokerError IBKR_WS_SUB_LIMIT or IBKR_NO_MARKET_DATA_SUBSCRIPTION where nothing goes without (`needed`).
        """
        is_live = self._broker.stream.state is StreamState.LIVE
        if not self._broker.profile.market.ws_enabled or not (needed or is_live):
            return
        try:
            self._broker.subscriptions.add(instrument, pinned=False)
            await self.first_tick(instrument)
        except BrokerError as error:
            if needed and error.code != "IBKR_TICK_TIMEOUT":
                raise

    async def first_tick(self, instrument: Instrument) -> Quote:
        """The row once it has a judgement. Raises BrokerError IBKR_TICK_TIMEOUT, IBKR_NO_MARKET_DATA_SUBSCRIPTION."""
        self._broker.subscriptions.touch(instrument.conid)
        self._broker.board.review_one(instrument.conid)

        def told(row: object) -> Quote | None:
            ready = isinstance(row, Quote) and row.changed_mono is not None and row.status is not QuoteStatus.STALE
            return row if ready and isinstance(row, Quote) else None

        row = await self._told("quotes", instrument, told)
        if row is None:
            raise BrokerError("IBKR_TICK_TIMEOUT", f"no price of {instrument.description} within {TICK_WITHIN:g} s")
        if row.status is QuoteStatus.NO_DATA and row.availability[:1] in {"N", "O"}:
            raise not_subscribed(instrument.description, row.problem)
        return row

    async def first_book(self, instrument: Instrument) -> DepthBook:
        """The book once it has been told.

        Raises BrokerError IBKR_NO_MARKET_DATA_SUBSCRIPTION, IBKR_WS_SUB_LIMIT, IBKR_REQUEST_REFUSED, IBKR_TICK_TIMEOUT.
        """
        board = self._broker.depth_board
        board.review()

        def told(row: object) -> DepthBook | None:
            if not isinstance(row, DepthBook):
                return None
            ready = row.changed_mono is not None and row.status in _BOOKS
            return row if ready or board.refusal(row.conid) is not None else None

        row = await self._told("depth", instrument, told)
        if (refusal := board.refusal(instrument.conid)) is not None:
            raise refusal.again()
        if row is None:
            quote = self._broker.tables["quotes"].get(str(instrument.conid))
            told_now = isinstance(quote, Quote) and quote.status is not QuoteStatus.STALE
            if quote is not None and told_now and has_no_book(quote.availability):
                raise no_permission(instrument.description)
            raise BrokerError(
                "IBKR_TICK_TIMEOUT",
                f"no depth of {instrument.description} within {TICK_WITHIN:g} s",
                user_action="Depth needs a subscription of its own for this exchange. Is the market open? Try again.",
            )
        return row

    async def _told(self, table: str, instrument: Instrument, told: Callable[[object], Row | None]) -> Row | None:
        """The row of a board once `told` takes it; None after three seconds."""
        board, clock, key = self._broker.tables[table], self._broker.clock, str(instrument.conid)
        until = clock.monotonic() + TICK_WITHIN
        watcher = board.watch()
        try:
            while (row := told(board.get(key))) is None:
                watcher.take()
                if not await wait_for(watcher.changed, max(0.0, until - clock.monotonic()), clock):
                    return told(board.get(key))
            return row
        finally:
            watcher.close()
