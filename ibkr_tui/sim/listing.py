"""The instruments that exist: those of the catalogue, and the options that somebody has asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ibkr_tui.sim.instruments import Instrument


class Listing(dict[int, Instrument]):
    """Instruments by conid. Iterating gives what has been made; asking for an option that is listed makes it."""

    def __init__(self, items: Iterable[Instrument], make: Callable[[int], Instrument | None]) -> None:
        super().__init__((item.conid, item) for item in items)
        self._make = make

    def __missing__(self, conid: int) -> Instrument:
        item = self._make(conid)
        if item is None:
            raise KeyError(conid)
        self[conid] = item
        return item

    def __contains__(self, conid: object) -> bool:
        if super().__contains__(conid):
            return True
        if not isinstance(conid, int):
            return False
        try:
            self[conid]
        except KeyError:
            return False
        return True
