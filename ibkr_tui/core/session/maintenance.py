"""What to do about a gateway's session, decided from the answer of one keep-alive, and nothing else (pure)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """`noop`: all is well. `login_required`, `logout_then_reauth`: a person must log in. `reauth`: we can mend it."""

    NOOP = "noop"
    LOGIN_REQUIRED = "login_required"
    REAUTH = "reauth"
    LOGOUT_THEN_REAUTH = "logout_then_reauth"
    ERROR = "error"


def decide(status: int, body: object) -> Action:
    """The action for an answer of `/tickle`: its HTTP status and its decoded body (None: no JSON)."""
    if status != 200 or not isinstance(body, dict):
        return Action.ERROR
    iserver = body.get("iserver")
    found = iserver.get("authStatus") if isinstance(iserver, dict) else None
    session: dict[str, Any] = found if isinstance(found, dict) else {}
    authenticated, connected = session.get("authenticated") is True, session.get("connected") is True
    competing = session.get("competing") is True
    if authenticated and connected and not competing:
        return Action.NOOP
    if not body.get("session"):
        return Action.LOGIN_REQUIRED
    if competing or not connected:
        return Action.LOGOUT_THEN_REAUTH
    return Action.REAUTH
