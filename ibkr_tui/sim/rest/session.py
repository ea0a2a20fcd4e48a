"""Session endpoints: ssodh/init, auth/status, tickle, logout (reference sections 1.5 and 3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from ibkr_tui.sim.calls import Call, Problem, get, get_or_post, post
from ibkr_tui.sim.logins import Login

MAC = "06:05:9B:DE:2D:8B"
SERVER = {"serverName": "JifN19007", "serverVersion": "Build 10.44.1d, Mar 3, 2026 1:55:32 PM"}
USER_ID = 123456789
HARDWARE = f"d12054d0|{MAC}"


def auth_status(login: Login) -> dict[str, Any]:
    """The ``authStatus`` object; without a brokerage session it is short."""
    if not login.authenticated:
        return {"authenticated": False, "competing": login.competing, "connected": login.timed_out, "MAC": MAC}
    return {
        "authenticated": True,
        "established": True,
        "competing": False,
        "connected": True,
        "message": "",
        "MAC": MAC,
        "serverInfo": SERVER,
        "hardware_info": HARDWARE,
        "fail": "",
    }


def _init(call: Call) -> Any:
    values: dict[str, Any] = dict(call.query)
    if call.content_type.startswith("application/x-www-form-urlencoded"):
        values |= dict(parse_qsl(call.body.decode("utf-8", "replace")))
    elif call.body:
        values |= call.object()
    compete = str(values.get("compete", "false")).lower() == "true"
    if not call.sim.outages.resets and call.login.user.take_brokerage(call.login, compete):
        call.sim.statistics.logins += 1
        for stream in call.sim.streams:
            stream.session_changed()
    established = call.login.authenticated
    return {
        "passed": True,
        "authenticated": established,
        "established": established,
        "connected": True,
        "competing": call.login.competing,
        "message": "",
        "MAC": MAC,
        "serverInfo": SERVER,
        "hardware_info": HARDWARE,
    }


def _status(call: Call) -> Any:
    return auth_status(call.login)


def _tickle(call: Call) -> Any:
    status = auth_status(call.login)
    status.pop("fail", None)
    told: dict[str, Any] = {
        "session": call.login.session_id,
        "hmds": {"error": "no bridge"},
        "iserver": {"authStatus": status},
    }
    if call.sim.options.gateway:
        told |= {"ssoExpires": _sso_left_ms(call), "collission": False, "userId": USER_ID}
    return told


def _sso_left_ms(call: Call) -> int:
    return max(0, round((call.login.expires_at - call.sim.clock.now()) * 1000))


def _validate(call: Call) -> Any:
    """The login behind the session; a gateway and OAuth 2.0 have it, OAuth 1.0a has not."""
    if not call.sim.options.gateway and not call.login.with_bearer:
        raise Problem(404, "Resource not found")
    user, now_ms = call.login.user, round(call.sim.clock.now() * 1000)
    return {
        "USER_ID": USER_ID,
        "USER_NAME": user.name,
        "RESULT": True,
        "AUTH_TIME": now_ms,
        "SF_ENABLED": False,
        "IS_FREE_TRIAL": False,
        "CREDENTIAL": user.name,
        "IP": "127.0.0.1",
        "EXPIRES": _sso_left_ms(call),
        "QUALIFIED_FOR_MOBILE_AUTH": None,
        "LANDING_APP": "UNIVERSAL",
        "IS_MASTER": False,
        "lastAccessed": now_ms,
        "LOGIN_TYPE": 2 if user.is_paper else 1,
        "PAPER_USER_NAME": user.name if user.is_paper else None,
        "features": {
            "env": "PROD",
            "wlms": True,
            "realtime": True,
            "bond": True,
            "optionChains": True,
            "calendar": True,
            "newMf": True,
        },
        "region": "NJ",
    }


def _logout(call: Call) -> Any:
    call.login.user.drop(call.login)
    for stream in list(call.sim.streams):
        if stream.login is call.login:
            stream.close(1000)
    return {"status": True}


def _reauthenticate(call: Call) -> Any:
    if call.sim.options.gateway:
        call.login.user.take_brokerage(call.login, call.query.get("force") == "true")
    return {"message": "triggered"}


ROUTES = [
    post("/iserver/auth/ssodh/init", _init),
    get("/sso/validate", _validate),
    get_or_post("/iserver/auth/status", _status),
    post("/iserver/reauthenticate", _reauthenticate),
    get_or_post("/tickle", _tickle),
    get_or_post("/logout", _logout),
]
