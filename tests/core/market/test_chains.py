"""Chains from search, strikes and info; single options by name; what does not exist is said with what does (W-21)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.market.chains import Chains
from ibkr_tui.core.market.contracts import Contracts
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.occ import OptionName

from ..conftest import FakeClock

AAPL = Instrument(265598, "AAPL", "AAPL", "APPLE INC", "STK", "SMART", "USD")
DAYS = {"NOV25": ("20251121", "20251128"), "DEC25": ("20251219",), "JAN27": ("20270115",)}
STRIKES = {"call": [180.0, 185.0, 187.5, 190.0, 195.0], "put": [175.0, 180.0, 185.0, 187.5, 190.0]}


class Reads:
    """A broker that knows options of Apple."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: set[tuple[str, str]] = set()
        self.months = "NOV25;DEC25;JAN27;nonsense"
        self.strike_answer: dict[str, Any] = STRIKES
        self.classes = ("AAPL",)

    async def search(self, symbol: str, sec_type: str = "") -> list[dict[str, Any]]:
        self.asked.append(f"search {symbol}")
        if symbol not in {"AAPL", "SPX"}:
            return []
        sections = [{"secType": "STK"}, {"secType": "OPT", "months": self.months, "exchange": "SMART;AMEX"}]
        return [{"conid": "7", "symbol": symbol}, {"conid": "265598", "symbol": symbol, "sections": sections}]

    async def strikes(self, conid: int, month: str, sec_type: str = "OPT") -> dict[str, Any]:
        self.asked.append(f"strikes {conid} {month}")
        return self.strike_answer

    async def option_info(
        self, conid: int, month: str, strike: D, right: str, sec_type: str = "OPT"
    ) -> list[dict[str, Any]]:
        self.asked.append(f"info {month} {strike:f} {right}")
        if (f"{strike:f}", right) in self.fails:
            raise BrokerError("IBKR_UNAVAILABLE", "no answer")
        if strike not in {D(str(n)) for n in self.strike_answer["call" if right == "C" else "put"]}:
            return []
        return [
            {
                "conid": int(strike * 10) * 1000 + n * 10 + "CP".index(right) + 5 * k, "symbol": "AAPL", "right": right,
                "maturityDate": day, "multiplier": "100", "tradingClass": kind, "currency": "USD", "exchange": "SMART",
            }
            for n, day in enumerate(DAYS[month])
            for k, kind in enumerate(self.classes)
        ] + [{"conid": 0}, {"conid": 5, "maturityDate": "soon"}]  # fmt: skip

    async def stocks(self, symbol: str) -> dict[str, Any]:
        listed = {"AAPL": 265598, "SPX": 265598}
        group = (
            {"contracts": [{"conid": listed[symbol], "exchange": "NASDAQ", "isUS": True}]} if symbol in listed else {}
        )
        return {symbol: [group] if group else []}

    async def futures(self, symbol: str) -> dict[str, Any]:
        return {}

    async def contract(self, conid: int) -> dict[str, Any]:
        return {"con_id": conid, "symbol": "AAPL", "instrument_type": "STK", "currency": "USD"}


class Place:
    def __init__(self, clock: FakeClock) -> None:
        self.reads = Reads()
        self.contracts = Contracts(self.reads, clock, ("US", "USD"))
        self.chains = Chains(self.reads, self.contracts, clock)

    async def chain(
        self, expiry: str = "", rows: int = 3, spot: str | None = "188.2", around: str | None = None
    ) -> Any:
        return await self.chains.chain(
            AAPL, expiry, rows, D(around) if around else None, (D(spot) if spot else None, "" if spot else "no price")
        )

    async def refused(self, *arguments: Any, **named: Any) -> BrokerError:
        with pytest.raises(BrokerError) as caught:
            await self.chain(*arguments, **named)
        return caught.value


@pytest.fixture
def place(fake_clock: Any) -> Place:
    return Place(fake_clock)


async def test_a_chain_stands_around_the_money(place: Place) -> None:
    found = await place.chain()
    assert (found.months, found.month) == (("NOV25", "DEC25", "JAN27"), "NOV25")
    assert found.expiries == (date(2025, 11, 21), date(2025, 11, 28))
    assert found.expiry == date(2025, 11, 21)
    assert found.strikes == tuple(map(D, ("175", "180", "185", "187.5", "190", "195")))
    assert [row.strike for row in found.rows] == [D("185"), D("187.5"), D("190")]
    call = found.rows[1].call
    assert (call.description, call.right, call.strike) == ("AAPL 21NOV25 187.5C", "C", D("187.5"))
    assert found.rows[1].put.conid != call.conid
    assert (await place.contracts.glimpse(call.conid)).sec_type == "OPT"
    assert place.reads.asked[0] == "search AAPL", "without the search the broker tells no strikes"


async def test_what_was_learnt_is_kept_an_hour(place: Place, fake_clock: Any) -> None:
    await place.chain()
    asked = len(place.reads.asked)
    assert (await place.chain("2025-11-28")).expiry == date(2025, 11, 28)
    assert len(place.reads.asked) == asked
    await fake_clock.advance(3601)
    await place.chain()
    assert len(place.reads.asked) == 2 * asked


@pytest.mark.parametrize("expiry", ["JAN27", "jan27", "2027-01-15", "20270115"])
async def test_another_expiry(place: Place, expiry: str) -> None:
    found = await place.chain(expiry)
    assert (found.month, found.expiry) == ("JAN27", date(2027, 1, 15))


async def test_a_side_that_does_not_exist_is_none(place: Place) -> None:
    low, *_ = (await place.chain(around="175")).rows
    assert (low.strike, low.call) == (D(175), None)
    assert low.put is not None


async def test_days_that_are_over_are_left_behind(place: Place) -> None:
    late = Place(FakeClock(datetime(2025, 11, 29, tzinfo=UTC)))
    assert (await late.chain()).month == "DEC25"
    late = Place(FakeClock(datetime(2025, 11, 25, tzinfo=UTC)))
    assert (await late.chain()).expiries == (date(2025, 11, 28),)
    with pytest.raises(BrokerError, match="2025-11-28") as caught:
        await late.chain("2025-11-21")
    assert caught.value.code == "OPTION_NOT_FOUND"
    gone = Place(FakeClock(datetime(2025, 11, 29, tzinfo=UTC)))
    assert "ended on 2025-11-28" in (await gone.refused("NOV25")).message


async def test_without_a_price_it_stands_around_the_middle_and_says_why(place: Place) -> None:
    found = await place.chain(spot=None)
    assert (found.spot, found.spot_problem) == (None, "no price")
    assert [row.strike for row in found.rows] == [D("185"), D("187.5"), D("190")]


async def test_a_part_that_fails_is_said(place: Place) -> None:
    place.reads.fails = {("185", "C")}
    found = await place.chain()
    assert found.rows[0].call is None
    assert found.problem == "1 of 6 contracts could not be read"
    place.reads.fails = {(strike, right) for strike in ("185", "187.5", "190") for right in "CP"}
    fresh = Place(FakeClock())
    fresh.reads.fails = place.reads.fails
    assert (await fresh.refused("JAN27")).code == "IBKR_UNAVAILABLE"


@pytest.mark.parametrize(
    ("expiry", "code", "words"),
    [
        ("FEB26", "OPTION_NOT_FOUND", "NOV25, DEC25, JAN27"),
        ("2026-02-20", "OPTION_NOT_FOUND", "no options of FEB26"),
        ("2027-01-16", "OPTION_NOT_FOUND", "2027-01-15"),
        ("soon", "BAD_ARGUMENT", "JAN27"),
        ("2027-13-45", "BAD_ARGUMENT", "2027-01-15"),
    ],
)
async def test_an_expiry_that_is_not_there(place: Place, expiry: str, code: str, words: str) -> None:
    problem = await place.refused(expiry)
    assert problem.code == code
    assert words in problem.message


async def test_an_instrument_without_options(place: Place) -> None:
    place.reads.months = ""
    assert (await place.refused()).code == "OPTION_NOT_FOUND"
    place = Place(FakeClock())
    place.reads.strike_answer = {"call": [], "put": []}
    assert "no strikes" in (await place.refused()).message


def named(strike: str, day: date = date(2027, 1, 15), root: str = "AAPL") -> OptionName:
    return OptionName(root, day, "C", D(strike))


async def test_a_single_option(place: Place) -> None:
    conid = await place.chains.option(named("190"))
    assert conid == 1900000
    place.reads.classes = ("SPX", "SPXW")
    fresh = Place(FakeClock())
    fresh.reads.classes = ("SPX", "SPXW")
    assert await fresh.chains.option(named("190", root="SPX")) == 1900000
    assert await fresh.chains.option(named("190", root="SPXW")) == 1900005


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (named("191"), "strikes near it are 185, 187.5, 190, 195"),
        (named("190", date(2026, 3, 20)), "there are NOV25, DEC25, JAN27"),
        (named("190", date(2027, 1, 22)), "the days of JAN27 are 2027-01-15"),
    ],
)
async def test_a_single_option_that_does_not_exist(place: Place, name: OptionName, words: str) -> None:
    with pytest.raises(BrokerError) as caught:
        await place.chains.option(name)
    assert caught.value.code == "OPTION_NOT_FOUND"
    assert words in caught.value.message


async def test_a_root_that_nobody_knows(place: Place) -> None:
    with pytest.raises(BrokerError) as caught:
        await place.chains.option(named("190", root="ZZZW"))
    assert caught.value.code == "SYMBOL_NOT_FOUND"
