"""`ibkr-tui doctor --smoke`: a share and a bracket, and nothing left behind; never on live."""

from __future__ import annotations

import json
from typing import Any


def test_it_trades_on_paper_and_leaves_nothing(shell: Any) -> None:
    before = positions(shell)
    ended = shell.run("doctor", "--smoke", "--json")
    said = json.loads(ended.stdout)
    assert (ended.returncode, said["ok"], said["result"]["broken"]) == (0, True, None), ended
    names = [step["name"] for step in said["result"]["steps"] if step["name"].startswith("smoke")]
    assert names == ["smoke account", "smoke depth", "smoke share", "smoke bracket", "smoke clearing up"]
    assert positions(shell) == before
    status, envelope = shell.call("get_open_orders")
    assert status == 0
    assert not [row for row in envelope["result"] if row["coid"]]


def positions(shell: Any) -> Any:
    account = json.loads(shell.exchange.credentials.read_text())["account_id"]
    return shell.exchange.state()["accounts"][account]["positions"]


def test_live_is_refused_before_anything_is_asked(shell: Any) -> None:
    sent = len(shell.exchange.state()["orders_received"])
    ended = shell.run("--profile", "live", "doctor", "--smoke", "--json")
    said = json.loads(ended.stdout)
    assert (ended.returncode, said["error"]["code"]) == (1, "ORDERS_REFUSED"), ended
    assert len(shell.exchange.state()["orders_received"]) == sent
