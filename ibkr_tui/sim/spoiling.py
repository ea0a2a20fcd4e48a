"""What a fault makes of an answer or of a frame (when it strikes is the fault script's business)."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ibkr_tui.sim.clock import Clock
from ibkr_tui.sim.faults import Fault, FaultError

HTML = (
    b"<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 Service "
    b"Temporarily Unavailable</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
MEGABYTE = 2**20


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
    if fault.do in ("hang", "drop"):
        if fault.do == "drop":
            abort(exchange.send)
        while fault.do == "hang" and (await exchange.receive())["type"] != "http.disconnect":
            pass
        return 0
    if fault.do in ("status", "html", "accept-then-fail"):
        return await exchange.answer(_made_up(fault))
    if fault.do in ("huge", "bomb"):
        return await _flood(fault, exchange)
    if answer is None:
        raise FaultError(f"{fault.do} needs an answer to spoil")
    if fault.do == "delay":
        await clock.sleep(fault.seconds)
        return await exchange.answer(answer)
    if fault.do == "rewrite":
        return await exchange.answer(_rewritten(fault, answer))
    return await _spoil(fault, answer, clock, exchange.send)


def _made_up(fault: Fault) -> Response:
    """An answer in the place of the right one: an error as JSON, or a proxy's page."""
    page = fault.do == "html" or (fault.do == "accept-then-fail" and fault.body is None)
    body = fault.body if fault.body is not None else HTML if page else b'{"error":"Internal Server Error"}'
    usual = 503 if fault.do == "html" else 502
    status = usual if page and fault.status == 500 else fault.status
    return Response(body, status, fault.headers, "text/html" if page else fault.content_type)


def _rewritten(fault: Fault, answer: Response) -> Response:
    """The right answer with a text in it replaced: another account, another order id, a number that is none."""
    body = bytes(answer.body).replace(fault.find.encode(), fault.replace.encode()) if fault.find else bytes(answer.body)
    status = answer.status_code if fault.status == 500 else fault.status
    kept = {name: answer.headers[name] for name in ("date", "content-type") if name in answer.headers}
    return Response(body, status, {**kept, **fault.headers})


async def _flood(fault: Fault, exchange: Exchange) -> int:
    """Far too much: an endless-looking array, or a small body that unpacks to so many megabytes."""
    head = [(b"content-type", b"application/json")]
    send = exchange.send
    if fault.do == "bomb":
        body = gzip.compress(b"[" + b" " * (fault.megabytes * MEGABYTE) + b"]")
        head += [(b"content-encoding", b"gzip"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})
        return 200
    await send({"type": "http.response.start", "status": 200, "headers": head})
    piece = b"0," * (MEGABYTE // 2)
    await send({"type": "http.response.body", "body": b"[", "more_body": True})
    for _ in range(fault.megabytes):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"0]"})
    return 200


async def _spoil(fault: Fault, answer: Response, clock: Clock, send: Send) -> int:
    """Send the head of an answer, and its body cut short or a byte at a time."""
    body = bytes(answer.body)
    await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    if fault.do == "truncate":
        await send({"type": "http.response.body", "body": body[: fault.length], "more_body": True})
        await clock.sleep(0.01)
        abort(send)
        return answer.status_code
    for index in range(len(body)):
        await send({"type": "http.response.body", "body": body[index : index + 1], "more_body": True})
        await clock.sleep(fault.seconds)
    await send({"type": "http.response.body", "body": b""})
    return answer.status_code


def abort(send: Send) -> None:
    """Cut the connection below HTTP. ASGI has no word for it, so this reaches for the server's transport."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise FaultError("this server gives no access to its transport")
    transport.abort()


@dataclass
class FrameSpoiler:
    """One connection's frames on their way out. ``late`` was held back and follows the next frame."""

    late: bytes | None = None
    stalled: bool = False

    def spoil(self, fault: Fault | None, content: bytes) -> list[bytes]:
        """The frames to send instead of ``content``."""
        if self.stalled or (fault is not None and fault.do == "stall"):
            self.stalled = True
            return []
        if fault is not None and fault.do == "reorder" and self.late is None:
            self.late = content
            return []
        frames = [content] if fault is None else _frames(fault, content)
        if frames and self.late is not None:
            frames.append(self.late)
            self.late = None
        return frames


def _frames(fault: Fault, content: bytes) -> list[bytes]:
    if fault.do in ("lose", "drop-socket"):
        return []
    if fault.do == "duplicate":
        return [content] * fault.copies
    if fault.do == "huge":
        return [b'{"topic":"huge","padding":"' + b"x" * max(0, fault.size - 29) + b'"}']
    if fault.do == "garbage":
        broken = {"utf8": b'{"topic":"\xff\xfe"}', "array": b"[]", "null": b"null", "text": b"not JSON at all"}
        return [broken.get(fault.form, content[: len(content) // 2])]
    return [content]
