"""Orders in one line: `buy 100 AAPL @ 188 stop 185 target 195` is read into what it means, or refused with the reason.

    SENTENCE  ORDER, or ORDER `or` ORDER … (one cancels the other), or ORDER `then` ORDER (one triggers the other)
    ORDER     buy|sell SIZE SYMBOL PRICES WHEN
    SIZE      100 · $20000 (for that much money) · risk 300 (so that the stop costs that much)
    PRICES    market · @ 188 · limit 188 · stop 185 · stop 185 limit 184.50 · trail 2 · trail 1.5% · trail 2 offset 0.10
              mid · mid 188 · and for a bracket stop 185 target 195 behind an entry (`@ 188`, or none: at market)
    WHEN      day · gtc · ioc · opg · outside (regular trading hours)

Case does not matter. Pure: names no listing and asks no market.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import BracketPrices, GroupKind
from ibkr_tui.model.numbers import parse_entry, plain
from ibkr_tui.model.orders import OrderType, Side, Tif, TrailBy
from ibkr_tui.model.sizing import SizeBy

LONGEST: Final = 300
_SIDES: Final = {"buy": Side.BUY, "b": Side.BUY, "sell": Side.SELL, "s": Side.SELL}
_TIFS: Final = {str(tif): tif for tif in Tif}
_PRICED: Final = {"@", "limit", "stop", "target", "trail", "offset"}
_PLAIN: Final = {"market", "mkt", "mid", "midprice", "outside", *_TIFS}
_JOINS: Final = {"or": GroupKind.OCO, "then": GroupKind.OTO}
_KEYWORDS: Final = _PRICED | _PLAIN | set(_JOINS) | {"buy", "sell"}  # `BRK B` is a symbol
_NO_SYMBOL: Final = _PRICED | {"$", "market", "mkt"}  # `DAY`, `B` and `S` are symbols too, right after the quantity
_MOST_LEGS: Final = 8


class LanguageError(ValueError):
    """A sentence that can't be read. `at` is where, in characters from the start."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class SpokenOrder(msgspec.Struct, frozen=True):
    """One order as it was said. `amount` counts what `size_by` says; `bracket` holds the prices that guard an entry."""

    side: Side
    amount: Decimal
    symbol: str
    size_by: SizeBy = SizeBy.QTY
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    trail_by: TrailBy = TrailBy.AMOUNT
    limit_offset: Decimal | None = None
    tif: Tif = Tif.DAY
    outside_rth: bool = False
    bracket: BracketPrices | None = None


class Sentence(msgspec.Struct, frozen=True):
    """What a line asks for: one order, a bracket, alternatives, or an order and the one that follows it."""

    kind: GroupKind
    orders: tuple[SpokenOrder, ...]


class _Word(msgspec.Struct, frozen=True):
    text: str
    at: int

    @property
    def low(self) -> str:
        return self.text.lower()


def read(text: str) -> Sentence:
    """What `text` asks for. Raises LanguageError."""
    if len(text) > LONGEST:
        raise LanguageError(f"An order is at most {LONGEST} characters.", LONGEST)
    words = _words(text)
    if not words:
        raise LanguageError("Say an order, for example: buy 100 AAPL @ 188 stop 185 target 195", 0)
    joins = [word for word in words if word.low in _JOINS]
    if not joins:
        order = _order(words, len(text))
        return Sentence(GroupKind.SIMPLE if order.bracket is None else GroupKind.BRACKET, (order,))
    kinds = {_JOINS[word.low] for word in joins}
    if len(kinds) > 1:
        raise LanguageError("“or” and “then” can't stand in one line: send two.", joins[1].at)
    kind = kinds.pop()
    if kind is GroupKind.OTO and len(joins) > 1:
        raise LanguageError("“then” joins two orders, not more.", joins[1].at)
    if len(joins) >= _MOST_LEGS:
        raise LanguageError(f"“or” joins at most {_MOST_LEGS} orders.", joins[_MOST_LEGS - 1].at)
    orders = tuple(_order(part, end) for part, end in _parts(words, len(text)))
    _check_group(kind, orders, joins)
    return Sentence(kind, orders)


def _parts(words: Sequence[_Word], end: int) -> list[tuple[list[_Word], int]]:
    """The words of each order, and where it ends."""
    parts: list[tuple[list[_Word], int]] = []
    part: list[_Word] = []
    for word in words:
        if word.low in _JOINS:
            parts.append((part, word.at))
            part = []
        else:
            part.append(word)
    return [*parts, (part, end)]


def _check_group(kind: GroupKind, orders: Sequence[SpokenOrder], joins: Sequence[_Word]) -> None:
    word = "or" if kind is GroupKind.OCO else "then"
    for order in orders:
        if order.bracket is not None:
            raise LanguageError(f"A bracket can't be part of “{word}”: leave out its stop or its target.", joins[0].at)
        if order.size_by is not SizeBy.QTY:
            raise LanguageError(f"Orders joined by “{word}” are sized by a number, for example 100.", joins[0].at)


def _words(text: str) -> list[_Word]:
    """Words between spaces; `@` and `$` need none around them."""
    found: list[_Word] = []
    start = -1
    for at, char in enumerate(text + " "):
        ends = char in {" ", "\t", "@"} or (char == "$" and start < 0)
        if start >= 0 and ends:
            found.append(_Word(text[start:at], start))
            start = -1
        if char in {"@", "$"} and start < 0:
            found.append(_Word(char, at))
        elif start < 0 and char not in {" ", "\t"}:
            start = at
    return found


def _order(words: Sequence[_Word], end: int) -> SpokenOrder:
    return _Reader(words, end).order()


class _Reader:
    """Reads one order from left to right."""

    def __init__(self, words: Sequence[_Word], end: int) -> None:
        self._words = words
        self._end = end
        self._next = 0
        self._prices: dict[str, Decimal] = {}
        self._said: dict[str, int] = {}
        self._trail_by = TrailBy.AMOUNT
        self._tif = Tif.DAY

    def order(self) -> SpokenOrder:
        first = self._peek()
        if first is None:
            raise LanguageError("An order is missing here.", self._end)
        side = _SIDES.get(first.low)
        if side is None:
            raise LanguageError(f"An order begins with buy or sell, not “{_shown(first.text)}”.", first.at)
        self._next += 1
        size_by, amount = self._size()
        symbol = self._symbol()
        while (word := self._peek()) is not None:
            self._next += 1
            self._clause(word)
        return self._made(
            SpokenOrder(side, amount, symbol, size_by, tif=self._tif, outside_rth="outside" in self._said)
        )

    def _peek(self) -> _Word | None:
        return self._words[self._next] if self._next < len(self._words) else None

    def _size(self) -> tuple[SizeBy, Decimal]:
        word = self._peek()
        if word is not None and word.low in {"$", "risk"}:
            self._next += 1
            by = SizeBy.RISK if word.low == "risk" else SizeBy.MONEY
            return by, self._number("the money at risk" if by is SizeBy.RISK else "the money")
        return SizeBy.QTY, self._number("the quantity")

    def _symbol(self) -> str:
        parts: list[str] = []
        first = self._peek()
        at = first.at if first is not None else self._end
        while (word := self._peek()) is not None and word.low not in (_KEYWORDS if parts else _NO_SYMBOL):
            parts.append(word.text.upper())
            self._next += 1
        if not parts:
            raise LanguageError("Name the instrument after the quantity, for example AAPL.", at)
        symbol = " ".join(parts)
        if not all(char.isascii() and (char.isalnum() or char in " ./-") for char in symbol):
            raise LanguageError(f"“{_shown(symbol)}” is not a symbol.", at)
        return symbol

    def _clause(self, word: _Word) -> None:
        name = {"@": "limit", "mkt": "market", "midprice": "mid"}.get(word.low, word.low)
        if name in {"buy", "sell"}:
            raise LanguageError("One order a line; join two with “or” or “then”.", word.at)
        if name not in _KEYWORDS:
            raise LanguageError(f"“{_shown(word.text)}” means nothing here.", word.at)
        key = "tif" if name in _TIFS else name
        if word.text == "@":
            self._said["@"] = word.at
        if key in self._said:
            said = "How long it stands" if key == "tif" else f"“{name}”"
            raise LanguageError(f"{said} is said twice.", word.at)
        self._said[key] = word.at
        following = self._peek()
        if key == "tif":
            self._tif = _TIFS[name]
        elif name == "limit" and following is not None and following.low in {"market", "mkt"}:
            del self._said["limit"], self._said["@"]  # `@ market`
        elif name == "trail":
            self._prices[name] = self._trail()
        elif name in _PRICED - {"@"}:
            self._prices[name] = self._number(f"the price after “{word.text}”")
        elif name == "mid" and following is not None and following.text[:1].isdigit():
            self._prices[name] = self._number("the price after “mid”")

    def _trail(self) -> Decimal:
        word = self._peek()
        if word is not None and word.text.endswith("%"):
            self._trail_by = TrailBy.PERCENT
            self._next += 1
            return _number(_Word(word.text[:-1], word.at), "the distance after “trail”")
        return self._number("the distance after “trail”")

    def _number(self, what: str) -> Decimal:
        word = self._peek()
        if word is None:
            raise LanguageError(f"{what[:1].upper()}{what[1:]} is missing here.", self._end)
        self._next += 1
        return _number(word, what)

    # what the prices make of it

    def _made(self, order: SpokenOrder) -> SpokenOrder:
        said, prices = self._said, self._prices
        if "market" in said and "limit" in said:
            raise LanguageError("Either at market or at a limit.", max(said["market"], said["limit"]))
        if order.size_by is SizeBy.RISK and "target" not in said:
            raise LanguageError("Size by risk needs the stop of a bracket: add stop 185 target 195.", 0)
        if "target" in said:
            return self._bracket(order)
        if "trail" in said:
            return self._trailing(order)
        if "offset" in said:
            raise LanguageError("“offset” belongs to “trail”: trail 2 offset 0.10.", said["offset"])
        if "mid" in said:
            self._alone("mid", {"limit", "stop", "market"})
            return msgspec.structs.replace(order, order_type=OrderType.MIDPRICE, limit_price=prices.get("mid"))
        if "stop" in said:
            return self._stopped(order)
        if "limit" in said:
            return msgspec.structs.replace(order, order_type=OrderType.LIMIT, limit_price=prices["limit"])
        return order

    def _alone(self, name: str, others: set[str]) -> None:
        for other in sorted(others & self._said.keys()):
            raise LanguageError(f"“{name}” and “{other}” don't go together.", self._said[other])

    def _stopped(self, order: SpokenOrder) -> SpokenOrder:
        stop, limit = self._prices["stop"], self._prices.get("limit")
        if "market" in self._said:
            raise LanguageError("A bracket needs a target too: add target 195.", self._end)
        if limit is None:
            return msgspec.structs.replace(order, order_type=OrderType.STOP, stop_price=stop)
        if "@" in self._said:
            raise LanguageError(
                "A stop behind an entry needs a target too: add target …; a stop-limit order is stop … limit ….",
                self._said["stop"],
            )
        return msgspec.structs.replace(order, order_type=OrderType.STOP_LIMIT, stop_price=stop, limit_price=limit)

    def _trailing(self, order: SpokenOrder) -> SpokenOrder:
        self._alone("trail", {"limit", "stop", "market", "mid"})
        offset = self._prices.get("offset")
        kind = OrderType.TRAIL if offset is None else OrderType.TRAIL_LIMIT
        return msgspec.structs.replace(
            order, order_type=kind, trail=self._prices["trail"], trail_by=self._trail_by, limit_offset=offset
        )

    def _bracket(self, order: SpokenOrder) -> SpokenOrder:
        self._alone("target", {"trail", "offset", "mid"})
        if "stop" not in self._said:
            raise LanguageError("A bracket needs a stop too: add stop 185.", self._end)
        entry, stop, target = self._prices.get("limit"), self._prices["stop"], self._prices["target"]
        low, high = (stop, target) if order.side is Side.BUY else (target, stop)
        if low >= high:
            raise LanguageError(
                f"To {order.side}, the stop stands {'below' if order.side is Side.BUY else 'above'} the target: "
                f"{plain(stop)} and {plain(target)} are the wrong way round.",
                self._said["stop"],
            )
        if entry is not None and not low < entry < high:
            raise LanguageError(
                f"The entry {plain(entry)} stands between stop and target: {plain(low)} … {plain(high)}.",
                self._said["limit"],
            )
        return msgspec.structs.replace(
            order,
            order_type=OrderType.MARKET if entry is None else OrderType.LIMIT,
            limit_price=entry,
            bracket=BracketPrices(entry, stop, target),
        )


def _number(word: _Word, what: str) -> Decimal:
    try:
        number = parse_entry(word.text, what=what)
    except BrokerError as error:
        said = error.message.removeprefix(f"{what}: ")
        raise LanguageError(f"{what[:1].upper()}{what[1:]}: {said}.", word.at) from None
    if number <= 0:
        raise LanguageError(f"{what[:1].upper()}{what[1:]} must be more than zero.", word.at)
    return number


def _shown(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"


def write(sentence: Sentence) -> str:
    """The line that says this; `read` of it gives the same sentence."""
    join = " then " if sentence.kind is GroupKind.OTO else " or "
    return join.join(_written(order) for order in sentence.orders)


def _written(order: SpokenOrder) -> str:
    size = {SizeBy.QTY: "", SizeBy.MONEY: "$", SizeBy.RISK: "risk "}[order.size_by] + plain(order.amount)
    words = [str(order.side), size, order.symbol]
    if order.bracket is not None:
        words += [] if order.limit_price is None else ["@", plain(order.limit_price)]
        words += ["stop", plain(order.bracket.stop_loss), "target", plain(order.bracket.take_profit)]
    elif order.order_type is OrderType.MIDPRICE:
        words += ["mid"] if order.limit_price is None else ["mid", plain(order.limit_price)]
    else:
        words += _price_words(order)
    words += [] if order.tif is Tif.DAY else [str(order.tif)]
    return " ".join([*words, "outside"] if order.outside_rth else words)


def _price_words(order: SpokenOrder) -> list[str]:
    words: list[str] = []
    if order.stop_price is not None:
        words += ["stop", plain(order.stop_price)]
    if order.limit_price is not None:
        words += ["limit" if order.stop_price is not None else "@", plain(order.limit_price)]
    if order.trail is not None:
        words += ["trail", plain(order.trail) + ("%" if order.trail_by is TrailBy.PERCENT else "")]
    if order.limit_offset is not None:
        words += ["offset", plain(order.limit_offset)]
    return words
