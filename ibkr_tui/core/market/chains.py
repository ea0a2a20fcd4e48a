"""Option chains: search, then strikes, then one question for each strike and right (W-21, reference 4.7).

What was learnt is kept an hour: strikes and contracts of a month hardly change within a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, Protocol

from ibkr_tui.core.market.contracts import Contracts, Recent
from ibkr_tui.core.web.days import read_day
from ibkr_tui.model.chains import ChainRow, OptionChain, OptionContract
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.naming import contract_name
from ibkr_tui.model.numbers import parse_wire_or_none, plain
from ibkr_tui.model.occ import MONTHS, OptionName, month_word
from ibkr_tui.model.text import clean

MOST_ROWS: Final = 40
DEFAULT_ROWS: Final = 11
AT_ONCE: Final = 6


class ChainReads(Protocol):
    """The reads this module needs."""

    async def search(self, symbol: str, sec_type: str = "") -> Sequence[Mapping[str, Any]]: ...
    async def strikes(self, conid: int, month: str, sec_type: str = "OPT") -> Mapping[str, Any]: ...
    async def option_info(
        self, conid: int, month: str, strike: Decimal, right: str, sec_type: str = "OPT"
    ) -> Sequence[Mapping[str, Any]]: ...


class Chains:
    """Reads chains and finds single options."""

    def __init__(self, reads: ChainReads, contracts: Contracts, clock: Clock) -> None:
        self._reads = reads
        self._contracts = contracts
        self._clock = clock
        self._months: Recent[tuple[str, ...]] = Recent(clock)
        self._strikes: Recent[tuple[Decimal, ...]] = Recent(clock)
        self._infos: Recent[tuple[OptionContract, ...]] = Recent(clock, size=8192)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def chain(
        self, underlying: Instrument, expiry: str, rows: int, around: Decimal | None, spot: tuple[Decimal | None, str]
    ) -> OptionChain:
        """`rows` strikes around `around`, else around the price in `spot` (with what is wrong with it).

        `expiry` is a month (`JAN27`), a day (`2027-01-15` or `20270115`), or empty for the nearest day.
        Raises BrokerError OPTION_NOT_FOUND with what there is instead.
        """
        months = await self._months_of(underlying)
        wanted = _wanted(expiry)
        month = month_word(wanted) if isinstance(wanted, date) else wanted or months[0]
        if month not in months:
            raise BrokerError(
                "OPTION_NOT_FOUND",
                f"{underlying.description} has no options of {month}; there are: {', '.join(months)}",
                details={"months": list(months)},
            )
        strikes = await self._strikes_of(underlying, month)
        if not expiry and not await self._days(underlying, month, strikes, around or spot[0]) and len(months) > 1:
            month = months[1]  # all days of this month are over
            strikes = await self._strikes_of(underlying, month)
        near = _nearest(strikes, around or spot[0], rows)
        found, problem = await self._contracts_of(underlying, month, near)
        every = sorted({option.expiry for options in found.values() for option in options})
        days = [day for day in every if day >= self._today]
        if not days:
            over = f": the last ones ended on {every[-1]}" if every else problem
            raise BrokerError("OPTION_NOT_FOUND", f"there are no {month} options of {underlying.description}{over}")
        day = wanted if isinstance(wanted, date) else days[0]
        if day not in days:
            raise BrokerError(
                "OPTION_NOT_FOUND",
                f"no options of {underlying.description} end on {day}; there are: {', '.join(map(str, days))}",
                details={"expiries": [str(d) for d in days]},
            )
        return OptionChain(
            conid=underlying.conid,
            symbol=underlying.symbol,
            months=months,
            month=month,
            expiries=tuple(days),
            expiry=day,
            strikes=strikes,
            rows=tuple(_row(strike, day, underlying.symbol, found) for strike in near),
            spot=spot[0],
            spot_problem=spot[1],
            problem=problem.removeprefix(": "),
        )

    async def option(self, name: OptionName) -> int:
        """The conid of one option. Raises BrokerError OPTION_NOT_FOUND, or what its underlying raises."""
        underlying = await self._underlying(name.root)
        months = await self._months_of(underlying)
        if name.month not in months:
            raise _no_such(name, f"there are {', '.join(months)}")
        strikes = await self._strikes_of(underlying, name.month)
        if name.strike not in strikes:
            near = ", ".join(plain(strike) for strike in _nearest(strikes, name.strike, 4))
            raise _no_such(name, f"strikes near it are {near}")
        found = await self._info(underlying, name.month, name.strike, name.right)
        same_day = [option for option in found if option.expiry == name.expiry]
        if not same_day:
            raise _no_such(name, f"the days of {name.month} are {', '.join(sorted(str(o.expiry) for o in found))}")
        return _chosen(same_day, name.root).conid

    @property
    def _today(self) -> date:
        return self._clock.now().date()

    async def _underlying(self, root: str) -> Instrument:
        """What the root of an option symbol is written on: SPXW is a class of SPX."""
        try:
            return await self._contracts.resolve(root)
        except BrokerError as error:
            if error.code != "SYMBOL_NOT_FOUND" or not root.endswith("W") or len(root) < 3:
                raise
        return await self._contracts.resolve(root[:-1])

    async def _months_of(self, underlying: Instrument) -> tuple[str, ...]:
        """The months in order of time. The search is needed too: without it the broker tells no strikes."""
        known = self._months.get(underlying.conid)
        if known is not None:
            return known
        rows = await self._reads.search(underlying.symbol)
        row = next((row for row in rows if str(row.get("conid")) == str(underlying.conid)), None)
        months = sorted(set(_months(row)), key=_order) if row is not None else []
        if not months:
            raise BrokerError(
                "OPTION_NOT_FOUND",
                f"IBKR names no options of {underlying.description}",
                user_action="Choose another underlying.",
            )
        self._months.put(underlying.conid, tuple(months))
        return tuple(months)

    async def _strikes_of(self, underlying: Instrument, month: str) -> tuple[Decimal, ...]:
        key = (underlying.conid, month)
        known = self._strikes.get(key)
        if known is not None:
            return known
        answer = await self._reads.strikes(underlying.conid, month)
        said = [parse_wire_or_none(value) for side in ("call", "put") for value in answer.get(side) or []]
        strikes = tuple(sorted({Decimal(plain(strike)) for strike in said if strike is not None and strike > 0}))
        if not strikes:
            raise BrokerError("OPTION_NOT_FOUND", f"IBKR names no strikes of {underlying.description} in {month}")
        self._strikes.put(key, strikes)
        return strikes

    async def _days(
        self, underlying: Instrument, month: str, strikes: Sequence[Decimal], centre: Decimal | None
    ) -> list[date]:
        """The days of `month` that are not over, by one strike near the centre."""
        for strike in _nearest(strikes, centre, 1):
            found = await self._info(underlying, month, strike, "C")
            return [option.expiry for option in found if option.expiry >= self._today]
        return []

    async def _contracts_of(
        self, underlying: Instrument, month: str, strikes: Sequence[Decimal]
    ) -> tuple[dict[tuple[Decimal, str], tuple[OptionContract, ...]], str]:
        """Every contract by strike and right, and what could not be read. Raises when nothing could."""
        keys = [(strike, right) for strike in strikes for right in "CP"]
        answers = await asyncio.gather(*(self._info(underlying, month, *key) for key in keys), return_exceptions=True)
        found: dict[tuple[Decimal, str], tuple[OptionContract, ...]] = {}
        failed: list[BrokerError] = []
        for key, answer in zip(keys, answers, strict=True):
            if isinstance(answer, BrokerError):
                failed.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found[key] = answer
        if failed and not found:
            raise failed[0].again()
        return found, f": {len(failed)} of {len(keys)} contracts could not be read" if failed else ""

    async def _info(
        self, underlying: Instrument, month: str, strike: Decimal, right: str
    ) -> tuple[OptionContract, ...]:
        key = (underlying.conid, month, strike, right)
        known = self._infos.get(key)
        if known is not None:
            return known
        async with self._turns:
            rows = await self._reads.option_info(underlying.conid, month, strike, right)
        found = tuple(option for row in rows if (option := _option(row, underlying, strike, right)) is not None)
        self._infos.put(key, found)
        for option in found:
            self._contracts.sketch(_instrument(option, underlying))
        return found


def _wanted(expiry: str) -> date | str:
    """A day, a month's word, or nothing. Raises BrokerError BAD_ARGUMENT."""
    text = expiry.strip().upper().replace("-", "")
    if not text or (text[:3] in MONTHS and len(text) == 5 and text[3:].isascii() and text[3:].isdigit()):
        return text
    day = read_day(text)
    if day is None:
        raise BrokerError("BAD_ARGUMENT", f"expiry is a month (JAN27) or a day (2027-01-15), not “{expiry[:20]}”")
    return day


def _months(row: Mapping[str, Any]) -> Iterable[str]:
    for section in row.get("sections") or []:
        if isinstance(section, Mapping) and section.get("secType") == "OPT":
            for word in str(section.get("months") or "").upper().split(";"):
                if word[:3] in MONTHS and len(word) == 5 and word[3:].isascii() and word[3:].isdigit():
                    yield word


def _order(month: str) -> tuple[int, int]:
    return int(month[3:]), MONTHS.index(month[:3])


def _nearest(strikes: Sequence[Decimal], centre: Decimal | None, count: int) -> list[Decimal]:
    """`count` strikes in a row around `centre`; around the middle one where there is no centre."""
    middle = strikes[len(strikes) // 2] if centre is None else min(strikes, key=lambda strike: abs(strike - centre))
    at = strikes.index(middle)
    first = min(max(0, at - count // 2), max(0, len(strikes) - count))
    return list(strikes[first : first + count])


def _row(
    strike: Decimal, day: date, symbol: str, found: Mapping[tuple[Decimal, str], Sequence[OptionContract]]
) -> ChainRow:
    sides = []
    for right in "CP":
        options = [option for option in found.get((strike, right), ()) if option.expiry == day]
        sides.append(_chosen(options, symbol) if options else None)
    return ChainRow(strike, *sides)


def _chosen(options: Sequence[OptionContract], root: str) -> OptionContract:
    """Of several classes of one day (SPX and SPXW) the one that bears the name."""
    return next((option for option in options if option.trading_class == root), options[0])


def _option(row: Mapping[str, Any], underlying: Instrument, strike: Decimal, right: str) -> OptionContract | None:
    conid, day = row.get("conid"), read_day(row.get("maturityDate"))
    if not isinstance(conid, int) or conid <= 0 or day is None:
        return None
    multiplier = parse_wire_or_none(row.get("multiplier"))
    return OptionContract(
        conid=conid,
        description=contract_name(underlying.symbol, "OPT", f"{day:%Y%m%d}", strike, right),
        right=right,
        strike=strike,
        expiry=day,
        multiplier=multiplier if multiplier is not None and multiplier > 0 else Decimal(100),
        trading_class=clean(str(row.get("tradingClass") or ""), limit=12),
        exchange=clean(str(row.get("exchange") or "SMART"), limit=16),
        currency=clean(str(row.get("currency") or underlying.currency), limit=8),
    )


def _instrument(option: OptionContract, underlying: Instrument) -> Instrument:
    return Instrument(
        conid=option.conid,
        symbol=underlying.symbol,
        description=option.description,
        name=underlying.name,
        sec_type="OPT",
        exchange=option.exchange,
        currency=option.currency,
        multiplier=option.multiplier,
    )


def _no_such(name: OptionName, instead: str) -> BrokerError:
    what = contract_name(name.root, "OPT", f"{name.expiry:%Y%m%d}", name.strike, name.right)
    return BrokerError("OPTION_NOT_FOUND", f"there is no option {what}: {instead}")
