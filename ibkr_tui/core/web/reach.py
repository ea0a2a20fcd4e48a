"""How far a server can be reached, step by step: its name, its port, its certificate. Each failure has its remedy.

Every refusal is IBKR_UNAVAILABLE with `details.cause`: `dns`, `refused`, `timeout`, `unreachable` or `tls`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

from ibkr_tui.core.hosts import is_loopback
from ibkr_tui.core.web.tls import tls_context
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean

DEADLINE: Final = 10.0


class Place:
    """Where a URL points: `host`, `port`, and whether TLS is spoken there."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        self.secure = parts.scheme in {"https", "wss"}
        self.port = parts.port or (443 if self.secure else 80)

    @property
    def is_local(self) -> bool:
        """On this machine."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def resolve(place: Place, deadline: float = DEADLINE) -> list[str]:
    """The addresses of the name. Raises BrokerError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(deadline):
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise _problem(
            "dns",
            f"the name {place.host} was not resolved within {deadline:g} s",
            "The name server does not answer: check the network and /etc/resolv.conf.",
        ) from None
    except (OSError, UnicodeError):
        raise _problem(
            "dns",
            f"the name {place.host} is not known",
            "Check the spelling of the URL, the network and its name server.",
        ) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def connect(place: Place, deadline: float = DEADLINE) -> None:
    """Open a connection and close it again. Raises BrokerError."""
    try:
        async with asyncio.timeout(deadline):
            _, writer = await asyncio.open_connection(place.host, place.port)
    except TimeoutError:
        raise _timed_out(place, deadline) from None
    except OSError as error:
        raise _unconnected(place, error) from None
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def shake_hands(place: Place, *, verify: bool, deadline: float = DEADLINE) -> str:
    """Open a connection with TLS and close it again; the version spoken. Raises BrokerError."""
    try:
        async with asyncio.timeout(deadline):
            _, writer = await asyncio.open_connection(
                place.host, place.port, ssl=tls_context(verify=verify), ssl_handshake_timeout=deadline + 1
            )
    except ssl.SSLCertVerificationError as error:
        raise _problem(
            "tls",
            f"the certificate of {place} is refused: {clean(error.verify_message or 'not verified', limit=120)}",
            "Something between you and IBKR answers in its place, or this machine's clock is wrong. Do not go on.",
        ) from None
    except ssl.SSLError as error:
        raise _problem(
            "tls",
            f"{place} does not speak TLS 1.2 or newer ({clean(error.reason or 'handshake failed', limit=60)})",
            "Check the port and whether the URL should begin with http:// (on this machine only).",
        ) from None
    except TimeoutError:
        raise _timed_out(place, deadline) from None
    except OSError as error:
        raise _unconnected(place, error) from None
    spoken = writer.get_extra_info("ssl_object")
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return str(spoken.version() or "TLS") if isinstance(spoken, ssl.SSLObject) else "TLS"


async def why_unreachable(url: str, *, verify: bool) -> BrokerError | None:
    """The first step on the way to `url` that fails; None when the server can be reached."""
    place = Place(url)
    try:
        await resolve(place)
        await connect(place)
        if place.secure:
            await shake_hands(place, verify=verify)
    except BrokerError as error:
        return error
    return None


def _unconnected(place: Place, error: OSError) -> BrokerError:
    if isinstance(error, ConnectionRefusedError) or "refused" in str(error):
        remedy = (
            "Start the gateway (or the simulator), and check the port."
            if place.is_local
            else "Check the port, and whether a firewall refuses it."
        )
        return _problem("refused", f"nothing listens at {place}: the connection was refused", remedy)
    if isinstance(error, ConnectionResetError):
        return _problem("unreachable", f"{place} cut the connection off", "Check the port, a proxy or a firewall.")
    why = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return _problem("unreachable", f"{place} cannot be reached ({why})", "Check the network and the routes to it.")


def _timed_out(place: Place, deadline: float) -> BrokerError:
    return _problem(
        "timeout",
        f"{place} did not answer within {deadline:g} s",
        "A firewall may drop the packets, or the server hangs: check the network, then IBKR's status page.",
    )


def _problem(cause: str, message: str, action: str) -> BrokerError:
    return BrokerError("IBKR_UNAVAILABLE", message, user_action=action, details={"cause": cause})
