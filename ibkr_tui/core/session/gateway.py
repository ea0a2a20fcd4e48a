"""The Client Portal Gateway on this machine: a person logs in at its page, nothing is signed (reference 3)."""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import urlsplit

from ibkr_tui.core.hosts import is_loopback
from ibkr_tui.core.session.authenticator import Query
from ibkr_tui.model.errors import BrokerError


class Gateway:
    """The authenticator of `auth = "gateway"`. A 401 is not repeated: it means that nobody is logged in."""

    def __init__(self, rest_url: str, ws_url: str) -> None:
        self._rest_url = rest_url
        self._ws_url = ws_url
        self.epoch = 0
        self.trouble: BrokerError | None = None

    @property
    def token_expires_at(self) -> datetime | None:
        return None

    @property
    def verify_tls(self) -> bool:
        """The gateway's own certificate is accepted on this machine only (B-026)."""
        return not is_loopback(urlsplit(self._rest_url).hostname or "")

    @property
    def rest_url(self) -> str:
        """Where its API is."""
        return self._rest_url

    @property
    def login_url(self) -> str:
        """The page where a person logs in."""
        parts = urlsplit(self._rest_url)
        return f"{parts.scheme}://{parts.netloc}"

    async def authorize(self, method: str, url: str, query: Query) -> dict[str, str]:
        """No headers: the gateway keeps the cookies."""
        return {}

    async def renew(self, seen: int) -> None:
        """Always raises IBKR_LOGIN_REQUIRED: only a person can log in."""
        raise BrokerError(
            "IBKR_LOGIN_REQUIRED",
            f"nobody is logged in at the gateway; log in at {self.login_url}",
            details={"login_url": self.login_url},
        )

    def look_again(self) -> bool:
        """False: there are no files."""
        return False

    async def leave_previous(self) -> bool:
        """False: there are no tokens."""
        return False

    def stream_request(self, cookie: str) -> tuple[str, dict[str, str]]:
        """The gateway takes the session as JSON in the cookie, and no query (W-02)."""
        return self._ws_url, {"Cookie": f"api={json.dumps({'session': cookie}, separators=(',', ':'))}"}
