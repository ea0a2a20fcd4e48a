"""Calls over a real socket: values, refusals, deadlines, and what outlives whom."""

from __future__ import annotations

import asyncio
import resource
import socket
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.link import server as server_module
from ibkr_tui.link.client import LinkClient, watch
from ibkr_tui.link.frames import PROTOCOL, Call, Hello, Result, core_decoder, pack, read_body
from ibkr_tui.link.server import CALLS_AT_ONCE
from ibkr_tui.model.errors import BrokerError


async def test_a_call_is_answered_with_its_caller(served: Any, me: dict[str, Any]) -> None:
    async with await LinkClient.connect(served.path, interactive=True, **me) as client:
        assert client.welcome.account == "DU1"
        answer = await client.call("get_echo", {"text": "hello"})
    assert answer == {"text": "hello", "caller": {"face": "test", "face_id": "one", "interactive": True}}


async def test_money_is_plain_text_and_typed_on_request(served: Any, me: dict[str, Any]) -> None:
    async with await LinkClient.connect(served.path, **me) as client:
        raw = await client.call("get_money")
        typed = await client.call("get_money", result=served.money)
        with pytest.raises(BrokerError) as wrong:
            await client.call("get_money", result=int)
    assert raw["amount"] == "1000"
    assert typed.amount == 1000
    assert typed.at.tzinfo is not None
    assert wrong.value.code == "LINK_PROTOCOL"


async def test_many_calls_at_once_each_get_their_own_answer(served: Any, me: dict[str, Any]) -> None:
    async with await LinkClient.connect(served.path, **me) as client:
        answers = await asyncio.gather(*(client.call("get_echo", {"text": str(n)}) for n in range(300)))
    assert [answer["text"] for answer in answers] == [str(n) for n in range(300)]


async def test_refusals_keep_code_words_and_details(served: Any, me: dict[str, Any]) -> None:
    async with await LinkClient.connect(served.path, **me) as client:
        for operation, arguments, code in (
            ("get_refusal", {}, "RISK_ORDER_QTY"),
            ("get_echo", {"txet": "x"}, "BAD_ARGUMENT"),
            ("no_such", {}, "UNKNOWN_OPERATION"),
            ("get_fault", {}, "INTERNAL"),
        ):
            with pytest.raises(BrokerError) as refused:
                await client.call(operation, arguments)
            assert refused.value.code == code
            assert "secret inside" not in str(refused.value)
            if code == "RISK_ORDER_QTY":
                assert refused.value.details == {"limit": "100"}
        assert (await client.call("get_echo", {"text": "still here"}))["text"] == "still here"


def _deep() -> None:
    _deep()


def _without_descriptors() -> None:
    """Nothing more can be opened while this runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        Path("/dev/null").open().close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("fault", [_deep, lambda: bytes(2**62), _without_descriptors], ids=["stack", "memory", "files"])
async def test_a_core_at_a_limit_of_the_machine_refuses_and_goes_on(
    served: Any, me: dict[str, Any], fault: Callable[[], object]
) -> None:
    """Fault P8."""
    served.core.fault = fault
    async with await LinkClient.connect(served.path, **me) as client:
        with pytest.raises(BrokerError) as refused:
            await client.call("get_fault")
        assert refused.value.code == "INTERNAL"
        assert (await client.call("get_echo", {"text": "still here"}))["text"] == "still here"
    async with await LinkClient.connect(served.path, **me) as another:
        assert (await another.call("get_echo", {"text": "and for others"}))["text"] == "and for others"


async def test_an_order_outlives_its_caller_and_a_read_does_not(served: Any, me: dict[str, Any]) -> None:
    for operation, end in (("get_slow", "cancelled"), ("place_slow", "done")):
        client = await LinkClient.connect(served.path, **me)
        calling = asyncio.create_task(client.call(operation))
        await served.core.begun.wait()
        served.core.begun.clear()
        await client.close()
        with pytest.raises(BrokerError) as lost:
            await calling
        assert lost.value.code == "CORE_UNREACHABLE"
        if operation == "place_slow":
            assert "with the core" in lost.value.message
            assert lost.value.details["outcome"] == "unknown"
            served.core.gate.set()
        async with asyncio.timeout(5):
            assert await served.core.ended.get() == end


async def test_a_call_has_a_deadline_and_the_connection_goes_on(served: Any, me: dict[str, Any]) -> None:
    async with await LinkClient.connect(served.path, **me) as client:
        with pytest.raises(BrokerError, match=r"within 0\.05 s") as late:
            await client.call("get_slow", deadline=0.05)
        assert late.value.code == "CORE_UNREACHABLE"
        served.core.gate.set()
        assert (await client.call("get_echo", {"text": "x"}))["text"] == "x"


async def test_when_the_core_goes_waiting_calls_and_later_ones_say_so(
    place: Path, me: dict[str, Any], serve: Any
) -> None:
    async with serve(place) as served:
        client = await LinkClient.connect(served.path, **me)
        calling = asyncio.create_task(client.call("get_slow"))
        await served.core.begun.wait()
    with pytest.raises(BrokerError, match="the core has left") as lost:
        await calling
    assert lost.value.code == "CORE_UNREACHABLE"
    with pytest.raises(BrokerError):
        await client.call("get_echo", {"text": "x"})
    await client.close()


async def test_no_core_is_unreachable(place: Path, me: dict[str, Any]) -> None:
    with pytest.raises(BrokerError) as absent:
        await LinkClient.connect(str(place / "core.sock"), **me)
    assert absent.value.code == "CORE_UNREACHABLE"


async def test_a_core_that_does_not_greet_is_given_up(place: Path, me: dict[str, Any]) -> None:
    path = str(place / "mute.sock")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(path)
        mute.listen()
        with pytest.raises(BrokerError) as silent:
            await LinkClient.connect(path, deadline=0.05, **me)
    assert silent.value.code == "CORE_UNREACHABLE"


async def test_another_configuration_is_refused_and_none_may_only_stop(served: Any, me: dict[str, Any]) -> None:
    other = me | {"fingerprint": "0" * 16}
    with pytest.raises(BrokerError) as refused:
        await LinkClient.connect(served.path, **other)
    assert refused.value.code == "CONFIG_MISMATCH"
    async with await LinkClient.connect(served.path, **(me | {"fingerprint": ""})) as client:
        assert (await client.call("status"))["core"]["profile"] == "paper"
        with pytest.raises(BrokerError) as unchecked:
            await client.call("get_echo", {"text": "x"})
        assert unchecked.value.code == "CONFIG_MISMATCH"
        assert await client.call("shutdown") == {"pid": 1}
    assert served.shutdowns == [True]
    with pytest.raises(BrokerError) as unwatched:
        async for _ in watch(served.path, tables=["quotes"], **(me | {"fingerprint": ""})):
            pass
    assert unwatched.value.code == "LINK_PROTOCOL"


async def test_a_core_that_stops_refuses_new_calls(served: Any, me: dict[str, Any]) -> None:
    async with await LinkClient.connect(served.path, **me) as client:
        served.server.refuse_calls("the core is stopping")
        with pytest.raises(BrokerError, match="is stopping"):
            await client.call("get_echo", {"text": "x"})


async def test_a_face_is_gone_when_its_last_connection_ends(served: Any, me: dict[str, Any], until: Any) -> None:
    first = await LinkClient.connect(served.path, **me)
    second = await LinkClient.connect(served.path, **me)
    other = await LinkClient.connect(served.path, **(me | {"face_id": "two"}))
    await until(lambda: served.server.faces == 2)
    await first.close()
    await other.close()
    await until(lambda: served.core.left == ["two"])
    assert served.server.faces == 1
    await second.close()
    await until(lambda: served.core.left == ["two", "one"])
    assert served.server.faces == 0


async def test_a_face_that_reads_no_answers_costs_so_many_and_no_more(
    served: Any, me: dict[str, Any], until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "ANSWER_TAKEN_WITHIN_S", 1.0)
    reader, writer = await asyncio.open_unix_connection(served.path, limit=1024)
    writer.write(pack(Hello(PROTOCOL, **me)))
    text = "x" * 300_000
    for number in range(CALLS_AT_ONCE + 10):
        writer.write(pack(Call(number, "get_echo", {"text": text})))
    await until(lambda: served.core.echoes >= CALLS_AT_ONCE, 20)
    async with await LinkClient.connect(served.path, **me) as client:
        assert (await client.call("get_echo", {"text": "y"}))["text"] == "y", "others are not held up"
    await until(lambda: served.server.faces == 0, 10)
    assert served.core.echoes <= CALLS_AT_ONCE + 3  # what it had sent already may still be answered
    writer.close()
    del reader


MALFORMED = {
    "not msgpack": struct.pack(">I", 3) + b"\xc1\xc1\xc1",
    "absurd length": struct.pack(">I", 0xFFFFFFFF),
    "another word": pack(Result(1)),
    "half a frame": struct.pack(">I", 100) + b"x",
    "wrong version": pack(Hello(PROTOCOL + 1, "", "test", "x")),
    "two hellos": pack(Hello(PROTOCOL, "", "test", "x")) * 2,
    "nothing": b"",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_frame_ends_that_connection_only(served: Any, sent: bytes, me: dict[str, Any]) -> None:
    async with await LinkClient.connect(served.path, **me) as client:
        reader, writer = await asyncio.open_unix_connection(served.path)
        writer.write(sent)
        writer.write_eof()
        async with asyncio.timeout(5):
            while (body := await read_body(reader)) is not None:
                core_decoder.decode(body)
        writer.close()
        assert (await client.call("get_echo", {"text": "x"}))["text"] == "x"


async def test_another_version_is_told(served: Any) -> None:
    reader, writer = await asyncio.open_unix_connection(served.path)
    writer.write(pack(Hello(PROTOCOL + 1, served.fingerprint, "test", "x")))
    body = await read_body(reader)
    assert body is not None
    assert core_decoder.decode(body).problem.code == "LINK_PROTOCOL"
    writer.close()


async def test_the_socket_is_private_and_goes_with_its_server(place: Path, serve: Any) -> None:
    async with serve(place) as served:
        assert stat.S_IMODE(Path(served.path).stat().st_mode) == 0o600
    assert list(place.iterdir()) == []
