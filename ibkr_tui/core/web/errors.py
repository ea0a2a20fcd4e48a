"""Their errors, ours: what an answer says is wrong (reference 4.10). A status of 200 can be an error, too."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean_html
from ibkr_tui.model.unreadable import UNREADABLE

_NO_BRIDGE: Final = re.compile(r"no bridge|init session|no session|not authenticated", re.IGNORECASE)
_INVALID_CONSUMER: Final = re.compile(r"invalid consumer", re.IGNORECASE)
_NO_SECRET: Final = re.compile(r"no access (token )?secret( key)? found|LST failed", re.IGNORECASE)
_MARKET_DATA: Final = re.compile(r"no market data|not subscribed|market data permission", re.IGNORECASE)
_SHOWN: Final = 200
_USERS_ERRORS: Final = tuple(
    (status, re.compile(path), re.compile(words, re.IGNORECASE))
    for status, path, words in (
        # An order of an earlier session, a reply that came too late (reference 4.3, 4.6).
        (503, r"/iserver/account/order/status/", ""),
        (503, r"/iserver/reply/", ""),
        # A refusal with its reason (reference 4.6): "what if" asks as an order does.
        (500, r"/iserver/account/[^/]+/orders/whatif$", "."),
        # A stream that is not there, too many histories at once (reference 4.8).
        (500, r"/iserver/marketdata/unsubscribe", "unknown"),
        (500, r"/iserver/marketdata/history", "."),
        # An account that is not ours (reference 4.1, 4.2).
        (500, r"/iserver/account$", ""),
        (500, r"/pa/", ""),
        # Values that the endpoint does not know (reference 4.6, 4.7, 4.9; `publish` 1.5).
        (500, r"/iserver/questions/suppress$", ""),
        (500, r"/iserver/scanner/run$", ""),
        (500, r"/iserver/auth/ssodh/init$", ""),
        (503, r"/iserver/contract/\d+/algos$", ""),
        (503, r"/iserver/watchlist$", ""),
        (503, r"/iserver/(dynaccount|account/search/)", ""),
    )
)
"""Status, path and words of the answers that say 500 or 503 and mean the request."""


def problem_of(answer: Answer, what: str) -> BrokerError | None:
    """What is wrong with `answer` to the request for `what` (a noun, "the positions"); None when nothing is.

    A body of the status 200 is looked at for `error` only when it is an object that could hold one.
    """
    if answer.status == 200:
        words = _error_words(answer.body) if answer.body[:1] == b"{" and b'"error"' in answer.body[:4096] else ""
        return _refused(200, words, what) if words else None
    if 200 < answer.status < 300:
        return None
    words = _error_words(answer.body) or _plain_words(answer.body)
    return _of_status(answer, words, what)


def is_no_session(answer: Answer) -> bool:
    """Whether the answer is "no bridge" in one of its forms: the brokerage session must be opened again."""
    if answer.status not in {200, 400, 401, 500, 503} or len(answer.body) > 4096:
        return False
    words = _error_words(answer.body)
    return bool(words) and bool(_NO_BRIDGE.search(words)) and answer.status != 401


def is_users_error(answer: Answer, path: str) -> bool:
    """Whether a 500 or 503 is the broker's way to refuse this very request: asking again brings the same (W-15)."""
    said = _error_words(answer.body)
    return any(
        answer.status == status and where.match(path) and words.search(said) for status, where, words in _USERS_ERRORS
    )


def decode(answer: Answer, what: str) -> Any:
    """The JSON of a good answer. Raises the answer's problem, or BrokerError IBKR_RESPONSE_INVALID for no JSON."""
    problem = problem_of(answer, what)
    if problem is not None:
        raise problem
    return parse(answer, what)


def parse(answer: Answer, what: str) -> Any:
    """The JSON of an answer, whatever its status. Raises BrokerError IBKR_RESPONSE_INVALID."""
    try:
        return msgspec.json.decode(answer.body)
    except UNREADABLE:
        raise invalid(what, _describe(answer)) from None


def invalid(what: str, why: str) -> BrokerError:
    """An answer that cannot be read."""
    return BrokerError("IBKR_RESPONSE_INVALID", f"{what}: {why}")


def _of_status(answer: Answer, words: str, what: str) -> BrokerError:
    status = answer.status
    details = {"status": status}
    said = f": {words}" if words else ""
    if status == 401:
        return _unauthorised(words, what)
    if status == 429:
        return BrokerError("IBKR_RATE_LIMITED", f"{what}: IBKR says there were too many requests", details=details)
    if is_no_session(answer):
        return BrokerError("IBKR_NO_SESSION", f"{what}: no brokerage session{said}", details=details)
    if status >= 500 and _MARKET_DATA.search(words):  # a history that may not be read is answered so
        return BrokerError("IBKR_NO_MARKET_DATA_SUBSCRIPTION", f"{what}: {words}", details=details)
    if status == 410 or status >= 500 or 300 <= status < 400:
        return BrokerError("IBKR_UNAVAILABLE", f"{what}: IBKR answered {status}{said}", details=details)
    return _refused(status, words, what)


def _unauthorised(words: str, what: str) -> BrokerError:
    details = {"status": 401}
    if _INVALID_CONSUMER.search(words):
        return BrokerError(
            "IBKR_CONSUMER_REVOKED", f"{what}: the consumer key is not active yet, or revoked: {words}", details=details
        )
    if _NO_SECRET.search(words):
        return BrokerError(
            "IBKR_ACCESS_TOKEN_EXPIRED", f"{what}: the access token is not known: {words}", details=details
        )
    return BrokerError("IBKR_AUTH_FAILED", f"{what}: not authorised{': ' + words if words else ''}", details=details)


def _refused(status: int, words: str, what: str) -> BrokerError:
    details = {"status": status}
    if _NO_BRIDGE.search(words):
        return BrokerError("IBKR_NO_SESSION", f"{what}: no brokerage session: {words}", details=details)
    if _MARKET_DATA.search(words):
        return BrokerError("IBKR_NO_MARKET_DATA_SUBSCRIPTION", f"{what}: {words}", details=details)
    return BrokerError("IBKR_REQUEST_REFUSED", f"{what}: {words or f'IBKR answered {status}'}", details=details)


def _error_words(body: bytes) -> str:
    """The text of `{"error": …}`, cleaned; "" when the body is something else."""
    if body[:1] != b"{":
        return ""
    try:
        data = msgspec.json.decode(body)
    except UNREADABLE:
        return ""
    error = data.get("error") if isinstance(data, dict) else None
    if isinstance(error, dict):
        error = error.get("message")
    return clean_html(error, limit=500, lines=False) if isinstance(error, str) else ""


def _plain_words(body: bytes) -> str:
    """A short body that is no JSON, as text: HTML pages lose their tags."""
    if body[:1] in {b"{", b"["}:
        return ""
    return clean_html(body[:2000].decode("utf-8", "replace"), limit=_SHOWN, lines=False)


def _describe(answer: Answer) -> str:
    if not answer.body:
        return "IBKR answered with nothing"
    start = answer.body[:200].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        return "IBKR answered with a web page"
    return "IBKR's answer is not JSON"
