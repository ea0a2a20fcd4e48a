"""Quotes merge deltas, and call themselves live only when they are (faults W2–W4, W10–W12, W16)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibkr_tui.core.market.fields import FIELDS
from ibkr_tui.core.market.pulse import HEARTBEAT_WITHIN, LOST_AFTER, RENEWED_WITHIN
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.market.snapshots import read_snapshot
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.increments import IncrementStep
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.table import Table

AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")
EUR = Instrument(
    12087792, "EUR.USD", "EUR.USD", "", "CASH", "IDEALPRO", "USD", increments=(IncrementStep(D(0), D("0.00005")),)
)
FIRST = {
    "conid": 265598, "_updated": 1000, "6509": "RpB", "31": "189.43", "84": "189.42", "86": "189.44", "85": "300",
    "88": "1,200", "7059": "100", "82": "+2.27", "83": "1.21%", "87": "41.2M", "87_raw": 41234567.0, "70": "190.11",
    "71": "187", "7295": "188.1", "7741": "187.16", "7296": "187.16", "55": "AAPL",
}  # fmt: skip


@pytest.fixture
def table() -> Table[Quote]:
    return Table("quotes")


@pytest.fixture
def board(table: Table[Quote], fake_clock: Any) -> QuoteBoard:
    made = QuoteBoard(table, fake_clock)
    made.connected()
    made.expect(AAPL)
    return made


def row(table: Table[Quote], conid: int = 265598) -> Quote:
    found = table.get(str(conid))
    assert found is not None
    return found


def test_a_row_waits_before_its_first_price(board: QuoteBoard, table: Table[Quote]) -> None:
    assert (row(table).status, row(table).last) == (QuoteStatus.NO_DATA, None)
    assert "waiting" in row(table).problem
    assert board.confirmed_age(265598) is None
    assert board.confirmed_age(1) is None


def test_a_full_frame_fills_the_row(board: QuoteBoard, table: Table[Quote]) -> None:
    assert board.merge(265598, FIRST)
    quote = row(table)
    assert quote.status is QuoteStatus.LIVE
    assert (quote.last, quote.bid, quote.ask) == (D("189.43"), D("189.42"), D("189.44"))
    assert (quote.bid_size, quote.ask_size, quote.last_size) == (D(1200), D(300), D(100))
    assert (quote.change, quote.change_pct, quote.volume) == (D("2.27"), D("1.21"), D(41234567))
    assert (quote.open, quote.high, quote.low, quote.close) == (D("188.1"), D("190.11"), D(187), D("187.16"))
    assert quote.decimals == 2
    assert quote.changed_at is not None


def test_a_delta_changes_only_what_it_names(board: QuoteBoard, table: Table[Quote]) -> None:
    board.merge(265598, FIRST)
    board.merge(265598, {"_updated": 1001, "84": "189.45"})
    assert (row(table).bid, row(table).ask, row(table).last) == (D("189.45"), D("189.44"), D("189.43"))
    board.merge(265598, {"_updated": 1002, "84": ""})
    assert row(table).bid is None


def test_an_older_frame_is_dropped_and_counted(board: QuoteBoard, table: Table[Quote]) -> None:
    board.merge(265598, FIRST)
    assert not board.merge(265598, {"_updated": 999, "84": "1.00"})
    assert row(table).bid == D("189.42")
    assert board.dropped == 1


@pytest.mark.parametrize("conid", [0, 999])
def test_an_unknown_conid_is_dropped_and_counted(board: QuoteBoard, table: Table[Quote], conid: int) -> None:
    assert not board.merge(conid, FIRST)
    assert board.dropped == 1
    assert len(table) == 1


def test_garbage_keeps_what_was_known(board: QuoteBoard, table: Table[Quote]) -> None:
    board.merge(265598, FIRST)
    board.merge(265598, {"_updated": 1001, "84": "NaN", "31": "abc", "86": [1], "6509": 5})
    assert (row(table).bid, row(table).last, row(table).ask) == (D("189.42"), D("189.43"), D("189.44"))
    assert board.dropped == 3
    assert not board.merge(265598, {"_updated": "x"})


@pytest.mark.parametrize("none", ["-1", "0", "", "-1.00"])
def test_no_price_is_no_number(board: QuoteBoard, table: Table[Quote], none: str) -> None:
    board.merge(265598, {**FIRST, "84": none})
    assert row(table).bid is None


@pytest.mark.parametrize(
    ("letters", "status"),
    [
        ("RpB", QuoteStatus.LIVE),
        ("RB", QuoteStatus.LIVE),
        ("DPB", QuoteStatus.DELAYED),
        ("ZB", QuoteStatus.FROZEN),
        ("Y", QuoteStatus.FROZEN),
        ("N", QuoteStatus.NO_DATA),
        ("O", QuoteStatus.NO_DATA),
        ("S", QuoteStatus.NO_DATA),
        ("", QuoteStatus.NO_DATA),
    ],
)
def test_availability_is_said(board: QuoteBoard, table: Table[Quote], letters: str, status: QuoteStatus) -> None:
    board.merge(265598, {**FIRST, "6509": letters})
    assert row(table).status is status
    assert bool(row(table).problem) == (status is not QuoteStatus.LIVE)


def test_availability_without_a_price_is_no_data(board: QuoteBoard, table: Table[Quote]) -> None:
    board.merge(265598, {"_updated": 1, "6509": "RpB"})
    assert (row(table).status, row(table).problem) == (QuoteStatus.NO_DATA, "no price yet")


def test_a_halt_and_its_end(board: QuoteBoard, table: Table[Quote]) -> None:
    board.merge(265598, {**FIRST, "31": "H189.40"})
    assert (row(table).status, row(table).last) == (QuoteStatus.HALTED, D("189.40"))
    board.merge(265598, {"_updated": 2000, "31": "189.41"})
    assert row(table).status is QuoteStatus.LIVE


def test_a_previous_close_is_named_so(board: QuoteBoard, table: Table[Quote]) -> None:
    board.merge(265598, {**FIRST, "31": "C187.16"})
    assert row(table).last == D("187.16")
    assert "previous close" in row(table).problem


def test_volume_keeps_the_more_precise_field(board: QuoteBoard, table: Table[Quote]) -> None:
    board.merge(265598, {"_updated": 1, "6509": "R", "31": "1.5", "87": "1.2M"})
    assert row(table).volume == D(1200000)
    board.merge(265598, {"_updated": 2, "7762": "1234567"})
    board.merge(265598, {"_updated": 3, "87": "1.2M"})
    assert row(table).volume == D(1234567)


def test_decimals_come_from_the_increments(board: QuoteBoard, table: Table[Quote]) -> None:
    board.expect(EUR)
    board.merge(12087792, {"_updated": 1, "6509": "R", "31": "1.08405"})
    assert row(table, 12087792).decimals == 5


async def test_a_quiet_row_stays_live_while_heartbeats_come(
    board: QuoteBoard, table: Table[Quote], fake_clock: Any
) -> None:
    board.merge(265598, FIRST)
    for _ in range(20):
        await fake_clock.advance(10)
        board.heard()
    board.review()
    assert row(table).status is QuoteStatus.LIVE
    assert board.confirmed_age(265598) == 0
    await fake_clock.advance(HEARTBEAT_WITHIN + 0.1)
    board.review()
    assert row(table).status is QuoteStatus.STALE
    assert board.confirmed_age(265598) == pytest.approx(200 + HEARTBEAT_WITHIN + 0.1)


async def test_a_lost_stream_makes_rows_stale_after_five_seconds(
    board: QuoteBoard, table: Table[Quote], fake_clock: Any
) -> None:
    board.merge(265598, FIRST)
    board.lost()
    await fake_clock.advance(LOST_AFTER - 0.1)
    board.review()
    assert row(table).status is QuoteStatus.LIVE
    await fake_clock.advance(0.2)
    board.lost()
    board.review()
    assert (row(table).status, row(table).problem) == (QuoteStatus.STALE, "the stream is lost")


async def test_after_a_reconnect_each_row_needs_its_own_frame(
    board: QuoteBoard, table: Table[Quote], fake_clock: Any
) -> None:
    board.merge(265598, FIRST)
    board.lost()
    await fake_clock.advance(8)
    board.connected()
    board.review()
    assert row(table).status is QuoteStatus.STALE
    assert board.merge(265598, {"_updated": 5, "84": "189.42"}), "a new stream may begin a new count"
    assert row(table).status is QuoteStatus.LIVE


async def test_a_subscription_that_was_not_renewed_is_not_trusted(
    board: QuoteBoard, table: Table[Quote], fake_clock: Any
) -> None:
    board.merge(265598, FIRST)
    await fake_clock.advance(RENEWED_WITHIN + 1)
    board.heard()
    board.review()
    assert row(table).status is QuoteStatus.STALE
    board.expect(AAPL)
    assert row(table).status is QuoteStatus.LIVE


async def test_a_polled_row_says_so_and_ages_with_its_last_change(
    board: QuoteBoard, table: Table[Quote], fake_clock: Any
) -> None:
    board.polled()
    board.merge(265598, FIRST)
    assert row(table).status is QuoteStatus.LIVE
    assert "single snapshots" in row(table).problem
    await fake_clock.advance(4)
    board.polled()
    assert board.confirmed_age(265598) == 4


def test_a_forgotten_row_goes(board: QuoteBoard, table: Table[Quote]) -> None:
    assert 265598 in board
    board.forget(265598)
    assert 265598 not in board
    assert len(table) == 0


def test_the_fields_asked_for() -> None:
    assert {"31", "84", "86", "85", "88", "7059", "70", "71", "82", "83", "87", "7762", "7295", "7296", "7741"} <= {
        *FIELDS
    }
    assert {"6509", "55"} <= {*FIELDS}


def test_a_snapshot_is_read_by_the_same_rules(fake_clock: Any) -> None:
    quote = read_snapshot(AAPL, FIRST, fake_clock)
    assert quote.problem == "a single snapshot"
    assert (quote.bid, quote.status) == (D("189.42"), QuoteStatus.LIVE)
    with pytest.raises(BrokerError) as caught:
        read_snapshot(AAPL, {**FIRST, "6509": "N"}, fake_clock)
    assert caught.value.code == "IBKR_NO_MARKET_DATA_SUBSCRIPTION"


async def test_each_value_has_its_own_time(board: QuoteBoard, table: Table[Quote], fake_clock: Any) -> None:
    board.merge(265598, FIRST)
    first = fake_clock.monotonic()
    await fake_clock.advance(7)
    board.merge(265598, {"_updated": 1001, "84": "189.45", "86": "189.44"})
    times = row(table).times
    assert (times["bid"], times["ask"], times["last"]) == (first + 7, first, first), "the same ask again is no change"


def test_an_option_has_greeks_and_a_stock_has_none(table: Table[Quote], fake_clock: Any) -> None:
    board = QuoteBoard(table, fake_clock)
    board.connected()
    greeks = {"6509": "R", "7308": "0.52", "7309": "0.031", "7310": "-0.041", "7311": "0.12", "7633": "24.5%"}
    board.expect(Instrument(9, "AAPL", "AAPL 16JAN26 190C", "", "OPT", "SMART", "USD", D(100)))
    board.merge(9, greeks | {"7635": "4.15", "7638": "1.2K"})
    option = row(table, 9)
    assert (option.delta, option.gamma, option.theta, option.vega) == (D("0.52"), D("0.031"), D("-0.041"), D("0.12"))
    assert (option.implied_vol, option.mark, option.open_interest) == (D("24.5"), D("4.15"), D(1200))
    board.expect(AAPL)
    board.merge(265598, greeks | {"7283": "31.2%", "7635": "-1"})
    stock = row(table)
    assert (stock.delta, stock.implied_vol, stock.mark) == (None, D("31.2"), None)


def test_halted_and_delayed_are_said_whatever_the_status(board: QuoteBoard, table: Table[Quote]) -> None:
    board.merge(265598, FIRST | {"6509": "D", "31": "H189.43"})
    assert (row(table).halted, row(table).delayed, row(table).status) == (True, True, QuoteStatus.HALTED)
    board.merge(265598, {"6509": "R", "31": "189.43"})
    assert (row(table).halted, row(table).delayed, row(table).status) == (False, False, QuoteStatus.LIVE)


def test_frames_that_are_of_no_use_are_counted_by_their_fault(board: QuoteBoard) -> None:
    board.merge(265598, FIRST)
    board.merge(265598, FIRST)
    board.merge(265598, {"_updated": 999, "31": "1"})
    board.merge(7, {"31": "1"})
    board.merge(265598, {"_updated": "soon", "31": "1"})
    board.merge(265598, {"_updated": 1002, "84": "many", "86": "1e999"})
    assert (board.repeated, board.late, board.stray, board.garbled) == (1, 1, 2, 2)
    assert board.dropped == 5


def test_changes_are_told_and_repetitions_are_not(board: QuoteBoard) -> None:
    told: list[Quote] = []
    board.on_change.append(told.append)
    board.merge(265598, FIRST)
    board.merge(265598, FIRST)
    board.merge(265598, {"_updated": 1001, "31": "189.50"})
    assert [quote.last for quote in told] == [D("189.43"), D("189.50")]


async def test_unread_frames_leave_each_value_with_the_time_of_its_own_change(
    board: QuoteBoard, table: Table[Quote], fake_clock: Any
) -> None:
    began, wall = fake_clock.monotonic(), fake_clock.now()
    for number, frame in enumerate((FIRST, {"84": "189.45"}, {"84": "189.46", "86": "189.47"}, {"31": "189.43"})):
        board.merge(265598, frame | {"_updated": 1000 + number})
        await fake_clock.advance(1)
    quote = row(table)
    assert (quote.last, quote.bid, quote.ask) == (D("189.43"), D("189.46"), D("189.47"))
    assert [quote.times[name] - began for name in ("high", "bid", "ask")] == [0, 2, 2]
    assert (quote.changed_mono, quote.changed_at) == (began + 3, wall + timedelta(seconds=3))
    assert board.confirmed_age(265598) == 1


def test_what_is_not_followed_is_written_when_it_is_read(board: QuoteBoard, table: Table[Quote]) -> None:
    told: list[Quote] = []
    board.on_change.append(told.append)
    board.is_followed = lambda conid: conid != 265598
    puts: list[str] = []
    put, table.put = table.put, lambda key, quote: (puts.append(key), put(key, quote))[1]  # type: ignore[method-assign]
    for number in range(50):
        board.merge(265598, FIRST | {"_updated": 1000 + number, "31": f"189.{number + 10}"})
    assert (told, puts) == ([], [])
    assert row(table).last == D("189.59")
    assert puts == ["265598"]
    board.is_followed = lambda conid: True
    board.merge(265598, FIRST | {"_updated": 2000, "31": "190"})
    assert [quote.last for quote in told] == [D(190)]


VALUES = st.one_of(st.sampled_from(["", "-1", "x", "H189.5", "C7", "1,200"]), st.integers(1, 4).map(str))
FRAMES = st.lists(
    st.dictionaries(st.sampled_from(["31", "84", "86", "88", "83", "7762"]), VALUES, min_size=1)
    | st.fixed_dictionaries({"6509": st.sampled_from(["R", "D", "N", "", 5])}),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(FRAMES, st.sets(st.integers(0, 11)))
def test_reading_changes_nothing(frames: list[dict[str, Any]], read_after: set[int]) -> None:
    """Whether a row is read after each frame or seldom, it is the same in the end."""
    clock = SystemClock()
    boards = []
    for reads in (set(range(12)), read_after):
        table: Table[Quote] = Table("quotes")
        board = QuoteBoard(table, clock)
        board.connected()
        board.expect(AAPL)
        for number, frame in enumerate(frames):
            board.merge(265598, frame)
            if number in reads:
                table.rows()
        quote = row(table)
        boards.append(msgspec.structs.replace(quote, times={}, changed_at=None, changed_mono=None))
    assert boards[0] == boards[1]
