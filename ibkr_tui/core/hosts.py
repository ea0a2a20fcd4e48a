"""Which servers we may talk to: IBKR's own over TLS, and this machine."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

_PRINTABLE: Final = re.compile(r"[!-~]+")
_BROKER: Final = re.compile(r"(?:[1-9]\.)?api\.ibkr\.com")


def is_loopback(host: str) -> bool:
    """True for `localhost` to the letter and for literal loopback addresses; a name that only looks like one is not."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # Python's versions differ on IPv4 addresses in IPv6 clothes (::ffff:127.0.0.1) and take zones (::1%x): not here.
    return address.is_loopback if address.version == 4 else host == "::1"


def url_problem(url: str, scheme: str) -> str:
    """Why `url` may not be used, or an empty text. `scheme` is `http` or `ws`; without the s only to loopback."""
    if not _PRINTABLE.fullmatch(url):  # urlsplit drops line ends and tabs in silence
        return "may hold no spaces, control characters or letters beyond ASCII"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is not a URL"
    if any(mark in url for mark in "@?#"):
        return "must have no user, query or fragment"
    if parts.scheme not in {scheme, scheme + "s"} or not host or port == 0:
        return f"must begin with {scheme}s:// and a host"
    return "" if is_loopback(host) else _stranger_problem(parts.scheme, host, scheme)


def _stranger_problem(used: str, host: str, scheme: str) -> str:
    """Why a host that is not this machine may not be used."""
    if used == scheme:
        return f"must use {scheme}s:// (plain {scheme}:// only to this machine)"
    if not _BROKER.fullmatch(host):
        return f"names the host {host[:60]}; only api.ibkr.com and this machine are allowed"
    return ""
