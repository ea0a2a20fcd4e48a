"""The language of orders: what is said is what is read, and what can't be read is refused where it stands."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.model.groups import BracketPrices, GroupKind
from ibkr_tui.model.order_language import LONGEST, LanguageError, Sentence, SpokenOrder, read, write
from ibkr_tui.model.orders import OrderType, Side, Tif, TrailBy
from ibkr_tui.model.sizing import SizeBy

D = Decimal
prices = st.decimals("0.01", "99999", places=2).filter(lambda price: price > 0)
symbols = st.sampled_from(["AAPL", "EUR.USD", "ES DEC26", "AAPL 240119C00190000", "BRK B", "DAY", "S", "B", "MID"])
WORDS = [
    *("buy", "sell", "100", "AAPL", "@", "188", "limit", "stop", "target", "trail", "1.5%", "offset", "or", "then"),
    *("day", "gtc", "$", "risk", "mid", "market", "outside", "１", "NaN", "1e3", "-5"),
]
PRICED = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("stop_price", "limit_price"),
    OrderType.TRAIL: ("trail",),
    OrderType.TRAIL_LIMIT: ("trail", "limit_offset"),
    OrderType.MIDPRICE: ("limit_price",),
}


@st.composite
def orders(draw: Any, *, grouped: bool = False, symbol: str | None = None) -> SpokenOrder:
    kind = draw(st.sampled_from(OrderType))
    given = {name: draw(prices) for name in PRICED[kind]}
    if kind is OrderType.MIDPRICE and draw(st.booleans()):
        given = {}
    percent = "trail" in given and draw(st.booleans())
    return SpokenOrder(
        side=draw(st.sampled_from(Side)), amount=draw(prices), symbol=symbol or draw(symbols), order_type=kind,
        tif=draw(st.sampled_from(Tif)), outside_rth=draw(st.booleans()),
        trail_by=TrailBy.PERCENT if percent else TrailBy.AMOUNT,
        size_by=SizeBy.QTY if grouped else draw(st.sampled_from([SizeBy.QTY, SizeBy.MONEY])), **given,
    )  # fmt: skip


@st.composite
def brackets(draw: Any) -> SpokenOrder:
    side = draw(st.sampled_from(Side))
    low, entry, high = sorted(draw(st.lists(prices, min_size=3, max_size=3, unique=True)))
    stop, target = (low, high) if side is Side.BUY else (high, low)
    at_market = draw(st.booleans())
    return SpokenOrder(
        side=side, amount=draw(prices), symbol=draw(symbols), size_by=draw(st.sampled_from(SizeBy)),
        order_type=OrderType.MARKET if at_market else OrderType.LIMIT, limit_price=None if at_market else entry,
        bracket=BracketPrices(None if at_market else entry, stop, target), tif=draw(st.sampled_from(Tif)),
    )  # fmt: skip


@st.composite
def sentences(draw: Any) -> Sentence:
    kind = draw(st.sampled_from(GroupKind))
    if kind is GroupKind.SIMPLE:
        return Sentence(kind, (draw(orders()),))
    if kind is GroupKind.BRACKET:
        return Sentence(kind, (draw(brackets()),))
    symbol = draw(symbols)
    most = 2 if kind is GroupKind.OTO else 4
    return Sentence(kind, tuple(draw(st.lists(orders(grouped=True, symbol=symbol), min_size=2, max_size=most))))


@given(sentences())
def test_what_is_written_is_read_again(sentence: Sentence) -> None:
    assert read(write(sentence)) == sentence
    assert read(f"  {write(sentence).upper()} ") == sentence


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_any_text_is_read_or_refused_with_a_sentence_and_a_place(text: str) -> None:
    try:
        sentence = read(text)
    except LanguageError as error:
        assert str(error)[-1] in ".…)" or "example" in str(error) or ":" in str(error)
        assert 0 <= error.at <= len(text)
    else:
        assert all(order.amount > 0 for order in sentence.orders)
        assert read(write(sentence)) == sentence


def test_the_bracket_of_the_book() -> None:
    sentence = read("buy 100 AAPL @ 188 stop 185 target 195")
    (order,) = sentence.orders
    assert sentence.kind is GroupKind.BRACKET
    assert (order.side, order.amount, order.symbol) == (Side.BUY, D(100), "AAPL")
    assert order.bracket == BracketPrices(D(188), D(185), D(195))


@pytest.mark.parametrize(
    ("text", "kind", "prices"),
    [
        ("buy 100 aapl", OrderType.MARKET, {}),
        ("b 100 AAPL market", OrderType.MARKET, {}),
        ("s 100 AAPL @market", OrderType.MARKET, {}),
        ("buy 100 AAPL @188", OrderType.LIMIT, {"limit_price": D(188)}),
        ("buy 100 AAPL limit 188 gtc outside", OrderType.LIMIT, {"limit_price": D(188)}),
        ("sell 100 AAPL stop 185", OrderType.STOP, {"stop_price": D(185)}),
        ("sell 100 AAPL stop 185 limit 184.5", OrderType.STOP_LIMIT, {"stop_price": D(185), "limit_price": D("184.5")}),
        ("sell 100 AAPL trail 2", OrderType.TRAIL, {"trail": D(2)}),
        ("sell 100 AAPL trail 1.5%", OrderType.TRAIL, {"trail": D("1.5"), "trail_by": TrailBy.PERCENT}),
        ("sell 100 AAPL trail 2 offset .1", OrderType.TRAIL_LIMIT, {"trail": D(2), "limit_offset": D("0.1")}),
        ("buy 100 AAPL mid", OrderType.MIDPRICE, {}),
        ("buy 100 AAPL midprice 188", OrderType.MIDPRICE, {"limit_price": D(188)}),
    ],
)
def test_every_type_can_be_said(text: str, kind: OrderType, prices: dict[str, Any]) -> None:
    (order,) = read(text).orders
    assert order.order_type is kind
    assert order.symbol == "AAPL"
    for name, value in prices.items():
        assert getattr(order, name) == value


def test_sizes_by_money_and_by_risk() -> None:
    (order,) = read("buy $20000 AAPL @ 188").orders
    assert (order.size_by, order.amount) == (SizeBy.MONEY, D(20000))
    (order,) = read("sell risk 300 AAPL stop 191 target 181").orders
    assert (order.size_by, order.amount) == (SizeBy.RISK, D(300))


def test_alternatives_and_consequences() -> None:
    either = read("sell 100 AAPL @ 195 or sell 100 AAPL stop 185 or sell 100 AAPL trail 3")
    assert (either.kind, len(either.orders)) == (GroupKind.OCO, 3)
    follows = read("buy 100 AAPL @ 188 then sell 100 AAPL @ 195 gtc")
    assert follows.kind is GroupKind.OTO
    assert follows.orders[1].tif is Tif.GTC


@pytest.mark.parametrize(
    ("text", "words", "at"),
    [
        ("", "Say an order", 0),
        ("AAPL 100", "begins with buy or sell", 0),
        ("buy", "The quantity is missing", 3),
        ("buy 1e3 AAPL", "exponent", 4),
        ("buy １００ AAPL", "not a number", 4),
        ("buy NaN AAPL", "not a number", 4),
        ("buy -5 AAPL", "more than zero", 4),
        ("buy 0 AAPL", "more than zero", 4),
        ("buy 1,000 AAPL", "comma", 4),
        ("buy 100", "Name the instrument", 7),
        ("buy 100 @ 188", "Name the instrument", 8),
        ("buy 100 ÄÖ", "not a symbol", 8),
        ("buy 100 AAPL @", "The price after “@” is missing", 14),
        ("buy 100 AAPL @ 188 @ 189", "said twice", 19),
        ("buy 100 AAPL day gtc", "said twice", 17),
        ("buy 100 AAPL @ 188 frob", "means nothing here", 19),
        ("buy 100 AAPL @ 188 sell 5 AAPL", "One order a line", 19),
        ("buy 100 AAPL @ 188 stop 185", "needs a target too", 19),
        ("buy 100 AAPL @ 188 target 195", "needs a stop too", 29),
        ("buy 100 AAPL @ 188 stop 195 target 185", "wrong way round", 19),
        ("sell 100 AAPL @ 188 stop 185 target 195", "wrong way round", 20),
        ("buy 100 AAPL @ 184 stop 185 target 195", "stands between stop and target", 13),
        ("buy 100 AAPL market limit 188", "Either at market or at a limit", 20),
        ("buy risk 300 AAPL @ 188", "Size by risk needs the stop", 0),
        ("sell 100 AAPL offset 1", "belongs to “trail”", 14),
        ("sell 100 AAPL trail 2 stop 185", "don't go together", 22),
        ("sell 100 AAPL mid limit 3", "don't go together", 18),
        ("sell 100 AAPL trail x%", "not a number", 20),
        ("buy 1 AAPL or", "An order is missing", 13),
        ("buy 1 A then buy 1 A then buy 1 A", "not more", 21),
        ("buy 1 A or buy 1 A then buy 1 A", "can't stand in one line", 19),
        ("buy 1 A stop 1 target 3 or sell 1 A", "can't be part of", 24),
        ("buy $100 A @ 1 then sell 1 A", "sized by a number", 15),
        ("buy 1 A " + "or buy 1 A " * 8, "at most 8 orders", 85),
        ("buy 100 AAPL " + " " * LONGEST, "at most 300 characters", LONGEST),
    ],
)
def test_a_refusal_says_why_and_where(text: str, words: str, at: int) -> None:
    with pytest.raises(LanguageError) as refused:
        read(text)
    assert words in str(refused.value)
    assert refused.value.at == at
