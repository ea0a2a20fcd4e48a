"""What faces look at, made to stream: the whole set of each replaces the one before (design 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ibkr_tui.core.market.depth_subscriptions import DepthSubscriptions
from ibkr_tui.core.market.subscriptions import Subscriptions
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.looks import Looks, Refusal


class LookDesk:
    """Keeps who looks, and subscribes what is looked at. `find` gives an instrument's details."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        depth: DepthSubscriptions,
        find: Callable[[int], Awaitable[Instrument]],
        *,
        has_stream: bool,
    ) -> None:
        self._subscriptions = subscriptions
        self._depth = depth
        self._find = find
        self._has_stream = has_stream

    async def look(self, owner: str, quotes: Sequence[int], depth: Sequence[int]) -> Looks:
        """`owner` looks at these from now on. What finds no place is refused one by one, in the order of the sets."""
        self._subscriptions.looking.replace(owner, {*quotes, *depth})
        self._depth.looking.replace(owner, depth)
        wanted = [*dict.fromkeys([*depth, *quotes])]
        missing = [conid for conid in wanted if conid not in self._subscriptions or conid in depth]
        found = dict(zip(missing, await asyncio.gather(*map(self._details, missing)), strict=True))
        refused: list[Refusal] = []
        for conid in wanted:
            if (problem := self._subscribe(conid, found.get(conid), conid in depth)) is not None:
                refused.append(Refusal(conid, problem.code, problem.message))
        return Looks(
            tuple(conid for conid in quotes if conid in self._subscriptions),
            tuple(conid for conid in depth if conid in self._depth),
            tuple(refused),
        )

    def leave(self, owner: str) -> None:
        """`owner` has gone; what nobody looks at leaves when it has been idle long enough."""
        self._subscriptions.looking.leave(owner)
        self._depth.looking.leave(owner)

    def _subscribe(self, conid: int, found: Instrument | BrokerError | None, with_depth: bool) -> BrokerError | None:
        if found is None or conid not in self._subscriptions.looking:
            return None  # it streams already; or the face looked away while its details were read
        if isinstance(found, BrokerError):
            return found
        try:
            self._add(found)
            if with_depth and conid in self._depth.looking:
                if not self._has_stream:
                    return no_depth()
                if conid not in self._depth:
                    self._subscriptions.make_room()
                self._depth.add(found)
        except BrokerError as error:
            return error
        return None

    def _add(self, instrument: Instrument) -> None:
        """What is seen goes before what is only remembered: an idle one may lose its place to it."""
        if instrument.conid not in self._subscriptions:
            self._subscriptions.make_room()
        self._subscriptions.add(instrument, pinned=False)

    async def _details(self, conid: int) -> Instrument | BrokerError:
        try:
            return await self._find(conid)
        except BrokerError as error:
            return error


def no_depth() -> BrokerError:
    """Depth comes over the stream only."""
    return BrokerError("STREAM_OFF", "depth comes over the stream, and the stream is switched off")
