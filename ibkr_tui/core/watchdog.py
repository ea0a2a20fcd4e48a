"""The loop's watchdog: when the event loop stands still, a thread writes down where, and the health tells of it.

It lives by the machine's own clock: what it judges is this process, not the market.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType
from typing import Final

log = logging.getLogger(__name__)

BLOCKED_AFTER: Final = 5.0
BEAT_EVERY: Final = 1.0
_DEEPEST: Final = 30


class LoopWatchdog:
    """`run` beats in the loop, a thread listens. `on_stall` gets a sentence, in the loop, when it moves again.

    `stalls` counts, `longest_s` and `last_s` are seconds without a beat, `last_at` when the last one ended.
    """

    def __init__(self, on_stall: Callable[[str], None], *, after: float = BLOCKED_AFTER) -> None:
        self.stalls = 0
        self.last_s = 0.0
        self.longest_s = 0.0
        self.last_at: datetime | None = None
        self.on_beat: Callable[[], None] = lambda: None
        self._on_stall = on_stall
        self._after = after
        self._every = min(BEAT_EVERY, after / 4)
        self._beaten = time.monotonic()
        self._told = False
        self._slept = False
        self._ended = threading.Event()
        self._thread_id = 0

    async def run(self) -> None:
        """Beat until cancelled."""
        self._thread_id = threading.get_ident()
        self._beaten = time.monotonic()
        self._ended.clear()
        listener = threading.Thread(target=self._listen, name="loop-watchdog", daemon=True)
        listener.start()
        try:
            while True:
                self.beat(time.monotonic())
                self.on_beat()
                await asyncio.sleep(self._every)
        finally:
            self._ended.set()

    def beat(self, now: float) -> None:
        """The loop moves. What it missed is counted and told."""
        stood, self._beaten = now - self._beaten, now
        told, slept, self._told, self._slept = self._told, self._slept, False, False
        if stood < self._after:
            return
        self.stalls += 1
        self.last_s, self.longest_s = stood, max(stood, self.longest_s)
        self.last_at = datetime.now(UTC)
        why = "the process was stopped, or the machine slept" if slept or not told else "the log has where"
        words = f"the core stood still for {stood:.0f} s ({why}); prices and orders of that time are read again"
        log.warning("%s", words)
        self._on_stall(words)

    def look(self, now: float, late: float) -> None:
        """Whether the loop has stood still for too long; `late` is how late the listener itself came."""
        if late >= self._after / 2:
            self._slept = True  # then nothing of this process ran, and the loop's place says nothing
        elif now - self._beaten >= self._after and not self._told and not self._slept:
            self._told = True
            frame = sys._current_frames().get(self._thread_id)
            log.error("the event loop has stood still for %.1f s:\n%s", now - self._beaten, where(frame))

    def _listen(self) -> None:
        due = time.monotonic() + self._every
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            self.look(now, now - due)
            due = now + self._every


def where(frame: FrameType | None) -> str:
    """The frames of a thread, innermost last: file, line and function, and no value."""
    if frame is None:
        return "  its thread has ended"
    found = traceback.extract_stack(frame)[-_DEEPEST:]
    return "\n".join(f"  {at.filename}:{at.lineno} in {at.name}" for at in found)
