"""Every operation once: name, arguments, safety tier, handler. An operation is on the list when it works."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ibkr_tui.core.arguments import (
    AnswerQuestion,
    GetActivities,
    GetBars,
    GetLog,
    Nothing,
    PlaceOrder,
    ResolveOrder,
    SearchContracts,
    TakeOver,
    WhichInstrument,
    WhichOrder,
)
from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.log_reading import read_log
from ibkr_tui.core.market.bars import check_period, read_bars
from ibkr_tui.core.market.quotes import FIELDS
from ibkr_tui.core.market.snapshots import read_snapshot
from ibkr_tui.core.orders.preview import preview
from ibkr_tui.core.orders.wire import fill_row
from ibkr_tui.model.core_log import LogTail
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import Health
from ibkr_tui.model.instruments import Instrument, Listing
from ibkr_tui.model.orders import Fill, Order, OrderPreview
from ibkr_tui.model.portfolio import AccountSummary, Pnl, Position
from ibkr_tui.model.quotes import Bar, MarketHours, Quote, QuoteStatus
from ibkr_tui.model.tickets import check_ticket

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker
    from ibkr_tui.core.portfolio.account import LedgerLine

TICK_WITHIN: Final = 3.0
SNAPSHOT_AGAIN: Final = 0.6
SNAPSHOT_TRIES: Final = 5
READY_WITHIN: Final = 10.0
MOST_DAYS: Final = 7
AS_FRESH_AS: Final = 1.0
FIRST_ORDERS_WITHIN: Final = 20.0
TAKE_OVER_WITHIN: Final = 20.0
TAKE_OVER_WORD: Final = "TAKE-OVER"


def operations(broker: Broker) -> list[Operation[Any]]:
    """The list, bound to a broker."""
    do = Handlers(broker)
    read, stream, change = Tier.READ, Tier.STREAM, Tier.CHANGE
    return [
        Operation("environment_info", read, Nothing, do.environment_info, "Profile, account, URLs and limits."),
        Operation("health", read, Nothing, do.health, "Session, stream, token, market hours and open intents."),
        Operation("get_log", read, GetLog, do.get_log, "The core's log, newest last; level=warning for trouble only."),
        Operation("list_accounts", read, Nothing, do.list_accounts, "The accounts of this login."),
        Operation("get_account", read, Nothing, do.get_account, "The account's money: net liquidation, cash, margin."),
        Operation("get_ledger", read, Nothing, do.get_ledger, "Cash and values by currency."),
        Operation("get_pnl", read, Nothing, do.get_pnl, "Daily and open profit and loss."),
        Operation("get_positions", read, Nothing, do.get_positions, "Every position, shorts included."),
        Operation("search_contracts", read, SearchContracts, do.search_contracts, "Listings of a symbol."),
        Operation("get_assets", read, SearchContracts, do.search_contracts, "Listings of a symbol (another name)."),
        Operation(
            "get_contract", read, WhichInstrument, do.get_contract, "One contract: name, multiplier, increments."
        ),
        Operation("get_ticker", read, WhichInstrument, do.get_snapshot, "Last, bid and ask of one instrument."),
        Operation("get_snapshot", read, WhichInstrument, do.get_snapshot, "All quote fields of one instrument."),
        Operation("get_bars", read, GetBars, do.get_bars, "Price history as bars."),
        Operation("get_open_orders", read, Nothing, do.get_open_orders, "Orders that work, or whose fate is open."),
        Operation("get_order", read, WhichOrder, do.get_order, "One order, by our id or IBKR's."),
        Operation("get_activities", read, GetActivities, do.get_activities, "Trades of the last days, at most seven."),
        Operation("get_clock", read, Nothing, do.get_clock, "The time, and whether the market is open."),
        Operation("get_trading_schedule", read, WhichInstrument, do.get_trading_schedule, "Hours of an instrument."),
        Operation("get_tick", stream, WhichInstrument, do.get_tick, "The streaming quote; subscribes when needed."),
        Operation(
            "subscribe_tick", stream, WhichInstrument, do.subscribe_tick, "Keep an instrument's quote streaming."
        ),
        Operation("unsubscribe", stream, WhichInstrument, do.unsubscribe, "Stop streaming an instrument."),
        Operation("preview_order", read, PlaceOrder, do.preview_order, "What an order would do; sends nothing."),
        Operation("place_order", change, PlaceOrder, do.place_order, "Place a market or limit order."),
        Operation("cancel_order", change, WhichOrder, do.cancel_order, "Ask to cancel an order."),
        Operation(
            "resolve_order",
            Tier.DANGEROUS,
            ResolveOrder,
            do.resolve_order,
            "Decide on an order of unknown fate: keep, cancel_on_sight, or not_sent (confirm=SYMBOL).",
        ),
        Operation("answer_question", change, AnswerQuestion, do.answer_question, "Answer a question of the broker's."),
        Operation(
            "take_over",
            Tier.DANGEROUS,
            TakeOver,
            do.take_over,
            "Take the session from the program that has it, and log that one out; confirm=TAKE-OVER.",
        ),
    ]


class Handlers:
    """What the operations do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def environment_info(self, arguments: Nothing, caller: Caller) -> dict[str, Any]:
        profile = self._broker.profile
        return {
            "profile": profile.name,
            "kind": profile.kind,
            "paper": profile.kind == "paper",
            "account": profile.account_id,
            "base_url": profile.rest_url,
            "ws_url": profile.ws_url,
            "ws_enabled": profile.market.ws_enabled,
            "orders": profile.orders,
            "max_leverage": profile.limits.max_leverage,
            "max_order_value": profile.limits.max_order_value,
            "max_order_qty": profile.limits.max_order_qty,
            "version": self._broker.version,
        }

    async def health(self, arguments: Nothing, caller: Caller) -> Health:
        self._broker.health.show()
        row = self._broker.tables["health"].get(self._broker.profile.name)
        assert isinstance(row, Health)  # noqa: S101 - show() puts it
        return row

    async def get_log(self, arguments: GetLog, caller: Caller) -> LogTail:
        path, wanted = self._broker.log_path, arguments
        return await asyncio.to_thread(read_log, path, lines=wanted.lines, level=wanted.level, after=wanted.after)

    async def list_accounts(self, arguments: Nothing, caller: Caller) -> list[dict[str, Any]]:
        await self._ready()
        found = await self._broker.reads.accounts()
        pinned = self._broker.profile.account_id
        return [{"account": name, "selected": name == pinned} for name in found.accounts]

    async def get_account(self, arguments: Nothing, caller: Caller) -> AccountSummary:
        known = self._broker.tables["account"].get(self._broker.profile.account_id)
        if isinstance(known, AccountSummary) and not self._broker.quiet.is_calm:
            return known  # with its time; a read would wait for the answer to the broker's question
        await self._readable()
        return await self._broker.portfolio.summary(at_most=AS_FRESH_AS)

    async def get_ledger(self, arguments: Nothing, caller: Caller) -> list[LedgerLine]:
        await self._readable()
        return await self._broker.portfolio.ledger()

    async def get_pnl(self, arguments: Nothing, caller: Caller) -> Pnl:
        await self._ready()
        account = self._broker.profile.account_id
        table = self._broker.tables["pnl"]
        if table.get(account) is None:
            self._broker.pnl.merge(await self._broker.reads.pnl())
        row = table.get(account)
        if not isinstance(row, Pnl):
            raise BrokerError("IBKR_UNAVAILABLE", "IBKR has not told the profit and loss yet", retryable=True)
        return row

    async def get_positions(self, arguments: Nothing, caller: Caller) -> list[Position]:
        await self._readable()
        return await self._broker.portfolio.read_positions()

    async def search_contracts(self, arguments: SearchContracts, caller: Caller) -> list[Listing]:
        await self._ready()
        return await self._broker.contracts.search(arguments.symbol, arguments.sec_type)

    async def get_contract(self, arguments: WhichInstrument, caller: Caller) -> Instrument:
        return await self._instrument(arguments)

    async def get_snapshot(self, arguments: WhichInstrument, caller: Caller) -> Quote:
        instrument = await self._instrument(arguments)
        known = self._broker.tables["quotes"].get(str(instrument.conid))
        if isinstance(known, Quote) and known.status is QuoteStatus.LIVE:
            return known
        for _ in range(SNAPSHOT_TRIES):
            row = (await self._broker.reads.snapshot([instrument.conid], FIELDS)).get(instrument.conid, {})
            if "6509" in row:
                return read_snapshot(instrument, row, self._broker.clock)
            await self._broker.clock.sleep(SNAPSHOT_AGAIN)
        raise BrokerError("IBKR_NO_MARKET_DATA_SUBSCRIPTION", f"IBKR sent no prices of {instrument.description}")

    async def get_bars(self, arguments: GetBars, caller: Caller) -> list[Bar]:
        check_period(arguments.period, arguments.bar)
        which = WhichInstrument(arguments.symbol, arguments.conid, arguments.sec_type, arguments.exchange)
        instrument = await self._instrument(which)
        answer = await self._broker.reads.history(
            instrument.conid, arguments.period, arguments.bar, arguments.outside_rth
        )
        return read_bars(answer, instrument)

    async def get_open_orders(self, arguments: Nothing, caller: Caller) -> list[Order]:
        await self._ready()
        await self._broker.reconciler.first_read(FIRST_ORDERS_WITHIN)
        return [order for order in self._broker.book if not order.state.is_done]

    async def get_order(self, arguments: WhichOrder, caller: Caller) -> Order:
        order = self._broker.book.find(arguments.name) if arguments.name else None
        if order is None and arguments.name:
            await self._ready()
            await self._broker.reconciler.first_read(FIRST_ORDERS_WITHIN)
            order = self._broker.book.find(arguments.name)
        if order is None:
            raise BrokerError("ORDER_NOT_FOUND", "there is no such order among today's")
        return order

    async def get_activities(self, arguments: GetActivities, caller: Caller) -> list[Fill]:
        if arguments.days > MOST_DAYS:
            raise BrokerError("BAD_ARGUMENT", f"IBKR gives the trades of at most {MOST_DAYS} days")
        await self._ready()
        rows = await self._broker.reconciler.trades(arguments.days)
        fills = [fill for row in rows if (fill := fill_row(row)) is not None]
        mine = [fill for fill in fills if fill.account in {"", self._broker.profile.account_id}]
        return sorted(mine, key=lambda fill: fill.at, reverse=True)

    async def get_clock(self, arguments: Nothing, caller: Caller) -> MarketHours:
        hours = self._broker.market.hours()
        if hours is None:
            await self._ready()
            hours = await self._broker.market.read()
        return hours

    async def get_trading_schedule(self, arguments: WhichInstrument, caller: Caller) -> dict[str, Any]:
        instrument = await self._instrument(arguments)
        found = await self._broker.reads.trading_schedule(instrument.conid)
        now = self._broker.clock.now()
        soon = now.astimezone(UTC) - timedelta(days=1)
        return {
            "conid": instrument.conid,
            "symbol": instrument.symbol,
            "timezone": found.timezone,
            "is_open": found.hours(instrument.exchange, now).is_open,
            "regular": [_span(span.opening, span.closing) for span in found.liquid if span.closing > soon],
            "extended": [_span(span.opening, span.closing) for span in found.extended if span.closing > soon],
        }

    async def get_tick(self, arguments: WhichInstrument, caller: Caller) -> Quote:
        instrument = await self._instrument(arguments)
        if not self._broker.profile.market.ws_enabled:
            return await self.get_snapshot(WhichInstrument(conid=instrument.conid), caller)
        self._broker.subscriptions.add(instrument, pinned=False)
        return await self._first_tick(instrument)

    async def subscribe_tick(self, arguments: WhichInstrument, caller: Caller) -> Quote:
        instrument = await self._instrument(arguments)
        self._broker.subscriptions.add(instrument, pinned=True)
        row = self._broker.tables["quotes"].get(str(instrument.conid))
        assert isinstance(row, Quote)  # noqa: S101 - a subscription has its row
        return row

    async def unsubscribe(self, arguments: WhichInstrument, caller: Caller) -> dict[str, Any]:
        conid = arguments.conid or (await self._instrument(arguments)).conid
        return {"conid": conid, "unsubscribed": self._broker.subscriptions.remove(conid)}

    async def preview_order(self, arguments: PlaceOrder, caller: Caller) -> OrderPreview:
        await self._ready()
        ticket = arguments.ticket()
        instrument = await self._traded(arguments)
        check_ticket(ticket, instrument)
        await self._holdings()
        return await preview(ticket, instrument, self._broker.facts, self._broker.reads, self._broker.profile)

    async def place_order(self, arguments: PlaceOrder, caller: Caller) -> Order:
        ticket = arguments.ticket()
        if self._broker.profile.kind == "live" or self._broker.profile.orders == "refuse":
            raise BrokerError("ORDERS_REFUSED", f"profile {self._broker.profile.name} refuses every order")
        self._broker.check_open()
        self._broker.desk.face_came(caller.face_id)
        await self._ready()
        self._broker.check_clock()
        instrument = await self._traded(arguments)
        check_ticket(ticket, instrument)
        await self._holdings()
        return await self._broker.placed(lambda: self._broker.submitter.place(ticket, instrument, caller))

    async def cancel_order(self, arguments: WhichOrder, caller: Caller) -> Order:
        name = arguments.name
        if not name:
            raise BrokerError("ORDER_NOT_FOUND", "name the order to cancel: order_id or coid")
        if self._broker.book.find(name) is None:
            await self._ready()
            await self._broker.reconciler.read_orders()
        return await self._broker.placed(lambda: self._broker.canceller.cancel(name, caller))

    async def resolve_order(self, arguments: ResolveOrder, caller: Caller) -> Order:
        work = self._broker.resolver.resolve
        return await self._broker.placed(lambda: work(arguments.name, arguments.verdict, arguments.confirm, caller))

    async def answer_question(self, arguments: AnswerQuestion, caller: Caller) -> dict[str, Any]:
        question = self._broker.desk.answer(arguments.question_id, arguments.confirmed, caller)
        return {"question_id": question.id, "confirmed": arguments.confirmed, "order_key": question.order_key}

    async def take_over(self, arguments: TakeOver, caller: Caller) -> dict[str, Any]:
        if arguments.confirm != TAKE_OVER_WORD:
            raise BrokerError(
                "CONFIRMATION_REQUIRED",
                "taking over logs the other program out of this username",
                user_action=f"Give confirm={TAKE_OVER_WORD} if you mean it.",
            )
        taken = await self._broker.session.take_over(TAKE_OVER_WITHIN)
        return {"taken": taken, "session": str(self._broker.session.state)}

    async def _readable(self) -> None:
        await self._broker.session.readable(READY_WITHIN)

    async def _holdings(self) -> None:
        """What works and what is held counts in the risk of an order: both have been read once before it is judged."""
        await self._broker.reconciler.first_read(FIRST_ORDERS_WITHIN)
        await self._broker.portfolio.first_positions(FIRST_ORDERS_WITHIN)

    async def _ready(self) -> None:
        await self._broker.session.ready(READY_WITHIN)

    async def _instrument(self, which: WhichInstrument) -> Instrument:
        if not which.symbol and which.conid is None:
            raise BrokerError("BAD_ARGUMENT", "name the instrument: symbol or conid")
        if which.conid is not None and (known := self._broker.contracts.known(which.conid)):
            return known
        await self._ready()
        return await self._broker.contracts.resolve(
            which.symbol, which.conid, sec_type=which.sec_type, exchange=which.exchange
        )

    async def _traded(self, arguments: PlaceOrder) -> Instrument:
        """The instrument of an order, subscribed: its quote is what a market order is judged by."""
        exchange = "" if arguments.exchange.upper() == "SMART" else arguments.exchange
        which = WhichInstrument(arguments.symbol, arguments.conid, arguments.kind, exchange)
        instrument = await self._instrument(which)
        if arguments.order_type == "market" and self._broker.profile.market.ws_enabled:
            self._broker.subscriptions.add(instrument, pinned=False)
            try:
                await self._first_tick(instrument)
            except BrokerError as error:
                if error.code != "IBKR_TICK_TIMEOUT":
                    raise
        return instrument

    async def _first_tick(self, instrument: Instrument) -> Quote:
        """The row once it has a judgement. Raises BrokerError IBKR_TICK_TIMEOUT, IBKR_NO_MARKET_DATA_SUBSCRIPTION."""
        table = self._broker.tables["quotes"]
        self._broker.subscriptions.touch(instrument.conid)
        watcher = table.watch()
        try:
            async with asyncio.timeout(TICK_WITHIN):
                while True:
                    row = table.get(str(instrument.conid))
                    if isinstance(row, Quote) and row.changed_mono is not None and row.status is not QuoteStatus.STALE:
                        break
                    await watcher.changed.wait()
                    watcher.take()
        except TimeoutError:
            raise BrokerError(
                "IBKR_TICK_TIMEOUT", f"no price of {instrument.description} within {TICK_WITHIN:g} s"
            ) from None
        finally:
            watcher.close()
        if row.status is QuoteStatus.NO_DATA and row.availability[:1] in {"N", "O"}:
            raise BrokerError("IBKR_NO_MARKET_DATA_SUBSCRIPTION", f"{instrument.description}: {row.problem}")
        return row


def _span(opening: datetime, closing: datetime) -> dict[str, str]:
    return {"opening": opening.isoformat(), "closing": closing.isoformat()}
