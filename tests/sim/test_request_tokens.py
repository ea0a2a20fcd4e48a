"""The third parties' way to an access token: signed by the tests' own client, allowed by a person, exchanged once."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ibkr_tui.sim.credentials import DH_PRIME
from ibkr_tui.sim.dhparam import write_dhparam
from tests.sim.conftest import Client

THIRD = "0123456789abcdef012345678"
PEM = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
PRIVATE = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@dataclasses.dataclass
class Party:
    """A third party with keys of its own."""

    client: Client
    signature: rsa.RSAPrivateKey

    async def ask(self, call: str, consumer: str = THIRD, **more: str) -> httpx.Response:
        params = self.client.params("RSA-SHA256", oauth_consumer_key=consumer)
        del params["oauth_token"]
        params |= more
        url = f"{self.client.rest}/oauth/{call}"
        text = Client.base_string("POST", url, params).encode()
        signed = base64.b64encode(self.signature.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
        return await self.client.http.post(url, headers={"Authorization": self.client.header(params, signed)})

    async def portal(self, **body: Any) -> httpx.Response:
        return await self.client.http.post(f"{self.client.running.ready['control_url']}/portal", json=body)


@pytest.fixture(scope="module")
def pair() -> list[rsa.RSAPrivateKey]:
    return [rsa.generate_private_key(65537, 2048) for _ in range(2)]


@pytest.fixture
async def party(client: Client, pair: list[rsa.RSAPrivateKey]) -> Party:
    made = Party(client, pair[0])
    signature, encryption = (key.public_key().public_bytes(*PEM).decode() for key in pair)
    files = {"signature": signature, "encryption": encryption, "dhparam": write_dhparam(DH_PRIME, 2).decode()}
    assert (await made.portal(do="register", consumer_key=THIRD, **files)).status_code == 200
    return made


async def test_from_a_request_token_to_a_login(party: Party, pair: Any, tmp_path: Any) -> None:
    asked = await party.ask("request_token", oauth_callback="oob")
    assert asked.status_code == 200 and list(asked.json()) == ["oauth_token"]
    token = asked.json()["oauth_token"]
    site = str(httpx.URL(party.client.rest).join("/authorize"))
    page = await party.client.http.get(site, params={"oauth_token": token})
    assert page.status_code == 200 and THIRD in page.text and "DU1234567" in page.text
    allowed = await party.client.http.post(site, data={"oauth_token": token})
    leads_to = httpx.URL(allowed.headers["location"])
    assert (allowed.status_code, leads_to.params["oauth_token"]) == (303, token)
    verifier = leads_to.params["oauth_verifier"]
    assert verifier in (await party.client.http.get(str(httpx.URL(site).join(leads_to)))).text

    wrong = await party.ask("access_token", oauth_token=token, oauth_verifier="guess")
    assert (wrong.status_code, "invalid oauth_verifier" in wrong.json()["error"]) == (401, True)
    given = await party.ask("access_token", oauth_token=token, oauth_verifier=verifier, oauth_callback="oob")
    made = given.json()
    assert given.status_code == 200 and made["is_paper"] is True
    again = await party.ask("access_token", oauth_token=token, oauth_verifier=verifier)
    assert (again.status_code, "invalid request token" in again.json()["error"]) == (401, True)

    paths = {}
    for name, key in zip(("signature_key_path", "encryption_key_path"), pair, strict=True):
        (tmp_path / name).write_bytes(key.private_bytes(*PRIVATE))
        paths[name] = str(tmp_path / name)
    changes = {"consumer_key": THIRD, "access_token": made["oauth_token"]}
    sealed = {"access_token_secret": made["oauth_token_secret"]}
    await dataclasses.replace(
        party.client, credentials={**party.client.credentials, **paths, **changes, **sealed}
    ).login()


async def test_who_may_not_ask(party: Party) -> None:
    mine = party.client.credentials["consumer_key"]
    own = dataclasses.replace(party, signature=_key_of(party.client))
    for asked, reason in (
        (await own.ask("request_token", mine, oauth_callback="oob"), "not allowed to use this call"),
        (await own.ask("request_token", oauth_callback="oob"), "invalid signature"),
        (await party.ask("request_token"), "invalid oauth_callback"),
        (await party.ask("access_token", oauth_token="x", oauth_verifier="y"), "invalid request token"),
        (await party.ask("request_token", "f" * 25, oauth_callback="oob"), "invalid consumer"),
    ):
        assert (asked.status_code, reason in asked.json()["error"]) == (401, True), reason
    not_allowed = await party.ask("request_token", oauth_callback="oob")
    early = await party.ask("access_token", oauth_token=not_allowed.json()["oauth_token"], oauth_verifier="")
    assert "invalid oauth_verifier" in early.json()["error"]


async def test_a_third_party_has_no_token_of_the_portal_s(party: Party) -> None:
    answer = await party.portal(do="token", consumer_key=THIRD)
    assert answer.status_code == 400 and "request token" in answer.json()["error"]
    answer = await party.portal(do="authorize", oauth_token="none")
    assert answer.status_code == 400 and "no such request token" in answer.json()["error"]
    token = (await party.ask("request_token", oauth_callback="oob")).json()["oauth_token"]
    assert (await party.portal(do="authorize", oauth_token=token)).json()["oauth_verifier"]


def _key_of(client: Client) -> rsa.RSAPrivateKey:
    with open(client.credentials["signature_key_path"], "rb") as file:  # noqa: PTH123
        key = serialization.load_pem_private_key(file.read(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
