"""The long search for a Diffie-Hellman prime, in a process of its own: its arithmetic would hold up an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import Final

from ibkr_tui.core.keys import safe_prime
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.rotation import GroupSearch

COMMAND: Final = (sys.executable, "-P", "-m", "ibkr_tui.core.keys.safe_prime")
_HIDDEN: Final = ("IBKR_", "OAUTH_")


class PrimeSearch:
    """One search at a time. Whoever awaits `run` owns it: when cancelled, its process ends; `stop` ends it too."""

    def __init__(self, clock: Clock, command: tuple[str, ...] = COMMAND) -> None:
        self._clock = clock
        self._command = command
        self._begun = 0.0
        self._tried = 0
        self._process: asyncio.subprocess.Process | None = None
        self._stopped = False

    @property
    def progress(self) -> GroupSearch | None:
        """How far it is; None when nothing is looked for."""
        if self._process is None:
            return None
        return GroupSearch(self._tried, safe_prime.EXPECTED_TRIES, self._clock.monotonic() - self._begun)

    def stop(self) -> bool:
        """Give up; False when nothing was looked for."""
        if self._process is None:
            return False
        self._stopped = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return True

    async def run(self) -> int | None:
        """The prime; None when it was stopped. Raises ROTATION_BUSY while another search runs."""
        if self._process is not None:
            raise BrokerError("ROTATION_BUSY", "a search for a Diffie-Hellman prime runs already")
        self._begun, self._tried, self._stopped = self._clock.monotonic(), 0, False
        process = self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)},
        )
        try:
            return await self._read(process)
        finally:
            self._process = None
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _read(self, process: asyncio.subprocess.Process) -> int | None:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        async for line in process.stdout:
            word, _, number = line.decode("ascii", "replace").strip().partition(" ")
            if word == "tried" and number.isdecimal():
                self._tried = int(number)
            elif word == "prime":
                return int(number, 16)
        if self._stopped:
            return None
        raise BrokerError("KEY_STORE_UNUSABLE", "the search for a Diffie-Hellman prime ended by itself; begin it again")
