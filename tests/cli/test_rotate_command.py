"""`ibkr-tui rotate` as an operator types it, with and without a core."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ibkr_tui.cli.main import main


@pytest.fixture
def config(shell: Any, tmp_path: Path) -> Path:
    """A paper profile of the exchange's, and a live one, with empty key stores."""
    text = shell.exchange.config.read_text()
    rest, stream = (
        next(line.split("=", 1)[1].strip() for line in text.splitlines() if line.startswith(name))
        for name in ("rest_url", "ws_url")
    )
    path = tmp_path / "config.toml"
    path.write_text(
        "".join(
            f'[profiles.{name}]\nkind = "{name}"\naccount_id = "{account}"\nrest_url = {rest}\nws_url = {stream}\n'
            f'key_store = "keys/{name}"\n'
            for name, account in (("paper", "DU1234567"), ("live", "U1234567"))
        )
    )
    return path


def entered(upload: list[str], consumer: str = "NEWCONSUM") -> dict[str, str]:
    public = load_pem_public_key(Path(upload[1]).read_bytes())
    sealed = public.encrypt(bytes(range(32)), padding.PKCS1v15())  # type: ignore[union-attr]
    return {
        "new_consumer_key": consumer,
        "new_access_token": "newtoken0123456789",
        "new_access_token_secret": base64.b64encode(sealed).decode(),
    }


def said(ended: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_from_start_to_a_refusal_to_an_abort(shell: Any, config: Path, tmp_path: Path) -> None:
    words = ("--config", str(config), "rotate")
    ended = shell.run(*words, "status")
    assert ended.returncode == 0 and "rotate start" in ended.stdout

    started = said(shell.run(*words, "start", "--json"))["result"]
    assert set(started["fingerprints"]) == {"sig", "enc"} and started["expires_at"]
    assert [Path(name).parent for name in started["upload"]] == [tmp_path / "keys" / "paper" / "staged" / "upload"] * 3

    document = tmp_path / "token.json"
    document.write_text(json.dumps(entered(started["upload"], "short")))
    ended = shell.run(*words, "confirm", "--input", str(document), "--json")
    assert (ended.returncode, said(ended)["error"]["code"]) == (1, "TOKEN_INVALID")

    values = entered(started["upload"])
    document.write_text(json.dumps(values))
    ended = shell.run(*words, "confirm", "--input", str(document), "--json")
    error = said(ended)["error"]
    assert (ended.returncode, error["code"]) == (1, "IBKR_ROTATION_VALIDATION_FAILED")
    assert "activation can take a day" in error["message"] and error["retryable"] is True
    assert not any(value in ended.stdout + ended.stderr for value in list(values.values())[1:])

    ended = shell.run(*words, "status")
    assert "rotate confirm --again" in ended.stdout and "NEWCONSUM" in ended.stdout
    assert said(shell.run(*words, "abort", "--json"))["result"] == {"aborted": True}
    ended = shell.run(*words, "abort", "--json")
    assert (ended.returncode, said(ended)["result"]) == (0, {"aborted": False})


def test_what_is_refused_before_anything_happens(shell: Any, config: Path, tmp_path: Path) -> None:
    words = ("--config", str(config))
    ended = shell.run(*words, "--profile", "live", "rotate", "start", "--json")
    assert (ended.returncode, said(ended)["error"]["code"]) == (1, "CONFIRMATION_REQUIRED")
    assert not (tmp_path / "keys").exists()
    ended = shell.run(*words, "rotate", "confirm", "--json")
    assert said(ended)["error"]["code"] == "BAD_ARGUMENT" and "--input" in said(ended)["error"]["message"]
    ended = shell.run(*words, "rotate", "confirm", "--again", "--json")
    assert said(ended)["error"]["code"] == "ROTATION_NOT_STARTED"
    ended = shell.run("rotate", "start", "--json")
    assert said(ended)["error"]["code"] == "ROTATION_UNAVAILABLE"
    ended = shell.run(*words, "call", "rotate_confirm", "new_access_token=x")
    assert said(ended)["error"]["code"] == "UNKNOWN_OPERATION"


def test_without_a_command_and_a_terminal_there_is_only_help() -> None:
    ended = CliRunner().invoke(main, ["rotate"], prog_name="ibkr-tui")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "a wizard of all steps" in ended.stderr and "  authorize" in ended.stderr


def test_a_place_that_cannot_be_a_store_is_said(shell: Any, config: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file in the way")
    ended = shell.run("--config", str(config), "rotate", "start", "--json")
    assert (ended.returncode, said(ended)["error"]["code"]) == (1, "KEY_STORE_UNUSABLE")
    assert "File exists" in said(ended)["error"]["message"]


def test_a_core_without_keys_serves_the_rotation_too(shell: Any, config: Path) -> None:
    words = ("--config", str(config))
    assert shell.run(*words, "core", "start").returncode == 0
    started = said(shell.run(*words, "rotate", "start", "--json"))["result"]
    found = said(shell.run(*words, "rotate", "status", "--json"))["result"]
    assert (found["phase"], found["staged"]["version"]) == ("upload", started["version"])
    found = said(shell.run(*words, "call", "rotate_status"))["result"]
    assert found["phase"] == "upload"
    assert said(shell.run(*words, "rotate", "abort", "--json"))["result"] == {"aborted": True}
