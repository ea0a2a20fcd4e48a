"""The book of positions in the order a person wants it: sorted, grouped, each with the orders that close it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from ibkr_tui.model.orders import Order
from ibkr_tui.model.portfolio import Position

ORDER: Final = "order:"
GROUP: Final = "group:"
_ZERO: Final = Decimal(0)

_CLASSES: Final = {
    "STK": "Stocks",
    "OPT": "Options",
    "FUT": "Futures",
    "FOP": "Futures options",
    "CASH": "Currencies",
    "BOND": "Bonds",
    "FUND": "Funds",
    "CRYPTO": "Crypto",
    "CFD": "CFDs",
    "WAR": "Warrants",
    "CMDTY": "Commodities",
}


class SortBy(StrEnum):
    """What the positions are sorted by; the value names the column's head."""

    NAME = "Symbol"
    QTY = "Qty"
    VALUE = "Value"
    OPEN = "Open P&L"
    SHARE = "P&L%"

    @property
    def is_live(self) -> bool:
        """Whether the order can change with a price."""
        return self not in {SortBy.NAME, SortBy.QTY}


class GroupBy(StrEnum):
    """What the positions are gathered by."""

    NOTHING = "nothing"
    CLASS = "class"
    CURRENCY = "currency"


class View(msgspec.Struct, frozen=True):
    """How a person wants the book; kept between runs. `largest` first, or the smallest; names begin with A."""

    sort: SortBy = SortBy.NAME
    largest: bool = True
    group: GroupBy = GroupBy.NOTHING

    def sorted_by(self, step: int) -> View:
        """The column `step` further on."""
        columns = list(SortBy)
        return msgspec.structs.replace(self, sort=columns[(columns.index(self.sort) + step) % len(columns)])

    def turned(self) -> View:
        """The other way round."""
        return msgspec.structs.replace(self, largest=not self.largest)

    def grouped(self) -> View:
        """The next grouping."""
        ways = list(GroupBy)
        return msgspec.structs.replace(self, group=ways[(ways.index(self.group) + 1) % len(ways)])


class Worth(msgspec.Struct, frozen=True):
    """A position's money now, in its currency."""

    value: Decimal
    open_pnl: Decimal

    @property
    def cost(self) -> Decimal:
        """What was paid, or taken in when short; never negative."""
        return abs(self.value - self.open_pnl)

    @property
    def share(self) -> Decimal | None:
        """Open P&L in percent of the cost; None for a position that cost nothing."""
        return self.open_pnl / self.cost * 100 if self.cost else None


class Book(msgspec.Struct, frozen=True):
    """Rows by key from top to bottom: a position's conid, `order:` and an order's key, `group:` and a name.

    `closers` are the keys of the orders that close a position, `members` the conids of a group.
    """

    keys: tuple[str, ...] = ()
    closers: Mapping[str, tuple[str, ...]] = {}
    members: Mapping[str, tuple[str, ...]] = {}

    def position_of(self, key: str | None) -> str | None:
        """The conid of the position that a row is about; None for a heading."""
        if key is None or key.startswith(GROUP):
            return None
        if not key.startswith(ORDER):
            return key
        order = key.removeprefix(ORDER)
        return next((conid for conid, orders in self.closers.items() if order in orders), None)

    def rows_of(self, conids: Iterable[str]) -> set[str]:
        """The rows that a price of these instruments touches, headings aside."""
        rows: set[str] = set()
        for conid in conids:
            rows.add(conid)
            rows.update(ORDER + order for order in self.closers.get(conid, ()))
        return rows


def class_name(sec_type: str) -> str:
    """`STK` in words; a class of the broker's that is none of ours keeps its own name."""
    return _CLASSES.get(sec_type, sec_type or "Other")


def closes(order: Order, position: Position) -> bool:
    """Whether an order that still lives takes from this position."""
    return order.conid == position.conid and not order.state.is_done and order.side.sign * position.qty < 0


def covered(position: Position, orders: Iterable[Order]) -> Decimal:
    """How much of the position its closing orders would take if they filled, at most all of it.

    Orders of one group are either-or, so the largest of a group counts once.
    """
    single = _ZERO
    groups: dict[str, Decimal] = {}
    for order in orders:
        if order.group_id:
            groups[order.group_id] = max(groups.get(order.group_id, _ZERO), order.remaining)
        else:
            single += order.remaining
    return min(abs(position.qty), single + sum(groups.values(), _ZERO))


def arrange(
    positions: Sequence[Position], orders: Iterable[Order], worth: Callable[[Position], Worth], view: View
) -> Book:
    """The rows of the book as `view` wants them."""
    by_conid: dict[int, list[Order]] = {}
    for order in orders:
        if not order.state.is_done:
            by_conid.setdefault(order.conid, []).append(order)
    closers = {
        str(row.conid): tuple(order.key for order in by_conid.get(row.conid, ()) if closes(order, row))
        for row in positions
    }
    ranked = _ranked(positions, worth, view)
    groups: dict[str, list[str]] = {}
    for row in ranked:
        groups.setdefault(_group(row, view.group), []).append(str(row.conid))
    keys: list[str] = []
    names = sorted(groups) if view.group is not GroupBy.NOTHING else list(groups)
    for name in names:
        if view.group is not GroupBy.NOTHING:
            keys.append(GROUP + name)
        for conid in groups[name]:
            keys.append(conid)
            keys += [ORDER + order for order in closers[conid]]
    members = {name: tuple(conids) for name, conids in groups.items()} if view.group is not GroupBy.NOTHING else {}
    return Book(tuple(keys), {conid: found for conid, found in closers.items() if found}, members)


def _group(row: Position, by: GroupBy) -> str:
    if by is GroupBy.CLASS:
        return class_name(row.sec_type)
    return row.currency or "?" if by is GroupBy.CURRENCY else ""


def _ranked(positions: Sequence[Position], worth: Callable[[Position], Worth], view: View) -> list[Position]:
    named = sorted(positions, key=lambda row: (row.description or row.symbol, row.conid))
    if view.sort is SortBy.NAME:
        return named if view.largest else named[::-1]

    def rank(row: Position) -> Decimal:
        if view.sort is SortBy.QTY:
            return row.qty
        now = worth(row)
        if view.sort is SortBy.VALUE:
            return now.value
        return now.open_pnl if view.sort is SortBy.OPEN else now.share or _ZERO

    return sorted(named, key=rank, reverse=view.largest)


class Total(msgspec.Struct, frozen=True):
    """The sums over some positions. `currency` of the sums; `unpriced` counts positions whose exchange rate is not
    known and which are not in them."""

    currency: str
    count: int = 0
    long: Decimal = _ZERO
    short: Decimal = _ZERO
    open_pnl: Decimal = _ZERO
    realized: Decimal = _ZERO
    unpriced: int = 0

    @property
    def net(self) -> Decimal:
        return self.long + self.short

    @property
    def gross(self) -> Decimal:
        return self.long - self.short


def totals(positions: Iterable[Position], worth: Callable[[Position], Worth]) -> list[Total]:
    """One total a currency, by name."""
    found: dict[str, Total] = {}
    for row in positions:
        currency = row.currency or "?"
        found[currency] = _plus(found.get(currency, Total(currency)), row, worth(row), Decimal(1))
    return [found[name] for name in sorted(found)]


def in_base(by_currency: Iterable[Total], base: str, rates: Mapping[str, Decimal]) -> Total:
    """All totals in the base currency, by the ledger's exchange rates."""
    whole = Total(base)
    for total in by_currency:
        rate = Decimal(1) if total.currency == base else rates.get(total.currency)
        if rate is None:
            whole = msgspec.structs.replace(whole, unpriced=whole.unpriced + total.count)
            continue
        whole = msgspec.structs.replace(
            whole,
            count=whole.count + total.count,
            long=whole.long + total.long * rate,
            short=whole.short + total.short * rate,
            open_pnl=whole.open_pnl + total.open_pnl * rate,
            realized=whole.realized + total.realized * rate,
        )
    return whole


def _plus(total: Total, row: Position, now: Worth, rate: Decimal) -> Total:
    value = now.value * rate
    return msgspec.structs.replace(
        total,
        count=total.count + 1,
        long=total.long + max(value, _ZERO),
        short=total.short + min(value, _ZERO),
        open_pnl=total.open_pnl + now.open_pnl * rate,
        realized=total.realized + row.realized_pnl * rate,
    )
