"""Reports and money: performance, bookings, exchange rates, and which account is meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from ibkr_tui.core.accounts import on_account
from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.operations.arguments import WhichInstrument
from ibkr_tui.core.operations.prerequisites import Prerequisites
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.performance import Performance, Transaction
from ibkr_tui.model.text import clean

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker

_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class GetPerformance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`period`: 1D 7D MTD 1M 3M 6M 12M YTD."""

    period: str = "1M"


class GetTransactions(WhichInstrument, frozen=True, forbid_unknown_fields=True):
    """Bookings in one instrument over so many days; `currency` is the one that amounts are given in."""

    days: Annotated[int, msgspec.Meta(ge=1)] = 90
    currency: str = ""


class GetExchangeRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From a currency to another one; without `target` to the account's base currency."""

    source: str
    target: str = ""


class SwitchAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account of this login."""

    account: str


def report_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = ReportHandlers(broker)
    read = Tier.READ
    return [
        Operation("get_performance", read, GetPerformance, do.get_performance, "Net value and returns over a period."),
        Operation(
            "get_transactions", read, GetTransactions, do.get_transactions, "Bookings of one instrument, to 90 days."
        ),
        Operation(
            "get_exchange_rate", read, GetExchangeRate, do.get_exchange_rate, "One currency in another, at IBKR's rate."
        ),
        Operation(
            "switch_account", Tier.CHANGE, SwitchAccount, do.switch_account, "Go over to another account of the login."
        ),
    ]


class ReportHandlers:
    """What they do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._first = Prerequisites(broker)

    async def get_performance(self, arguments: GetPerformance, caller: Caller) -> Performance:
        await self._first.ready()
        return await self._broker.reports.performance(arguments.period)

    async def get_transactions(self, arguments: GetTransactions, caller: Caller) -> list[Transaction]:
        which = WhichInstrument(arguments.symbol, arguments.conid, arguments.sec_type, arguments.exchange)
        instrument = await self._first.instrument(which)
        currency = _currency(arguments.currency or instrument.currency or "USD", "currency")
        return await self._broker.reports.transactions(instrument.conid, currency, arguments.days)

    async def get_exchange_rate(self, arguments: GetExchangeRate, caller: Caller) -> dict[str, Any]:
        source = _currency(arguments.source, "source")
        await self._first.ready()
        target = _currency(arguments.target or (await self._broker.portfolio.summary()).currency, "target")
        rate = await self._broker.portfolio.market_rate(source, target)
        return {"source": source, "target": target, "rate": rate}

    async def switch_account(self, arguments: SwitchAccount, caller: Caller) -> dict[str, Any]:
        """A broker is pinned to one account, which every face that meets it has checked (design 2): for another one
        the core begins anew on that account, and faces must mean that one to attach again."""
        broker = self._broker
        profile = broker.profile
        account = arguments.account.strip().upper()
        await self._first.ready()
        known = (await broker.reads.accounts()).accounts
        if account not in known:
            raise BrokerError(
                "IBKR_ACCOUNT_NOT_FOUND",
                f"this login has no account {clean(arguments.account, limit=20)}; it has {', '.join(known)}",
                details={"accounts": list(known)},
                user_action="Name one of these accounts.",
            )
        if account == profile.account_id:
            await broker.reads.select_account(account)
            return {"account": account, "changed": False}
        wanted = on_account(profile, account)
        if broker.on_switch is None:
            raise BrokerError(
                "ACCOUNT_PINNED",
                f"this core is pinned to {profile.account_id}: nobody is there to start it anew",
                details={"account": account, "pinned": profile.account_id},
            )
        if broker.open_intents:
            raise BrokerError(
                "ORDER_BLOCKED_UNKNOWN",
                f"{broker.open_intents} order(s) of {profile.account_id} have no proven fate yet",
                user_action="Wait until they are seen, or resolve them, then change the account.",
            )
        if kept_up := len(broker.orders.pursuit):
            raise BrokerError(
                "ORDER_BLOCKED_UNKNOWN",
                f"the cancels of {kept_up} order(s) of {profile.account_id} are kept up until these are over",
                user_action="Wait until they are over, or let them work (resolve_order verdict=keep); "
                "then change the account.",
            )
        broker.on_switch(wanted)
        return {"account": account, "changed": True}


def _currency(text: str, what: str) -> str:
    word = text.strip().upper()
    if not _CURRENCY.fullmatch(word):
        raise BrokerError("BAD_ARGUMENT", f"{what}: “{clean(text, limit=20)}” is no currency such as EUR")
    return word
