"""Scripted misbehaviour: what a broker, a proxy or a network does to a request on a bad day.

A fault is a JSON object. ``method`` and ``path`` (a regular expression on the path under /v1/api) say which requests
it meets, ``nth`` (default 1) the first match it strikes at, ``times`` how many in a row (default 1, 0 for ever).
``do`` is one of ``status`` ``html`` ``delay`` ``hang`` ``drop`` ``truncate`` ``drip``; ``after`` (default false) lets
the request do its work first and only then spoils the answer; ``delay``, ``truncate`` and ``drip`` always do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ibkr_tui.sim.clock import Clock

KINDS = frozenset({"status", "html", "delay", "hang", "drop", "truncate", "drip"})
HTML = (
    b"<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 Service "
    b"Temporarily Unavailable</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


class FaultError(ValueError):
    """A fault script that can't be read."""


@dataclass
class Fault:
    """One entry of a script."""

    method: str
    path: re.Pattern[str]
    do: str
    nth: int = 1
    times: int = 1
    after: bool = False
    status: int = 500
    body: bytes | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 1.0
    length: int = 10
    seen: int = 0
    struck: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Count a matching request and say whether this one is spoilt."""
        if self.method not in ("*", method) or not self.path.search(path):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times and self.struck >= self.times):
            return False
        self.struck += 1
        return True

    @property
    def needs_answer(self) -> bool:
        """Whether the request is handled before the fault acts."""
        return self.after or self.do in ("truncate", "drip", "delay")


def read_fault(entry: object) -> Fault:
    """Read one entry, strictly: a typing error in a script must not pass as a test that found nothing."""
    if not isinstance(entry, dict):
        raise FaultError("a fault must be a JSON object")
    known = {
        "method",
        "path",
        "do",
        "nth",
        "times",
        "after",
        "status",
        "body",
        "content_type",
        "headers",
        "seconds",
        "length",
    }
    unknown = set(entry) - known
    if unknown:
        raise FaultError(f"unknown key in fault: {', '.join(sorted(unknown))}")
    if entry.get("do") not in KINDS:
        raise FaultError(f"unknown fault {entry.get('do')!r}; known: {', '.join(sorted(KINDS))}")
    values: dict[str, Any] = dict(entry)
    try:
        values["path"] = re.compile(values.get("path", ""))
    except re.error as error:
        raise FaultError(f"bad path expression: {error}") from None
    values["method"] = str(values.get("method", "*")).upper()
    if "body" in values and not isinstance(values["body"], bytes):
        body = values["body"]
        values["body"] = (body if isinstance(body, str) else json.dumps(body)).encode()
    return Fault(**values)


class FaultScript:
    """The faults in force."""

    def __init__(self, entries: Iterable[object] = ()) -> None:
        self.faults = [read_fault(entry) for entry in entries]

    def add(self, entries: object) -> None:
        """Add one fault or a list of them."""
        self.faults += [read_fault(entry) for entry in (entries if isinstance(entries, list) else [entries])]

    def clear(self) -> None:
        self.faults.clear()

    def pick(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this request."""
        for fault in self.faults:
            if fault.strikes(method, path):
                return fault
        return None

    def rows(self) -> list[dict[str, Any]]:
        """For the control URL."""
        return [
            {"method": f.method, "path": f.path.pattern, "do": f.do, "seen": f.seen, "struck": f.struck}
            for f in self.faults
        ]


@dataclass(frozen=True)
class Exchange:
    """The three parts of an ASGI call."""

    scope: Scope
    receive: Receive
    send: Send

    async def answer(self, response: Response) -> int:
        """Send a response as it is."""
        await response(self.scope, self.receive, self.send)
        return response.status_code


async def deliver(fault: Fault, answer: Response | None, clock: Clock, exchange: Exchange) -> int:
    """Send what the fault makes of an answer; returns the status sent, 0 for none."""
    receive, send = exchange.receive, exchange.send
    if fault.do == "hang":
        while (await receive())["type"] != "http.disconnect":
            pass
        return 0
    if fault.do == "drop":
        _abort(send)
        return 0
    if fault.do in ("status", "html"):
        page = fault.do == "html"
        body = fault.body if fault.body is not None else HTML if page else b'{"error":"Internal Server Error"}'
        status = 503 if page and fault.status == 500 else fault.status
        return await exchange.answer(Response(body, status, fault.headers, "text/html" if page else fault.content_type))
    if answer is None:
        raise FaultError(f"{fault.do} needs an answer to spoil")
    if fault.do == "delay":
        await clock.sleep(fault.seconds)
        return await exchange.answer(answer)
    return await _spoil(fault, answer, clock, send)


async def _spoil(fault: Fault, answer: Response, clock: Clock, send: Send) -> int:
    """Send the head of an answer, and its body cut short or a byte at a time."""
    body = bytes(answer.body)
    await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    if fault.do == "truncate":
        await send({"type": "http.response.body", "body": body[: fault.length], "more_body": True})
        await clock.sleep(0.01)
        _abort(send)
        return answer.status_code
    for index in range(len(body)):
        await send({"type": "http.response.body", "body": body[index : index + 1], "more_body": True})
        await clock.sleep(fault.seconds)
    await send({"type": "http.response.body", "body": b""})
    return answer.status_code


def _abort(send: Send) -> None:
    """Cut the connection below HTTP. ASGI has no word for it, so this reaches for the server's transport."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise FaultError("this server gives no access to its transport")
    transport.abort()
