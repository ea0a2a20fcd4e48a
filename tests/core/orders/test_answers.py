"""What each answer of the broker proves, and that nothing else is taken for proof (faults R1–R17, R39–R40)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ibkr_tui.core.orders.answers import (
    Accepted,
    Asked,
    Concern,
    Questions,
    Refused,
    Registered,
    Unclear,
    classify,
    critical,
)

ACCEPTED = [{"order_id": "1234567", "order_status": "PreSubmitted", "encrypt_message": "1", "local_order_id": "tA"}]
QUESTION = [
    {
        "id": "07a13a5a",
        "message": ["<h4>Price</h4>exceeds the 3% limit.\nAre you sure?"],
        "isSuppressed": False,
        "messageIds": ["o163"],
    }
]


def told(data: Any, status: int = 200, *, reply: bool = False) -> Any:
    return classify(status, json.dumps(data).encode(), coid="tA", reply=reply)


def test_an_accepted_order() -> None:
    answer = told(ACCEPTED)
    assert isinstance(answer, Accepted)
    assert (answer.rows[0].order_id, answer.rows[0].status) == ("1234567", "PreSubmitted")


def test_a_number_as_order_id_is_an_order_too() -> None:
    assert isinstance(told([{"order_id": 77, "order_status": "Submitted"}]), Accepted)


def test_questions_are_read_with_every_message_and_cleaned() -> None:
    answer = told(QUESTION)
    assert answer == Questions((Asked("07a13a5a", ("Price exceeds the 3% limit.\nAre you sure?",), ("o163",)),))


@pytest.mark.parametrize(
    ("status", "data", "concern"),
    [
        (200, {"error": "We cannot accept your order at this time"}, None),
        (200, {"error": "YOUR ORDER IS NOT ACCEPTED. INSUFFICIENT MARGIN"}, Concern.MARGIN),
        (400, {"error": "Bad Request: no bridge", "statusCode": 400}, None),
        (400, {"error": "Order rejected: minimum price variation", "statusCode": 400}, None),
        (200, [{"order_id": "-1", "order_status": "Failed", "text": "no shares to sell short"}], None),
        (200, {"orderId": 5, "reqId": "1", "text": "rejected by margin", "prompt": True}, Concern.MARGIN),
        (200, {"error": "No trading permissions for margin on OSE"}, Concern.PERMISSION),
        (200, {"error": "This order is unsuitable for you"}, Concern.SUITABILITY),
    ],
)
def test_a_definite_no(status: int, data: Any, concern: Concern | None) -> None:
    answer = told(data, status)
    assert isinstance(answer, Refused)
    assert answer.text
    assert answer.concern is concern


@pytest.mark.parametrize("status", [200, 400])
def test_already_registered_proves_that_the_broker_has_it(status: int) -> None:
    text = "Order couldn't be submitted: Local order ID=tA is already registered."
    assert isinstance(told({"error": text}, status), Registered)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"error":"anything rejected"}'),
        (503, b"<html>Service Unavailable</html>"),
        (502, b""),
        (401, b""),
        (429, b'{"error":"too many requests"}'),
        (200, b'[{"order_id":"1'),
        (200, b""),
        (200, b"[]"),
        (200, b"null"),
        (200, b'"Success"'),
        (200, b"{}"),
        (200, b'[{"order_status":"Submitted"}]'),
        (200, b'[{"order_id":"","order_status":"Submitted"}]'),
        (200, b"[[1]]"),
        (400, b'{"error":"a sentence nobody has heard of"}'),
        (400, b'{"error":"reply id not found: \'07a\'"}'),
        (200, b'{"error":"Service Unavailable","statusCode":503}'),
        (302, b""),
        (200, b'[{"order_id":"1","order_status":"Submitted"},{"id":"q","message":["m"],"messageIds":["o1"]}]'),
    ],
)
@pytest.mark.parametrize("reply", [False, True])
def test_everything_else_leaves_the_fate_open(status: int, body: bytes, reply: bool) -> None:
    answer = classify(status, body, coid="tA", reply=reply)
    assert isinstance(answer, Unclear)
    assert answer.text
    assert len(answer.body_hash) == 16


def test_another_orders_id_is_no_acceptance() -> None:
    answer = told([{"order_id": "1", "order_status": "Submitted", "local_order_id": "tOTHER"}])
    assert isinstance(answer, Unclear)
    assert "another order" in answer.text


def test_a_declined_question_is_our_own_no() -> None:
    answer = told({"error": "Order not confirmed "}, reply=True)
    assert isinstance(answer, Refused)
    assert answer.declined


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "Bad Request: invalid reply"),
        (200, "no session"),
        (400, "Bad Request: no bridge"),
        (400, "order rejected"),
    ],
)
def test_a_reply_that_went_wrong_proves_nothing(status: int, error: str) -> None:
    assert isinstance(told({"error": error}, status, reply=True), Unclear)


def test_a_reply_can_be_refused_or_asked_again() -> None:
    assert isinstance(told(QUESTION, reply=True), Questions)
    assert isinstance(told({"error": "Insufficient margin"}, reply=True), Refused)


def test_critical_words() -> None:
    assert critical(("fine", "This order is not suitable for your account"))
    assert critical(("Margin call",))
    assert not critical(("price exceeds the percentage constraint",))


@given(st.integers(min_value=100, max_value=599), st.binary(max_size=200), st.booleans())
@example(200, b'{"error":"\x80"}', False)
@example(200, b"[" * 100_000, False)
def test_no_bytes_are_taken_for_an_order_by_accident(status: int, body: bytes, reply: bool) -> None:
    answer = classify(status, body, coid="tA", reply=reply)
    if isinstance(answer, Accepted):
        assert b"order_id" in body
    assert not isinstance(answer, Refused) or b"error" in body or b"order_id" in body or b"reqId" in body
