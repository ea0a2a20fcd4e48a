"""Which instruments stream: pinned ones stay, and those that somebody looks at; others leave when nobody asked for a
while (requirements A-084, A-102).

Streams end silently after some fifteen minutes while heartbeats go on, so each is renewed every nine (faults W2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from ibkr_tui.core.market.fields import fields_of
from ibkr_tui.core.market.looking import Looking
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument

RENEW_EVERY: Final = 540.0

Send = Callable[[str], bool]
"""Puts a text on the stream; False when there is none, which the next `opened` makes good."""


def check_room(taken: int, most: int) -> None:
    """Raise BrokerError IBKR_WS_SUB_LIMIT when no place is left."""
    if taken >= most:
        raise BrokerError("IBKR_WS_SUB_LIMIT", f"{most} instruments are subscribed already, which is the limit")


class _Subscription:
    """One instrument's place."""

    __slots__ = ("asked", "instrument", "pinned", "renewed")

    def __init__(self, instrument: Instrument, now: float, pinned: bool) -> None:
        self.instrument = instrument
        self.pinned = pinned
        self.asked = now
        self.renewed = now


class Subscriptions:
    """The instruments of the `quotes` table. `looking`: who shows them. `others` counts what else takes a place."""

    def __init__(
        self,
        board: QuoteBoard,
        send: Send,
        clock: Clock,
        *,
        most: int,
        idle_after: float,
        looking: Looking | None = None,
        others: Callable[[], int] = lambda: 0,
    ) -> None:
        self.looking = looking if looking is not None else Looking()
        self._others = others
        self._board = board
        self._send = send
        self._clock = clock
        self._most = most
        self._idle_after = idle_after
        self._held: dict[int, _Subscription] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, conid: int) -> bool:
        return conid in self._held

    @property
    def conids(self) -> tuple[int, ...]:
        """What is subscribed, in order of arrival."""
        return tuple(self._held)

    @property
    def fields(self) -> tuple[str, ...]:
        """The codes that all of them together want."""
        kinds = {held.instrument.sec_type for held in self._held.values()}
        return tuple(dict.fromkeys(code for kind in sorted(kinds) for code in fields_of(kind)))

    def add(self, instrument: Instrument, *, pinned: bool) -> None:
        """Subscribe, or note that it is still wanted. Raises BrokerError IBKR_WS_SUB_LIMIT when no place is left."""
        now = self._clock.monotonic()
        held = self._held.get(instrument.conid)
        if held is not None:
            held.asked = now
            held.pinned = held.pinned or pinned
            return
        check_room(len(self._held) + self._others(), self._most)
        self._held[instrument.conid] = _Subscription(instrument, now, pinned)
        self._ask(self._held[instrument.conid])

    def make_room(self) -> None:
        """Give up the one that was asked for longest ago, if no place is left and nobody looks at it or pinned it."""
        if len(self._held) + self._others() < self._most:
            return
        idle = [held for conid, held in self._held.items() if not held.pinned and conid not in self.looking]
        if idle:
            self.remove(min(idle, key=lambda held: held.asked).instrument.conid)

    def remove(self, conid: int) -> bool:
        """Unsubscribe; whether it was subscribed."""
        if self._held.pop(conid, None) is None:
            return False
        self._send(f"umd+{conid}+{{}}")
        self._board.forget(conid)
        return True

    def touch(self, conid: int) -> None:
        """Somebody looked at it."""
        held = self._held.get(conid)
        if held is not None:
            held.asked = self._clock.monotonic()

    def opened(self) -> None:
        """A new stream knows nothing: ask for everything again."""
        for held in self._held.values():
            self._ask(held)

    def tend(self) -> None:
        """Renew what is due and drop what is idle. Called about once a second."""
        now = self._clock.monotonic()
        for conid, held in list(self._held.items()):
            if conid in self.looking:
                held.asked = now
            if not held.pinned and now - held.asked >= self._idle_after:
                self.remove(conid)
            elif now - held.renewed >= RENEW_EVERY:
                self._ask(held)

    def _ask(self, held: _Subscription) -> None:
        fields = msgspec.json.encode({"fields": fields_of(held.instrument.sec_type)}).decode()
        if self._send(f"smd+{held.instrument.conid}+{fields}"):
            held.renewed = self._clock.monotonic()
            self._board.expect(held.instrument)
        elif held.instrument.conid not in self._board:
            self._board.expect(held.instrument)
