"""`gateway login|verify|maintain` and `totp` as a person types them, at a simulated gateway over TLS."""

from __future__ import annotations

import json
import select
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ibkr_tui.cli.main import main

START_S = 30


@dataclass(frozen=True)
class GatewayProcess:
    """A running simulator in gateway mode."""

    config: str
    login_url: str
    control_url: str

    def control(self, action: str, **body: Any) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        request = urllib.request.Request(f"{self.control_url}/{action}", data=json.dumps(body).encode())  # noqa: S310
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:  # noqa: S310 - loopback
            assert answer.status == 200


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    words = [sys.executable, "-m", "ibkr_tui.cli.main", "sim", "--gateway", "--tls", "--exit-with-parent"]
    started = subprocess.Popen(
        [*words, "--out", str(tmp_path_factory.mktemp("gateway"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert started.stdout is not None
    readable, _, _ = select.select([started.stdout], [], [], START_S)
    assert readable
    ready = json.loads(started.stdout.readline())
    yield GatewayProcess(ready["config"], ready["login_url"], ready["control_url"])
    started.terminate()
    started.communicate(timeout=10)


@pytest.fixture
def gateway(process: GatewayProcess) -> GatewayProcess:
    """Nobody is logged in."""
    process.control("gateway", do="logout")
    return process


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words), prog_name="ibkr-tui")


def command(gateway: GatewayProcess, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit status and the one document."""
    ended = run("--config", gateway.config, "gateway", *words, "--json")
    assert ended.stdout.count("\n") == 1, ended.output
    return ended.exit_code, json.loads(ended.stdout)


def test_verify_a_session(gateway: GatewayProcess) -> None:
    gateway.control("gateway", do="login")
    status, said = command(gateway, "verify")
    assert (status, said["ok"]) == (0, True)
    assert [check["name"] for check in said["result"]["checks"] if check["ok"]] == [
        "sso/validate", "tickle", "auth/status", "authenticated", "connected", "not competing",
    ]  # fmt: skip
    shown = run("--config", gateway.config, "gateway", "verify")
    assert shown.exit_code == 0 and shown.stdout.count("ok  ") == 6


def test_verify_without_a_login(gateway: GatewayProcess) -> None:
    status, said = command(gateway, "verify")
    assert (status, said["ok"], said["error"]["code"]) == (1, False, "IBKR_LOGIN_REQUIRED")
    assert said["error"]["details"]["login_url"] == gateway.login_url
    shown = run("--config", gateway.config, "gateway", "verify")
    assert shown.exit_code == 1 and "FAIL  sso/validate" in shown.stdout and gateway.login_url in shown.stderr


def test_verify_a_competing_session(gateway: GatewayProcess) -> None:
    gateway.control("gateway", do="login")
    gateway.control("session", do="compete")
    status, said = command(gateway, "verify")
    assert status == 1
    assert [check["name"] for check in said["result"]["checks"] if not check["ok"]] == [
        "authenticated", "connected", "not competing",
    ]  # fmt: skip


def test_a_login_that_is_there(gateway: GatewayProcess) -> None:
    gateway.control("gateway", do="login")
    status, said = command(gateway, "login")
    assert (status, said["ok"], said["result"]["authenticated"]) == (0, True, True)
    assert said["result"]["login_url"] == gateway.login_url
    shown = run("--config", gateway.config, "gateway", "login")
    assert shown.exit_code == 0 and shown.stdout.strip() == gateway.login_url and "Logged in" in shown.stderr


def test_nobody_comes(gateway: GatewayProcess) -> None:
    status, said = command(gateway, "login", "--timeout", "0")
    assert (status, said["ok"], said["error"]["code"]) == (1, False, "IBKR_LOGIN_REQUIRED")


def test_a_person_logs_in_while_it_waits_and_another_gives_up(gateway: GatewayProcess) -> None:
    words = [sys.executable, "-m", "ibkr_tui.cli.main", "--config", gateway.config, "gateway", "login"]
    waiting = [subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for one in waiting:
            assert one.stdout is not None and one.stderr is not None
            assert select.select([one.stdout], [], [], START_S)[0]
            assert one.stdout.readline().strip() == gateway.login_url
            assert "Log in with a browser" in one.stderr.readline()
            assert "nobody is logged in" in one.stderr.readline()
        waiting[1].send_signal(signal.SIGINT)
        assert waiting[1].wait(START_S) == 130
        gateway.control("gateway", do="login")
        assert waiting[0].wait(START_S) == 0
        assert "Traceback" not in waiting[1].communicate()[1]
    finally:
        for one in waiting:
            one.kill()
            one.communicate()


@pytest.mark.parametrize(
    ("do", "action", "status"), [("timeout", "reauth", 0), ("compete", "logout_then_reauth", 1), ("", "noop", 0)]
)
def test_maintain(gateway: GatewayProcess, do: str, action: str, status: int) -> None:
    gateway.control("gateway", do="login")
    if do:
        gateway.control("session", do=do)
    dry, said = command(gateway, "maintain", "--dry-run")
    assert (said["result"]["action"], said["result"]["done"]) == (action, [])
    assert dry == (0 if action == "noop" else 1)
    code, said = command(gateway, "maintain")
    assert (code, said["result"]["action"]) == (status, action)
    if action == "logout_then_reauth":
        assert said["result"]["now"] == "login_required" and "a person logs in" in said["result"]["message"]
    shown = run("--config", gateway.config, "gateway", "maintain")
    assert shown.exit_code == status and (status == 1 or shown.stdout.strip() == "noop")


def test_maintain_without_a_login(gateway: GatewayProcess) -> None:
    status, said = command(gateway, "maintain")
    assert (status, said["error"]["code"]) == (1, "IBKR_LOGIN_REQUIRED")


@pytest.mark.parametrize("what", ["login", "verify", "maintain"])
def test_a_gateway_that_does_not_run(what: str) -> None:
    words = ["--timeout", "0"] if what == "login" else []
    ended = run("gateway", what, "--url", "https://localhost:1", "--json", *words)
    said = json.loads(ended.stdout)
    assert (ended.exit_code, said["error"]["code"]) == (1, "IBKR_UNAVAILABLE")
    assert said["error"]["details"]["cause"] == "refused" and "Start the gateway" in said["error"]["user_action"]


@pytest.mark.parametrize(
    "url",
    ["http://api.ibkr.com", "https://127.0.0.1.evil.example:5000", "https://localhost.:5000", "http://0.0.0.0:5000",
     "https://[::]:5000", "ftp://localhost", "localhost:5000", "https://user@localhost", ""],
)  # fmt: skip
def test_a_url_that_may_not_be_used(url: str) -> None:
    ended = run("gateway", "verify", "--url", url)
    assert ended.exit_code == 2 and "(CONFIG_INVALID)" in ended.stderr and not ended.stdout


def test_a_profile_that_is_no_gateways(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[profiles.paper]\nkind = "paper"\naccount_id = "DU1234567"\n')
    ended = run("--config", str(config), "gateway", "verify")
    assert ended.exit_code == 2 and "not at a gateway" in ended.stderr


def test_totp(tmp_path: Path) -> None:
    secret = tmp_path / "totp"
    secret.write_text("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n")
    secret.chmod(0o600)
    shown = run("totp", "--secret-file", str(secret))
    assert shown.exit_code == 0 and len(shown.stdout.strip()) == 6 and shown.stdout.strip().isdigit()
    assert "no second factor any more" in shown.stderr and "Good for" in shown.stderr
    said = json.loads(run("totp", "--secret-file", str(secret), "--json").stdout)
    assert set(said["result"]) == {"code", "seconds_left"} and 1 <= said["result"]["seconds_left"] <= 30
    secret.chmod(0o644)
    refused = run("totp", "--secret-file", str(secret))
    assert refused.exit_code == 2 and "(TOTP_SECRET_INVALID)" in refused.stderr and not refused.stdout
