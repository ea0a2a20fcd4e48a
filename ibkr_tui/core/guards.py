"""Watches over the guards: the kill switch's file, the limits in force, the journal; and tells faces and the audit.

The file is the truth and is looked at twice a second, so that whatever made it is shown within one. The switch is
turned on from here when the journal fails: what can't be recorded must not be done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ibkr_tui.core.journal.journal import Journal
from ibkr_tui.core.kill_switch import KillSwitch, Trip
from ibkr_tui.core.orders.limits import LimitsInForce, told
from ibkr_tui.core.orders.recorder import Recorder
from ibkr_tui.core.orders.sweep import SweepResult
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.guards import Guards
from ibkr_tui.model.table import Table

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 0.5
CORE: Final = "core"

Sweep = Callable[[], Awaitable[SweepResult]]


class GuardDesk:
    """The `guards` table. `sweep` cancels every working order; None when the switch is not to do that."""

    def __init__(
        self,
        *,
        table: Table[Guards],
        profile: str,
        switch: KillSwitch,
        limits: LimitsInForce,
        journal: Journal,
        recorder: Recorder,
        clock: Clock,
        sweep: Sweep | None,
    ) -> None:
        self._table = table
        self._profile = profile
        self._switch = switch
        self._limits = limits
        self._journal = journal
        self._recorder = recorder
        self._clock = clock
        self._sweep = sweep
        self._was_on = False
        self._is_stuck = False
        self._sweeping: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Keep the row, until cancelled; what is in force at the start is audited, and what changed before it."""
        await self._audit("limits", self._limit_facts(CORE))
        await self._remember()
        try:
            while True:
                await self.look()
                await self._clock.sleep(LOOK_EVERY)
        finally:
            if self._sweeping is not None:
                self._sweeping.cancel()

    async def look(self) -> None:
        """See how the switch is; whatever changed is told, audited, and acted upon."""
        if self._journal.failure:
            self.trip(self._journal.failure)
        trip = self._switch.read()
        self.show(trip)
        if (trip is not None) != self._was_on:
            self._was_on = trip is not None
            await self._changed(trip)

    def trip(self, why: str) -> None:
        """Turn the switch on because the core itself can't go on. It says so once."""
        try:
            self._switch.turn_on(CORE, why)
        except BrokerError as error:  # the gate looks at the journal itself: no order leaves either way
            if not self._is_stuck:
                log.error("the kill switch could not be turned on: %s", error.message)
            self._is_stuck = True

    async def set(self, on: bool, reason: str, face: str) -> Guards:
        """Turn the switch on or off for a person. Raises BrokerError STATE_UNUSABLE, or JOURNAL_UNAVAILABLE while the
        journal is broken: it would only be turned on again."""
        if on:
            self._switch.turn_on(face, reason)
        else:
            if why := self._journal.failure:
                raise BrokerError("JOURNAL_UNAVAILABLE", f"the kill switch stays on: {why}")
            self._switch.turn_off()
        await self.look()
        return self.row

    async def tighten(self, changes: Mapping[str, Any], face: str) -> Guards:
        """Put tighter limits in force. Raises BrokerError LIMIT_LOOSENED, BAD_ARGUMENT."""
        self._limits.tighten(changes)
        names = ", ".join(changes)
        self._recorder.say(f"limits tightened by {face}: {names}", Severity.WARNING)
        self.show(self._switch.read())
        await self._audit("limits", self._limit_facts(face))
        return self.row

    @property
    def row(self) -> Guards:
        """The row as it stands."""
        found = self._table.get(self._profile)
        return found if found is not None else self.show(self._switch.read())

    def show(self, trip: Trip | None) -> Guards:
        """Put the row."""
        now, configured = told(self._limits.now), told(self._limits.configured)
        row = Guards(
            profile=self._profile,
            kill_switch=trip is not None,
            kill_by=trip.by if trip else "",
            kill_reason=trip.reason if trip else "",
            kill_since=trip.since if trip else None,
            limits=now,
            tightened=tuple(name for name, words in now.items() if configured.get(name) != words),
        )
        self._table.put(self._profile, row)
        return row

    async def _remember(self) -> None:
        """How the switch was when it was last audited: a change while no core ran is a change too."""
        try:
            last = await self._journal.last_note("kill_switch")
        except BrokerError:
            last = None
        self._was_on = bool(last and last.get("on"))
        trip = self._switch.read()
        if self._was_on and trip is not None:
            self._recorder.say(f"KILL SWITCH is still on{_words(trip)}", Severity.ERROR, code="KILL_SWITCH_ON")

    async def _changed(self, trip: Trip | None) -> None:
        if trip is None:
            self._recorder.say("kill switch off: orders may leave again", Severity.WARNING)
            await self._audit("kill_switch", {"on": False})
            return
        words = f"KILL SWITCH on{_words(trip)}: no new order leaves, cancels do"
        self._recorder.say(words, Severity.ERROR, code="KILL_SWITCH_ON")
        if self._sweep is not None:
            if self._sweeping is not None:
                self._sweeping.cancel()  # this one asks for what that one had left
            self._sweeping = asyncio.create_task(self._swept(self._sweep), name="cancel all on kill")
        await self._audit("kill_switch", {"on": True, "by": trip.by, "text": trip.reason})

    async def _swept(self, sweep: Sweep) -> None:
        try:
            found = await sweep()
        except BrokerError as error:
            self._recorder.say(
                f"the kill switch could not cancel what works: {error.message}", Severity.ERROR, code=error.code
            )
            return
        whole = not (found.failed or found.waiting or found.unread)
        self._recorder.say(f"kill switch: {found.text}", Severity.WARNING if whole else Severity.ERROR)

    def _limit_facts(self, face: str) -> dict[str, Any]:
        now, configured = told(self._limits.now), told(self._limits.configured)
        return {
            "limits": [f"{name} = {words}" for name, words in now.items()],
            "tightened": [name for name, words in now.items() if configured.get(name) != words],
            "face": face,
        }

    async def _audit(self, kind: str, facts: Mapping[str, Any]) -> None:
        try:
            await self._journal.note(kind, facts)
        except BrokerError as error:
            log.error("%s not audited: %s", kind, error.message)


def _words(trip: Trip) -> str:
    by = f" by {trip.by}" if trip.by else ""
    return by + (f" ({trip.reason})" if trip.reason else "")
