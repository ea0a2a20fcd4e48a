"""Scans: the broker's rows in its order, and words that no scanner has."""

from __future__ import annotations

from typing import Any

import pytest

from ibkr_tui.core.market.scanner import check_scan, read_scan
from ibkr_tui.model.errors import BrokerError

ROWS = [
    {
        "server_id": "0", "column_name": "Chg%", "symbol": "AMD", "conidex": "4391", "con_id": 4391,
        "scan_data": "+5.1", "company_name": "ADVANCED MICRO", "listing_exchange": "NASDAQ.NMS", "sec_type": "STK",
    },
    {"conidex": "265598@SMART", "contract_description_1": "AAPL", "sec_type": "STK"},
    {"symbol": "NONE"},
    7,
]  # fmt: skip


def test_rows_in_order() -> None:
    first, second = read_scan({"contracts": ROWS, "scan_data_column_name": "Change"})
    assert (first.rank, first.conid, first.symbol, first.value, first.column) == (1, 4391, "AMD", "+5.1", "Chg%")
    assert (second.rank, second.conid, second.symbol, second.column) == (2, 265598, "AAPL", "Change")
    assert read_scan({"contracts": []}) == []


def test_an_answer_without_rows_is_refused() -> None:
    with pytest.raises(BrokerError) as caught:
        read_scan({"error_text": "x"})
    assert caught.value.code == "IBKR_RESPONSE_INVALID"


@pytest.mark.parametrize("word", ["", "a b", "x" * 61, "<b>"])
def test_a_word_that_no_scanner_has(word: str) -> None:
    check_scan(type="TOP_PERC_GAIN", location="STK.US.MAJOR")
    with pytest.raises(BrokerError) as caught:
        check_scan(type=word)
    assert caught.value.code == "BAD_ARGUMENT"


def test_unknown_fields_do_no_harm() -> None:
    odd: Any = {"contracts": [{"con_id": 1, "symbol": None, "company_name": "\x1b[31m", "scan_data": 5}]}
    (row,) = read_scan(odd)
    assert (row.symbol, row.value) == ("", "5")
    assert "\x1b" not in row.name
