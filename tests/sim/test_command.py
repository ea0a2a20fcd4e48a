"""The simulator as a process: the ready line, the files, signals, TLS, and what bad options get."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from ibkr_tui.sim.dhparam import read_dhparam


def launch(out, *options, **kwargs):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-m", "ibkr_tui.sim", "--out", str(out), *options],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        **kwargs,
    )


def ended(process):
    """Exit status and what was written to stderr."""
    _, errors = process.communicate(timeout=10)
    return process.returncode, errors


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_one_ready_line_and_a_clean_end(tmp_path, number, status):
    process = launch(tmp_path / "out")
    ready = json.loads(process.stdout.readline())
    assert set(ready) == {"rest_url", "ws_url", "credentials", "config", "control_url"}
    assert httpx.post(ready["rest_url"] + "/tickle").status_code == 401
    assert httpx.get(ready["control_url"] + "/state").json()["mints"] == 0
    process.send_signal(number)
    assert ended(process) == (status, "")


def test_the_files(tmp_path):
    process = launch(tmp_path / "out", "--seed", "9")
    ready = json.loads(process.stdout.readline())
    process.terminate()
    ended(process)
    out = tmp_path / "out"
    for path in out.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    consumers = set()
    for path, account in ((Path(ready["credentials"]), "DU1234567"), (out / "live/credentials.json", "U7654321")):
        document = json.loads(path.read_text())
        assert set(document) == {
            "consumer_key",
            "access_token",
            "access_token_secret",
            "signature_key_path",
            "encryption_key_path",
            "dh_prime",
            "dh_generator",
            "account_id",
            "realm",
        }
        assert document["account_id"] == account and document["realm"] == "limited_poa"
        assert int(document["dh_prime"], 16).bit_length() == 2048 and document["dh_generator"] == 2
        for name in ("signature_key_path", "encryption_key_path"):
            key = serialization.load_pem_private_key(Path(document[name]).read_bytes(), None)
            assert key.key_size == 2048
            consumers.add(key.private_numbers().p)
        consumers.add(document["consumer_key"])
    assert len(consumers) == 6
    config = tomllib.loads(Path(ready["config"]).read_text())
    assert config["default_profile"] == "paper" and set(config["profiles"]) == {"paper", "live", "oauth2"}
    assert config["profiles"]["oauth2"] == {
        **config["profiles"]["paper"],
        "auth": "oauth2",
        "credentials_file": "credentials-oauth2.json",
    }
    assert config["profiles"]["paper"] == {
        "kind": "paper",
        "auth": "oauth1",
        "account_id": "DU1234567",
        "rest_url": ready["rest_url"],
        "ws_url": ready["ws_url"],
        "credentials_file": "credentials.json",
    }
    assert config["profiles"]["live"]["credentials_file"] == "live/credentials.json"
    assert json.loads((out / "ready.json").read_text()) == ready


def test_the_same_keys_as_key_stores(tmp_path):
    out = tmp_path / "out"
    kept = set()
    for _ in range(2):
        process = launch(out)
        ready = json.loads(process.stdout.readline())
        process.terminate()
        ended(process)
        profiles = tomllib.loads(Path(ready["config"]).with_name("key-stores.toml").read_text())["profiles"]
        assert set(profiles) == {"paper", "live"}
        for name, credentials in (("paper", "credentials.json"), ("live", "live/credentials.json")):
            document = json.loads((out / credentials).read_text())
            assert profiles[name]["account_id"] == document["account_id"]
            current = out / profiles[name]["key_store"] / "current"
            assert current.is_symlink() and current.readlink().parts[0] == "versions"
            kept.add(current.resolve())
            said = tomllib.loads((current / "credentials.toml").read_text())
            assert said == {key: document[key] for key in said} and len(said) == 3
            for what in ("signature", "encryption"):
                assert (current / f"{what}.pem").read_bytes() == Path(document[f"{what}_key_path"]).read_bytes()
            prime, generator = read_dhparam((current / "dhparam.pem").read_text())
            assert (f"{prime:x}", generator) == (document["dh_prime"], document["dh_generator"])
        for path in out.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert len(kept) == 4 and all((version / "signature.pem").exists() for version in kept)


def test_tls(tmp_path):
    process = launch(tmp_path / "out", "--tls")
    ready = json.loads(process.stdout.readline())
    assert ready["rest_url"].startswith("https://") and ready["ws_url"].startswith("wss://")
    with pytest.raises(httpx.ConnectError):
        httpx.get(ready["control_url"] + "/state")
    trusted = ssl.create_default_context(cafile=ready["certificate"])
    assert httpx.get(ready["control_url"] + "/state", verify=trusted).status_code == 200
    process.terminate()
    assert ended(process)[0] == 143


def test_it_ends_with_its_parent(tmp_path):
    process = launch(tmp_path / "out", "--exit-with-parent", stdin=subprocess.PIPE)
    process.stdout.readline()
    process.stdin.close()
    process.stdin = None
    assert ended(process) == (0, "")


def test_ending_with_the_parent_needs_a_pipe(tmp_path):
    with (tmp_path / "file").open("w+") as file:
        status, errors = ended(launch(tmp_path / "out", "--exit-with-parent", stdin=file))
    assert status == 1 and "needs a pipe" in errors and "Traceback" not in errors


def test_a_fault_script_from_a_file(tmp_path):
    script = tmp_path / "faults.toml"
    script.write_text('[[fault]]\nat = { endpoint = "/tickle" }\ndo = "status"\nstatus = 418\n')
    process = launch(tmp_path / "out", "--faults", str(script))
    ready = json.loads(process.stdout.readline())
    assert httpx.post(ready["rest_url"] + "/tickle").status_code == 418
    process.terminate()
    ended(process)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--faults", "FILE"), "--faults"),
        (("--faults", "TOML"), "line 3: unknown key 'stats' for status; did you mean 'status'?"),
        (("--speed", "0"), "--speed"),
        (("--port", "70000"), "--port"),
        (("--wat",), "--wat"),
    ],
)
def test_bad_options_exit_2_with_one_message(tmp_path, options, text):
    (tmp_path / "bad.json").write_text('[{"do": "explode"}]')
    (tmp_path / "bad.toml").write_text('[[fault]]\ndo = "status"\nstats = 418\n')
    files = {"FILE": str(tmp_path / "bad.json"), "TOML": str(tmp_path / "bad.toml")}
    options = [files.get(option, option) for option in options]
    process = launch(tmp_path / "out", *options)
    status, errors = ended(process)
    assert status == 2 and text in errors and "Traceback" not in errors


def test_a_taken_port_is_one_clear_message(tmp_path):
    process = launch(tmp_path / "out")
    port = json.loads(process.stdout.readline())["rest_url"].split(":")[2].split("/")[0]
    second = launch(tmp_path / "second", "--port", port)
    status, errors = ended(second)
    assert status == 1 and "in use" in errors and "Traceback" not in errors
    process.terminate()
    ended(process)


def test_the_simulator_imports_none_of_ours():
    code = (
        "import sys, ibkr_tui.sim.command; "
        "print([m for m in sys.modules if m.startswith('ibkr_tui.') and not m.startswith('ibkr_tui.sim')])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.strip() == "[]"


async def test_hanging_requests_do_not_hold_up_the_end(start):
    client = await start()
    await client.control("faults", {"path": "/tickle", "do": "hang"})
    hanging = asyncio.create_task(client.http.post(f"{client.rest}/tickle"))
    await client.wait_state(lambda state: state["faults"][0]["struck"] == 1)
    hanging.cancel()
