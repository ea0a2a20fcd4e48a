"""`call`: what is previewed, approved and sent, where every order needs an approval."""

from __future__ import annotations

import json
from typing import Any

import pytest

ORDER = ("place_order", "symbol=AAPL", "side=buy", "order_type=limit", "limit_price=187.5")


@pytest.fixture
def call(shell: Any) -> Any:
    """`call` on a profile whose orders all need an approval."""
    config = shell.exchange.config.with_name("approvals.toml")
    config.write_text(shell.exchange.config.read_text() + "\n[safety]\nrequire_approval = true\n")

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        ended = shell.run("--config", str(config), "call", *words)
        return ended.returncode, json.loads(ended.stdout)

    return run


def test_yes_previews_approves_and_sends_and_a_preview_can_be_approved_by_hand(call: Any) -> None:
    status, sent = call(*ORDER, "qty=3", "--yes")
    assert (status, sent["ok"]) == (0, True), sent
    status, asked = call(*ORDER, "qty=4")
    assert (status, asked["error"]["code"]) == (1, "CONFIRMATION_REQUIRED")
    preview = asked["error"]["details"]["preview"]
    assert preview["needs_approval"] is True
    status, given = call("approve_order", f"preview_id={preview['preview_id']}")
    approval = f"approval={given['result']['approval']}"
    status, wrong = call(*ORDER, "qty=5", approval, "--yes")
    assert (status, wrong["error"]["code"]) == (1, "APPROVAL_INVALID")
    status, right = call(*ORDER, "qty=4", approval, "--yes")
    assert (status, right["ok"]) == (0, True), right
    status, swept = call("cancel_all_orders")
    assert (status, swept["error"]["code"]) == (1, "CONFIRMATION_REQUIRED")
    listed = {row["coid"] for row in swept["error"]["details"]["preview"]}
    assert {sent["result"]["coid"], right["result"]["coid"]} <= listed
    assert swept["error"]["user_action"] == "Read what there is; add --yes to do it."
    status, none = call("cancel_all_orders", "symbol=NOPE", "side=buy")
    assert none["error"]["details"]["preview"] == []
    status, swept = call("cancel_all_orders", "--yes")
    assert (status, swept["result"]["failed"]) == (0, 0), swept


def test_the_kill_switch_by_call_needs_yes_only_to_be_turned_off(call: Any, shell: Any) -> None:
    status, on = call("set_kill_switch", "on=true", "reason=test")
    assert (status, on["result"]["kill_switch"]) == (0, True), on
    status, refused = call(*ORDER, "qty=6", "--yes")
    assert (status, refused["error"]["code"]) == (1, "KILL_SWITCH_ON")
    assert "is ON" in shell.run("kill", "status").stdout
    status, off = call("set_kill_switch", "on=false")
    assert (status, off["error"]["code"]) == (1, "CONFIRMATION_REQUIRED")
    status, off = call("set_kill_switch", "on=false", "--yes")
    assert (status, off["result"]["kill_switch"]) == (0, False)
    status, unresolved = call("resolve_order", "coid=t1", "verdict=keep")
    assert (status, unresolved["error"]["code"]) == (1, "CONFIRMATION_REQUIRED")
    assert unresolved["error"]["user_action"] == "Add --yes if you mean it."
