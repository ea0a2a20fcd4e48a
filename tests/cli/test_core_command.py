"""`core run|start|stop|status`: one core a profile, its signals, and what ends it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def waited(process: subprocess.Popen[bytes], line_of: Callable[..., str], shell: Any) -> None:
    """Until a core in the foreground serves."""
    while shell.facts() is None:
        assert process.poll() is None, process.communicate()
        os.sched_yield()


def test_start_status_stop(shell: Any) -> None:
    assert shell.run("core", "status").returncode == 1
    started = json.loads(shell.run("core", "start", "--json").stdout)
    assert started["ok"]
    assert started["result"]["pid"] == shell.facts()["pid"]
    again = shell.run("core", "start")
    assert "already serves" in again.stdout
    status = shell.run("core", "status", "--json")
    assert status.returncode == 0
    said = json.loads(status.stdout)["result"]
    assert (said["running"], said["faces"], said["core"]["profile"]) == (True, 0, "paper")
    assert str(said["core"]["pid"]) in shell.run("core", "status").stdout
    assert oct(stat.S_IMODE((shell.state / "paper").stat().st_mode)) == "0o700"
    stopped = shell.run("core", "stop", "--json")
    assert json.loads(stopped.stdout)["result"]["stopped"] is True
    assert shell.facts() is None
    assert not Path(said["core"]["socket"]).exists()
    assert shell.run("core", "status").returncode == 1
    assert shell.run("core", "stop").returncode == 0


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_core_in_the_foreground_ends_in_order(
    shell: Any, line_of: Callable[..., str], sent: signal.Signals, status: int
) -> None:
    core = shell.start("core", "run")
    waited(core, line_of, shell)
    core.send_signal(signal.SIGUSR1)
    core.send_signal(sent)
    assert core.wait(10) == status, core.communicate()
    assert shell.facts() is None
    assert b"Traceback" not in core.stderr.read()


def test_a_second_core_is_refused_and_a_killed_one_is_followed(shell: Any) -> None:
    assert shell.call("get_account")[0] == 0
    second = shell.run("core", "run")
    assert second.returncode == 1
    assert "CORE_RUNNING" in second.stderr
    killed = shell.facts()["pid"]
    os.kill(killed, signal.SIGKILL)
    status, envelope = shell.call("get_account")
    assert status == 0, "the session that the killed one left is taken back"
    assert envelope["result"]["account"]
    assert shell.facts()["pid"] != killed


def test_a_face_that_is_hung_up_leaves_the_core_alive(shell: Any, line_of: Callable[..., str]) -> None:
    watching = shell.start("watch", "health", start_new_session=True)
    line_of(watching)
    os.killpg(watching.pid, signal.SIGHUP)
    watching.wait(10)
    status = shell.run("core", "status", "--json")
    assert status.returncode == 0
    assert json.loads(status.stdout)["result"]["faces"] == 0


def test_a_core_without_faces_leaves_by_itself(shell: Any) -> None:
    alone = shell.start("core", "run", "--leave-after", "0.1")
    assert alone.wait(20) == 0
    assert shell.facts() is None


def test_a_core_leaves_with_the_process_that_started_it(shell: Any, line_of: Callable[..., str]) -> None:
    core = shell.start("core", "run", "--exit-with-parent", stdin=subprocess.PIPE)
    waited(core, line_of, shell)
    core.stdin.close()
    assert core.wait(10) == 0


def test_another_configuration_is_never_traded_on(shell: Any, tmp_path: Path) -> None:
    assert shell.run("core", "start").returncode == 0
    other = tmp_path / "other.toml"
    shutil.copy(shell.exchange.credentials, tmp_path / "credentials.json")
    other.write_text(shell.exchange.config.read_text())
    ended = shell.run("--config", str(other), "call", "get_account")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["error"]["code"] == "CONFIG_MISMATCH"
    assert shell.run("core", "stop").returncode == 0


def test_a_missing_key_file_is_said_by_every_call(shell: Any, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(shell.exchange.config.read_text().replace("credentials.json", "absent.json"))
    ended = shell.run("--config", str(config), "call", "get_account")
    assert ended.returncode == 2, ended.stdout
    assert json.loads(ended.stdout)["error"]["code"] == "IBKR_KEY_NOT_FOUND"
    assert shell.run("--config", str(config), "config", "check").returncode == 2
    assert shell.run("--config", str(config), "core", "stop").returncode == 0


def test_the_log_is_private_and_names_no_secret(shell: Any) -> None:
    assert shell.call("get_account", IBKR_TUI_LOG="debug")[0] == 0
    log = shell.state / "paper" / "core.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    text = log.read_text()
    assert "serves profile paper" in text
    held = json.loads(shell.exchange.credentials.read_text())
    for key in ("access_token", "access_token_secret", "consumer_key"):
        assert held[key] not in text


def test_the_environment_alone_is_enough(shell: Any) -> None:
    held = json.loads(shell.exchange.credentials.read_text())
    environ = {
        "IBKR_CONSUMER_KEY": held["consumer_key"],
        "IBKR_ACCESS_TOKEN": held["access_token"],
        "IBKR_ACCESS_TOKEN_SECRET": held["access_token_secret"],
        "IBKR_SIGNATURE_KEY_PATH": held["signature_key_path"],
        "IBKR_ENCRYPTION_KEY_PATH": held["encryption_key_path"],
        "IBKR_DH_PRIME": held["dh_prime"],
        "IBKR_ACCOUNT_ID_TESTNET": held["account_id"],
        "IBKR_URL_TESTNET": shell.exchange.rest_url,
        "IBKR_WS_URL_TESTNET": shell.exchange.ws_url,
    }
    del shell.environ["IBKR_TUI_CONFIG"]
    status, envelope = shell.call("get_account", **environ)
    assert status == 0, envelope
    assert envelope["result"]["account"] == held["account_id"]
    if (seen := Path(f"/proc/{shell.facts()['pid']}/environ")).exists():
        assert held["access_token"].encode() not in seen.read_bytes()
    shell.environ |= environ


def test_a_core_that_is_killed_while_it_places_an_order_leaves_its_outcome_unknown(shell: Any) -> None:
    assert shell.call("get_account")[0] == 0
    shell.exchange.control("faults", {"method": "POST", "path": "/orders$", "do": "hang"})
    try:
        placing = shell.start("call", "place_order", "symbol=MSFT", "side=buy", "qty=1", "--yes")
        while not any(fault["struck"] for fault in shell.exchange.state()["faults"]):
            assert placing.poll() is None
        os.kill(shell.facts()["pid"], signal.SIGKILL)
        envelope = json.loads(placing.stdout.readline())
    finally:
        shell.exchange.clear_faults()
    assert placing.wait(10) == 3
    assert envelope["error"]["code"] == "IBKR_ORDER_UNKNOWN"
    assert "before you place it again" in envelope["error"]["message"]


def test_a_core_does_not_leave_while_an_order_is_unproven(shell: Any, line_of: Callable[..., str]) -> None:
    core = shell.start("core", "run", "--leave-after", "1.5")
    waited(core, line_of, shell)
    assert shell.call("get_account")[0] == 0
    shell.exchange.control("faults", {"method": "POST", "path": "/orders$", "do": "drop"})
    try:
        assert shell.call("place_order", "symbol=MSFT", "side=buy", "qty=1", "--yes")[0] == 3
    finally:
        shell.exchange.clear_faults()
    alone_until = time.monotonic() + 4
    while time.monotonic() < alone_until:
        status = json.loads(shell.run("core", "status", "--json").stdout)["result"]
        assert (status["running"], status["faces"]) == (True, 0)
    assert status["health"]["open_intents"] == 1


def test_an_order_outlives_the_command_that_placed_it(shell: Any) -> None:
    assert shell.call("get_account")[0] == 0
    shell.exchange.control("faults", {"method": "POST", "path": "/orders$", "do": "delay", "seconds": 1})
    try:
        placing = shell.start("call", "place_order", "symbol=MSFT", "side=buy", "qty=1", "--yes")
        while not any(fault["struck"] for fault in shell.exchange.state()["faults"]):
            assert placing.poll() is None
        placing.send_signal(signal.SIGTERM)
        assert placing.wait(10) == 143
        assert b"goes on in the core" in placing.stderr.read()
        followed = shell.start("watch", "orders")
        states = (json.loads(line)["row"]["state"] for line in followed.stdout)
        assert "filled" in states
    finally:
        shell.exchange.clear_faults()
