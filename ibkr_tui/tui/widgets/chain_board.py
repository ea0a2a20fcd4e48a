"""An option chain: a line a strike, calls at the left, puts at the right, the price of the underlying between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from textwrap import wrap
from typing import Final

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.content import Content
from textual.message import Message

from ibkr_tui.model.chains import OptionContract
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.tui import figures
from ibkr_tui.tui.desk_state import WORDS
from ibkr_tui.tui.options.strikes import CALL, PUT, SPOT, Lines, is_inside
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.spans import Row

_STRIKE: Final = 9
_PRICES: Final = ("bid", "ask")
_Figure = Callable[[Quote], str]


class _Column(msgspec.Struct, frozen=True):
    """A column of one side, from the strike outwards. `rank` 1 is dropped last."""

    head: str
    field: str
    width: int
    places: int
    rank: int
    is_price: bool = False


_COLUMNS: Final = (
    _Column("Bid", "bid", 7, 2, 1, is_price=True),
    _Column("Ask", "ask", 7, 2, 1, is_price=True),
    _Column("Last", "last", 7, 2, 4, is_price=True),
    _Column("Vol", "volume", 6, 0, 5),
    _Column("OI", "open_interest", 6, 0, 6),
    _Column("Vega", "vega", 5, 3, 3),
    _Column("Theta", "theta", 6, 3, 3),
    _Column("Gamma", "gamma", 6, 4, 3),
    _Column("Delta", "delta", 6, 3, 2),
    _Column("IV%", "implied_vol", 8, 1, 1),
)


@lru_cache(maxsize=32)
def _columns(room: int) -> tuple[_Column, ...]:
    """The columns that fit into one side of `room` cells."""
    for rank in (6, 5, 4, 3, 2, 1):
        kept = tuple(column for column in _COLUMNS if column.rank <= rank)
        if sum(column.width + 1 for column in kept) <= room:
            return kept
    return tuple(column for column in _COLUMNS if column.is_price and column.rank == 1)


class ChainBoard(Board):
    """Keys are those of `Lines`. `side` is the one the cursor stands on; `says` stands where there is no chain."""

    class Turned(Message):
        """The cursor stands on the other side."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.lines = Lines()
        self.side = CALL
        self.says = ""
        self._at_contract: dict[str, str] = {}
        self._seen: dict[int, Quote] = {}
        self._hot: set[str] = set()

    # what stands where

    def begin(self, says: str) -> None:
        """No chain, and why."""
        self.says = says
        self.lines = Lines()
        self._at_contract = {}
        self.show(())
        self.repaint()

    def lay(self, lines: Lines) -> None:
        """This chain; the cursor goes to the money unless its strike is still there."""
        before = self.selected
        was_empty = not self.lines.keys
        self.lines = lines
        self._at_contract = {
            str(contract.conid): key
            for key, row in lines.rows.items()
            for contract in (row.call, row.put)
            if contract is not None
        }
        self.show(lines.keys)
        if was_empty or before not in lines.rows:
            self.to_money()
        self.repaint()

    def relay(self, lines: Lines) -> None:
        """The same strikes around another price of the underlying; the cursor stays where it is."""
        self.lines = lines
        self.show(lines.keys)
        self.paint()

    def to_money(self) -> None:
        """Put the cursor on the strike at the money, in the middle of the board."""
        money = self.lines.money
        if money is None:
            return
        self.select(money)
        self.top = max(0, min(self.cursor - self.capacity // 2, len(self.keys) - self.capacity))
        self._say_place()
        self._strips.clear()
        self.paint()
        self.refresh()

    def move_to(self, index: int) -> None:
        """The line of the money is no place for the cursor: it goes on to the strike behind it."""
        index = max(0, min(index, len(self.keys) - 1))
        if self.keys and self.keys[index] == SPOT:
            onwards = index + (1 if index > self.cursor else -1)
            index = onwards if 0 <= onwards < len(self.keys) else self.cursor
        super().move_to(index)

    @property
    def contract(self) -> OptionContract | None:
        """The contract under the cursor."""
        return self.lines.contract(self.selected, self.side)

    def turn(self, side: str) -> None:
        """Put the cursor on a side."""
        if side != self.side:
            self.side = side
            self._restyle_cursor()
            self.post_message(self.Turned())

    def visible_conids(self) -> set[int]:
        """The contracts whose lines can be seen."""
        return self.lines.conids(self.visible_keys())

    def frame(self, conids: Iterable[str], *, flashes: bool) -> None:
        """Paint what these prices touch; what changed is bright for one frame."""
        settling, self._hot = self._hot, set()
        touched: set[str] = set()
        for conid in conids:
            key = self._at_contract.get(conid)
            if key is None:
                continue
            touched.add(key)
            quote = self.state.quote(int(conid))
            seen = self._seen.get(int(conid))
            if quote is None:
                continue
            if flashes and seen is not None and any(getattr(quote, name) != getattr(seen, name) for name in _PRICES):
                self._hot.add(conid)
            self._seen[int(conid)] = quote
        self.paint_keys({self._at_contract[conid] for conid in settling if conid in self._at_contract} | touched)

    # painting

    def _room(self, width: int) -> int:
        return (width - _STRIKE - 4) // 2

    def header(self, width: int) -> Row:
        columns = _columns(self._room(width))
        calls = " " + "".join(_placed(column.head, column.width, CALL) for column in self._outwards(columns))
        puts = "".join(_placed(column.head, column.width, PUT) for column in columns)
        muted, marked = self.palette.muted, self.palette.accent
        return [
            Segment("Calls" + calls[5:], marked if self.side == CALL else muted),
            Segment("  " + figures.right("Strike", _STRIKE) + "  ", muted),
            Segment(puts[:-8] + "Puts" + puts[-4:], marked if self.side == PUT else muted),
        ]

    @staticmethod
    def _outwards(columns: Sequence[_Column]) -> tuple[_Column, ...]:
        """The columns of the calls from the left: as those of the puts mirrored, but with the bid before the ask."""
        prices = [column for column in columns if column.field in _PRICES]
        return (*reversed([column for column in columns if column.field not in _PRICES]), *prices)

    def nothing(self) -> Sequence[str]:
        return tuple(wrap(self.says, max(20, self.content_size.width - 2)))

    def cells(self, key: str, width: int) -> Row:
        if key == SPOT:
            return self._money(width)
        row = self.lines.rows.get(key)
        if row is None:
            return []
        palette = self.palette
        columns = _columns(self._room(width))
        here = key == self.selected
        places = max(2, -int(row.strike.normalize().as_tuple().exponent))
        strike = figures.right(figures.number(row.strike, places), _STRIKE)
        ink = palette.bright if key == self.lines.money else palette.text
        left = "◂" if here and self.side == CALL else " "
        right = "▸" if here and self.side == PUT else " "
        return [
            *self._side(row.call, CALL, row.strike, self._outwards(columns), here=here),
            Segment(self._held(row.call), palette.accent),
            Segment(left, palette.accent),
            Segment(strike, ink if self.state.feed.is_live else palette.stale),
            Segment(right, palette.accent),
            Segment(self._held(row.put), palette.accent),
            *self._side(row.put, PUT, row.strike, columns, here=here),
        ]

    def _held(self, contract: OptionContract | None) -> str:
        """A dot beside a contract that the account holds."""
        position = self.state.position_of(contract.conid) if contract is not None else None
        return "•" if position is not None and position.qty else " "

    def _side(
        self, contract: OptionContract | None, side: str, strike: Decimal, columns: Sequence[_Column], *, here: bool
    ) -> Row:
        palette = self.palette
        under = palette.cursor if here and side == self.side and self.has_focus else Style()
        blank = sum(column.width + 1 for column in columns)
        if contract is None:
            return [Segment(figures.right("none ", blank), palette.muted + under)]
        quote = self.state.quote(contract.conid) or contract.quote
        status = self.state.status(quote)
        live = status is QuoteStatus.LIVE
        hot = live and str(contract.conid) in self._hot
        spot = self.lines.spot
        inside = spot is not None and is_inside(strike, side, spot)
        cells: Row = []
        for column in columns:
            if column.field == "implied_vol" and not live:
                word = "waiting" if quote is None else WORDS[status]
                cells.append(Segment(_placed(word, column.width, side), palette.status(status) + under))
                continue
            text = _figure(quote, column) if quote is not None else figures.UNKNOWN
            ink = palette.text if column.is_price and inside else palette.muted if not column.is_price else palette.text
            if hot and column.field in _PRICES:
                ink = palette.bright
            cells.append(Segment(_placed(text, column.width, side), (ink if live else palette.stale) + under))
        return cells

    def _money(self, width: int) -> Row:
        """Where the underlying stands between the strikes."""
        spot = self.lines.spot
        words = f" {figures.number(spot, 2)} "
        columns = _columns(self._room(width))
        before = sum(column.width + 1 for column in columns) + 2
        room = before + _STRIKE - len(words) + 1
        after = max(0, width - room - len(words) - 1)
        ink = self.palette.accent if self.state.feed.is_live else self.palette.stale
        return [Segment("─" * room, self.palette.muted), Segment(words, ink), Segment("─" * after, self.palette.muted)]

    def line_base(self, y: int) -> Style:
        base = self.base
        if self.keys and y == self._cursor_line:
            return base + self.palette.cursor_idle
        return base

    # events

    def on_key(self, event: events.Key) -> None:
        if event.key in {"left", "right"}:
            event.stop()
            self.turn(CALL if event.key == "left" else PUT)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and self.keys:
            self.turn(CALL if offset.x < self.content_size.width // 2 else PUT)

    def entitled(self, title: str, aside: str, warning: str) -> None:
        """The border's title: the underlying and the expiry, and what is wrong."""
        parts: list[str | tuple[str, str]] = [(title, "bold")]
        if aside:
            parts.append((f" · {aside}", "$muted"))
        if warning:
            parts.append((f" · {warning}", "$warn"))
        self.entitle(Content.assemble(*parts))


def _placed(text: str, width: int, side: str) -> str:
    """A cell of one side: the gap is towards the outside for calls and towards the strike for puts."""
    return figures.right(text, width) + " " if side == CALL else " " + figures.right(text, width)


def _figure(quote: Quote, column: _Column) -> str:
    value: Decimal | None = getattr(quote, column.field)
    if value is None:
        return figures.UNKNOWN
    if column.field in {"volume", "open_interest"}:
        return figures.compact(value)
    places = max(column.places, quote.decimals) if column.is_price else column.places
    return figures.fitted(value, places, column.width)
