"""The portal: the life of a key, from its upload over its activation and tokens to its end."""

from __future__ import annotations

import base64
import dataclasses
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ibkr_tui.sim.credentials import DH_PRIME
from ibkr_tui.sim.dhparam import read_dhparam, write_dhparam

KEY = "ABCDEFGHI"
PKCS8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
SPKI = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def public(key: Any) -> str:
    return key.public_key().public_bytes(*SPKI).decode()


def parameters(prime: int = DH_PRIME, generator: int = 2) -> str:
    return write_dhparam(prime, generator).decode()


@pytest.fixture(scope="module")
def pair() -> list[rsa.RSAPrivateKey]:
    """A new signature key and a new encryption key."""
    return [rsa.generate_private_key(65537, 2048) for _ in range(2)]


@pytest.fixture
def files(pair: list[rsa.RSAPrivateKey]) -> dict[str, str]:
    return {"signature": public(pair[0]), "encryption": public(pair[1]), "dhparam": parameters()}


@pytest.fixture
def renewed(tmp_path: Path, pair: list[rsa.RSAPrivateKey]):
    """A client that holds the new keys, and what a token of the portal says."""
    paths = {}
    for name, key in zip(("signature_key_path", "encryption_key_path"), pair, strict=True):
        path = tmp_path / f"{name}.pem"
        path.write_bytes(key.private_bytes(*PKCS8))
        paths[name] = str(path)

    def make(client: Any, **changes: str) -> Any:
        # A secret of the old key is, for the new one, not always bytes that can be decrypted.
        own = base64.b64encode(pair[1].public_key().encrypt(b"a secret of no token", padding.PKCS1v15())).decode()
        credentials = {**client.credentials, **paths, "consumer_key": KEY, "access_token_secret": own, **changes}
        return dataclasses.replace(client, credentials=credentials)

    return make


async def ask(client: Any, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = await client.http.post(f"{client.running.ready['control_url']}/portal", json=body)
    return answer.status_code, answer.json()


async def done(client: Any, **body: Any) -> dict[str, Any]:
    status, found = await ask(client, **body)
    assert status == 200, found
    return found


async def consumers(client: Any) -> dict[str, dict[str, Any]]:
    rows = (await client.http.get(f"{client.running.ready['control_url']}/portal")).json()["consumers"]
    return {row["consumer_key"]: row for row in rows}


async def test_a_new_consumer_logs_in_beside_the_old_one(client, files, renewed):
    row = await done(client, do="register", consumer_key=KEY, **files)
    assert row["active"] is True and row["account"] == client.account
    fresh = renewed(client, **await done(client, do="token", consumer_key=KEY))
    await fresh.login()
    assert (await client.call("GET", "/portfolio/accounts")).status_code == 200
    async with fresh.connect():
        pass
    assert (await client.mint()).status_code == 200


async def test_it_waits_for_its_activation_on_the_simulators_clock(client, files, renewed):
    await done(client, do="register", consumer_key=KEY, activation_delay_s=3600, **files)
    fresh = renewed(client, **await done(client, do="token", consumer_key=KEY))
    refused = await fresh.mint()
    assert refused.status_code == 401
    assert refused.json()["error"].endswith(", error: invalid consumer") and refused.json()["statusCode"] == 401
    assert 3500 < (await consumers(client))[KEY]["active_in_s"] <= 3600
    await client.control("clock", {"seconds": 3601})
    fresh.clock = client.running.sim.clock.now
    assert (await fresh.mint()).status_code == 200
    await client.control("clock", {"seconds": -7200})
    assert (await fresh.mint()).status_code == 200


async def test_activating_now(client, files, renewed):
    await done(client, do="register", consumer_key=KEY, activation_delay_s=3600, **files)
    fresh = renewed(client, **await done(client, do="token", consumer_key=KEY))
    assert (await fresh.mint()).status_code == 401
    assert await done(client, do="activate") == {"activated": [KEY]}
    assert await done(client, do="activate") == {"activated": []}
    assert (await fresh.mint()).status_code == 200
    assert await done(client, do="activate", consumer_key=KEY) == {"activated": [KEY]}


async def test_a_token_alone_counts_at_once_and_ends_the_one_before(client):
    consumer = client.credentials["consumer_key"]
    token = await done(client, do="token", consumer_key=consumer)
    refused = await client.mint()
    assert refused.status_code == 401
    assert f"LST failed, error: No access secret key found for {consumer}" in refused.json()["error"]
    assert (await client.call("GET", "/portfolio/accounts")).status_code == 200
    other = dataclasses.replace(client, credentials={**client.credentials, **token})
    assert (await other.mint()).status_code == 200
    other.credentials["access_token"] = "neither"
    refused = await other.call("GET", "/portfolio/accounts")
    assert refused.status_code == 401 and "invalid token" in refused.json()["error"]


async def test_one_of_two_uploads_is_no_login(client, files, renewed):
    consumer = client.credentials["consumer_key"]
    await done(client, do="register", consumer_key=consumer, signature=files["signature"])
    refused = await client.mint()
    assert refused.status_code == 401 and "invalid signature" in refused.json()["error"]
    old_token = {name: client.credentials[name] for name in ("access_token", "access_token_secret", "consumer_key")}
    mixed = renewed(client, **old_token, encryption_key_path=client.credentials["encryption_key_path"])
    assert (await mixed.mint()).status_code == 200
    await done(client, do="register", consumer_key=consumer, encryption=files["encryption"])
    token = await done(client, do="token", consumer_key=consumer)
    assert (await renewed(client, **token, consumer_key=consumer).mint()).status_code == 200


async def test_what_is_missing_keeps_a_consumer_out(client, files, renewed):
    row = await done(client, do="register", consumer_key=KEY, signature=files["signature"])
    assert row["missing"] == ["encryption", "dhparam"] and row["active"] is False
    status, found = await ask(client, do="token", consumer_key=KEY)
    assert status == 400 and "no encryption key yet" in found["error"]
    await done(client, do="register", consumer_key=KEY, encryption=files["encryption"])
    fresh = renewed(client, **await done(client, do="token", consumer_key=KEY))
    assert "invalid consumer" in (await fresh.mint()).json()["error"]
    await done(client, do="register", consumer_key=KEY, dhparam=files["dhparam"])
    assert (await fresh.mint()).status_code == 200


async def test_no_token_was_made_yet(client, files, renewed):
    await done(client, do="register", consumer_key=KEY, **files)
    assert "No access secret key found" in (await renewed(client).mint()).json()["error"]


async def test_a_revoked_consumer_is_out_at_once(client, files):
    consumer = client.credentials["consumer_key"]
    async with client.connect() as socket:
        ended = await done(client, do="revoke", consumer_key=consumer)
        assert ended == {"consumer_key": consumer, "logins_ended": 1}
        assert socket.state.name == "OPEN"
    for refused in (await client.mint(), await client.call("GET", "/portfolio/accounts")):
        assert refused.status_code == 401 and "invalid consumer" in refused.json()["error"]
    assert consumer not in await consumers(client)
    assert (await done(client, do="register", consumer_key=consumer, **files))["token"] is False


async def test_a_consumer_of_the_live_user(client, files):
    row = await done(client, do="register", consumer_key=KEY, account="live", **files)
    assert (row["environment"], row["account"]) == ("live", "U7654321")
    status, found = await ask(client, do="register", consumer_key=KEY, account="paper", **files)
    assert status == 400 and "is taken" in found["error"]
    again = await done(client, do="register", consumer_key=KEY, activation_delay_s=5, dhparam=files["dhparam"])
    assert again["environment"] == "live" and again["active"] is False


async def test_the_state_says_no_secret(client, files):
    await done(client, do="register", consumer_key=KEY, **files)
    token = await done(client, do="token", consumer_key=KEY)
    said = (await client.http.get(f"{client.running.ready['control_url']}/portal")).text
    for secret in (*token.values(), client.credentials["access_token"], client.credentials["access_token_secret"]):
        assert secret not in said
    rows = await consumers(client)
    assert len(rows) == 3 and all(row["signature"].startswith("SHA256:") for row in rows.values())


async def test_a_browser_gets_a_page(client):
    url = f"{client.running.ready['control_url']}/portal"
    page = await client.http.get(url, headers={"Accept": "text/html,application/xhtml+xml"})
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name in ("register", "token", "activate", "revoke", "signature", "encryption", "dhparam"):
        assert f'"{name}"' in page.text
    assert (await client.http.get(url.replace("control/", "control/x"))).status_code == 404


async def test_a_directory_of_uploads(client, files, tmp_path):
    place = tmp_path / "upload"
    status, found = await ask(client, do="upload_directory", consumer_key=KEY, path=str(place))
    assert status == 400 and "no directory here" in found["error"]
    place.mkdir()
    status, found = await ask(client, do="upload_directory", consumer_key=KEY, path=str(place))
    assert status == 400 and "holds none of public_signature.pem" in found["error"]
    (place / "public_signature.pem").write_text(files["signature"])
    (place / "public_encryption.pem").write_text(files["encryption"])
    row = await done(client, do="upload_directory", consumer_key=KEY, path=str(place))
    assert row["missing"] == ["dhparam"]
    (place / "dhparam.pem").write_text(files["dhparam"])
    row = await done(client, do="upload_directory", consumer_key=KEY, path=str(place), activation_delay_s=60)
    assert row["missing"] == [] and row["active"] is False
    (place / "dhparam.pem").write_bytes(files["dhparam"].replace("\n", "\r\n").encode())
    status, found = await ask(client, do="upload_directory", consumer_key=KEY, path=str(place))
    assert status == 400 and "LF line ends" in found["error"]
    status, found = await ask(client, do="upload_directory", consumer_key=KEY, path="upload")
    assert status == 400 and "absolute path" in found["error"]


def small_rsa() -> str:
    return public(rsa.generate_private_key(65537, 1024))  # noqa: S505 (it is refused)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"consumer_key": "abcdefghi"}, "nine letters"),
        ({"consumer_key": "ABCDEFGH1"}, "nine letters"),
        ({"consumer_key": None}, "nine letters"),
        ({"activation_delay_s": -1}, "from 0 to 2592000"),
        ({"activation_delay_s": "soon"}, "from 0 to 2592000"),
        ({"activation_delay_s": True}, "from 0 to 2592000"),
        ({"account": "somebody"}, "give paper, live"),
        ({"signature": ""}, "signature: nothing was uploaded"),
        ({"signature": 7}, "signature: nothing was uploaded"),
        ({"signature": None, "encryption": None, "dhparam": None}, "nothing was uploaded: give"),
        ({"signature": lambda text: text.replace("\n", "\r\n")}, "signature: the lines end with CR LF"),
        ({"encryption": lambda text: text.replace("\n", "\r\n")}, "encryption: the lines end with CR LF"),
        ({"dhparam": lambda text: text.replace("\n", "\r\n")}, "dhparam: the lines end with CR LF"),
        ({"signature": lambda text: text.replace("BEGIN PUBLIC", "BEGIN RSA PRIVATE")}, "never leaves your machine"),
        ({"signature": lambda text: text.replace("PUBLIC KEY", "CERTIFICATE")}, "this is a CERTIFICATE"),
        ({"signature": lambda text: text[:100] + text[150:]}, "is no public key"),
        ({"signature": "ssh-rsa AAAA"}, "this is no PEM file"),
        ({"signature": lambda text: text + "é"}, "not plain text"),
        ({"signature": lambda text: text * 40}, "more than any key"),
        ({"signature": small_rsa}, "the key has 1024 bits, and 2048 are wanted"),
        ({"signature": lambda: public(ec.generate_private_key(ec.SECP256R1()))}, "this is no RSA key"),
        ({"dhparam": lambda: parameters(DH_PRIME >> 1024 | 1)}, "the prime has 1024 bits"),
        ({"dhparam": lambda: parameters(generator=5)}, "the generator is 5"),
        ({"dhparam": lambda: parameters(DH_PRIME - 2)}, "no safe prime"),
        ({"dhparam": lambda text: text[:60] + text[94:]}, "is no set of Diffie-Hellman parameters"),
    ],
)
async def test_what_the_portal_does_not_take(client, files, change, words):
    body = {"do": "register", "consumer_key": KEY, **files}
    for name, value in change.items():
        if not callable(value):
            body[name] = value
        else:
            body[name] = value(files[name]) if value.__code__.co_argcount else value()
    status, found = await ask(client, **body)
    assert status == 400 and words in found["error"], found
    assert KEY not in await consumers(client)


@pytest.mark.parametrize("act", ["token", "revoke", "activate"])
async def test_a_consumer_nobody_registered(client, act):
    status, found = await ask(client, do=act, consumer_key="ZZZZZZZZZ")
    assert status == 400 and "no consumer ZZZZZZZZZ" in found["error"]


async def test_an_unknown_act(client):
    status, found = await ask(client, do="frobnicate")
    assert status == 400 and "register, upload_directory" in found["error"]


# `openssl dhparam` of three numbers: a prime of 7 bits, the generator 2, and the length of the private value.
THREE_NUMBERS = "-----BEGIN DH PARAMETERS-----\nMAkCAWsCAQICASg=\n-----END DH PARAMETERS-----\n"


def test_the_third_number_is_tolerated():
    assert read_dhparam(THREE_NUMBERS) == (107, 2)
    assert read_dhparam(parameters()) == (DH_PRIME, 2)


@pytest.mark.parametrize(
    "body", ["", "MAkCAWsCAQICAS", "MAkCAWsCAQICASgA", "MAMCAWs=", "MAwCAWsCAQICASgCAQE=", "MAYCAZUCAQI=", "MIAC", "é"]
)
def test_what_are_no_parameters(body):
    with pytest.raises(ValueError, match=r"^$"):
        read_dhparam(f"-----BEGIN DH PARAMETERS-----\n{body}\n-----END DH PARAMETERS-----\n")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_reads_what_is_written(tmp_path):
    path = tmp_path / "dhparam.pem"
    path.write_bytes(write_dhparam(DH_PRIME, 2))
    words = ["openssl", "dhparam", "-in", path, "-noout", "-text"]
    said = subprocess.run(words, check=False, capture_output=True, text=True)
    assert said.returncode == 0 and "(2048 bit)" in said.stdout
