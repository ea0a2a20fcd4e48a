"""What a login must be able to do, whichever kind it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ibkr_tui.model.errors import BrokerError

Query = Sequence[tuple[str, str]]


class Authenticator(Protocol):
    """Proves who we are, request by request. `epoch` grows with every new token.

    `trouble` is what hinders a login that still goes on; None when nothing does.
    """

    @property
    def epoch(self) -> int: ...

    @property
    def trouble(self) -> BrokerError | None: ...

    @property
    def token_expires_at(self) -> datetime | None:
        """When the token ends, UTC; None where there is no token."""
        ...

    @property
    def verify_tls(self) -> bool:
        """Whether the server's certificate is checked."""
        ...

    async def authorize(self, method: str, url: str, query: Query) -> dict[str, str]:
        """The headers that authorise one request. Raises BrokerError when no token can be had."""
        ...

    async def renew(self, seen: int) -> None:
        """Get a new token unless one newer than `seen` is there already: ten callers at once cause one."""
        ...

    def look_again(self) -> bool:
        """Take the credentials anew if their files have changed; True when the next login is made with others."""
        ...

    async def leave_previous(self) -> bool:
        """Log out the token before the present one; False when there is none, or it could not be logged out."""
        ...

    def stream_request(self, cookie: str) -> tuple[str, dict[str, str]]:
        """URL and headers of the WebSocket, given the session value of a tickle (reference 6)."""
        ...
