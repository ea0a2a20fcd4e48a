"""Contracts: from what a person types to one listing, and the details that prices and orders need (reference 4.7).

A plain symbol means the listing that `market.prefer` leads to; what stays ambiguous is refused with the candidates.
Answers are kept an hour, 1024 at most (requirement A-029).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from ibkr_tui.core.market.futures import FutureName, parse_future, read_futures
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.increments import PENNY, IncrementStep
from ibkr_tui.model.instruments import Instrument, Listing
from ibkr_tui.model.naming import contract_name
from ibkr_tui.model.numbers import parse_wire_or_none
from ibkr_tui.model.occ import OptionName, parse_occ
from ibkr_tui.model.text import clean

CACHE_SIZE: Final = 1024
CACHE_SECONDS: Final = 3600.0
_PAIR: Final = re.compile(r"([A-Z]{3})[./]([A-Z]{3})")
_SYMBOL: Final = re.compile(r"[A-Z0-9][A-Z0-9 .&'/-]{0,39}")
_MOST_CANDIDATES: Final = 12
_MULTIPLIED: Final = frozenset({"FUT", "OPT", "FOP"})
"""Kinds of contracts that are worth many times their price: without the multiplier nobody can tell what they risk."""
_FUTURE_ACTION: Final = "Name the contract's month (ES DEC26), or put FRONT into market.prefer for the nearest one."

Value = TypeVar("Value")


class ContractReads(Protocol):
    """The reads this module needs."""

    async def stocks(self, symbol: str) -> Mapping[str, Any]: ...
    async def search(self, symbol: str, sec_type: str = "") -> Sequence[Mapping[str, Any]]: ...
    async def contract(self, conid: int) -> Mapping[str, Any]: ...
    async def futures(self, symbol: str) -> Mapping[str, Any]: ...


FindOption = Callable[[OptionName], Awaitable[int]]


class Recent(Generic[Value]):
    """A cache: the 1024 entries used last, each for an hour."""

    def __init__(self, clock: Clock, *, size: int = CACHE_SIZE, seconds: float = CACHE_SECONDS) -> None:
        self._clock = clock
        self._size = size
        self._seconds = seconds
        self._entries: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Value | None:
        """What is kept under `key`, unless it is too old."""
        found = self._entries.get(key)
        if found is None:
            return None
        if self._clock.monotonic() - found[0] > self._seconds:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return found[1]

    def put(self, key: Hashable, value: Value) -> None:
        """Keep `value`; the entry used longest ago goes when there are too many."""
        self._entries[key] = (self._clock.monotonic(), value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)


class Contracts:
    """Resolves symbols and remembers what it learnt."""

    def __init__(self, reads: ContractReads, clock: Clock, prefer: Sequence[str]) -> None:
        self._reads = reads
        self._clock = clock
        self.find_option: FindOption | None = None
        self._prefer = tuple(word.upper() for word in prefer)
        self._conids: Recent[int] = Recent(clock)
        self._instruments: Recent[Instrument] = Recent(clock)
        self._sketches: Recent[Instrument] = Recent(clock)

    def known(self, conid: int) -> Instrument | None:
        """The instrument of `conid`, if its details are at hand."""
        return self._instruments.get(conid)

    def sketch(self, instrument: Instrument) -> None:
        """Remember what a list said of a contract: enough to show it, not to trade it (its increments are a guess)."""
        self._sketches.put(instrument.conid, instrument)

    async def glimpse(self, conid: int) -> Instrument:
        """Enough of `conid` to show its prices. Raises BrokerError SYMBOL_NOT_FOUND."""
        return self._instruments.get(conid) or self._sketches.get(conid) or await self.instrument(conid)

    async def resolve(
        self,
        symbol: str = "",
        conid: int | None = None,
        *,
        sec_type: str = "",
        exchange: str = "",
        routed: bool = False,
    ) -> Instrument:
        """The one listing that is meant. `routed`: the exchange is where an order goes, which may be no listing.

        Raises BrokerError SYMBOL_NOT_FOUND, or SYMBOL_AMBIGUOUS with the candidates in its details.
        """
        if conid is None:
            word = exchange.upper()
            conid = await self._conid(symbol, sec_type.upper(), "" if word == "SMART" else word, listed_only=not routed)
        return await self.instrument(conid)

    async def instrument(self, conid: int) -> Instrument:
        """The details of `conid`. Raises BrokerError SYMBOL_NOT_FOUND, IBKR_RESPONSE_INVALID without its multiplier."""
        found = self._instruments.get(conid)
        if found is None:
            if conid <= 0:
                raise BrokerError("SYMBOL_NOT_FOUND", "a conid is a number above zero")
            try:
                found = _instrument(conid, await self._reads.contract(conid))
            except BrokerError as error:
                if error.code != "IBKR_REQUEST_REFUSED" or error.details.get("status") != 400:
                    raise
                raise BrokerError("SYMBOL_NOT_FOUND", f"IBKR knows no contract {conid}") from None
            self._instruments.put(conid, found)
        return found

    async def search(self, symbol: str, sec_type: str = "") -> list[Listing]:
        """Candidates for what a person typed so far, the preferred ones first; in place of a root of futures, those."""
        text = _checked(symbol)
        rows = await self._reads.search(text, sec_type.upper())
        listings: list[Listing] = []
        for row in rows:
            if (listing := _listing(row, sec_type.upper())) is None:
                continue
            if listing.symbol == text and _is_root(row) and (futures := await self._futures(FutureName(text))):
                listings += [msgspec.structs.replace(one, name=f"{listing.name} {one.exchange}") for one in futures]
            else:
                listings.append(listing)
        marked = [self._marked(listing) for listing in listings]
        return sorted(marked, key=lambda listing: (listing.symbol != text, not listing.preferred))

    async def _conid(self, symbol: str, sec_type: str, exchange: str, *, listed_only: bool) -> int:
        text = _checked(symbol)
        pair = _PAIR.fullmatch(text)
        if pair and sec_type in {"", "CASH"}:
            text, sec_type, exchange = f"{pair[1]}.{pair[2]}", "CASH", ""
        key = (text, sec_type, exchange, listed_only)
        found = self._conids.get(key)
        if found is None and sec_type in {"", "OPT"} and (option := parse_occ(symbol)) and self.find_option:
            found = await self.find_option(option)
            self._conids.put(key, found)
        if found is None:
            candidates = await self._candidates(text, sec_type)
            found = (await self._choose(text, candidates, exchange, listed_only=listed_only)).conid
            self._conids.put(key, found)
        return found

    async def _candidates(self, symbol: str, sec_type: str) -> list[Listing]:
        future = parse_future(symbol) if sec_type in {"", "FUT"} else None
        if sec_type == "FUT" or (future is not None and " " in symbol):
            return await self._futures(future or FutureName(symbol))
        if sec_type in {"", "STK"}:
            found = _stock_listings(symbol, await self._reads.stocks(symbol))
            if found or sec_type == "STK":
                return found
        if future is not None and (listed := await self._futures(future)):
            return listed
        if sec_type not in {"", "CASH", "IND", "CRYPTO", "CFD"}:
            how = "in OCC form (AAPL 270115C00190000) or " if sec_type == "OPT" else ""
            raise BrokerError("SYMBOL_NOT_FOUND", f"name the {sec_type} contract of {symbol} {how}by its conid")
        rows = await self._reads.search(symbol, sec_type)
        rows = [row for row in rows if str(row.get("symbol") or "").upper() == symbol]
        if not sec_type and rows and all(_is_root(row) for row in rows):
            return await self._futures(FutureName(symbol))
        return [listing for row in rows if (listing := _listing(row, sec_type)) is not None]

    async def _futures(self, future: FutureName) -> list[Listing]:
        """The contracts that are meant, the nearest first. `exchange` holds what tells them apart: their day."""
        today = self._clock.now().date()
        found = read_futures(future.symbol, await self._reads.futures(future.symbol), today)
        fitting = [contract for contract in found if future.fits(contract.expiry)]
        if future.is_short_year:
            fitting = fitting[:1]  # ESZ6 is the next December of a year that ends in 6
        if "FRONT" in self._prefer and not future.month:
            fitting = fitting[:1]
        return [Listing(c.conid, future.symbol, f"{c.symbol} {c.expiry}", "FUT", str(c.expiry)) for c in fitting]

    async def _choose(self, symbol: str, candidates: list[Listing], exchange: str, *, listed_only: bool) -> Listing:
        if not candidates:
            raise BrokerError("SYMBOL_NOT_FOUND", f"IBKR knows no “{clean(symbol, limit=40)}”")
        listed = [listing for listing in candidates if listing.exchange == exchange]
        if listed_only and exchange and not listed and candidates[0].sec_type == "STK":
            names = ", ".join(dict.fromkeys(listing.exchange for listing in candidates[:_MOST_CANDIDATES]))
            raise BrokerError("SYMBOL_NOT_FOUND", f"“{symbol}” has no listing on {clean(exchange, limit=16)}: {names}")
        left = listed or candidates
        for word in self._prefer:
            if left[0].sec_type == "FUT":
                break  # what tells contract months apart is no preference
            if len(left) == 1:
                break
            left = await self._narrow(left, word) or left
        if len(left) == 1:
            return left[0]
        shown = candidates[:_MOST_CANDIDATES]
        names = ", ".join(f"{listing.exchange} ({listing.conid})" for listing in shown)
        raise BrokerError(
            "SYMBOL_AMBIGUOUS",
            f"“{symbol}” has {len(candidates)} listings: {names}",
            details={"candidates": [{"conid": c.conid, "exchange": c.exchange, "name": c.name} for c in shown]},
            user_action=_FUTURE_ACTION if shown[0].sec_type == "FUT" else None,
        )

    async def _narrow(self, left: list[Listing], word: str) -> list[Listing]:
        if word == "US":
            return [listing for listing in left if listing.is_us]
        by_exchange = [listing for listing in left if listing.exchange == word]
        if by_exchange or len(word) != 3 or len(left) > _MOST_CANDIDATES:
            return by_exchange
        return [listing for listing in left if (await self.instrument(listing.conid)).currency == word]

    def _marked(self, listing: Listing) -> Listing:
        american = {"NASDAQ", "NYSE", "ARCA", "AMEX", "BATS", "IEX", "PINK", "CME", "CBOT", "NYMEX", "COMEX", "CBOE"}
        is_us = listing.is_us or listing.exchange in american
        preferred = ("US" in self._prefer and is_us) or listing.exchange in self._prefer
        return Listing(
            conid=listing.conid,
            symbol=listing.symbol,
            name=listing.name,
            sec_type=listing.sec_type,
            exchange=listing.exchange,
            currency=listing.currency,
            is_us=is_us,
            preferred=preferred,
        )


def _checked(symbol: str) -> str:
    text = symbol.strip().upper()
    if not _SYMBOL.fullmatch(text):
        raise BrokerError("SYMBOL_NOT_FOUND", f"“{clean(symbol, limit=40)}” is no symbol")
    return text


def _stock_listings(symbol: str, answer: Mapping[str, Any]) -> list[Listing]:
    groups = answer.get(symbol)
    found = []
    for group in groups if isinstance(groups, list) else []:
        for row in group.get("contracts") or []:
            conid = row.get("conid")
            if isinstance(conid, int) and conid > 0:
                found.append(
                    Listing(
                        conid=conid,
                        symbol=symbol,
                        name=clean(str(group.get("name") or ""), limit=80),
                        sec_type=clean(str(group.get("assetClass") or "STK"), limit=8),
                        exchange=clean(str(row.get("exchange") or ""), limit=16),
                        is_us=row.get("isUS") is True,
                    )
                )
    return found


def _kinds(row: Mapping[str, Any]) -> list[str]:
    return [str(s.get("secType") or "") for s in row.get("sections") or [] if isinstance(s, Mapping)]


def _is_root(row: Mapping[str, Any]) -> bool:
    """Whether a row is only what futures are written on (ES): not traded, and without options of its own (VIX has)."""
    kinds = set(_kinds(row))
    return "FUT" in kinds and not kinds & {"STK", "OPT", "CASH"}


def _listing(row: Mapping[str, Any], sec_type: str) -> Listing | None:
    conid = str(row.get("conid") or "")
    kinds = _kinds(row)
    if not (conid.isascii() and conid.isdigit() and int(conid) > 0) or (sec_type and sec_type not in kinds):
        return None
    symbol = clean(str(row.get("symbol") or ""), limit=40)
    pair = _PAIR.fullmatch(symbol)
    return Listing(
        conid=int(conid),
        symbol=symbol,
        name=clean(str(row.get("companyName") or row.get("companyHeader") or ""), limit=80),
        sec_type=clean(sec_type or (kinds[0] if kinds else ""), limit=8),
        exchange=clean(str(row.get("description") or ""), limit=16),
        currency=pair[2] if pair else "",
    )


def _instrument(conid: int, row: Mapping[str, Any]) -> Instrument:
    symbol = clean(str(row.get("symbol") or row.get("local_symbol") or ""), limit=40)
    if str(row.get("con_id", conid)) != str(conid) or not symbol:
        raise BrokerError("SYMBOL_NOT_FOUND", f"IBKR knows no contract {conid}")
    local = clean(str(row.get("local_symbol") or symbol), limit=40)
    kind = clean(str(row.get("instrument_type") or ""), limit=8)
    multiplier = parse_wire_or_none(row.get("multiplier"))
    if kind in _MULTIPLIED and (multiplier is None or multiplier <= 0):
        raise BrokerError("IBKR_RESPONSE_INVALID", f"IBKR does not say the multiplier of {local}")
    currency = clean(str(row.get("currency") or ""), limit=8)
    pair = kind == "CASH" and len(symbol) == 3 and currency
    expiry = str(row.get("maturity_date") or row.get("expiry_full") or "")
    short = contract_name(symbol, kind, expiry, parse_wire_or_none(row.get("strike")), str(row.get("right") or ""))
    if short == symbol and (option := parse_occ(local)) is not None:
        short = contract_name(symbol, kind, f"{option.expiry:%Y%m%d}", option.strike, option.right)
    if short == symbol and kind in {"FUT", "OPT", "FOP", "WAR"}:
        short = local
    description = f"{symbol}.{currency}" if pair else short
    return Instrument(
        conid=conid,
        symbol=description if pair else symbol,
        description=description,
        name=clean(str(row.get("company_name") or ""), limit=80),
        sec_type=kind,
        exchange=clean(str(row.get("exchange") or "SMART"), limit=16),
        currency=currency,
        multiplier=multiplier if multiplier is not None and multiplier > 0 else Decimal(1),
        increments=_increments(row.get("rules")),
    )


def _increments(rules: Any) -> tuple[IncrementStep, ...]:
    if not isinstance(rules, Mapping):
        return PENNY
    steps = []
    for step in rules.get("incrementRules") or []:
        edge, increment = parse_wire_or_none(step.get("lowerEdge")), parse_wire_or_none(step.get("increment"))
        if edge is not None and increment is not None and increment > 0:
            steps.append(IncrementStep(edge, increment.normalize()))
    if steps:
        return tuple(steps)
    increment = parse_wire_or_none(rules.get("increment"))
    return (IncrementStep(Decimal(0), increment.normalize()),) if increment is not None and increment > 0 else PENNY
