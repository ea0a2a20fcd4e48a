"""The alert desk: keeps the `alerts` table, subscribes what alerts watch, and tells when a condition becomes true."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.core.market.alert_file import AlertFile
from ibkr_tui.core.market.subscriptions import Subscriptions
from ibkr_tui.core.session.waiting import wait_for
from ibkr_tui.model.alerts import (
    MOST_ALERTS,
    Alert,
    AlertKind,
    AlertState,
    Direction,
    judge,
    observed,
    told,
)
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.table import Table

OWNER: Final = "alerts"
LOOK_EVERY: Final = 1.0
SUBSCRIBE_EVERY: Final = 10.0
_UNCONFIRMED: Final = frozenset({QuoteStatus.STALE, QuoteStatus.NO_DATA})
_SHORTEST: Final = 5
_LONGEST: Final = 86_400

Find = Callable[[int], Awaitable[Instrument]]
Tell = Callable[[str, Severity, str], None]


class AlertDesk:
    """Alerts of one profile. `find` gives an instrument's details, `tell` raises an event with its code; `may_ask` says
    whether there is a session to ask in."""

    def __init__(
        self,
        *,
        table: Table[Alert],
        quotes: Table[Quote],
        subscriptions: Subscriptions,
        file: AlertFile,
        find: Find,
        tell: Tell,
        may_ask: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._table = table
        self._quotes = quotes
        self._subscriptions = subscriptions
        self._file = file
        self._find = find
        self._tell = tell
        self._may_ask = may_ask
        self._clock = clock
        self._good_at: dict[int, float] = {}
        self._by_conid: dict[int, list[str]] = {}
        self._changed = asyncio.Event()
        self._saving = asyncio.Lock()
        self._subscribe_at = 0.0
        self._newest = 0

    @property
    def armed(self) -> int:
        """How many still wait."""
        return sum(alert.state is AlertState.ARMED for alert in self._table.rows().values())

    def load(self) -> None:
        """Bring back what earlier runs kept. What can't be read is told as an event."""
        try:
            kept = self._file.read()
        except BrokerError as error:
            self._tell(f"{error.message}. {error.user_action}", Severity.ERROR, error.code)
            return
        for alert in kept:
            self._table.put(alert.id, alert)
            self._newest = max(self._newest, int(alert.id) if alert.id.isdigit() else 0)
        self._sort()

    async def run(self) -> None:
        """Watch the time, keep subscriptions and the file, until cancelled."""
        while True:
            self._look_at_staleness()
            if self._may_ask() and self._clock.monotonic() >= self._subscribe_at:
                await self._subscribe()
            if self._changed.is_set():
                await self._save_or_tell()
            await wait_for(self._changed, LOOK_EVERY, self._clock)

    async def add(
        self,
        instrument: Instrument,
        kind: AlertKind,
        level: Decimal,
        *,
        direction: Direction | None = None,
        note: str = "",
        repeat: bool = False,
    ) -> Alert:
        """A new alert, kept before this returns. Its condition must become true: true at once, it waits until it was
        false. Raises BrokerError BAD_ARGUMENT, IBKR_WS_SUB_LIMIT, STATE_UNUSABLE."""
        if len(self._table) >= MOST_ALERTS:
            raise BrokerError("BAD_ARGUMENT", f"there are {MOST_ALERTS} alerts, which is the most; remove some first")
        chosen = direction or self._direction(instrument, kind, level)
        _check(kind, level, chosen)
        for known in self._table.rows().values():
            same = (known.conid, known.kind, known.level, known.direction) == (instrument.conid, kind, level, chosen)
            if same and known.state is AlertState.ARMED:
                raise BrokerError("BAD_ARGUMENT", f"alert {known.id} waits for that already: {known.words}")
        self._subscriptions.add(instrument, pinned=False)
        self._newest += 1
        alert = Alert(
            id=str(self._newest),
            conid=instrument.conid,
            symbol=instrument.description,
            kind=kind,
            level=level,
            direction=chosen,
            created_at=self._clock.now(),
            note=note,
            repeat=repeat,
        )
        self._good_at.setdefault(instrument.conid, self._clock.monotonic())
        self._table.put(alert.id, alert)
        self._sort()
        quote = self._quotes.get(str(instrument.conid))
        if quote is not None:
            self.observe(quote)
        try:
            await self._save()
        except BrokerError:
            self._drop(alert.id)
            raise
        return self._table.get(alert.id) or alert

    async def remove(self, alert_id: str) -> Alert:
        """Forget an alert. Raises BrokerError ALERT_NOT_FOUND, STATE_UNUSABLE."""
        alert = self._table.get(alert_id)
        if alert is None:
            names = ", ".join(self._table) or "none"
            raise BrokerError("ALERT_NOT_FOUND", f"there is no alert “{alert_id[:20]}”; there are: {names}")
        self._drop(alert_id)
        await self._save()
        return alert

    def __contains__(self, conid: int) -> bool:
        """Whether an armed alert waits on that instrument."""
        return conid in self._by_conid

    def observe(self, quote: Quote) -> None:
        """A frame changed `quote`: judge the alerts on it."""
        for alert_id in self._by_conid.get(quote.conid, ()):
            alert = self._table.get(alert_id)
            if alert is not None and alert.kind is not AlertKind.STALENESS:
                self._judge(alert, quote, None)

    def _look_at_staleness(self) -> None:
        now = self._clock.monotonic()
        for conid, ids in self._by_conid.items():
            quote = self._quotes.get(str(conid))
            if quote is not None and quote.status not in _UNCONFIRMED:
                self._good_at[conid] = now
            stale_for = now - self._good_at.setdefault(conid, now)
            for alert_id in ids:
                alert = self._table.get(alert_id)
                if alert is not None and alert.kind is AlertKind.STALENESS:
                    self._judge(alert, quote or _nothing(alert), stale_for)

    def _judge(self, alert: Alert, quote: Quote, stale_for: float | None) -> None:
        value = observed(alert, quote, stale_for)
        after, is_told = judge(alert, value, self._clock.now())
        if after is alert:
            return
        self._table.put(alert.id, after)
        self._changed.set()
        if is_told and value is not None:
            self._tell(told(after, value, quote.status is QuoteStatus.DELAYED), Severity.WARNING, "ALERT")
        if after.state is AlertState.FIRED:
            self._sort()

    async def _subscribe(self) -> None:
        """See that everything armed streams; what does not says why in its row, and is tried again."""
        self._subscribe_at = self._clock.monotonic() + SUBSCRIBE_EVERY
        for alert in list(self._table.rows().values()):
            if alert.state is AlertState.FIRED:
                continue
            problem = "" if alert.conid in self._subscriptions else await self._problem(alert.conid)
            now = self._table.get(alert.id)
            if now is not None and now.problem != problem:
                self._table.put(alert.id, msgspec.structs.replace(now, problem=problem))
                if problem:
                    self._tell(f"the alert {alert.words} can't watch: {problem}", Severity.WARNING, "ALERT_BLIND")

    async def _problem(self, conid: int) -> str:
        try:
            self._subscriptions.add(await self._find(conid), pinned=False)
        except BrokerError as error:
            return error.message
        return ""

    def _direction(self, instrument: Instrument, kind: AlertKind, level: Decimal) -> Direction:
        """The side a person means who names only a level: the one that is not true now."""
        if kind is AlertKind.STALENESS:
            return Direction.ABOVE
        if kind is AlertKind.CHANGE:
            return Direction.ABOVE if level > 0 else Direction.BELOW
        quote = self._quotes.get(str(instrument.conid))
        price = None if quote is None else quote.last or quote.mid
        if price is None or price == level:
            where = "has no price yet" if price is None else f"stands at {plain(price)}"
            raise BrokerError(
                "BAD_ARGUMENT", f"{instrument.description} {where}: say direction=above or direction=below"
            )
        return Direction.ABOVE if level > price else Direction.BELOW

    def _drop(self, alert_id: str) -> None:
        self._table.remove(alert_id)
        self._sort()

    def _sort(self) -> None:
        """Which alerts wait on which instrument; the instruments are looked at for as long."""
        self._by_conid = {}
        for alert in self._table.rows().values():
            if alert.state is AlertState.ARMED:
                self._by_conid.setdefault(alert.conid, []).append(alert.id)
        self._subscriptions.looking.replace(OWNER, self._by_conid)

    async def _save(self) -> None:
        async with self._saving:
            self._changed.clear()
            await asyncio.to_thread(self._file.write, tuple(self._table.rows().values()))

    async def _save_or_tell(self) -> None:
        try:
            await self._save()
        except BrokerError as error:
            self._tell(f"the alerts could not be kept: {error.message}", Severity.ERROR, error.code)


def _check(kind: AlertKind, level: Decimal, direction: Direction) -> None:
    if kind is AlertKind.STALENESS and (not _SHORTEST <= level <= _LONGEST or direction is Direction.BELOW):
        raise BrokerError(
            "BAD_ARGUMENT", f"a staleness alert waits for {_SHORTEST} to {_LONGEST} seconds without a fresh price"
        )
    if kind is AlertKind.CHANGE and (level == 0 or abs(level) > 1000):
        raise BrokerError("BAD_ARGUMENT", "a change alert has a level in percent, such as 2.5 or -2.5")
    if kind is AlertKind.PRICE and level == 0:
        raise BrokerError("BAD_ARGUMENT", "a price alert needs its price as level")


def _nothing(alert: Alert) -> Quote:
    return Quote(alert.conid, alert.symbol, alert.symbol, QuoteStatus.NO_DATA)
