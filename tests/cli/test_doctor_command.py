"""`ibkr-tui doctor` as a person types it: steps on stderr, the verdict on stdout, with and without a core."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

STEPS = ["configuration", "files", "keys", "diffie-hellman", "secret", "dns", "tcp", "clock", "login", "session",
         "account"]  # fmt: skip


def secrets_of(shell: Any) -> list[str]:
    given = json.loads(shell.exchange.credentials.read_text())
    return [given[name] for name in ("access_token", "access_token_secret", "consumer_key", "dh_prime")]


def test_without_a_core_it_logs_in_and_out_and_beside_one_it_asks(shell: Any) -> None:
    before = shell.exchange.state()["mints"]
    ended = shell.run("doctor")
    assert ended.returncode == 0, ended
    assert "All 11 steps are in order" in ended.stdout
    assert [line.split()[1].rstrip(":") for line in ended.stderr.splitlines()] == STEPS
    assert not any(secret in ended.stdout + ended.stderr for secret in secrets_of(shell))
    assert shell.exchange.state()["mints"] == before + 1 and shell.facts() is None

    assert shell.run("core", "start").returncode == 0
    ended = shell.run("doctor", "--json")
    said = json.loads(ended.stdout)
    assert (ended.returncode, said["ok"], said["result"]["broken"]) == (0, True, None)
    assert [step["name"] for step in said["result"]["steps"]] == STEPS
    assert f"process {shell.facts()['pid']}" in said["result"]["steps"][-3]["found"]
    assert shell.exchange.state()["mints"] == before + 2, "the core's own"

    other = shell.exchange.config.with_name("doctor.toml")
    other.write_text(shell.exchange.config.read_text().replace('kind = "paper"', 'kind = "paper"\norders = "refuse"'))
    ended = shell.run("--config", str(other), "doctor", "--json")
    said = json.loads(ended.stdout)
    assert (ended.returncode, said["error"]["code"]) == (1, "CONFIG_MISMATCH")


def test_the_first_broken_step_is_named_with_its_remedy(shell: Any, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    profile = '[profiles.paper]\nkind = "paper"\naccount_id = "DU1234567"\n'
    config.write_text(profile + 'colour = "blue"\n')
    ended = shell.run("--config", str(config), "doctor")
    assert ended.returncode == 1 and ended.stderr.startswith("FAIL  configuration:")
    assert "unknown key" in ended.stdout and "(CONFIG_INVALID)" in ended.stdout

    config.write_text(profile + 'credentials_file = "nowhere.json"\n')
    ended = shell.run("--config", str(config), "doctor", "--json")
    said = json.loads(ended.stdout)
    assert (ended.returncode, said["ok"], said["result"]["broken"]) == (1, False, "files")
    assert said["error"]["code"] == "IBKR_KEY_NOT_FOUND" and said["error"]["user_action"]
    assert [step["ok"] for step in said["result"]["steps"]] == [True, False]


def test_nothing_stands_between_its_lines(shell: Any, tmp_path: Path) -> None:
    """What the session logs about an account that is not ours is not the person's to read."""
    given = json.loads(shell.exchange.credentials.read_text())
    del given["account_id"]
    credentials = tmp_path / "credentials.json"
    credentials.write_text(json.dumps(given))
    credentials.chmod(0o600)
    config = tmp_path / "config.toml"
    urls = f'rest_url = "{shell.exchange.rest_url}"\nws_url = "{shell.exchange.ws_url}"\n'
    profile = '[profiles.paper]\nkind = "paper"\naccount_id = "DU9999999"\ncredentials_file = "credentials.json"\n'
    config.write_text(profile + urls)
    ended = shell.run("--config", str(config), "doctor")
    assert ended.returncode == 1 and "(IBKR_ACCOUNT_NOT_FOUND)" in ended.stdout
    assert [line[:5] for line in ended.stderr.splitlines()] == ["ok   "] * 10 + ["FAIL "]
