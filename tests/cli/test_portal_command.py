"""A key's life rehearsed with the commands: stage, upload, wait, prove, switch, go back, revoke."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from ibkr_tui.cli.demo import PREFIX, DemoLauncher, running_demos, sweep
from ibkr_tui.cli.main import main
from tests.cli.conftest import COMMAND, Exchange, running_exchange


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Of this module's own: its keys are changed."""
    with running_exchange(tmp_path_factory.mktemp("exchange")) as running:
        yield running


NEW = "PRACTISED"


def said(ended: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.fixture
def place(shell: Any, tmp_path: Path) -> Path:
    """A configuration on a copy of the simulator's key stores."""
    made: Path = tmp_path / "stores"
    shutil.copytree(shell.exchange.config.parent / "keys", made / "keys", symlinks=True)
    shutil.copy(shell.exchange.config.with_name("key-stores.toml"), made / "config.toml")
    return made


@pytest.fixture
def rotate(shell: Any, place: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """`rotate("start")`: exit status and document; the rest of stdin is `entered`."""

    def run(*words: str, entered: str = "", profile: str = "paper") -> tuple[int, dict[str, Any]]:
        ended = subprocess.run(
            [*COMMAND, "--config", str(place / "config.toml"), "--profile", profile, "rotate", *words, "--json"],
            env=shell.environ, input=entered, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return ended.returncode, said(ended)

    return run


def in_process(*words: str) -> Any:
    """`ibkr-tui portal …` without a process of its own: it only asks."""
    ended = CliRunner().invoke(main, ["portal", *words], prog_name="ibkr-tui")
    return SimpleNamespace(returncode=ended.exit_code, stdout=ended.stdout, stderr=ended.stderr)


@pytest.fixture
def portal(shell: Any) -> Callable[..., Any]:
    """`portal("status")` at the test's simulator."""
    return partial(in_process, "--control", shell.exchange.control_url)


def logins(portal: Callable[..., Any]) -> dict[str, int]:
    """How many logins stand, by consumer key."""
    return {row["consumer_key"]: row["logins"] for row in said(portal("status", "--json"))["result"]["consumers"]}


def core_pid_when_ready(shell: Any, place: Path) -> int:
    """The core's process, once it has its brokerage session."""
    limit = time.monotonic() + 30
    while True:
        ended = shell.run("--config", str(place / "config.toml"), "call", "health")
        health = said(ended)["result"]
        if health["session"] == "ready":
            return int(health["core_pid"])
        assert time.monotonic() < limit, health


def test_a_running_core_goes_over_to_new_keys_and_back(shell: Any, place: Path, rotate: Any, portal: Any) -> None:
    assert shell.run("--config", str(place / "config.toml"), "core", "start").returncode == 0
    pid = core_pid_when_ready(shell, place)
    [old] = [key for key, count in logins(portal).items() if count]
    status, started = rotate("start")
    assert status == 0
    upload = Path(started["result"]["upload"][0]).parent
    ended = portal("register", NEW, str(upload), "--delay", "86400", "--json")
    row = said(ended)["result"]
    fingerprints = started["result"]["fingerprints"]
    assert (row["signature"], row["encryption"]) == (fingerprints["sig"], fingerprints["enc"])
    assert (row["missing"], row["active"]) == ([], False)

    document = portal("token", NEW, "--json").stdout
    status, refused = rotate("confirm", "--input", "-", entered=document)
    error = refused["error"]
    assert (status, error["code"]) == (1, "IBKR_ROTATION_VALIDATION_FAILED")
    assert "activation can take a day" in error["message"] and error["retryable"] is True
    assert rotate("status")[1]["result"]["phase"] == "prove"
    assert (logins(portal)[NEW], core_pid_when_ready(shell, place)) == (0, pid)

    assert NEW in portal("activate").stderr
    status, done = rotate("confirm", "--again")
    assert (status, done["result"]["version"]) == (0, started["result"]["version"])
    assert core_pid_when_ready(shell, place) == pid
    standing = logins(portal)
    assert standing[NEW] >= 1 and standing[old] == 0

    status, back = rotate("rollback")
    assert (status, back["result"]["version"]) == (0, done["result"]["old_version"])
    assert core_pid_when_ready(shell, place) == pid
    assert logins(portal)[old] >= 1
    assert f"{NEW} is revoked" in portal("revoke", NEW).stderr
    assert core_pid_when_ready(shell, place) == pid


def test_mistakes_at_the_portal_are_told_apart(shell: Any, rotate: Any, portal: Any, place: Path) -> None:
    """Without a core, on live: a forgotten upload, the wrong token, and then everything right."""
    key = "ONLIVEKEY"
    status, started = rotate("start", "--confirm", "live", profile="live")
    assert status == 0
    upload = Path(started["result"]["upload"][0]).parent
    half = place / "half"
    half.mkdir()
    shutil.copy(upload / "public_encryption.pem", half)
    ended = portal("register", key, str(half), "--account", "live")
    assert "wants signature, dhparam" in ended.stdout and "portal token" in ended.stderr
    document = portal("token", key, "--json").stdout
    confirm = ("confirm", "--input", "-", "--confirm", "live")
    status, refused = rotate(*confirm, entered=document, profile="live")
    assert (status, refused["error"]["code"]) == (1, "IBKR_ROTATION_VALIDATION_FAILED")
    assert portal("register", key, str(upload), "--account", "live").returncode == 0
    newer = portal("token", key, "--json").stdout
    status, refused = rotate(*confirm, entered=document, profile="live")
    assert (status, refused["error"]["code"]) == (1, "IBKR_ROTATION_VALIDATION_FAILED")
    assert "token" in refused["error"]["message"] and "activation" not in refused["error"]["message"]
    status, done = rotate(*confirm, entered=newer, profile="live")
    assert (status, done["result"]["version"]) == (0, started["result"]["version"])
    assert portal("revoke", key).returncode == 0


def test_what_the_portal_says_to_people(shell: Any, portal: Any, place: Path) -> None:
    assert "ABCDEFGHI" not in portal("status").stdout
    ended = portal("register", "ABCDEFGHI", str(place))
    assert (ended.returncode, ended.stdout) == (1, "") and "PORTAL_REFUSED" in ended.stderr
    assert "holds none of public_signature.pem" in ended.stderr
    ended = portal("register", "ABCDEFGHI")
    assert ended.returncode == 2 and "staged/upload" in ended.stderr
    ended = portal("token", "ABCDEFGHI", "--json")
    assert (ended.returncode, said(ended)["error"]["code"]) == (1, "PORTAL_REFUSED")
    simulator = shell.exchange.config.parent
    ended = in_process("--sim", str(simulator), "status")
    assert ended.returncode == 0 and f"{shell.exchange.control_url}/portal" in ended.stderr
    assert f"ibkr-tui --config {simulator / 'key-stores.toml'} rotate start" in ended.stderr
    [known] = {line.split()[0] for line in ended.stdout.splitlines() if "DU1234567" in line and "has a token" in line}
    shown = portal("token", known).stdout
    assert shown.startswith(f"Consumer key         {known}\nAccess token ") and "Access token secret" in shown


def test_no_portal_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for words, reason in (
        (("--sim", str(tmp_path)), "is no directory of `ibkr-tui sim --out`"),
        (("--control", "http://127.0.0.1:9/control/x"), "no simulator answers"),
        (("--control", "nonsense"), "no simulator answers"),
        ((), "no demo runs"),
    ):
        ended = in_process(*words, "status", "--json")
        error = said(ended)["error"]
        assert (ended.returncode, error["code"]) == (1, "PORTAL_UNREACHABLE") and reason in error["message"]


async def test_the_portal_of_the_demo_is_found(shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    launcher = DemoLauncher(1, os.environ)
    second = None
    try:
        await launcher.attach(lambda _: None)
        (temporary / f"{PREFIX}starting").mkdir()
        assert running_demos(temporary) == [launcher.place]
        ended = in_process("status")
        assert ended.returncode == 0 and "DU1234567 paper" in ended.stdout
        [line] = [line for line in ended.stderr.splitlines() if "rotate start" in line]
        words = line.removeprefix("To rotate: ").split()
        environ = dict([words[0].split("=", 1)])
        started = said(shell.run(*words[2:], "--json", **environ))["result"]
        ended = in_process("register", NEW)
        assert ended.returncode == 0 and started["fingerprints"]["sig"][:23] in ended.stdout
        second = DemoLauncher(2, os.environ)
        await second._configuration(second._start_simulator())
        ended = in_process("status")
        assert ended.returncode == 1 and "2 demos run" in ended.stderr and str(second.place) in ended.stderr
        await launcher.stop()
    finally:
        launcher.close()
        if second is not None:
            second.close()
        sweep(temporary)
