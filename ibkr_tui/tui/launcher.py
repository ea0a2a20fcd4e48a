"""What the app needs from whoever starts processes: the command line injects it, so the app itself starts nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec


class Attachment(msgspec.Struct, frozen=True):
    """Where a core serves, and the configuration the face expects it to have."""

    socket_path: str
    fingerprint: str


class Launcher(Protocol):
    """Finds or starts the profile's core (and, for the demo, the simulator)."""

    @property
    def profile(self) -> str: ...

    @property
    def kind(self) -> str:
        """`paper` or `live`: the badge is right before anything is connected."""
        ...

    @property
    def is_demo(self) -> bool:
        """A demo's core is stopped with its app; there is nothing to detach from."""
        ...

    async def attach(self, progress: Callable[[str], None]) -> Attachment:
        """Make sure that a core serves, telling `progress` each step. Raises BrokerError."""
        ...

    def mean(self, account: str) -> None:
        """From now on attach to a core on this account of the login: a person has gone over to it."""
        ...

    async def stop(self) -> None:
        """Stop the core in an orderly way and wait for it, at most some seconds."""
        ...
