"""What the broker said to an order or a reply, sorted into kinds (reference 4.6). What is not plain is `Unclear`.

Only a definite answer proves anything: an order's row, a question, a refusal in words that we know. Everything else
(5xx, 401, 429, half a body, an unknown shape) leaves the order's fate open.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from ibkr_tui.model.prompts import Prompt
from ibkr_tui.model.text import clean, clean_html, sentence
from ibkr_tui.model.unreadable import UNREADABLE

_REGISTERED: Final = re.compile(r"already registered", re.IGNORECASE)
_NOT_CONFIRMED: Final = re.compile(r"^\s*order not confirmed", re.IGNORECASE)
_LOST_REPLY: Final = re.compile(r"reply id not found|service unavailable|time(d )?\s?out", re.IGNORECASE)
_MOST_OPTIONS: Final = 9
_NO_SESSION: Final = re.compile(r"no bridge|no session|not authenticated|init session", re.IGNORECASE)
_REFUSALS: Final = re.compile(
    r"no bridge|not authenticated|init session|invalid|insufficient|margin|suitab|permission|permitted|not allowed"
    r"|reject|couldn.t be submitted|could not be submitted|minimum price|price variation|tick size|not supported"
    r"|unsupported|missing|required|must be|bad request|unknown contract|no contract|not available|not tradable"
    r"|exceed|too (large|small|many)|doesn.t exist|is inactive|closed|expired|duplicate",
    re.IGNORECASE,
)


class Concern(StrEnum):
    """What a warning is about that no program may wave through."""

    PERMISSION = "permission"
    SUITABILITY = "suitability"
    MARGIN = "margin"


_CONCERNS: Final = (
    (Concern.PERMISSION, re.compile(r"not permitted|trading permission", re.IGNORECASE)),
    (Concern.SUITABILITY, re.compile(r"suitab", re.IGNORECASE)),
    (Concern.MARGIN, re.compile(r"margin|insufficient|buying power", re.IGNORECASE)),
)


class AcceptedRow(msgspec.Struct, frozen=True):
    """One order the broker took. `parent_id` is the id of the order it waits for, where the broker says so."""

    order_id: str
    status: str
    local_order_id: str = ""
    parent_id: str = ""


class Accepted(msgspec.Struct, frozen=True):
    """The broker took the order(s)."""

    rows: tuple[AcceptedRow, ...]


class Asked(msgspec.Struct, frozen=True):
    """One question, to be answered by `id`; its messages cleaned, with their ids side by side. A `prompt` is answered
    with one of its own options."""

    id: str
    messages: tuple[str, ...]
    message_ids: tuple[str, ...]
    prompt: Prompt | None = None


class Questions(msgspec.Struct, frozen=True):
    """The broker asks before it takes the order."""

    items: tuple[Asked, ...]


class Refused(msgspec.Struct, frozen=True):
    """A definite no. `concern`: what kind of a warning it is, if any. `declined`: it was our own; to a prompt with the
    `order_id` that the order has at the broker all the same."""

    text: str
    concern: Concern | None = None
    declined: bool = False
    order_id: str = ""


class Partly(msgspec.Struct, frozen=True):
    """Of several orders each got its own answer: taken, asked about, refused in these words."""

    rows: tuple[AcceptedRow, ...]
    asked: tuple[Asked, ...] = ()
    failed: tuple[str, ...] = ()


class Registered(msgspec.Struct, frozen=True):
    """The broker has an order of this cOID already: accepted, not seen yet."""

    text: str


class Unclear(msgspec.Struct, frozen=True):
    """Nothing is proven. `body_hash` and `body_start` tell the audit what came."""

    text: str
    body_hash: str = ""
    body_start: str = ""


Outcome = Accepted | Questions | Refused | Partly | Registered | Unclear


def classify(status: int, body: bytes, *, coid: str, reply: bool = False, orders: int = 1) -> Outcome:
    """The meaning of an answer to a placement of so many orders, or with `reply` to an answered question."""
    if status >= 500 or status in {401, 403, 408, 410, 411, 429}:
        return _unclear(f"HTTP {status}", body)
    try:
        data = msgspec.json.decode(body)
    except UNREADABLE:
        return _unclear(f"HTTP {status} with an unreadable body", body)
    if isinstance(data, dict):
        return _object(status, data, body, reply)
    if isinstance(data, list) and status == 200 and data and all(isinstance(row, dict) for row in data):
        return _rows(data, body, coid, orders)
    return _unclear(f"HTTP {status} of an unknown shape", body)


def critical(messages: tuple[str, ...]) -> bool:
    """Whether a question is about margin, permission or suitability: never answered yes without a person."""
    return any(concern_of(text) for text in messages)


def concern_of(text: str) -> Concern | None:
    """What the broker's words are about; the narrower meaning wins: permissions for margin trading are permissions."""
    return next((concern for concern, words in _CONCERNS if words.search(text)), None)


def prompt_of(row: Mapping[str, Any]) -> Asked | None:
    """The prompt that an answer or a frame of the topic `ntf` is; None when it is none, or has nothing to choose."""
    order_id, request_id, text = str(row.get("orderId") or ""), row.get("reqId"), row.get("text")
    options = row.get("options")
    is_prompt = isinstance(text, str) and isinstance(options, list) and row.get("prompt") is not False
    if not is_prompt or not isinstance(request_id, str | int) or not (order_id.isascii() and order_id.isdigit()):
        return None
    offered = tuple(dict.fromkeys(option for option in options or [] if isinstance(option, str) and option.strip()))
    if not offered or not str(request_id):
        return None
    known = clean(str(row.get("messageId") or ""), limit=40)
    name = clean(f"prompt-{order_id}-{request_id}", limit=80)
    prompt = Prompt(order_id, str(request_id), offered[:_MOST_OPTIONS])
    return Asked(name, (clean_html(str(text)),), (known,) if known else (), prompt)


def notified(status: int, body: bytes, asked: Asked, confirmed: bool) -> Outcome:
    """What the answer to an answered prompt proves. It comes as plain words: "Success", "Request was submitted"."""
    said = clean(body[:400].decode("utf-8", "replace"), limit=200)
    if status != 200 or '"error"' in said or asked.prompt is None:
        return _unclear(f"HTTP {status} to the answer of a prompt", body)
    if not confirmed:
        return Refused(said, declined=True, order_id=asked.prompt.order_id)
    return Accepted((AcceptedRow(asked.prompt.order_id, ""),))


def _object(status: int, data: dict[str, Any], body: bytes, reply: bool) -> Outcome:
    error = data.get("error")
    if isinstance(error, str) and error.strip():
        return _error(status, sentence(error, limit=500), body, reply)
    if status == 200 and (prompted := prompt_of(data)) is not None:
        return Questions((prompted,))
    if status == 200 and "reqId" in data and isinstance(data.get("text"), str):
        return _refused(sentence(data["text"], limit=500))
    return _unclear(f"HTTP {status} of an unknown shape", body)


def _error(status: int, text: str, body: bytes, reply: bool) -> Outcome:
    if _REGISTERED.search(text):
        return Registered(text)
    if reply and _NOT_CONFIRMED.search(text):
        return Refused(text, declined=True)
    # A reply that went wrong says nothing of the order it was about, unless the broker answers it in the usual way.
    lost = _LOST_REPLY.search(text) or (reply and _NO_SESSION.search(text))
    if not lost and (status == 200 or (status == 400 and not reply and _REFUSALS.search(text))):
        return _refused(text)
    return _unclear(f"HTTP {status}: {text}", body)


def _refused(text: str) -> Refused:
    return Refused(text, concern_of(text))


def _rows(data: list[dict[str, Any]], body: bytes, coid: str, orders: int) -> Outcome:
    taken: list[AcceptedRow] = []
    asked: list[Asked] = []
    failed: list[str] = []
    for row in data:
        order_id = row.get("order_id")
        if order_id is not None:
            number = str(order_id).strip()
            if number.isascii() and number.isdigit() and int(number) > 0:
                local = clean(str(row.get("local_order_id") or ""), limit=64)
                status = clean(str(row.get("order_status") or ""), limit=40)
                taken.append(AcceptedRow(number, status, local, clean(str(row.get("parent_order_id") or ""), limit=20)))
            elif number == "-1":
                words = row.get("text") or row.get("warning_message") or row.get("order_status") or "failed"
                failed.append(sentence(str(words), limit=500))
        elif (question := _question(row)) is not None:
            asked.append(question)
    if len(taken) + len(asked) + len(failed) != len(data):
        return _unclear("an answer of an unknown shape", body)
    if len(data) == orders == len(taken) == 1 and taken[0].local_order_id not in {"", coid}:
        return _unclear("the broker answered with another order's id", body)
    if orders == 1 and sum(map(bool, (taken, asked, failed))) > 1:
        return _unclear("the broker took a part and refused a part", body)
    return _of_rows(tuple(taken), tuple(asked), tuple(failed))


def _of_rows(taken: tuple[AcceptedRow, ...], asked: tuple[Asked, ...], failed: tuple[str, ...]) -> Outcome:
    if sum(map(bool, (taken, asked, failed))) > 1:
        return Partly(taken, asked, failed)
    if asked:
        return Questions(asked)
    if failed:
        return _refused(" · ".join(dict.fromkeys(failed)))
    return Accepted(taken)


def _question(row: dict[str, Any]) -> Asked | None:
    name, said, ids = row.get("id"), row.get("message"), row.get("messageIds")
    if not isinstance(name, str) or not name or not isinstance(said, list) or not said:
        return None
    messages = tuple(clean_html(str(text)) for text in said)
    found = ids if isinstance(ids, list) else []
    return Asked(name, messages, tuple(clean(str(message_id), limit=40) for message_id in found))


def _unclear(text: str, body: bytes) -> Unclear:
    start = clean(body[:400].decode("utf-8", "replace"), limit=200)
    return Unclear(clean(text, limit=300), hashlib.sha256(body).hexdigest()[:16], start)
