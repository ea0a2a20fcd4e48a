"""Which books stream. `ubd` ends every depth of the account, so that the others are asked for again (reference 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ibkr_tui.core.market.depth import DepthBoard
from ibkr_tui.core.market.looking import Looking
from ibkr_tui.core.market.refusals import refusal_of
from ibkr_tui.core.market.subscriptions import RENEW_EVERY, Send, check_room
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.instruments import Instrument


class _Held:
    """One book's place."""

    __slots__ = ("asked", "instrument", "renewed")

    def __init__(self, instrument: Instrument, now: float) -> None:
        self.instrument = instrument
        self.asked = now
        self.renewed = now


class DepthSubscriptions:
    """The instruments of the `depth` table. A book stays while somebody looks, and `idle_after` seconds longer.

    Books take places of the same limit as quotes: `others` counts those.
    """

    def __init__(
        self,
        board: DepthBoard,
        send: Send,
        clock: Clock,
        *,
        account: str,
        most: int,
        idle_after: float,
        others: Callable[[], int] = lambda: 0,
    ) -> None:
        self._board = board
        self._send = send
        self._clock = clock
        self._account = account
        self._most = most
        self._idle_after = idle_after
        self._others = others
        self._held: dict[int, _Held] = {}
        self.looking = Looking()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, conid: int) -> bool:
        return conid in self._held

    @property
    def conids(self) -> tuple[int, ...]:
        """What is subscribed, in order of arrival."""
        return tuple(self._held)

    def add(self, instrument: Instrument) -> None:
        """Subscribe, or note that it is still wanted. Raises BrokerError IBKR_WS_SUB_LIMIT when no place is left."""
        held = self._held.get(instrument.conid)
        if held is not None:
            held.asked = self._clock.monotonic()
            if self._board.refusal(instrument.conid) is not None:
                self._board.asked_again(instrument.conid)
                self._ask(held)
            return
        check_room(len(self._held) + self._others(), self._most)
        held = self._held[instrument.conid] = _Held(instrument, self._clock.monotonic())
        self._board.expect(instrument)
        self._ask(held)

    def remove(self, conid: int) -> bool:
        """Unsubscribe; whether it was subscribed."""
        return bool(self._drop([conid]))

    def refused(self, conid: int, words: str) -> None:
        """IBKR gives no book of `conid`. Where only its limit is reached, the book that nobody has looked at for the
        longest time makes room."""
        held = self._held.get(conid)
        problem = refusal_of(held.instrument.description, words) if held is not None else None
        if problem is None:
            return
        if problem.code == "IBKR_WS_SUB_LIMIT" and (idle := self._idlest(conid)) is not None:
            self._drop([idle])  # asks for the others again, this one among them
        else:
            self._board.refuse(conid, problem)

    def _idlest(self, wanted: int) -> int | None:
        """Whose book streams and is not looked at, and was asked for the longest ago."""
        idle = {
            conid: held.asked
            for conid, held in self._held.items()
            if conid != wanted and conid not in self.looking and self._board.refusal(conid) is None
        }
        return min(idle, key=idle.__getitem__, default=None)

    def opened(self) -> None:
        """A new stream knows nothing: ask for every book again."""
        for held in self._held.values():
            self._ask(held)

    def tend(self) -> None:
        """Renew what is due and drop what nobody looks at. Called about once a second."""
        now = self._clock.monotonic()
        for conid, held in self._held.items():
            if conid in self.looking:
                held.asked = now
        self._drop([conid for conid, held in self._held.items() if now - held.asked >= self._idle_after])
        for held in self._held.values():
            if now - held.renewed >= RENEW_EVERY:
                self._ask(held)

    def _drop(self, conids: Iterable[int]) -> list[int]:
        gone = [conid for conid in conids if self._held.pop(conid, None) is not None]
        if gone:
            self._send(f"ubd+{self._account}")
            for held in self._held.values():
                self._ask(held)
        for conid in gone:
            self._board.forget(conid)
        return gone

    def _ask(self, held: _Held) -> None:
        if self._send(f"sbd+{self._account}+{held.instrument.conid}"):
            held.renewed = self._clock.monotonic()
            self._board.expect(held.instrument)
