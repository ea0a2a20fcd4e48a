"""The account: money, holdings, profit and loss, trades."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.operations.arguments import GetActivities, Nothing, WhichInstrument
from ibkr_tui.core.operations.prerequisites import Prerequisites
from ibkr_tui.core.orders.wire import fill_row
from ibkr_tui.core.portfolio.performance import MOST_DAYS as MOST_BOOKED
from ibkr_tui.core.portfolio.performance import booked_fill
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Fill
from ibkr_tui.model.portfolio import AccountSummary, LedgerLine, Pnl, Position

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker

MOST_DAYS: Final = 7
AS_FRESH_AS: Final = 1.0
PNL_TRIES: Final = 3


def account_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = AccountHandlers(broker)
    read = Tier.READ
    return [
        Operation("get_account", read, Nothing, do.get_account, "The account's money: net liquidation, cash, margin."),
        Operation("get_ledger", read, Nothing, do.get_ledger, "Cash and values by currency."),
        Operation("get_pnl", read, Nothing, do.get_pnl, "Daily and open profit and loss."),
        Operation("get_positions", read, Nothing, do.get_positions, "Every position, shorts included."),
        Operation(
            "get_activities",
            read,
            GetActivities,
            do.get_activities,
            "Trades of the last days: 7, or 90 of one instrument.",
        ),
    ]


class AccountHandlers:
    """What they do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._first = Prerequisites(broker)

    async def get_account(self, arguments: Nothing, caller: Caller) -> AccountSummary:
        known = self._broker.tables["account"].get(self._broker.profile.account_id)
        if isinstance(known, AccountSummary) and not self._broker.quiet.is_calm:
            return known  # with its time; a read would wait for the answer to the broker's question
        await self._first.readable()
        return await self._broker.portfolio.summary(at_most=AS_FRESH_AS)

    async def get_ledger(self, arguments: Nothing, caller: Caller) -> list[LedgerLine]:
        await self._first.readable()
        return await self._broker.portfolio.ledger()

    async def get_pnl(self, arguments: Nothing, caller: Caller) -> Pnl:
        await self._first.ready()
        account = self._broker.profile.account_id
        table = self._broker.tables["pnl"]
        for _ in range(PNL_TRIES):  # the first answer of a session can be empty (reference 4.2)
            if table.get(account) is not None:
                break
            self._broker.pnl.merge(await self._broker.reads.pnl())
        row = table.get(account)
        if not isinstance(row, Pnl):
            raise BrokerError("IBKR_UNAVAILABLE", "IBKR has not told the profit and loss yet", retryable=True)
        return row

    async def get_positions(self, arguments: Nothing, caller: Caller) -> list[Position]:
        await self._first.readable()
        return await self._broker.portfolio.read_positions()

    async def get_activities(self, arguments: GetActivities, caller: Caller) -> list[Fill]:
        which = WhichInstrument(arguments.symbol, arguments.conid, arguments.sec_type, arguments.exchange)
        is_one = bool(which.symbol) or which.conid is not None
        if arguments.days > MOST_BOOKED:
            raise BrokerError("BAD_ARGUMENT", f"days: IBKR gives the trades of 1 to {MOST_BOOKED} days")
        if arguments.days < 1 or (arguments.days > MOST_DAYS and not is_one):
            raise BrokerError(
                "BAD_ARGUMENT",
                f"days: IBKR gives the trades of 1 to {MOST_DAYS} days; of one instrument, of 1 to {MOST_BOOKED}",
                user_action=f"Ask for {MOST_DAYS} days, or name the instrument: symbol=… or conid=….",
            )
        await self._first.ready()
        conid = (await self._first.instrument(which)).conid if is_one else None
        rows = await self._broker.orders.reconciler.trades(min(arguments.days, MOST_DAYS))
        fills = [fill for row in rows if (fill := fill_row(row)) is not None]
        fills += self._heard(arguments.days, {fill.execution_id for fill in fills})
        mine = [fill for fill in fills if fill.account in {"", self._broker.profile.account_id}]
        found = [fill for fill in mine if conid in {None, fill.conid}]
        if arguments.days > MOST_DAYS and conid is not None:
            found += await self._booked(conid, arguments.days, before=min((f.at.date() for f in found), default=None))
        return sorted(found, key=lambda fill: fill.at, reverse=True)

    def _heard(self, days: int, read: set[str]) -> list[Fill]:
        """Fills of so many days that the stream told and the read, up to five seconds old, does not have yet."""
        first = self._broker.clock.now() - timedelta(days=min(days, MOST_DAYS))
        heard: tuple[Fill, ...] = self._broker.logs["fills"].entries()
        return [fill for fill in heard if fill.execution_id not in read and fill.at.date() >= first.date()]

    async def _booked(self, conid: int, days: int, before: date | None) -> list[Fill]:
        """Older trades by the day, as they were booked. Days that the trades tell are left to them."""
        instrument = await self._broker.contracts.instrument(conid)
        first = self._broker.clock.now().date() - timedelta(days=MOST_DAYS - 1)
        bookings = await self._broker.reports.transactions(conid, instrument.currency or "USD", days)
        until = min(first, before) if before else first
        return [fill for booking in bookings if (fill := booked_fill(booking, instrument, until)) is not None]
