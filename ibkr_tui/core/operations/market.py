"""Contracts, prices, history and trading hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.market.bars import check_period, read_bars
from ibkr_tui.core.market.depth import MOST_LEVELS, cut
from ibkr_tui.core.market.look import no_depth
from ibkr_tui.core.market.refusals import not_subscribed
from ibkr_tui.core.market.scanner import check_scan, read_scan
from ibkr_tui.core.market.snapshots import read_snapshots
from ibkr_tui.core.operations.arguments import (
    GetBars,
    GetDepth,
    LookAt,
    Nothing,
    RunScanner,
    SearchContracts,
    WhichInstrument,
)
from ibkr_tui.core.operations.prerequisites import Prerequisites
from ibkr_tui.model.depth import DepthBook
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument, Listing
from ibkr_tui.model.looks import Looks
from ibkr_tui.model.quotes import Bar, MarketHours, Quote, QuoteStatus
from ibkr_tui.model.scanner import ScanRow

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker


def market_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = MarketHandlers(broker)
    read, stream = Tier.READ, Tier.STREAM
    return [
        Operation("search_contracts", read, SearchContracts, do.search_contracts, "Listings of a symbol."),
        Operation("get_assets", read, SearchContracts, do.search_contracts, "Listings of a symbol (another name)."),
        Operation(
            "get_contract", read, WhichInstrument, do.get_contract, "One contract: name, multiplier, increments."
        ),
        Operation("get_ticker", read, WhichInstrument, do.get_snapshot, "Last, bid and ask of one instrument."),
        Operation("get_snapshot", read, WhichInstrument, do.get_snapshot, "All quote fields of one instrument."),
        Operation("get_bars", read, GetBars, do.get_bars, "Price history as bars."),
        Operation(
            "get_depth", stream, GetDepth, do.get_depth, "The book of an instrument: rows levels a side, 5 or 1-10."
        ),
        Operation(
            "look_at", stream, LookAt, do.look_at, "What a face shows: its quotes and depth stream while it does."
        ),
        Operation("get_tick", stream, WhichInstrument, do.get_tick, "The streaming quote; subscribes when needed."),
        Operation(
            "subscribe_tick", stream, WhichInstrument, do.subscribe_tick, "Keep an instrument's quote streaming."
        ),
        Operation("unsubscribe", stream, WhichInstrument, do.unsubscribe, "Stop streaming an instrument."),
        Operation(
            "run_scanner", read, RunScanner, do.run_scanner, "What moves most, trades most, gaps: IBKR's scanners."
        ),
        Operation("get_clock", read, Nothing, do.get_clock, "The time, and whether the market is open."),
        Operation("get_trading_schedule", read, WhichInstrument, do.get_trading_schedule, "Hours of an instrument."),
    ]


class MarketHandlers:
    """What they do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._first = Prerequisites(broker)

    async def search_contracts(self, arguments: SearchContracts, caller: Caller) -> list[Listing]:
        await self._first.ready()
        return await self._broker.contracts.search(arguments.symbol, arguments.sec_type)

    async def get_contract(self, arguments: WhichInstrument, caller: Caller) -> Instrument:
        return await self._first.instrument(arguments)

    async def get_snapshot(self, arguments: WhichInstrument, caller: Caller) -> Quote:
        instrument = await self._first.instrument(arguments)
        known = self._broker.tables["quotes"].get(str(instrument.conid))
        if isinstance(known, Quote) and known.status is QuoteStatus.LIVE:
            return known
        found = await read_snapshots(self._broker.reads, [instrument], self._broker.clock)
        quote = found.get(instrument.conid)
        if quote is None:
            raise BrokerError("IBKR_NO_MARKET_DATA_SUBSCRIPTION", f"IBKR sent no prices of {instrument.description}")
        if quote.availability[:1] in {"N", "O"}:
            raise not_subscribed(instrument.description, quote.problem)
        return quote

    async def get_bars(self, arguments: GetBars, caller: Caller) -> list[Bar]:
        check_period(arguments.period, arguments.bar)
        which = WhichInstrument(arguments.symbol, arguments.conid, arguments.sec_type, arguments.exchange)
        instrument = await self._first.instrument(which)
        answer = await self._broker.reads.history(
            instrument.conid, arguments.period, arguments.bar, arguments.outside_rth
        )
        return read_bars(answer, instrument)

    async def get_tick(self, arguments: WhichInstrument, caller: Caller) -> Quote:
        instrument = await self._first.instrument(arguments)
        if not self._broker.profile.market.ws_enabled:
            return await self.get_snapshot(WhichInstrument(conid=instrument.conid), caller)
        self._broker.subscriptions.add(instrument, pinned=False)
        return await self._first.first_tick(instrument)

    async def get_depth(self, arguments: GetDepth, caller: Caller) -> DepthBook:
        if not 1 <= arguments.rows <= MOST_LEVELS:
            raise BrokerError(
                "BAD_ARGUMENT", f"rows: a book has 1 to {MOST_LEVELS} levels a side, not {arguments.rows}"
            )
        if not self._broker.profile.market.ws_enabled:
            raise no_depth()
        instrument = await self._first.instrument(arguments)
        self._broker.depth.add(instrument)
        return cut(await self._first.first_book(instrument), arguments.rows)

    async def look_at(self, arguments: LookAt, caller: Caller) -> Looks:
        return await self._broker.looks.look(caller.face_id or caller.face, arguments.quotes, arguments.depth)

    async def subscribe_tick(self, arguments: WhichInstrument, caller: Caller) -> Quote:
        instrument = await self._first.instrument(arguments)
        self._broker.subscriptions.add(instrument, pinned=True)
        row = self._broker.tables["quotes"].get(str(instrument.conid))
        assert isinstance(row, Quote)  # noqa: S101 - a subscription has its row
        return row

    async def unsubscribe(self, arguments: WhichInstrument, caller: Caller) -> dict[str, Any]:
        conid = arguments.conid or (await self._first.instrument(arguments)).conid
        was_quoted, was_deep = self._broker.subscriptions.remove(conid), self._broker.depth.remove(conid)
        return {"conid": conid, "unsubscribed": was_quoted or was_deep}

    async def run_scanner(self, arguments: RunScanner, caller: Caller) -> list[ScanRow]:
        filters = {name: str(value) for name, value in arguments.filters.items()}
        check_scan(type=arguments.type, instrument=arguments.instrument, location=arguments.location)
        check_scan(**{f"filter {n}": name for n, name in enumerate(filters)})
        await self._first.ready()
        answer = await self._broker.reads.scan(arguments.instrument, arguments.type, arguments.location, filters)
        return read_scan(answer)[: arguments.rows]

    async def get_clock(self, arguments: Nothing, caller: Caller) -> MarketHours:
        hours = self._broker.market.hours()
        if hours is None:
            await self._first.ready()
            hours = await self._broker.market.read()
        return hours

    async def get_trading_schedule(self, arguments: WhichInstrument, caller: Caller) -> dict[str, Any]:
        instrument = await self._first.instrument(arguments)
        found = await self._broker.reads.trading_schedule(instrument.conid)
        now = self._broker.clock.now()
        soon = now.astimezone(UTC) - timedelta(days=1)
        return {
            "conid": instrument.conid,
            "symbol": instrument.symbol,
            "timezone": found.timezone,
            "is_open": found.hours(instrument.exchange, now).is_open,
            "regular": [
                {**_span(span.opening, span.closing), "half_day": found.is_half(span)}
                for span in found.liquid
                if span.closing > soon
            ],
            "extended": [_span(span.opening, span.closing) for span in found.extended if span.closing > soon],
        }


def _span(opening: datetime, closing: datetime) -> dict[str, Any]:
    return {"opening": opening.astimezone(UTC), "closing": closing.astimezone(UTC)}
