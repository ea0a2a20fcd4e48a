"""Scripted misbehaviour: what a broker, a proxy or a network does on a bad day. This file knows when; others do it.

A fault says *at* what it strikes, and what it is to *do*. One parser reads both forms of a script: JSON objects with
all keys side by side (the control URL), and TOML with the first half in a table of its own (``--faults FILE``)::

    [[fault]]
    at = { method = "POST", endpoint = "/iserver/account/{account}/orders", request = 2 }
    do = "accept-then-fail"

``at``: ``method``, ``endpoint`` (a template; ``{name}`` or ``*`` stands for one part) or ``path`` (a regular
expression) on the path under /v1/api · ``topic`` of a frame that goes out · ``time`` in seconds from the start (alone:
the moment; with the others: not before) · ``request`` (the first match that is struck, default 1; ``nth`` in JSON) ·
``times`` in a row (default 1, 0 for ever).

``do`` to requests: ``status`` ``html`` ``accept-then-fail`` ``delay`` ``hang`` ``drop`` ``truncate`` ``drip``
``rewrite`` ``huge`` ``bomb``. With ``after`` the request does its work first and only then its answer is spoilt;
``delay`` ``truncate`` ``drip`` ``rewrite`` and ``accept-then-fail`` always do. To frames: ``lose`` ``duplicate``
``reorder`` ``delay`` ``garbage`` ``huge`` ``stall`` ``drop-socket``. At a time or with a request, whose answer stays
right: ``expire-token`` ``swap-account`` ``end-session`` ``compete`` ``reset`` ``drop-socket``, and ``door``, with a
table ``door`` as in ``front_door``.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ibkr_tui.sim.front_door import Rule, read_rule

AT = frozenset({"method", "endpoint", "path", "request", "nth", "times", "topic", "time"})
_ANSWER = frozenset({"status", "body", "content_type", "headers", "after"})
REQUEST_KINDS: dict[str, frozenset[str]] = {
    "status": _ANSWER,
    "html": _ANSWER,
    "accept-then-fail": _ANSWER - {"after"},
    "delay": frozenset({"seconds", "after"}),
    "hang": frozenset({"after"}),
    "drop": frozenset({"after"}),
    "truncate": frozenset({"length", "after"}),
    "drip": frozenset({"seconds", "after"}),
    "rewrite": frozenset({"find", "replace", "headers", "status"}),
    "huge": frozenset({"megabytes", "after"}),
    "bomb": frozenset({"megabytes", "after"}),
}
FRAME_KINDS: dict[str, frozenset[str]] = {
    "lose": frozenset(),
    "duplicate": frozenset({"copies"}),
    "reorder": frozenset(),
    "delay": frozenset({"seconds"}),
    "garbage": frozenset({"form"}),
    "huge": frozenset({"size"}),
    "stall": frozenset(),
    "drop-socket": frozenset(),
}
ACT_KINDS: dict[str, frozenset[str]] = {
    "expire-token": frozenset(),
    "swap-account": frozenset(),
    "end-session": frozenset(),
    "compete": frozenset(),
    "reset": frozenset({"seconds"}),
    "drop-socket": frozenset(),
    "door": frozenset({"door"}),
}
KINDS = frozenset({**REQUEST_KINDS, **FRAME_KINDS, **ACT_KINDS})
GARBAGE = ("half", "utf8", "array", "null", "text")


class FaultError(ValueError):
    """A fault script that can't be read. ``entry`` and ``key`` say where, for who knows the lines of the file."""

    def __init__(self, text: str, entry: int = 0, key: str = "") -> None:
        super().__init__(text)
        self.entry = entry
        self.key = key


@dataclass
class Fault:
    """One entry of a script. ``due`` is the moment of the simulator's clock before which it never strikes."""

    do: str
    kind: str
    method: str = "*"
    path: re.Pattern[str] = re.compile("")
    topic: str = ""
    nth: int = 1
    times: int = 1
    time: float | None = None
    after: bool = False
    status: int = 500
    body: bytes | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 1.0
    length: int = 10
    find: str = ""
    replace: str = ""
    megabytes: int = 20
    size: int = 2**20 + 1
    copies: int = 2
    form: str = "half"
    door: Rule | None = None
    due: float = -math.inf
    seen: int = 0
    struck: int = 0

    def _strikes(self, now: float) -> bool:
        """Count a match and say whether this one is spoilt."""
        if now < self.due:
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times and self.struck >= self.times):
            return False
        self.struck += 1
        return True

    def strikes_request(self, method: str, path: str, now: float) -> bool:
        return self.method in ("*", method) and self.path.search(path) is not None and self._strikes(now)

    def strikes_frame(self, topic: str, now: float) -> bool:
        wanted = topic == self.topic or topic.startswith(f"{self.topic}+") or self.topic == "*"
        return wanted and self._strikes(now)

    def strikes_moment(self, now: float) -> bool:
        return self.struck == 0 and self._strikes(now)

    @property
    def needs_answer(self) -> bool:
        """Whether the request is handled before the fault acts."""
        return self.after or self.do in ("truncate", "drip", "delay", "rewrite", "accept-then-fail")


def read_fault(entry: object) -> Fault:
    """Read one entry, strictly: a typing error in a script must not pass as a test that found nothing."""
    if not isinstance(entry, dict):
        raise FaultError("a fault must be a table (in JSON: an object)")
    given = _flat(entry)
    do = str(given.get("do", "")).replace("_", "-")
    if do not in KINDS:
        raise FaultError(f"unknown fault {given.get('do')!r}; known: {', '.join(sorted(KINDS))}", key="do")
    kind = _kind(given, do)
    allowed = {"request": REQUEST_KINDS, "frame": FRAME_KINDS}.get(kind, ACT_KINDS)[do] | AT | {"do"}
    for key in given:
        if key not in allowed:
            raise FaultError(_unknown(key, allowed, do), key=key)
    if do == "door" and "door" not in given:
        raise FaultError("a door needs its table: door = { mode = … }", key="do")
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in ("do", "endpoint", "path"):
            values["nth" if key == "request" else key] = _READERS[key](key, value)
    return Fault(do=do, kind=kind, path=_path(given), **values)


def _flat(entry: dict[Any, Any]) -> dict[str, Any]:
    """The keys of both halves side by side."""
    at = entry.get("at", {})
    if not isinstance(at, dict):
        raise FaultError("at must be a table", key="at")
    for key in at:
        if key not in AT:
            raise FaultError(_unknown(str(key), AT, "at"), key=str(key))
    rest = {str(key): value for key, value in entry.items() if key != "at"}
    twice = set(at) & set(rest)
    if twice:
        raise FaultError(f"said twice: {', '.join(sorted(twice))}", key=min(twice))
    return {**at, **rest}


def _kind(given: dict[str, Any], do: str) -> str:
    """Whether it strikes a request's answer, a frame, or happens beside them."""
    if "topic" in given:
        if do not in FRAME_KINDS:
            raise FaultError(f"{do} can't be done to a frame; known: {', '.join(sorted(FRAME_KINDS))}", key="do")
        wrong = {"method", "endpoint", "path"} & set(given)
        if wrong:
            raise FaultError(f"a frame has no {min(wrong)}", key=min(wrong))
        return "frame"
    if do not in ACT_KINDS:
        if do not in REQUEST_KINDS:
            raise FaultError(f"{do} is done to a frame: say its topic", key="do")
        return "request"
    if {"method", "endpoint", "path", "request", "nth"} & set(given):
        return "act"
    if "time" not in given:
        raise FaultError(f"{do} needs a time, an endpoint or a topic", key="do")
    return "moment"


def _unknown(key: str, allowed: Iterable[str], where: str) -> str:
    near = difflib.get_close_matches(key, sorted(allowed), 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(allowed))}"
    return f"unknown key {key!r} for {where}{hint}"


def _path(given: dict[str, Any]) -> re.Pattern[str]:
    if "endpoint" in given:
        if "path" in given:
            raise FaultError("endpoint and path exclude each other", key="path")
        parts = re.split(r"\{\w+\}|\*", str(given["endpoint"]).rstrip("/"))
        return re.compile("^" + "[^/]+".join(re.escape(part) for part in parts) + "$")
    try:
        return re.compile(str(given.get("path", "")))
    except re.error as error:
        raise FaultError(f"bad path expression: {error}", key="path") from None


def _whole(least: int, most: int = 2**31) -> Callable[[str, object], int]:
    def read(key: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise FaultError(f"{key} must be a whole number from {least} to {most}", key=key)
        return value

    return read


def _seconds(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise FaultError(f"{key} must be a number of seconds", key=key)
    return float(value)


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise FaultError(f"{key} must be a string", key=key)
    return value


def _yes_no(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise FaultError(f"{key} must be true or false", key=key)
    return value


def _method(key: str, value: object) -> str:
    return _text(key, value).upper()


def _body(key: str, value: object) -> bytes:
    return value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()


def _headers(key: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise FaultError(f"{key} must be a table", key=key)
    return {str(name): str(text) for name, text in value.items()}


def _door(key: str, value: object) -> Rule:
    try:
        return read_rule(value)
    except ValueError as error:
        raise FaultError(str(error), key=key) from None


def _form(key: str, value: object) -> str:
    if value not in GARBAGE:
        raise FaultError(f"{key} must be one of {', '.join(GARBAGE)}", key=key)
    return str(value)


_READERS: dict[str, Callable[[str, object], Any]] = {
    "method": _method,
    "topic": _text,
    "time": _seconds,
    "request": _whole(1),
    "nth": _whole(1),
    "times": _whole(0),
    "after": _yes_no,
    "status": _whole(100, 599),
    "body": _body,
    "content_type": _text,
    "headers": _headers,
    "seconds": _seconds,
    "length": _whole(0),
    "find": _text,
    "replace": _text,
    "megabytes": _whole(1, 1000),
    "size": _whole(1, 2**27),
    "copies": _whole(2, 1000),
    "form": _form,
    "door": _door,
}


class FaultScript:
    """The faults in force. ``now`` gives the monotonic moment that ``time`` is counted on."""

    def __init__(self, entries: Iterable[object] = (), now: Callable[[], float] = lambda: 0.0) -> None:
        self._now = now
        self.faults: list[Fault] = []
        self.add(list(entries))

    def add(self, entries: object) -> None:
        """Add one fault or a list of them: all or none."""
        read: list[Fault] = []
        for place, entry in enumerate(entries if isinstance(entries, list) else [entries]):
            try:
                read.append(read_fault(entry))
            except FaultError as error:
                raise FaultError(str(error), place, error.key) from None
        for fault in read:
            if fault.time is not None:
                fault.due = self._now() + fault.time
        self.faults += read

    def clear(self) -> None:
        self.faults.clear()

    def pick(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this request's answer."""
        now = self._now()
        found = (fault for fault in self.faults if fault.kind == "request")
        return next((fault for fault in found if fault.strikes_request(method, path, now)), None)

    def acts(self, method: str, path: str) -> list[Fault]:
        """What happens beside this request."""
        now = self._now()
        return [fault for fault in self.faults if fault.kind == "act" and fault.strikes_request(method, path, now)]

    def pick_frame(self, topic: str) -> Fault | None:
        """The fault that strikes a frame on its way out."""
        now = self._now()
        found = (fault for fault in self.faults if fault.kind == "frame")
        return next((fault for fault in found if fault.strikes_frame(topic, now)), None)

    def moments(self) -> list[Fault]:
        """What is due by now."""
        now = self._now()
        return [fault for fault in self.faults if fault.kind == "moment" and fault.strikes_moment(now)]

    def rows(self) -> list[dict[str, Any]]:
        """For the control URL."""
        return [
            {
                "method": fault.method,
                "path": fault.path.pattern,
                "topic": fault.topic,
                "do": fault.do,
                "seen": fault.seen,
                "struck": fault.struck,
            }
            for fault in self.faults
        ]
