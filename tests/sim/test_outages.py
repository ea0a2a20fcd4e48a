"""What happens to everybody at once: maintenance, resets, the penalty box, keys that wait, a session that is held."""

from __future__ import annotations

import pytest
import websockets

INIT = "/iserver/auth/ssodh/init"


async def test_maintenance_is_a_page_for_every_request_and_no_stream(client):
    async with client.connect() as socket:
        await client.control("session", {"do": "maintenance", "on": True})
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                await socket.recv()
    for method, path in (("GET", "/portfolio/accounts"), ("POST", "/tickle"), ("POST", INIT)):
        response = await client.call(method, path)
        assert (response.status_code, "<html>" in response.text) == (503, True)
        assert response.headers["date"]
    assert (await client.mint()).status_code == 503
    with pytest.raises(websockets.InvalidStatus):
        async with client.connect():
            pass
    await client.control("session", {"do": "maintenance", "on": False})
    status = await client.post("/iserver/auth/status")
    assert status["authenticated"] is True, "who was logged in still is"


async def test_a_reset_ends_the_session_and_lets_none_open_for_its_time(client):
    await client.control("session", {"do": "reset", "seconds": 300})
    assert (await client.post("/iserver/auth/status"))["authenticated"] is False
    answer = await client.post(INIT, {"publish": True, "compete": False})
    assert (answer["authenticated"], answer["competing"]) == (False, False)
    assert (await client.call("GET", "/iserver/accounts")).status_code == 503
    assert (await client.call("GET", "/portfolio/accounts")).status_code == 200
    client.running.sim.clock.jump(300)
    begun = client.clock
    client.clock = lambda: begun() + 300
    assert (await client.call("GET", "/iserver/accounts")).status_code == 400
    assert (await client.post(INIT, {"publish": True, "compete": False}))["authenticated"] is True


async def test_a_reset_of_no_time_only_ends_the_session(client):
    await client.control("session", {"do": "reset"})
    assert (await client.call("GET", "/iserver/accounts")).status_code == 400
    assert (await client.post(INIT, {"publish": True, "compete": False}))["authenticated"] is True


async def test_the_penalty_box_refuses_all_until_its_end(client):
    await client.control("pacing", {"box_s": 900})
    for method, path in (("GET", "/portfolio/accounts"), ("POST", "/tickle")):
        response = await client.call(method, path)
        assert response.status_code == 429
        assert 890 <= int(response.headers["retry-after"]) <= 900
    await client.control("pacing", {"box_s": 0})
    assert (await client.call("POST", "/tickle")).status_code == 200


async def test_a_consumer_that_is_not_active_yet(client):
    await client.control("oauth", {"active": False})
    response = await client.mint()
    assert (response.status_code, "invalid consumer" in response.json()["error"]) == (401, True)
    await client.control("oauth", {"active": True})
    assert (await client.mint()).status_code == 200


async def test_another_program_keeps_the_session_until_it_lets_go(client):
    await client.control("session", {"do": "hold"})
    for _ in range(3):
        answer = await client.post(INIT, {"publish": True, "compete": False})
        assert (answer["authenticated"], answer["competing"]) == (False, True)
    await client.control("session", {"do": "release"})
    assert (await client.post(INIT, {"publish": True, "compete": False}))["authenticated"] is True
    await client.control("session", {"do": "release"})
    assert (await client.post("/iserver/auth/status"))["authenticated"] is True, "ours is not theirs to release"


async def test_another_program_loses_the_session_to_who_competes(client):
    await client.control("session", {"do": "hold"})
    assert (await client.post(INIT, {"publish": True, "compete": True}))["authenticated"] is True
    assert (await client.post(INIT, {"publish": True, "compete": False}))["authenticated"] is True
