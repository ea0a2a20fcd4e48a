"""What a service manager wants to hear (sd_notify): ready, alive, stopping. Without one, nothing is said."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping
from typing import Final

_SHARE: Final = 3
"""A manager that ends what is silent for so long hears of us three times in it."""


class ServiceNotices:
    """`NOTIFY_SOCKET` names the manager's datagram socket, `WATCHDOG_USEC` how long it bears silence.

    A notice that can't be sent is not worth a fault: the manager then acts as if it had not come.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        named = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + named[1:] if named.startswith("@") else named if named.startswith("/") else ""
        usec = environ.get("WATCHDOG_USEC", "")
        self._every = int(usec) / 1e6 / _SHARE if usec.isascii() and usec.isdigit() and int(usec) else None
        self._said_at = float("-inf")

    def ready(self, status: str) -> None:
        """The core serves."""
        self._say(f"READY=1\nSTATUS={status}")

    def stopping(self, reason: str) -> None:
        """The core is about to end."""
        self._say(f"STOPPING=1\nSTATUS={reason}")

    def alive(self) -> None:
        """The loop moves; said only as often as it is wanted."""
        if self._every is not None and time.monotonic() - self._said_at >= self._every:
            self._said_at = time.monotonic()
            self._say("WATCHDOG=1")

    def _say(self, words: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.setblocking(False)
            manager.sendto(words.encode(), self._address)
