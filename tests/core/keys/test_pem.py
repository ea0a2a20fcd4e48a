"""Key files: each bad one is refused with precise words and no word of its content."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from ibkr_tui.core.keys.pem import load_key, parse_dh_hex, parse_dh_parameters, read_private
from ibkr_tui.model.errors import BrokerError


def refused(path: Path) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        load_key(path, "signature key")
    assert "signature key" in caught.value.message
    assert str(path) in caught.value.message
    return caught.value


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.rstrip(b"\n"),
        lambda text: b"Bag Attributes\n" + text,
    ],
    ids=["plain", "crlf", "no last line end", "words before"],
)
def test_good_keys(
    places: Any, material: Any, tmp_path: Path, form: PrivateFormat, change: Callable[[bytes], bytes]
) -> None:
    path = places.write(tmp_path / "key.pem", change(places.pem(material.signature, form)))
    assert load_key(path, "signature key").private_numbers() == material.signature.private_numbers()


def test_a_missing_key(tmp_path: Path) -> None:
    error = refused(tmp_path / "none.pem")
    assert error.code == "IBKR_KEY_NOT_FOUND"
    assert "does not exist" in error.message


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_can_read(places: Any, material: Any, tmp_path: Path, mode: int) -> None:
    error = refused(places.write(tmp_path / "key.pem", places.pem(material.signature), mode))
    assert error.code == "IBKR_KEY_INVALID"
    assert f"mode {mode:04o}" in error.message
    assert "chmod 600" in error.user_action


def test_what_is_no_file(places: Any, material: Any, tmp_path: Path) -> None:
    good = places.write(tmp_path / "key.pem", places.pem(material.signature))
    link, directory, pipe = tmp_path / "link.pem", tmp_path / "directory.pem", tmp_path / "pipe.pem"
    link.symlink_to(good)
    directory.mkdir(0o700)
    os.mkfifo(pipe, 0o600)
    for path, words in ((link, "symbolic link"), (directory, "not an ordinary file"), (pipe, "not an ordinary file")):
        error = refused(path)
        assert error.code == "IBKR_KEY_INVALID"
        assert words in error.message


def test_a_key_of_another_user(places: Any, material: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = places.write(tmp_path / "key.pem", places.pem(material.signature))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "another user" in refused(path).message


def test_a_path_that_is_none() -> None:
    with pytest.raises(BrokerError) as caught:
        read_private(Path("a\0b"), "signature key")
    assert caught.value.code == "IBKR_KEY_INVALID"


def spoilt(pem: Callable[[Any], bytes], good: rsa.RSAPrivateKey) -> dict[str, bytes]:
    """Contents of key files that are none of ours."""
    locked = BestAvailableEncryption(b"pass")
    return {
        "encrypted": good.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked),
        "encrypted, old form": good.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, locked),
        "public": good.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "elliptic": pem(ec.generate_private_key(ec.SECP256R1())),
        "small": pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505
        "cut": pem(good)[:900],
        "binary": good.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        "empty": b"",
        "garbage": b"-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n",
    }


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("encrypted", "passphrase"), ("encrypted, old form", "passphrase"), ("public", "public key"),
        ("elliptic", "not an RSA key"), ("small", "1024 bits"), ("cut", "not a PEM private key"),
        ("binary", "not a PEM private key"), ("empty", "not a PEM private key"), ("garbage", "not a PEM private key"),
    ],
)  # fmt: skip
def test_bad_keys(places: Any, material: Any, tmp_path: Path, kind: str, words: str) -> None:
    content = spoilt(places.pem, material.signature)[kind]
    error = refused(places.write(tmp_path / "key.pem", content))
    assert error.code == "IBKR_KEY_INVALID"
    assert words in error.message
    for line in (line for line in content.splitlines()[1:-1] if len(line) >= 8):
        assert line.decode("latin1") not in f"{error} {error.details}"


@pytest.mark.parametrize("extra", [(), (225,)])
def test_diffie_hellman_files(places: Any, extra: tuple[int, ...]) -> None:
    text = places.dh_file(places.prime, 2, *extra)
    assert parse_dh_parameters(text, Path("dhparam.pem")) == (places.prime, 2)
    assert parse_dh_parameters(text.replace(b"\n", b"\r\n"), Path("dhparam.pem")) == (places.prime, 2)


def test_bad_diffie_hellman_files(places: Any) -> None:
    good = places.dh_file(places.prime, 2)
    bad = [
        b"", b"garbage", good.replace(b"DH PARAMETERS", b"PRIVATE KEY"), places.dh_file(places.prime),
        places.dh_file(places.prime, 2, 3, 4), places.dh_file(places.prime >> 1024, 2),
        places.dh_file(places.prime + 1, 2), places.dh_file(places.prime, 1),
        places.dh_file(places.prime, places.prime),
        places.dh_file(), good.replace(b"MII", b"AII"), good.replace(b"MII", b"!II"), good[:120] + good[-30:],
        b"-----BEGIN DH PARAMETERS-----\nMAMEAQE=\n-----END DH PARAMETERS-----\n",
        b"-----BEGIN DH PARAMETERS-----\nMP8=\n-----END DH PARAMETERS-----\n",
    ]  # fmt: skip
    for text in bad:
        with pytest.raises(BrokerError) as caught:
            parse_dh_parameters(text, Path("dhparam.pem"))
        assert caught.value.code == "IBKR_KEY_INVALID"
        assert "dhparam.pem" in caught.value.message


def test_a_prime_in_hexadecimal(places: Any) -> None:
    plain = f"{places.prime:x}"
    colons = ":".join(plain[at : at + 2] for at in range(0, len(plain), 2))
    for text in (plain, plain.upper(), "0x" + plain, colons, f" {plain[:100]}\n{plain[100:]}\n"):
        assert parse_dh_hex(text, "IBKR_DH_PRIME") == places.prime


@pytest.mark.parametrize("text", ["", "0x", "xyz", "ff", "-ff", "１２"])
def test_no_prime(text: str) -> None:
    with pytest.raises(BrokerError) as caught:
        parse_dh_hex(text, "IBKR_DH_PRIME")
    assert caught.value.code == "IBKR_KEY_INVALID"
    assert "IBKR_DH_PRIME" in caught.value.message
