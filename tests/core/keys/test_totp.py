"""One-time codes: the RFC's vectors, and files that are no secret."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ibkr_tui.core.keys.totp import code_at, read_secret
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
        (2000000000, "69279037"), (20000000000, "65353130"),
    ],
)  # fmt: skip
def test_the_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert code_at(Secret(RFC_SECRET), moment, digits=8).code == code
    assert code_at(Secret(RFC_SECRET), moment).code == code[-6:]


@pytest.mark.parametrize(("seconds", "left"), [(0, 30), (29, 1), (30, 30), (59, 1), (61, 29)])
def test_how_long_a_code_is_good(seconds: int, left: int) -> None:
    assert code_at(Secret(RFC_SECRET), datetime.fromtimestamp(seconds, UTC)).seconds_left == left


def put(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("written", ["{}", "{}\r\n", " {}\n"])
def test_a_secret_as_people_keep_it(tmp_path: Path, written: str) -> None:
    spaced = " ".join(RFC_SECRET[at : at + 4] for at in range(0, len(RFC_SECRET), 4)).lower()
    for text in (RFC_SECRET, spaced, spaced.replace(" ", "-")):
        secret = read_secret(put(tmp_path / "totp", written.format(text).encode()))
        assert code_at(secret, datetime.fromtimestamp(59, UTC)).code == "287082"


@pytest.mark.parametrize("content", [b"", b"not base32 !", b"\xff\xfe\x00", b"MFRGG", b"1" * 32, b"A" * 17])
def test_a_file_without_a_secret(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BrokerError) as caught:
        read_secret(put(tmp_path / "totp", content))
    assert caught.value.code == "TOTP_SECRET_INVALID"
    assert content.decode("latin-1") not in caught.value.message or not content


def test_a_file_that_others_can_read_or_that_is_not_there(tmp_path: Path) -> None:
    for path in (put(tmp_path / "open", RFC_SECRET.encode(), 0o644), tmp_path / "missing"):
        with pytest.raises(BrokerError) as caught:
            read_secret(path)
        assert caught.value.code == "TOTP_SECRET_INVALID" and "chmod 600" in caught.value.user_action
        assert RFC_SECRET not in str(caught.value)
