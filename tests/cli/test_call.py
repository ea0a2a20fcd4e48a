"""`call`, `operations` and `watch` over a real core and a real simulator."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest


def test_get_account_equals_the_simulator_to_the_cent(served: Any) -> None:
    for _ in range(10):  # an order that is filled between the two reads moves the cash
        before = served.exchange.state()["accounts"]
        status, envelope = served.call("get_account")
        assert (status, envelope["ok"]) == (0, True), envelope
        account = envelope["result"]["account"]
        books = served.exchange.state()["accounts"][account]
        told, held = Decimal(envelope["result"]["total_cash"]), Decimal(books["total_cash"])
        if before[account]["total_cash"] == books["total_cash"] and abs(told - held) <= Decimal("0.005"):
            break
    assert abs(told - held) <= Decimal("0.005")
    assert isinstance(envelope["result"]["net_liquidation"], str)


def test_operations_are_listed_without_a_core(shell: Any) -> None:
    listed = json.loads(shell.run("operations", "--json").stdout)
    assert {"get_account", "preview_order", "place_order", "cancel_order"} <= {row["name"] for row in listed}
    assert all(set(row) == {"name", "tier", "schema", "summary"} for row in listed)
    people = shell.run("operations").stdout
    assert all(row["name"] in people for row in listed)
    assert shell.facts() is None


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["get_ticker", "symbol=NOSUCHTHING"], 1, "SYMBOL_NOT_FOUND"),
        (["preview_order", "symbol=AAPL", "side=buy", "qty=1", "order_type=limit", "limit_price=1e5"], 2, "BAD_NUMBER"),
        (["preview_order", "symbol=AAPL", "side=buy", "qty=1", "order_type=limit", "limit_price=-5"], 1, "BAD_TICKET"),
        (["preview_order", "symbol=AAPL", "side=hold", "qty=1"], 2, "BAD_ARGUMENT"),
        (["preview_order", "side=buy"], 2, "BAD_ARGUMENT"),
        (["no_such_thing"], 2, "UNKNOWN_OPERATION"),
        (["get_account", "--args", "[]"], 2, "BAD_ARGUMENT"),
    ],
)
def test_what_is_wrong_is_one_envelope(served: Any, words: list[str], status: int, code: str) -> None:
    ended, envelope = served.call(*words)
    assert (ended, envelope["ok"], envelope["error"]["code"]) == (status, False, code), envelope
    assert envelope["error"]["user_action"]


def test_the_log_is_read_through_the_core_and_followed(served: Any) -> None:
    status, envelope = served.call("get_log", "lines=200")
    assert status == 0, envelope
    records, cursor = envelope["result"]["records"], envelope["result"]["cursor"]
    assert any("serves profile paper" in record["text"] for record in records)
    assert {record["level"] for record in records} <= {"info", "warning", "error"}
    status, envelope = served.call("get_log", f"after={cursor}", "level=error")
    assert (status, envelope["result"]["records"]) == (0, [])
    status, envelope = served.call("get_log", "level=loud")
    assert (status, envelope["error"]["code"]) == (2, "BAD_ARGUMENT")


def test_health_counts_the_faces(served: Any) -> None:
    status, envelope = served.call("health")
    assert (status, envelope["result"]["faces"], envelope["result"]["keys_source"]) == (0, 1, "credentials file")


def test_an_order_without_yes_is_a_preview_and_nothing_is_sent(served: Any) -> None:
    before = len(served.exchange.state()["orders_received"])
    status, envelope = served.call("place_order", "symbol=AAPL", "side=buy", "qty=1")
    assert (status, envelope["error"]["code"]) == (1, "CONFIRMATION_REQUIRED"), envelope
    preview = envelope["error"]["details"]["preview"]
    assert (preview["instrument"], preview["qty"]) == ("AAPL", "1")
    assert len(served.exchange.state()["orders_received"]) == before


def test_another_program_has_the_session_until_a_person_takes_it_over(served: Any) -> None:
    """Orders wait, the account is still read, and no other word than the right one takes anything."""
    order = ("place_order", "symbol=AAPL", "side=buy", "qty=1", "--yes")
    served.exchange.control("session", {"do": "hold"})
    status, envelope = served.call("list_accounts")
    assert (status, envelope["error"]["code"]) == (1, "IBKR_COMPETING_SESSION"), envelope
    assert "take_over confirm=TAKE-OVER" in envelope["error"]["user_action"]
    status, envelope = served.call(*order)
    assert (status, envelope["error"]["code"]) == (1, "IBKR_COMPETING_SESSION"), envelope
    assert served.call("get_account")[0] == served.call("get_positions")[0] == 0
    for words in ((), ("confirm=yes",), ("--yes",)):
        status, envelope = served.call("take_over", *words)
        assert (status, envelope["error"]["code"]) == (1, "CONFIRMATION_REQUIRED"), envelope
    status, envelope = served.call("take_over", "confirm=TAKE-OVER")
    assert (status, envelope["result"]) == (0, {"taken": True, "session": "ready"}), envelope
    assert served.call("list_accounts")[0] == 0
    status, envelope = served.call("take_over", "confirm=TAKE-OVER")
    assert (status, envelope["result"]["taken"]) == (0, False)


def test_one_share_at_market_is_filled(served: Any) -> None:
    status, envelope = served.call("place_order", "symbol=AAPL", "side=buy", "qty=1", "--yes")
    assert (status, envelope["ok"]) == (0, True), envelope
    coid = envelope["result"]["coid"]
    followed = served.start("watch", "orders")
    for line in followed.stdout:
        order = json.loads(line)
        if order["key"] == coid and order["row"]["state"] == "filled":
            break
    executions = served.exchange.state()["executions"]
    assert len(served.exchange.state()["orders_received"]) >= 1
    assert executions[-1]["conid"] == 265598


def test_watch_prints_a_row_a_line_and_stops_at_its_count(served: Any) -> None:
    ended = served.run("watch", "account", "health", "--count", "2")
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, ended.stderr
    assert len(lines) == 2
    assert all(set(line) == {"table", "key", "row"} for line in lines)


def test_watch_refuses_an_unknown_table(served: Any) -> None:
    ended = served.run("watch", "qoutes")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "UNKNOWN_TABLE" in ended.stderr


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_watch_ends_on_signals(served: Any, line_of: Callable[..., str], sent: signal.Signals, status: int) -> None:
    watching = served.start("watch", "health")
    assert json.loads(line_of(watching))["table"] == "health"
    watching.send_signal(sent)
    assert watching.wait(10) == status
    assert watching.stderr.read() == b""


def test_watch_ends_when_nobody_reads_even_in_a_quiet_table(served: Any, line_of: Callable[..., str]) -> None:
    watching = served.start("watch", "questions", "health")
    line_of(watching)
    watching.stdout.close()
    assert watching.wait(10) == 0
    assert watching.stderr.read() == b""


def test_a_lost_answer_exits_3_with_the_order_number(served: Any) -> None:
    served.exchange.control("faults", {"method": "POST", "path": "/orders$", "do": "drop", "after": True})
    try:
        status, envelope = served.call(
            "place_order", "symbol=MSFT", "side=buy", "qty=1", "order_type=limit", "limit_price=1", "--yes"
        )
    finally:
        served.exchange.clear_faults()
    assert (status, envelope["error"]["code"]) == (3, "IBKR_ORDER_UNKNOWN"), envelope
    assert envelope["error"]["details"]["coid"]


BRACKET = ("place_bracket_order", "symbol=AAPL", "side=buy", "qty=2", "entry_price=187.5", "take_profit=195")


def test_a_bracket_is_previewed_placed_and_cancelled_as_one(served: Any) -> None:
    status, envelope = served.call(*BRACKET, "stop_loss=185")
    assert (status, envelope["error"]["code"]) == (1, "CONFIRMATION_REQUIRED"), envelope
    assert len(envelope["error"]["details"]["preview"]["legs"]) == 3
    status, envelope = served.call(*BRACKET, "stop_loss=185", "--yes")
    assert status == 0, envelope
    result = envelope["result"]
    assert [leg["role"] for leg in result["orders"]] == ["entry", "stop", "target"]
    assert len({leg["order_id"] for leg in result["orders"]} - {""}) == 3
    status, envelope = served.call("amend_order", f"order_id={result['orders'][1]['order_id']}", "stop_price=185.5")
    assert (status, envelope["result"]["stop_price"]) == (0, "185.5"), envelope
    status, envelope = served.call("cancel_order", f"group_id={result['group_id']}")
    assert (status, envelope["result"]["group_id"]) == (0, result["group_id"]), envelope


def test_a_bracket_whose_stop_lies_above_its_entry_is_refused_by_its_field(served: Any) -> None:
    before = len(served.exchange.state()["orders_received"])
    status, envelope = served.call(*BRACKET, "stop_loss=189", "--yes")
    assert (status, envelope["error"]["code"]) == (1, "BAD_TICKET"), envelope
    assert "stop_loss" in envelope["error"]["details"]["fields"]
    legs = json.dumps({"legs": [{"symbol": "AAPL", "side": "buy", "qty": "1"}]})
    status, envelope = served.call("place_oco_order", "--args", legs, "--yes")
    assert (status, envelope["error"]["details"]["field"]) == (1, "legs"), envelope
    assert len(served.exchange.state()["orders_received"]) == before


def test_a_bracket_whose_answer_is_lost_exits_3_with_its_group(served: Any) -> None:
    served.exchange.control("faults", {"method": "POST", "path": "/orders$", "do": "drop", "after": True})
    try:
        status, envelope = served.call(*BRACKET, "stop_loss=185", "--yes")
    finally:
        served.exchange.clear_faults()
    if status == 0:  # the stream was faster than the loss
        assert len(envelope["result"]["orders"]) == 3
        return
    assert (status, envelope["error"]["code"]) == (3, "IBKR_ORDER_UNKNOWN"), envelope
    assert len(envelope["error"]["details"]["orders"]) == 3
