"""A test login: does IBKR take this key set? It mints a token and throws it away; no brokerage session is opened."""

from __future__ import annotations

from ibkr_tui.core.keys.key_set import KeySet
from ibkr_tui.core.session.oauth1 import Minting, OAuth1
from ibkr_tui.core.session.signing import Dialect
from ibkr_tui.model.clock import Clock


class MintProbe:
    """Proves key sets at one server."""

    def __init__(self, transport: Minting, rest_url: str, clock: Clock, dialect: Dialect = "whole") -> None:
        self._transport = transport
        self._rest_url = rest_url
        self._clock = clock
        self._dialect = dialect

    async def probe(self, keys: KeySet) -> None:
        """Mint with `keys` in memory and check the server's signature on the token. Raises as `OAuth1.renew`."""
        login = OAuth1(keys, self._rest_url, "", self._clock, dialect=self._dialect)
        login.transport = self._transport
        await login.renew(0)
