"""The simulator as a Client Portal Gateway: a person's login, what is open without one, and the stream's cookie."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest
import websockets


async def test_nobody_is_logged_in(start):
    client = await start(gateway=True)
    for method, path in (("POST", "/tickle"), ("GET", "/sso/validate"), ("GET", "/iserver/accounts")):
        refused = await client.http.request(method, client.rest + path)
        assert (refused.status_code, refused.content) == (401, b""), path


async def test_a_person_logs_in_at_the_page_and_the_session_starts_by_itself(start):
    client = await start(gateway=True)
    page = await client.http.get(client.running.ready["login_url"])
    assert page.status_code == 200 and 'action="/sso/Login"' in page.text
    done = await client.http.post(client.running.ready["login_url"] + "/sso/Login", data={"user": "simpaper"})
    assert "Client login succeeds" in done.text
    validated = (await client.http.get(client.rest + "/sso/validate")).json()
    assert validated["RESULT"] is True and validated["USER_NAME"] == "simpaper" and validated["LOGIN_TYPE"] == 2
    assert 0 < validated["EXPIRES"] <= 24 * 3600 * 1000
    tickle = (await client.http.post(client.rest + "/tickle")).json()
    assert tickle["collission"] is False and tickle["ssoExpires"] > 0 and len(tickle["session"]) == 32
    assert tickle["iserver"]["authStatus"]["authenticated"] is True
    accounts = (await client.http.get(client.rest + "/iserver/accounts")).json()
    assert accounts["accounts"] == ["DU1234567"] and accounts["isPaper"] is True
    alias = await client.http.get(client.rest.replace("/v1/api", "/v1/portal") + "/iserver/auth/status")
    assert alias.json()["connected"] is True


async def test_somebody_unknown_is_turned_away(start):
    client = await start(gateway=True)
    done = await client.http.post(client.running.ready["login_url"] + "/sso/Login", data={"user": "mallory"})
    assert done.status_code == 401
    assert (await client.http.post(client.rest + "/tickle")).status_code == 401


async def test_a_gateway_offers_no_oauth_and_the_other_door_no_validate(start):
    client = await start(gateway=True)
    await client.control("gateway", {"do": "login"})
    for path in ("/oauth/live_session_token", "/oauth/request_token", "/gw/api/v1/sso-sessions"):
        assert (await client.http.post(client.rest + path)).status_code == 404


async def test_without_the_option_there_is_no_gateway(client):
    assert (await client.call("GET", "/sso/validate")).status_code == 404
    refused = await client.http.post(client.running.ready["control_url"] + "/gateway", json={"do": "login"})
    assert refused.status_code == 400 and "no gateway" in refused.text
    page = await client.http.post(client.rest.removesuffix("/v1/api") + "/sso/Login")
    assert page.status_code in {401, 404}


@pytest.mark.parametrize(
    ("do", "status"),
    [
        ("end", {"authenticated": False, "connected": False, "competing": False}),
        ("timeout", {"authenticated": False, "connected": True, "competing": False}),
        ("compete", {"authenticated": False, "connected": False, "competing": True}),
    ],
)
async def test_the_brokerage_session_ends_while_the_login_stays(start, do, status):
    client = await start(gateway=True)
    await client.control("gateway", {"do": "login"})
    await client.control("session", {"do": do})
    found = (await client.http.post(client.rest + "/iserver/auth/status")).json()
    assert {name: found[name] for name in status} == status
    assert (await client.http.get(client.rest + "/iserver/accounts")).status_code == 400
    again = await client.http.post(client.rest + "/iserver/reauthenticate?force=true")
    assert again.json() == {"message": "triggered"}
    assert (await client.http.get(client.rest + "/iserver/accounts")).status_code == 200


@pytest.mark.parametrize("how", ["logout", "control", "expiry"])
async def test_a_login_ends(start, fake_clock, how):
    client = await start(gateway=True, clock=fake_clock if how == "expiry" else None)
    await client.control("gateway", {"do": "login"})
    if how == "logout":
        assert (await client.http.post(client.rest + "/logout")).json() == {"status": True}
    elif how == "control":
        await client.control("gateway", {"do": "logout"})
    else:
        await client.control("clock", {"seconds": 24 * 3600 + 1})
    assert (await client.http.post(client.rest + "/tickle")).status_code == 401


async def test_one_person_at_a_time(start):
    client = await start(gateway=True)
    await client.control("gateway", {"do": "login", "user": "simlive"})
    await client.control("gateway", {"do": "login", "user": "simpaper"})
    assert (await client.http.get(client.rest + "/iserver/accounts")).json()["accounts"] == ["DU1234567"]
    control = client.running.ready["control_url"] + "/gateway"
    refused = await client.http.post(control, json={"do": "login", "user": "x"})
    assert refused.status_code == 400 and "simlive" in refused.text


async def test_the_stream_takes_the_session_as_json_alone(start, frame_of):
    client = await start(gateway=True)
    await client.control("gateway", {"do": "login"})
    session = (await client.http.post(client.rest + "/tickle")).json()["session"]
    url = client.running.ready["ws_url"]
    cookie = json.dumps({"session": session}, separators=(",", ":"))
    async with websockets.connect(url, additional_headers={"Cookie": f"api={cookie}"}) as socket:
        await frame_of(socket, lambda frame: frame["topic"] == "sts" and frame["args"]["authenticated"])
    for wrong in (f"api={session}", 'api={"session":"' + "0" * 32 + '"}', "other=1"):
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(url, additional_headers={"Cookie": wrong})


async def test_the_configuration_asks_for_the_gateway(start):
    client = await start(gateway=True)
    ready = client.running.ready
    assert set(ready) == {"rest_url", "ws_url", "config", "control_url", "login_url"}
    config = Path(ready["config"])
    profiles = tomllib.loads(config.read_text())["profiles"]
    assert set(profiles) == {"paper", "live"}
    for name, profile in profiles.items():
        assert profile["auth"] == "gateway" and profile["kind"] == name and "credentials_file" not in profile
    assert not list(config.parent.rglob("*.pem")) and stat.S_IMODE(config.stat().st_mode) == 0o600
