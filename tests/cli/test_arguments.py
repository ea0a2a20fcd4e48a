"""NAME=VALUE and --args, typed by the operation's schema; numbers through the one parser."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
import pytest

from ibkr_tui.cli.arguments import read_arguments
from ibkr_tui.model.errors import BrokerError


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class Leg(msgspec.Struct, frozen=True):
    symbol: str


class Wanted(msgspec.Struct, frozen=True):
    side: Side
    qty: Decimal
    symbol: str = ""
    conid: int | None = None
    limit_price: Decimal | None = None
    outside_rth: bool = False
    ratio: float = 1.0
    symbols: tuple[str, ...] = ()
    legs: list[Leg] = []
    leg: Leg | None = None


SCHEMA = msgspec.json.schema(Wanted)


def read(*words: str, document: str | None = None) -> dict[str, Any]:
    return read_arguments(SCHEMA, words, document)


def test_each_value_gets_the_type_of_its_argument() -> None:
    found = read(
        "side=BUY", "qty=+1.50", "symbol=BRK B=x", "conid=265598", "limit_price=.5", "outside_rth=yes", "ratio=0.25",
        "symbols=AAPL,MSFT", 'legs=[{"symbol": "SPY"}]', 'leg={"symbol": "QQQ"}',
    )  # fmt: skip
    assert found == {
        "side": "buy",
        "qty": "1.5",
        "symbol": "BRK B=x",
        "conid": 265598,
        "limit_price": "0.5",
        "outside_rth": True,
        "ratio": 0.25,
        "symbols": ["AAPL", "MSFT"],
        "legs": [{"symbol": "SPY"}],
        "leg": {"symbol": "QQQ"},
    }
    assert msgspec.convert(found, Wanted).qty == Decimal("1.5")


def test_words_go_over_the_document_and_its_numbers_lose_no_digit() -> None:
    found = read(
        "side=sell", document='{"side": "buy", "qty": 0.1234567891, "limit_price": 12345678901.55, "conid": null}'
    )
    assert found == {"side": "sell", "qty": "0.1234567891", "limit_price": "12345678901.55", "conid": None}


@pytest.mark.parametrize(
    ("words", "document", "code", "says"),
    [
        (["qty=1"], None, "BAD_ARGUMENT", "missing: side"),
        (["side=buy", "qty=NaN"], None, "BAD_NUMBER", "qty"),
        (["side=buy", "qty=1_000"], None, "BAD_NUMBER", "qty"),
        (["side=buy", "qty=１"], None, "BAD_NUMBER", "qty"),
        (["side=buy", "qty=1,000"], None, "BAD_NUMBER", "comma"),
        (["side=buy", "qty="], None, "BAD_NUMBER", "empty"),
        (["side=buy", "qty=1", "conid=1.5"], None, "BAD_NUMBER", "whole"),
        (["side=up", "qty=1"], None, "BAD_ARGUMENT", "buy, sell"),
        (["side=buy", "qty=1", "outside_rth=maybe"], None, "BAD_ARGUMENT", "neither"),
        (["side=buy", "quantity=1"], None, "BAD_ARGUMENT", "“quantity”"),
        (["side=buy", "symbl=A"], None, "BAD_ARGUMENT", "did you mean symbol"),
        (["side"], None, "BAD_ARGUMENT", "NAME=VALUE"),
        (["=x"], None, "BAD_ARGUMENT", "NAME=VALUE"),
        ([], "{", "BAD_ARGUMENT", "not JSON"),
        ([], "[1]", "BAD_ARGUMENT", "object"),
        (["side=buy"], '{"qty": NaN}', "BAD_NUMBER", "qty"),
        (["side=buy"], '{"qty": 1e3}', "BAD_NUMBER", "exponent"),
        (["side=buy"], '{"qty": true}', "BAD_ARGUMENT", "truth"),
        (["side=buy"], '{"qty": [1]}', "BAD_ARGUMENT", "one value"),
        (["side=buy"], '{"qty": null}', "BAD_ARGUMENT", "one value"),
        (["side=buy", "qty=1"], '{"symbols": {}}', "BAD_ARGUMENT", "list"),
        (["side=buy", "qty=1"], '{"leg": [1]}', "BAD_ARGUMENT", "object"),
        (["side=buy", "qty=1", "leg=x"], None, "BAD_ARGUMENT", "not JSON"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(words: list[str], document: str | None, code: str, says: str) -> None:
    with pytest.raises(BrokerError) as refused:
        read(*words, document=document)
    assert refused.value.code == code
    assert says in refused.value.message


def test_an_operation_without_arguments_says_so() -> None:
    class Nothing(msgspec.Struct):
        pass

    with pytest.raises(BrokerError, match="takes none"):
        read_arguments(msgspec.json.schema(Nothing), ["x=1"], None)


def test_an_argument_that_is_given_twice_is_refused() -> None:
    schema = {"properties": {"side": {"enum": ["buy", "sell"]}}}
    with pytest.raises(BrokerError) as caught:
        read_arguments(schema, ["side=buy", "side=sell"], None)
    assert caught.value.code == "BAD_ARGUMENT"
    assert "side is given more than once" in caught.value.message
    assert read_arguments(schema, ["side=sell"], '{"side": "buy"}') == {"side": "sell"}
