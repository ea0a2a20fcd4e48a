"""Logging in over HTTP: the mint, signatures and their dialects, the brokerage session, and who is turned away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from urllib.parse import quote, quote_plus

import pytest


async def test_a_token_is_minted_and_signs_requests(start):
    client = await start()
    answer = (await client.mint()).json()
    expected = hmac.digest(client.token, client.credentials["consumer_key"].encode(), hashlib.sha1).hex()
    assert answer["live_session_token_signature"] == expected
    assert answer["live_session_token_expiration"] / 1000 == pytest.approx(time.time() + 86_400, abs=60)
    assert (await client.post("/tickle"))["iserver"]["authStatus"]["authenticated"] is False


@pytest.mark.parametrize(
    ("kind", "holds"),
    [("top_bit", lambda r: True), ("leading_zero", lambda r: True), ("odd_response", lambda r: len(r) % 2 == 1)],
)
async def test_awkward_secrets_can_be_asked_for(start, kind, holds):
    client = await start()
    await client.control("oauth", {"wanted_secret": kind})
    answer = (await client.mint()).json()
    assert holds(answer["diffie_hellman_response"])
    assert (await client.call("POST", "/tickle")).status_code == 200


async def test_no_bridge_before_the_brokerage_session(start):
    client = await start()
    await client.mint()
    refused = await client.call("GET", "/iserver/accounts")
    assert refused.status_code == 400
    assert refused.json() == {"error": "Bad Request: no bridge", "statusCode": 400}
    assert (await client.call("GET", "/portfolio/accounts")).status_code == 200
    answer = await client.post("/iserver/auth/ssodh/init", {"publish": True, "compete": True})
    assert answer["authenticated"] and answer["established"]
    assert (await client.get("/iserver/accounts"))["accounts"] == ["DU1234567"]
    assert (await client.post("/iserver/auth/status"))["connected"] is True


async def test_paper_and_live_are_two_users(start):
    live = await (await start("live")).login()
    assert (await live.get("/iserver/accounts"))["isPaper"] is False
    assert (await live.get("/portfolio/accounts"))[0]["id"] == "U7654321"
    assert (await live.call("GET", "/portfolio/DU1234567/summary")).status_code == 401


async def test_a_second_login_takes_the_brokerage_session_only_if_it_competes(client):
    first = client.token
    await client.mint()
    polite = await client.post("/iserver/auth/ssodh/init", {"publish": True, "compete": False})
    assert polite["authenticated"] is False and polite["competing"] is True
    await client.post("/iserver/auth/ssodh/init", {"publish": True, "compete": True})
    client.token = first
    status = await client.post("/iserver/auth/status")
    assert status["authenticated"] is False and status["competing"] is True


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("publish=true&compete=true", "application/x-www-form-urlencoded"),
        ('{"publish":true,"compete":true}', "application/json"),
    ],
)
async def test_ssodh_init_takes_a_form_too(client, content, kind):
    first = client.token
    await client.mint()
    url = f"{client.rest}/iserver/auth/ssodh/init"
    covered = dict(pair.split("=") for pair in content.split("&")) if "=" in content else {}
    headers = {"Authorization": client.signed("POST", url, covered), "Content-Type": kind}
    answer = await client.http.post(url, headers=headers, content=content)
    assert answer.status_code == 200 and answer.json()["authenticated"] is True, "it competes with the first login"
    client.token = first
    assert (await client.post("/iserver/auth/status"))["competing"] is True


async def test_logout_ends_the_token(client):
    assert await client.post("/logout") == {"status": True}
    assert (await client.call("POST", "/tickle")).status_code == 401


async def test_a_token_lives_a_day(client):
    await client.control("clock", {"seconds": 86_300})
    client.clock = lambda: time.time() + 86_300
    assert (await client.call("POST", "/tickle")).status_code == 200
    await client.control("clock", {"seconds": 200})
    client.clock = lambda: time.time() + 86_500
    assert (await client.call("POST", "/tickle")).status_code == 401


async def test_refusals_say_why(client):
    async def error(**changes):
        url = f"{client.rest}/tickle"
        response = await client.http.post(url, headers={"Authorization": client.signed("POST", url, {}, **changes)})
        assert response.status_code == 401
        return response.json()["error"]

    assert (await error(oauth_consumer_key="WRONGKEYS")).endswith("error: invalid consumer")
    assert "token" in await error(oauth_token="nonsense")
    assert "timestamp" in await error(oauth_timestamp=str(int(time.time()) - 400))
    assert "timestamp" in await error(oauth_timestamp=str(int(time.time() * 1000)))
    assert "realm" in await error(realm="test_realm")
    url = f"{client.rest}/tickle"
    header = {"Authorization": client.signed("POST", url, {})}
    assert (await client.http.post(url, headers=header)).status_code == 200
    replay = await client.http.post(url, headers=header)
    assert replay.status_code == 401 and "nonce" in replay.json()["error"]
    client.token = b"another token"
    assert "signature" in await error()
    empty = await client.http.post(url)
    assert empty.status_code == 401 and empty.content == b""


async def test_a_forged_request_burns_no_nonce(client):
    url = f"{client.rest}/tickle"
    token, client.token = client.token, b"forged"
    assert (
        await client.http.post(url, headers={"Authorization": client.signed("POST", url, {}, oauth_nonce="n1")})
    ).status_code == 401
    client.token = token
    assert (
        await client.http.post(url, headers={"Authorization": client.signed("POST", url, {}, oauth_nonce="n1")})
    ).status_code == 200


async def test_the_mint_checks_the_signature_and_the_challenge(start):
    client = await start()
    assert (await client.mint(oauth_consumer_key="WRONGKEYS")).json()["error"].endswith("invalid consumer")
    client.credentials["signature_key_path"] = client.credentials["encryption_key_path"]
    refused = await client.mint()
    assert refused.status_code == 401 and "signature" in refused.json()["error"]
    assert (await client.state())["mints"] == 0


DIALECTS = {
    "query-included": lambda oauth, query: quote_plus(join({**oauth, **query})),
    "query-omitted": lambda oauth, query: quote_plus(join(oauth)),
    "query-included-slash-kept": lambda oauth, query: quote(join({**oauth, **query})),
    "query-value-encoded": lambda oauth, query: quote(
        join({**oauth, **{key: quote(value, safe="") for key, value in query.items()}}), safe=""
    ),
    "query-as-sent": lambda oauth, query: quote_plus(
        join({**oauth, **{key: value.replace(",", "%2C").replace("/", "/") for key, value in query.items()}})
    ),
}


def join(params):
    return "&".join(f"{key}={value}" for key, value in sorted(params.items()))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("host", ["as called", "https://api.ibkr.com"])
async def test_every_signing_dialect_is_accepted_and_counted(client, dialect, host):
    query = {"symbol": "EUR/USD,x"}
    path = "/v1/api/iserver/secdef/search"
    base = client.rest.removesuffix("/v1/api")
    oauth = client.params("HMAC-SHA256")
    text = f"GET&{quote_plus((base if host == 'as called' else host) + path)}&{DIALECTS[dialect](oauth, query)}"
    signature = base64.b64encode(hmac.digest(client.token, text.encode(), hashlib.sha256)).decode()
    headers = {"Authorization": client.header(oauth, signature)}
    if host != "as called":
        headers["Host"] = "api.ibkr.com"
    response = await client.http.get(f"{base}{path}?symbol=EUR/USD%2Cx", headers=headers)
    assert response.status_code == 200, response.text
    assert (await client.state())["dialects"][dialect] == 1


async def test_a_post_without_length_is_411(client):
    url = f"{client.rest}/tickle"
    request = client.http.build_request("POST", url, headers={"Authorization": client.signed("POST", url, {})})
    del request.headers["Content-Length"]
    response = await client.http.send(request)
    assert response.status_code == 411


async def test_an_unknown_path_is_404_and_a_bad_body_400(client):
    assert (await client.call("GET", "/iserver/nonsense")).status_code == 404
    url = f"{client.rest}/iserver/account"
    headers = {"Authorization": client.signed("POST", url, {})}
    assert (await client.http.post(url, headers=headers, content=b'{"acctId": "')).status_code == 400


async def test_the_date_header_is_the_simulators_clock(client):
    before = (await client.call("POST", "/tickle")).headers["date"]
    await client.control("clock", {"seconds": -3600})
    client.clock = lambda: time.time() - 3600
    after = (await client.call("POST", "/tickle")).headers["date"]
    assert before != after and len(after) == 29


async def test_pacing_is_counted_and_enforced_on_request(client):
    for _ in range(2):
        assert (await client.call("GET", "/portfolio/accounts")).status_code == 200
    assert (await client.state())["pacing_violations"]["/portfolio/accounts"] >= 2
    await client.control("pacing", {"enforce": True})
    statuses = [(await client.call("GET", "/portfolio/accounts")).status_code for _ in range(2)]
    assert statuses == [429, 429]
    assert (await client.state())["too_many_requests"] == 2


async def test_an_answer_does_not_wait_for_a_delayed_acknowledgement(client):
    """40 ms a request is Nagle's algorithm; the fastest of ten can't be that slow without it."""
    fastest = 1.0
    for _ in range(10):
        started = time.perf_counter()
        await client.call("POST", "/tickle")
        fastest = min(fastest, time.perf_counter() - started)
    assert fastest < 0.03
