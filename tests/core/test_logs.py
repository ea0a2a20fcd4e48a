"""The log: nothing secret in it, one line a record, private, and it rotates."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ibkr_tui.core import logs
from ibkr_tui.core.logs import REDACTED, RedactingFormatter, log_to

SECRETS = {
    "a header": ('Authorization: OAuth realm="limited_poa", oauth_signature="abc%3D"', "abc"),
    "a cookie": ("Cookie: api=0123abcdef", "0123abcdef"),
    "a parameter": ("GET /x?oauth_token=20charsoftoken12345&y=1", "20charsoftoken12345"),
    "json": ('{"access_token_secret": "c2VjcmV0", "x": 1}', "c2VjcmV0"),
    "a session": ('{"session": "5a1bcd"}', "5a1bcd"),
    "hex": ("dh " + "0af9" * 16, "0af9"),
    "base64": ("signature " + "aB3+" * 16 + "==", "aB3+"),
    "a key": ("-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE\nabc\n-----END RSA PRIVATE " + "KEY-----", "MIIE"),
    "a registered one": ("the key is TESTKEY01", "TESTKEY01"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS.keys())
def test_what_is_secret_is_taken_out(text: str, secret: str) -> None:
    shown = RedactingFormatter(["TESTKEY01"]).redact(text)
    assert secret not in shown
    assert REDACTED in shown


@pytest.mark.parametrize(
    "text",
    [
        "the order 265598 was sent at 189.43",
        '  File "/usr/lib/python3.11/site-packages/ibkr_tui/core/session/live_session.py", line 12, in mint',
        "IBKR_SESSION_MINT_FAILED: the network is down",
        "INFO ibkr_tui.core.session.session: ready, api: 38 ms",
    ],
)
def test_what_is_not_secret_stays(text: str) -> None:
    assert RedactingFormatter().redact(text) == text


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[logging.Handler]:
    root = logging.getLogger()
    before = (root.level, logging.getLogger("ibkr_tui").level, logging.raiseExceptions)
    made = log_to(tmp_path / "core.log", {"IBKR_TUI_LOG": "debug"}, secrets=["hunter2hunter2"])
    yield made
    root.removeHandler(made)
    made.close()
    root.setLevel(before[0])
    logging.getLogger("ibkr_tui").setLevel(before[1])
    logging.raiseExceptions = before[2]


def test_lines_are_utc_levelled_whole_and_without_local_variables(handler: logging.Handler, tmp_path: Path) -> None:
    log = logging.getLogger("ibkr_tui.test")
    log.debug("first\n2026-01-01 forged line\x1b[31m")
    logging.getLogger("elsewhere").debug("not ours")
    password = "hunter2hunter2"
    try:
        raise ValueError(f"with {password}")
    except ValueError:
        log.exception("it failed")
    lines = (tmp_path / "core.log").read_text().splitlines()
    assert lines[0].endswith("DEBUG ibkr_tui.test: first 2026-01-01 forged line\ufffd[31m")
    assert "+00:00 " in lines[0]
    assert lines[-1] == f"ValueError: with {REDACTED}"
    assert not any("hunter2hunter2" in line or "not ours" in line for line in lines)
    assert stat.S_IMODE((tmp_path / "core.log").stat().st_mode) == 0o600


def test_it_rotates_and_keeps_some(handler: logging.Handler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "maxBytes", 300)
    for n in range(100):
        logging.getLogger("ibkr_tui.test").info("line %d", n)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["core.log", *(f"core.log.{n}" for n in range(1, logs.OLD_FILES + 1))]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())


def test_a_full_disk_costs_lines_only(handler: logging.Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(handler.stream, "write", full)  # type: ignore[attr-defined]
    logging.getLogger("ibkr_tui.test").error("lost")


def test_only_our_own_lines_are_written_below_a_warning(handler: logging.Handler, tmp_path: Path) -> None:
    chatty = logging.getLogger("httpcore.connection")
    chatty.setLevel(logging.DEBUG)
    try:
        chatty.debug("send_request_headers")
        chatty.info("connected")
        chatty.warning("a pool is full")
    finally:
        chatty.setLevel(logging.NOTSET)
    logging.getLogger("ibkr_tuition").info("not ours either")
    logging.getLogger("ibkr_tui").info("ours")
    words = (tmp_path / "core.log").read_text()
    assert "a pool is full" in words and ": ours" in words
    assert not any(said in words for said in ("send_request_headers", "connected", "not ours"))


def test_account_ids_are_masked_and_the_environments_secrets_taken_out(tmp_path: Path) -> None:
    environ = {"IBKR_ACCESS_TOKEN_SECRET": "plain-words-as-a-secret", "IBKR_ACCOUNT_ID_TESTNET": "DU1234567"}
    made = log_to(tmp_path / "x.log", environ)
    try:
        logging.getLogger("ibkr_tui").warning("account DU1234567 with plain-words-as-a-secret")
    finally:
        logging.getLogger().removeHandler(made)
        made.close()
    assert f"account DU·····67 with {REDACTED}" in (tmp_path / "x.log").read_text()
