"""A third party's rotation: the request token waits on the disk, its verifier gives the token, once."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ibkr_tui.core.keys.key_set import KeySet, load_version
from ibkr_tui.core.keys.rotation import Rotation
from ibkr_tui.core.keys.store import KeyStore
from ibkr_tui.core.keys.third_party import ASKED, Granted
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.rotation import RotationPhase

KEY = "0123456789abcdef012345678"
PAGE = "https://interactivebrokers.com/authorize?oauth_token=asked1"


class Broker:
    """Both calls and the test login, for the set that is staged in `place`."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.given: list[tuple[str, str]] = []

    async def ask(self, consumer_key: str, key: RSAPrivateKey) -> tuple[str, str]:
        assert key.key_size == 2048
        return "asked1", PAGE

    async def exchange(self, consumer_key: str, key: RSAPrivateKey, token: str, verifier: Secret) -> Granted:
        self.given.append((token, verifier.reveal()))
        if verifier.reveal() == "wrong":
            raise BrokerError("IBKR_AUTH_FAILED", "the access token: not authorised")
        public = load_pem_public_key((self.place / "staged" / "upload" / "public_encryption.pem").read_bytes())
        sealed = public.encrypt(bytes(range(32)), padding.PKCS1v15())  # type: ignore[union-attr]
        return Granted(consumer_key, Secret("granted0123456789"), Secret(base64.b64encode(sealed).decode()))

    async def probe(self, keys: KeySet) -> None:
        assert keys.prepend() == bytes(range(32))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def rotation(place: Path, fake_clock: Any) -> Rotation:
    broker = Broker(place)
    return Rotation(KeyStore(place, fake_clock), fake_clock, broker, grants=broker)


async def test_from_a_request_token_to_the_switch(rotation: Rotation, place: Path) -> None:
    with pytest.raises(BrokerError, match="no rotation has been started"):
        await rotation.authorize(KEY)
    rotation.start()
    with pytest.raises(BrokerError, match="25 hexadecimal digits") as caught:
        await rotation.authorize("NINELETTE")
    assert caught.value.details == {"field": "consumer_key"}
    with pytest.raises(BrokerError, match="no request token waits"):
        await rotation.confirm(Secret("verifier"))

    asked = await rotation.authorize(f" {KEY.upper()}\n")
    assert (asked.consumer_key, asked.authorize_url) == (KEY, PAGE)
    assert stat.S_IMODE((place / "staged" / ASKED).stat().st_mode) == 0o600
    found = rotation.status()  # as after a restart: the disk has it
    assert (found.phase, found.authorize_url) == (RotationPhase.UPLOAD, PAGE)
    with pytest.raises(BrokerError, match="not authorised"):
        await rotation.confirm(Secret("wrong"))
    assert rotation.status().authorize_url == PAGE

    done = await rotation.confirm(Secret("right"))
    keys = load_version(place / "current")
    assert (keys.consumer_key, keys.access_token.reveal()) == (KEY, "granted0123456789")
    assert not (place / "current" / ASKED).exists()
    assert rotation.status().current is not None and done.version == rotation.status().current.version


async def test_a_page_that_cannot_be_read_is_asked_for_again(rotation: Rotation, place: Path) -> None:
    rotation.start()
    await rotation.authorize(KEY)
    (place / "staged" / ASKED).write_text("{")
    assert rotation.status().authorize_url == ""
    await rotation.authorize(KEY)
    assert rotation.status().authorize_url == PAGE
    assert rotation.abort() and not list((place / "versions").iterdir())
