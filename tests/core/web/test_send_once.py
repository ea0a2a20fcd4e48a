"""Orders leave exactly once, and a failure says whether a byte left (faults R1-R6, R40), over real sockets."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence

import pytest

from ibkr_tui.core.web.answer import AnswerLost, NotSent
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError

from .conftest import CountingSigner, RawServer, response, serving

Connect = Callable[[str], Transport]
ORDERS = "/iserver/account/DU1234567/orders"


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with an RST, as a crashed peer does."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_every_whole_answer_comes_back_and_nothing_is_repeated(connect: Connect, signer: CountingSigner) -> None:
    statuses = ["200 OK", "401 Unauthorized", "500 Internal Server Error", "400 Bad Request"]

    async def respond(state: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b'{"error":"Bad Request: no bridge"}', statuses[len(state.heads) - 1]))

    async with serving(respond) as server:
        transport = connect(server.url)
        seen = [(await transport.send_once("POST", ORDERS, b'{"orders":[]}')).status for _ in statuses]
    assert seen == [200, 401, 500, 400]
    assert server.bodies == [b'{"orders":[]}'] * 4
    assert signer.renewals == 0


async def test_refused_connection_is_not_sent(connect: Connect) -> None:
    with pytest.raises(NotSent) as caught:
        await connect("http://127.0.0.1:9/v1/api").send_once("POST", ORDERS, {})
    assert caught.value.code == "IBKR_UNAVAILABLE"


async def test_a_peer_that_never_accepts_is_not_sent(connect: Connect) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]  # the backlog of a server that accepts nobody
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            with pytest.raises(NotSent, match="no connection"):
                await connect(f"http://127.0.0.1:{address[1]}/v1/api").send_once("POST", ORDERS, {}, deadline=0.4)
        finally:
            for filler in fillers:
                filler.close()


async def test_a_failed_signature_is_not_sent_and_keeps_its_code() -> None:
    class Failing(CountingSigner):
        async def authorize(self, method: str, url: str, query: Sequence[tuple[str, str]]) -> dict[str, str]:
            raise BrokerError("IBKR_SESSION_MINT_FAILED", "there is no token")

    transport = Transport("http://127.0.0.1:9/v1/api", Failing(), SystemClock())
    with pytest.raises(NotSent, match="there is no token") as caught:
        await transport.send_once("POST", ORDERS, {})
    assert caught.value.code == "IBKR_SESSION_MINT_FAILED"
    await transport.aclose()


async def test_while_the_broker_refuses_requests_an_order_is_not_sent(connect: Connect) -> None:
    transport = connect("http://127.0.0.1:9/v1/api")
    transport.pacing.refused("60")
    with pytest.raises(NotSent) as caught:
        await transport.send_once("POST", ORDERS, {})
    assert caught.value.code == "IBKR_RATE_LIMITED"


async def test_tls_that_fails_before_a_byte_is_not_sent(connect: Connect) -> None:
    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"this is no TLS\r\n")
        writer.close()

    server = await asyncio.start_server(no_tls, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/api"
        with pytest.raises(NotSent):
            await connect(url).send_once("POST", ORDERS, {})


async def test_the_last_check_comes_when_the_connection_stands_and_stops_every_byte(connect: Connect) -> None:
    """A kill switch that was turned on while the connection was made."""

    def tripped() -> None:
        raise BrokerError("KILL_SWITCH_ON", "the kill switch was turned on")

    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"{}"))

    async with serving(respond) as server:
        transport = connect(server.url)
        with pytest.raises(NotSent) as caught:
            await transport.send_once("POST", ORDERS, {}, check=tripped)
        assert (caught.value.code, server.heads) == ("KILL_SWITCH_ON", [])
        async with asyncio.timeout(5):
            while not server.connections:  # it was made before the check
                await asyncio.sleep(0.005)
        assert (await transport.send_once("POST", ORDERS, {}, check=lambda: None)).status == 200
        with pytest.raises(NotSent):  # on a kept connection, too
            await transport.send_once("POST", ORDERS, {}, check=tripped)
        assert (await transport.send_once("DELETE", "/iserver/account/DU1/order/1")).status == 200
    assert len(server.heads) == 2


async def _silence(_: RawServer, __: str, ___: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def _reset(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
    reset(writer)


async def _nothing(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _half(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n[{"order_id":"1')
    await writer.drain()
    writer.close()


async def _drip(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.03)


async def _garbage(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01 not http\r\n\r\n")


async def _undecodable(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
    writer.write(response(b"nonsense", "200 OK", "Content-Encoding: gzip"))


@pytest.mark.parametrize("fault", [_silence, _reset, _nothing, _half, _drip, _garbage, _undecodable])
async def test_after_the_first_byte_every_failure_is_a_lost_answer(
    connect: Connect, fault: Callable[[RawServer, str, asyncio.StreamWriter], object]
) -> None:
    async with serving(fault) as server:  # type: ignore[arg-type]
        with pytest.raises(AnswerLost) as caught:
            await connect(server.url).send_once("POST", ORDERS, {"orders": []}, deadline=0.5)
    assert len(server.heads) == 1
    assert not caught.value.retryable


async def test_a_kept_connection_closed_under_the_order_is_a_lost_answer(connect: Connect) -> None:
    async def respond(state: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        if len(state.heads) == 1:
            writer.write(response(b"{}"))
        else:
            reset(writer)

    async with serving(respond) as server:
        transport = connect(server.url)
        await transport.send_once("POST", ORDERS, {})
        with pytest.raises(AnswerLost):
            await transport.send_once("POST", ORDERS, {})
    assert len(server.heads) == 2
    assert server.connections == 1


async def test_an_order_does_not_wait_for_the_connections_of_slow_reads(connect: Connect) -> None:
    async def respond(_: RawServer, head: str, writer: asyncio.StreamWriter) -> None:
        if head.startswith("GET"):
            await asyncio.sleep(30)
        writer.write(response(b"{}"))

    async with serving(respond) as server:
        transport = connect(server.url)
        reads = [asyncio.create_task(transport.get(f"/a/{n}", deadline=20)) for n in range(30)]
        async with asyncio.timeout(5):
            while len(server.heads) < 8:
                await asyncio.sleep(0.01)
            assert (await transport.send_once("DELETE", "/iserver/account/DU1/order/1")).status == 200
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)


async def test_a_cancelled_caller_leaves_no_connection_behind(connect: Connect) -> None:
    async with serving(_silence) as server:
        transport = connect(server.url)
        sending = asyncio.create_task(transport.send_once("POST", ORDERS, {}))
        while not server.heads:
            await asyncio.sleep(0.005)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await transport.aclose()
