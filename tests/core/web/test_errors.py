"""What their answers mean (reference 4.10): every kind of error as one of ours, in their words, cleaned."""

from __future__ import annotations

import pytest

from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.errors import decode, is_no_session, problem_of
from ibkr_tui.model.errors import BrokerError

NO_BRIDGE = b'{"error":"Bad Request: no bridge","statusCode":400}'
PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (400, NO_BRIDGE, "IBKR_NO_SESSION", "no bridge"),
        (200, b'{"error":"no session"}', "IBKR_NO_SESSION", "no session"),
        (200, b'{"error":"Init session first"}', "IBKR_NO_SESSION", "Init session first"),
        (401, b"", "IBKR_AUTH_FAILED", "not authorised"),
        (401, b'{"error":"not authenticated"}', "IBKR_AUTH_FAILED", "not authenticated"),
        (401, b'{"error":"id: 104, error: invalid consumer","statusCode":401}', "IBKR_CONSUMER_REVOKED", "id: 104"),
        (
            401,
            b'{"error":"id: 7, error: LST failed, error: No access secret key found for X"}',
            "IBKR_ACCESS_TOKEN_EXPIRED",
            "LST failed",
        ),
        (429, b"", "IBKR_RATE_LIMITED", "too many"),
        (410, b"", "IBKR_UNAVAILABLE", "410"),
        (302, b"", "IBKR_UNAVAILABLE", "302"),
        (500, b"{}", "IBKR_UNAVAILABLE", "500"),
        (502, PAGE, "IBKR_UNAVAILABLE", "502 Bad Gateway"),
        (503, b'{"error":"Service Unavailable","statusCode":503}', "IBKR_UNAVAILABLE", "Service Unavailable"),
        (503, b'{"error":{"message":"maintenance"}}', "IBKR_UNAVAILABLE", "maintenance"),
        (400, b'{"error":"Invalid \\u001b[31mconid"}', "IBKR_REQUEST_REFUSED", "Invalid"),
        (400, b"plain words", "IBKR_REQUEST_REFUSED", "plain words"),
        (400, b"", "IBKR_REQUEST_REFUSED", "answered 400"),
        (411, b'{"broken', "IBKR_REQUEST_REFUSED", "answered 411"),
        (200, b'{"error":"No market data permissions"}', "IBKR_NO_MARKET_DATA_SUBSCRIPTION", "permissions"),
        (200, b'{"error":"The order is <b>bad</b> &amp; refused"}', "IBKR_REQUEST_REFUSED", "is bad & refused"),
    ],
)
def test_each_kind_of_error(status: int, body: bytes, code: str, words: str) -> None:
    problem = problem_of(Answer(status, body), "the thing")
    assert problem is not None
    assert (problem.code, problem.details["status"]) == (code, status)
    assert words in problem.message
    assert problem.message.startswith("the thing: ")
    assert "\x1b" not in problem.message
    assert "<" not in problem.message


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"",
        b'{"error":null,"amount":{}}',
        b'{"orders":[{"error":"of a row"}]}',
        b"Success",
        b'{"session":"x","hmds":{"error":"no bridge"}}',
    ],
)
def test_what_is_no_error(body: bytes) -> None:
    assert problem_of(Answer(200, body), "the thing") is None
    assert problem_of(Answer(204, b""), "the thing") is None
    assert not is_no_session(Answer(200, body))


def test_no_session_is_told_from_no_login() -> None:
    assert is_no_session(Answer(400, NO_BRIDGE))
    assert is_no_session(Answer(500, b'{"error":"Init session first"}'))
    assert not is_no_session(Answer(401, b'{"error":"not authenticated"}'))
    assert not is_no_session(Answer(404, NO_BRIDGE))
    assert not is_no_session(Answer(400, b'{"error":"no bridge"' + b" " * 5000 + b"}"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "with nothing"),
        (PAGE, "a web page"),
        (b"  <!DOCTYPE html>", "a web page"),
        (b"Success", "not JSON"),
        (b'[{"order_id":"1', "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_a_good_status_with_an_unreadable_body(body: bytes, words: str) -> None:
    with pytest.raises(BrokerError, match=words) as caught:
        decode(Answer(200, body), "the thing")
    assert caught.value.code == "IBKR_RESPONSE_INVALID"


def test_decode_raises_the_problem_first() -> None:
    with pytest.raises(BrokerError) as caught:
        decode(Answer(400, NO_BRIDGE), "the thing")
    assert caught.value.code == "IBKR_NO_SESSION"
    assert decode(Answer(200, b'{"a":[1,2.5]}'), "the thing") == {"a": [1, 2.5]}


def test_a_long_body_is_shown_short() -> None:
    problem = problem_of(Answer(502, b"x" * 10_000_000), "the thing")
    assert problem is not None
    assert len(problem.message) < 300
