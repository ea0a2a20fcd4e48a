"""Secrets that must not be found again: set out everywhere a secret can be, searched for everywhere one could leak to.

The environment holds all of them, so that one core and one app run on nothing else; what those processes print, keep,
paint and hand on is collected here and searched once for each secret, in every shape it could have.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ibkr_tui.cli.launching import CoreLauncher
from ibkr_tui.cli.selection import Selection
from ibkr_tui.tui.app import TradingApp
from ibkr_tui.tui.crash import frames_only

SINKS = ("stdout", "stderr", "logs", "journal", "export", "recording", "crash", "screen 80x24", "screen 120x40",
         "picture", "children")  # fmt: skip
FOREIGN = {
    "AWS_SECRET_ACCESS_KEY": "canary-aws-9f31ad",
    "GITHUB_TOKEN": "canary-github-77ce02",
    "PGPASSWORD": "canary-database-41bb9e",
    "HTTPS_PROXY": "http://user:canary-proxy-c81d55@127.0.0.1:9",
}
CRASH = """
import os, sys
from ibkr_tui.cli.main import main
from ibkr_tui.cli.selection import Selection

def load(self):
    held = dict(os.environ)
    raise RuntimeError("it failed with " + repr(sorted(held.values())))

Selection.load = load
main(["config", "show"])
"""


def canaries(held: dict[str, str]) -> dict[str, str]:
    """Every secret by name: what the login needs, what it makes of that, and strangers' in the same environment."""
    pems = {name: Path(held[f"{name}_key_path"]).read_text() for name in ("signature", "encryption")}
    encryption = load_pem_private_key(pems["encryption"].encode(), None)
    prepend = encryption.decrypt(base64.b64decode(held["access_token_secret"]), PKCS1v15())  # type: ignore[union-attr]
    found = {
        "consumer key": held["consumer_key"],
        "access token": held["access_token"],
        "access token secret": held["access_token_secret"],
        "its plain text": prepend.hex(),
        "its plain text in base64": base64.b64encode(prepend).decode(),
        "diffie-hellman prime": held["dh_prime"][40:104],
        "signature key": pems["signature"].splitlines()[5],
        "encryption key": pems["encryption"].splitlines()[5],
        "live access token": "canary-live-token-5d20",
        "live token secret": "Y2FuYXJ5LWxpdmUtc2VjcmV0LTkw",
        "audit key": base64.b64encode(bytes(range(40, 80))).decode(),
        **{name: value.partition("@")[0].rpartition(":")[2] for name, value in FOREIGN.items()},
    }
    assert len(found) >= 12 and all(len(value) >= 8 for value in found.values())
    return found


@pytest.fixture
def flown(shell: Any, tmp_path: Path) -> Iterator[tuple[dict[str, str], dict[str, bytes], dict[str, str]]]:
    """The canaries, and what the sinks of the command line hold after a day's work; the environment of it all."""
    held = json.loads(shell.exchange.credentials.read_text())
    found = canaries(held)
    shell.environ |= FOREIGN | {
        "IBKR_CONSUMER_KEY": held["consumer_key"],
        "IBKR_ACCESS_TOKEN": held["access_token"],
        "IBKR_ACCESS_TOKEN_SECRET": held["access_token_secret"],
        "IBKR_SIGNATURE_KEY_PATH": held["signature_key_path"],
        "IBKR_ENCRYPTION_KEY_PATH": held["encryption_key_path"],
        "IBKR_DH_PRIME": held["dh_prime"],
        "IBKR_ACCOUNT_ID_TESTNET": held["account_id"],
        "IBKR_URL_TESTNET": shell.exchange.rest_url,
        "IBKR_WS_URL_TESTNET": shell.exchange.ws_url,
        "IBKR_ACCESS_TOKEN_LIVE": found["live access token"],
        "IBKR_ACCESS_TOKEN_SECRET_LIVE": found["live token secret"],
        "IBKR_AUDIT_HMAC_SECRET": found["audit key"],
        "IBKR_TUI_LOG": "debug",
    }
    del shell.environ["IBKR_TUI_CONFIG"]
    order = ("symbol=AAPL", "side=buy", "qty=1", "order_type=limit", "limit_price=187.5")
    commands = {
        0: [
            ("call", "get_account"), ("call", "environment_info"), ("call", "place_order", *order, "--yes"),
            ("call", "cancel_all_orders", "--yes"), ("call", "get_log", "level=debug"), ("config", "show"),
            ("doctor", "--json"), ("core", "status"),
            ("audit", "export", "--out", str(tmp_path / "audit.jsonl")),
            ("record", str(tmp_path / "recorded.jsonl"), "--for", "1"),
        ],
        1: [("call", "place_order", *order), ("call", "get_bars", "symbol=NONE")],
        2: [("--profile", "live", "config", "check")],
    }  # fmt: skip
    out, err = "", ""
    for expected, all_words in commands.items():
        for words in all_words:
            ended = shell.run(*words)
            assert ended.returncode == expected, (words, ended)
            out, err = out + ended.stdout, err + ended.stderr
    broken = shell.run("call", "get_account", IBKR_DH_PRIME=held["dh_prime"][:-1] + "2",
                       IBKR_TUI_STATE=str(tmp_path / "other"))  # fmt: skip
    assert broken.returncode != 0
    crash = subprocess.run(
        [sys.executable, "-c", CRASH], env=shell.environ, capture_output=True, text=True, check=False
    )
    assert "RuntimeError" in crash.stderr and crash.returncode == 1
    pid = shell.facts()["pid"]
    home = shell.state / "paper"
    seen = {
        "stdout": (out + broken.stdout + crash.stdout).encode(),
        "stderr": (err + broken.stderr + crash.stderr).encode(),
        "logs": b"".join(path.read_bytes() for path in shell.state.rglob("*.log")),
        "journal": b"".join(path.read_bytes() for path in home.glob("journal*")),
        "export": (tmp_path / "audit.jsonl").read_bytes(),
        "recording": (tmp_path / "recorded.jsonl").read_bytes(),
        "crash": (shell.state / "commands.log").read_bytes() + report(found).encode(),
        "children": b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline")),
    }
    yield found, seen, shell.environ


def report(found: dict[str, str]) -> str:
    """The app's crash report of a fault whose words and local variables are full of secrets."""
    try:
        held = dict(found)
        raise ValueError(f"cannot use {held}") from KeyError(*found.values())
    except ValueError as error:
        return frames_only(error)


async def painted(environ: dict[str, str], place: Path, size: tuple[int, int]) -> tuple[str, str]:
    """What every page shows on that core, and every picture of it."""
    selection = Selection(environ=environ)
    app = TradingApp(CoreLauncher(selection.load(), selection.environ, leave_after=None), place)
    shown = pictures = ""
    async with app.run_test(size=size) as pilot:
        for _ in range(400):
            await pilot.pause(0.02)
            if app.feed.is_live and app.state.health is not None:
                break
        assert app.feed.is_live
        for key in ("1", "2", "3", "4", "5", "6", "7", "9", "8", "l", "f", "f"):
            await pilot.press(key)
            await pilot.pause(0.1)
            shown += "\n".join("".join(s.text for s in strip) for strip in app.screen._compositor.render_strips())
            pictures += app.export_screenshot()
    assert shown.count("DU1234567") > 6, shown
    return shown, pictures


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux to see a child's environment")
async def test_no_secret_is_found_again(flown: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, seen, environ = flown
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("IBKR_TUI_CONFIG", raising=False)
    pictures = ""
    for width, height in ((80, 24), (120, 40)):
        place = tmp_path / str(width)
        place.mkdir()
        text, drawn = await painted(environ, place, (width, height))
        seen[f"screen {width}x{height}"] = text.encode()
        pictures += drawn
    seen["picture"] = pictures.encode()
    assert set(seen) == set(SINKS)
    assert all(len(content) > 200 for content in seen.values()), {name: len(text) for name, text in seen.items()}
    assert b"AAPL" in seen["journal"] and b"AAPL" in seen["export"] and b"session ready" in seen["logs"]
    leaks = [
        f"{name} in {sink}"
        for name, value in found.items()
        for sink, content in seen.items()
        for shape in {value, quote(value, safe=""), value.upper(), value.lower()}
        if shape.encode() in content
    ]
    assert not leaks
    assert os.environ["GITHUB_TOKEN"] == FOREIGN["GITHUB_TOKEN"]  # the secrets were there to be found
