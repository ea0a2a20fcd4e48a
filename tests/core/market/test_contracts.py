"""From a symbol to one listing: preferences, ambiguity, pairs, and a cache that forgets in time (A-029, W-22)."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.market.contracts import Contracts, Recent
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.increments import PENNY, IncrementStep
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.occ import OptionName

APPLE = {
    "AAPL": [
        {
            "name": "APPLE INC",
            "assetClass": "STK",
            "contracts": [
                {"conid": 38708077, "exchange": "MEXI", "isUS": False},
                {"conid": 265598, "exchange": "NASDAQ", "isUS": True},
                {"conid": 273982664, "exchange": "EBS", "isUS": False},
            ],
        },
        {
            "name": "APPLE INC-CDR",
            "assetClass": "STK",
            "contracts": [{"conid": 532640894, "exchange": "TSE", "isUS": False}],
        },
    ]
}
CURRENCIES = {265598: "USD", 38708077: "MXN", 273982664: "CHF", 532640894: "CAD", 11: "USD", 12: "GBP", 13: "GBP"}


class Reads:
    """A broker's contract reads, counted."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.stock_answers: dict[str, Any] = dict(APPLE)
        self.search_rows: list[dict[str, Any]] = []
        self.extra: dict[str, Any] = {}

    async def stocks(self, symbol: str) -> dict[str, Any]:
        self.calls.append(f"stocks {symbol}")
        return {symbol: self.stock_answers.get(symbol, [])}

    async def search(self, symbol: str, sec_type: str = "") -> list[dict[str, Any]]:
        self.calls.append(f"search {symbol} {sec_type}".strip())
        return self.search_rows

    async def futures(self, symbol: str) -> dict[str, Any]:
        self.calls.append(f"futures {symbol}")
        days = {100: 20250919, 101: 20251219, 102: 20260320, 103: 20351221, 104: "x"}
        return {"ES": [{"symbol": "ES", "conid": conid, "expirationDate": day} for conid, day in days.items()]}

    async def contract(self, conid: int) -> dict[str, Any]:
        self.calls.append(f"contract {conid}")
        return {
            "con_id": conid, "symbol": "AAPL", "local_symbol": "AAPL", "instrument_type": "STK",
            "company_name": "APPLE INC", "currency": CURRENCIES.get(conid, "USD"), "exchange": "SMART",
            "multiplier": None, "rules": {"incrementRules": [{"lowerEdge": 0.0, "increment": 5e-05}]},
        } | self.extra  # fmt: skip


@pytest.fixture
def reads() -> Reads:
    return Reads()


def contracts(reads: Reads, clock: Any, *prefer: str) -> Contracts:
    return Contracts(reads, clock, prefer or ("US", "USD"))


async def test_a_plain_symbol_is_the_preferred_listing(reads: Reads, fake_clock: Any) -> None:
    found = await contracts(reads, fake_clock).resolve("aapl ")
    assert (found.conid, found.symbol, found.name, found.currency) == (265598, "AAPL", "APPLE INC", "USD")
    assert found.increments == (IncrementStep(D(0), D("0.00005")),)


async def test_a_named_exchange_wins(reads: Reads, fake_clock: Any) -> None:
    assert (await contracts(reads, fake_clock).resolve("AAPL", exchange="mexi")).conid == 38708077


async def test_another_preference(reads: Reads, fake_clock: Any) -> None:
    assert (await contracts(reads, fake_clock, "EBS").resolve("AAPL")).conid == 273982664
    assert (await contracts(reads, fake_clock, "CAD").resolve("AAPL")).conid == 532640894


async def test_what_stays_ambiguous_is_refused_with_the_candidates(reads: Reads, fake_clock: Any) -> None:
    reads.stock_answers["VOD"] = [
        {"name": "VODAFONE", "contracts": [{"conid": 12, "exchange": "LSE"}, {"conid": 13, "exchange": "CHIX"}]}
    ]
    with pytest.raises(BrokerError) as caught:
        await contracts(reads, fake_clock).resolve("VOD")
    assert caught.value.code == "SYMBOL_AMBIGUOUS"
    assert [c["conid"] for c in caught.value.details["candidates"]] == [12, 13]
    assert "LSE (12)" in caught.value.message


@pytest.mark.parametrize("symbol", ["", "  ", "ZZZZ", "A" * 50, "AA;PL", "<b>"])
async def test_an_unknown_symbol(reads: Reads, fake_clock: Any, symbol: str) -> None:
    with pytest.raises(BrokerError) as caught:
        await contracts(reads, fake_clock).resolve(symbol)
    assert caught.value.code == "SYMBOL_NOT_FOUND"


@pytest.mark.parametrize("symbol", ["EUR.USD", "eur/usd"])
async def test_a_pair(reads: Reads, fake_clock: Any, symbol: str) -> None:
    reads.search_rows = [
        {"conid": "12087792", "symbol": "EUR.USD", "companyName": "x", "sections": [{"secType": "CASH"}]},
        {"conid": "5", "symbol": "EUR.GBP", "sections": [{"secType": "CASH"}]},
    ]
    reads.extra = {"symbol": "EUR", "local_symbol": "EUR.USD", "instrument_type": "CASH", "currency": "USD"}
    found = await contracts(reads, fake_clock).resolve(symbol)
    assert (found.conid, found.symbol, found.description) == (12087792, "EUR.USD", "EUR.USD")


async def test_a_future_is_named_by_its_month_or_its_conid(reads: Reads, fake_clock: Any) -> None:
    reads.extra = {"symbol": "ES", "local_symbol": "ESZ5", "instrument_type": "FUT", "multiplier": "50"}
    for symbol in ("ES DEC25", "ESZ5", "ESZ25", "ES 202512", "es 20251219"):
        found = await contracts(reads, fake_clock).resolve(symbol)
        assert (found.conid, found.description, found.multiplier) == (101, "ESZ5", D(50)), symbol
    assert (await contracts(reads, fake_clock).resolve("ESH6", sec_type="FUT")).conid == 102
    assert (await contracts(reads, fake_clock).resolve(conid=515416632)).conid == 515416632


async def test_an_exchange_that_does_not_list_it_is_refused_but_may_be_a_route(reads: Reads, fake_clock: Any) -> None:
    with pytest.raises(BrokerError, match="no listing on LSE: MEXI, NASDAQ, EBS, TSE") as caught:
        await contracts(reads, fake_clock).resolve("AAPL", exchange="lse")
    assert caught.value.code == "SYMBOL_NOT_FOUND"
    assert (await contracts(reads, fake_clock).resolve("AAPL", exchange="ARCA", routed=True)).conid == 265598
    assert (await contracts(reads, fake_clock).resolve("AAPL", exchange="SMART")).conid == 265598


async def test_a_conid_that_ibkr_does_not_know(reads: Reads, fake_clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(conid: int) -> None:
        raise BrokerError("IBKR_REQUEST_REFUSED", "contract not found", details={"status": 400})

    monkeypatch.setattr(reads, "contract", refused)
    with pytest.raises(BrokerError, match="IBKR knows no contract 7") as caught:
        await contracts(reads, fake_clock).resolve(conid=7)
    assert caught.value.code == "SYMBOL_NOT_FOUND"


async def test_a_future_without_its_month_is_ambiguous(reads: Reads, fake_clock: Any) -> None:
    kinds = [{"secType": "IND"}, {"secType": "FUT", "months": "DEC25"}, {"secType": "FOP"}]
    reads.search_rows = [{"conid": "11004968", "symbol": "ES", "sections": kinds}]
    with pytest.raises(BrokerError, match="2025-12-19"):
        await contracts(reads, fake_clock).resolve("ES")
    found = await contracts(reads, fake_clock).search("es")
    assert [(one.conid, one.exchange) for one in found][:2] == [(101, "2025-12-19"), (102, "2026-03-20")]
    with pytest.raises(BrokerError) as caught:
        await contracts(reads, fake_clock).resolve("ES", sec_type="FUT")
    assert caught.value.code == "SYMBOL_AMBIGUOUS"
    assert "2025-12-19 (101)" in caught.value.message
    assert "ES DEC26" in caught.value.user_action
    assert not [call for call in reads.calls if call.startswith("contract")], "no preference tells them apart"
    reads.extra = {"symbol": "ES", "instrument_type": "FUT", "multiplier": "50"}
    assert (await contracts(reads, fake_clock, "FRONT").resolve("ES", sec_type="FUT")).conid == 101


@pytest.mark.parametrize("multiplier", [None, "", "0", "much"])
async def test_a_future_without_its_multiplier_is_no_instrument(reads: Reads, fake_clock: Any, multiplier: Any) -> None:
    reads.extra = {"symbol": "ES", "local_symbol": "ESZ5", "instrument_type": "FUT", "multiplier": multiplier}
    with pytest.raises(BrokerError, match="multiplier of ESZ5") as caught:
        await contracts(reads, fake_clock).instrument(101)
    assert caught.value.code == "IBKR_RESPONSE_INVALID"


@pytest.mark.parametrize("symbol", ["ES JAN26", "ESF6", "NQ DEC25", "ES SEP25"])
async def test_a_future_that_is_not_there(reads: Reads, fake_clock: Any, symbol: str) -> None:
    with pytest.raises(BrokerError) as caught:
        await contracts(reads, fake_clock).resolve(symbol, sec_type="FUT")
    assert caught.value.code == "SYMBOL_NOT_FOUND"


async def test_a_stock_goes_before_a_future_of_the_same_letters(reads: Reads, fake_clock: Any) -> None:
    reads.stock_answers["ESZ5"] = [{"name": "A STOCK", "contracts": [{"conid": 11, "exchange": "NYSE", "isUS": True}]}]
    assert (await contracts(reads, fake_clock).resolve("ESZ5")).conid == 11


async def test_an_option_is_named_in_occ_form(reads: Reads, fake_clock: Any) -> None:
    asked: list[OptionName] = []

    async def find(name: OptionName) -> int:
        asked.append(name)
        return 777

    known = contracts(reads, fake_clock)
    known.find_option = find
    for symbol in ("AAPL  260116C00190000", "AAPL 260116C00190000", "aapl260116c00190000"):
        assert (await known.resolve(symbol)).conid == 777
    assert {(n.root, str(n.expiry), n.right, n.strike) for n in asked} == {("AAPL", "2026-01-16", "C", D(190))}
    await known.resolve("AAPL 260116C00190000", sec_type="OPT")
    with pytest.raises(BrokerError, match="OCC form"):
        await known.resolve("AAPL", sec_type="OPT")


@pytest.mark.parametrize(
    "extra",
    [
        {"local_symbol": "AAPL  260116C00190000"},
        {"local_symbol": "x", "maturity_date": "20260116", "strike": "190.0", "right": "C"},
    ],
)
async def test_an_option_has_a_short_name_however_it_is_described(
    reads: Reads, fake_clock: Any, extra: dict[str, Any]
) -> None:
    reads.extra = {"symbol": "AAPL", "instrument_type": "OPT", "multiplier": "100"} | extra
    assert (await contracts(reads, fake_clock).instrument(5)).description == "AAPL 16JAN26 190C"


async def test_a_sketch_is_for_showing_only(reads: Reads, fake_clock: Any) -> None:
    known = contracts(reads, fake_clock)
    known.sketch(Instrument(9, "AAPL", "AAPL 16JAN26 190C", "", "OPT", "SMART", "USD"))
    assert (await known.glimpse(9)).description == "AAPL 16JAN26 190C"
    assert known.known(9) is None
    assert reads.calls == []
    await known.instrument(9)
    assert (await known.glimpse(9)).sec_type == "STK", "what the broker says of the contract itself counts more"


@pytest.mark.parametrize("conid", [0, -1])
async def test_a_conid_is_above_zero(reads: Reads, fake_clock: Any, conid: int) -> None:
    with pytest.raises(BrokerError):
        await contracts(reads, fake_clock).resolve(conid=conid)


async def test_another_contract_than_asked_for_is_refused(reads: Reads, fake_clock: Any) -> None:
    reads.extra = {"con_id": 7}
    with pytest.raises(BrokerError):
        await contracts(reads, fake_clock).resolve(conid=5)


async def test_odd_rules_fall_back_to_a_cent(reads: Reads, fake_clock: Any) -> None:
    reads.extra = {"rules": {"increment": 0.25}}
    assert (await contracts(reads, fake_clock).resolve(conid=5)).increments == (IncrementStep(D(0), D("0.25")),)
    reads.extra = {"rules": None}
    assert (await contracts(reads, fake_clock).resolve(conid=5)).increments == PENNY


async def test_answers_are_kept_an_hour(reads: Reads, fake_clock: Any) -> None:
    known = contracts(reads, fake_clock)
    for _ in range(3):
        await known.resolve("AAPL")
    assert reads.calls == ["stocks AAPL", "contract 265598"]
    assert known.known(265598) is not None
    await fake_clock.advance(3601)
    await known.resolve("AAPL")
    assert reads.calls.count("stocks AAPL") == 2


async def test_the_cache_holds_1024(fake_clock: Any) -> None:
    kept: Recent[int] = Recent(fake_clock)
    for number in range(1024):
        kept.put(number, number)
    assert kept.get(0) == 0
    kept.put("new", 1)
    assert len(kept) == 1024
    assert kept.get(1) is None, "the one used longest ago went"
    assert kept.get(0) == 0
    await fake_clock.advance(3600)
    assert kept.get(0) == 0
    await fake_clock.advance(1)
    assert kept.get(0) is None


async def test_search_puts_the_preferred_listing_first(reads: Reads, fake_clock: Any) -> None:
    reads.search_rows = [
        {"conid": "2", "symbol": "AAPL", "companyName": "A", "description": "MEXI", "sections": [{"secType": "STK"}]},
        {"conid": "1", "symbol": "AAPL", "companyName": "A", "description": "NASDAQ", "sections": [{"secType": "STK"}]},
        {"conid": "nonsense", "symbol": "AAPL"},
        {"conid": "3", "symbol": "AAPL", "sections": [{"secType": "OPT"}]},
    ]
    found = await contracts(reads, fake_clock).search("aapl", "stk")
    assert [(listing.conid, listing.preferred) for listing in found] == [(1, True), (2, False)]
