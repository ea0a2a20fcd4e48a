"""What a keep-alive's answer asks for: the published decision table, first match wins."""

from __future__ import annotations

from typing import Any

import pytest

from ibkr_tui.core.session.maintenance import Action, decide

SESSION = "0123456789abcdef"


def tickle(session: Any = SESSION, **status: Any) -> dict[str, Any]:
    """A body as `/tickle` gives it."""
    said = {"authenticated": True, "connected": True, "competing": False} | status
    return {"session": session, "iserver": {"authStatus": said}}


TABLE = [
    # tickle HTTP != 200 or body not an object
    (500, tickle(), Action.ERROR),
    (401, None, Action.ERROR),
    (200, None, Action.ERROR),
    (200, ["session"], Action.ERROR),
    (200, "ok", Action.ERROR),
    # authenticated and connected and not competing
    (200, tickle(), Action.NOOP),
    (200, tickle(session=""), Action.NOOP),
    # no session value in tickle body
    (200, tickle(session=None, authenticated=False), Action.LOGIN_REQUIRED),
    (200, tickle(session="", competing=True), Action.LOGIN_REQUIRED),
    (200, {}, Action.LOGIN_REQUIRED),
    (200, {"iserver": None}, Action.LOGIN_REQUIRED),
    # competing or not connected
    (200, tickle(competing=True), Action.LOGOUT_THEN_REAUTH),
    (200, tickle(connected=False), Action.LOGOUT_THEN_REAUTH),
    (200, tickle(authenticated=False, connected=False), Action.LOGOUT_THEN_REAUTH),
    (200, {"session": SESSION}, Action.LOGOUT_THEN_REAUTH),
    (200, {"session": SESSION, "iserver": {"authStatus": []}}, Action.LOGOUT_THEN_REAUTH),
    # otherwise (session but not authenticated)
    (200, tickle(authenticated=False), Action.REAUTH),
    (200, tickle(authenticated="true"), Action.REAUTH),
]


@pytest.mark.parametrize(("status", "body", "action"), TABLE)
def test_the_decision_table(status: int, body: Any, action: Action) -> None:
    assert decide(status, body) is action


def test_the_names_that_scripts_read() -> None:
    assert [action.value for action in Action] == [
        "noop", "login_required", "reauth", "logout_then_reauth", "error",
    ]  # fmt: skip
