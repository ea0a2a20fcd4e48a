"""A core that goes over to another account of its login: the same process, and no call that does not name it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Shell, running_exchange


def test_the_core_goes_over_and_back(tmp_path: Path) -> None:
    with running_exchange(tmp_path / "exchange", "--accounts", "2") as exchange:
        shell = Shell(exchange, tmp_path / "state")
        try:
            there_and_back(shell)
        finally:
            shell.end()


def there_and_back(shell: Shell) -> None:
    home, other = held(shell)
    before = shell.facts()
    assert shell.call("switch_account", f"account={other}")[1]["result"] == {"account": other, "changed": True}
    ended = shell.run("--account", other, "call", "get_positions")
    assert {row["account"] for row in json.loads(ended.stdout)["result"]} == {other}
    after = shell.facts()
    assert before is not None and after is not None
    assert (after["pid"], after["account"]) == (before["pid"], other)
    assert shell.run("--profile", "paper", "health").returncode == 0
    status, said = shell.call("get_account")
    assert (status, said["error"]["code"]) == (1, "CONFIG_MISMATCH")
    assert f"--account {other}" in said["error"]["user_action"]
    assert shell.call("switch_account", f"account={home}")[0] == 0
    assert held(shell) == {home: True, other: False}


def held(shell: Shell) -> dict[str, bool]:
    status, said = shell.call("list_accounts")
    assert status == 0
    return {row["account"]: row["selected"] for row in said["result"]}
