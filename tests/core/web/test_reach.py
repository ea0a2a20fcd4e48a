"""The way to a server, on real sockets: each step that fails is told apart and has its remedy."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.web import reach
from ibkr_tui.core.web.reach import Place
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.sim.certificate import write_certificate


@asynccontextmanager
async def listening(context: ssl.SSLContext | None = None, *, hang: bool = False) -> AsyncIterator[str]:
    """A server that closes what it accepts, or never says a word; its host and port."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if hang:
            await reader.read()
        else:
            line = await reader.read(1)
            if line:
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(tmp_path, "127.0.0.1"))
    return context


async def why(awaitable: Any) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        await awaitable
    assert caught.value.code == "IBKR_UNAVAILABLE" and caught.value.user_action
    return caught.value


def test_where_a_url_points() -> None:
    place = Place("https://api.ibkr.com/v1/api")
    assert (place.host, place.port, place.secure, place.is_local) == ("api.ibkr.com", 443, True, False)
    place = Place("http://[::1]:5000/v1/api")
    assert (place.host, place.port, place.secure, place.is_local) == ("::1", 5000, False, True)
    assert str(place) == "[::1]:5000" and str(Place("ws://localhost/x")) == "localhost:80"


async def test_all_steps_of_a_good_way(self_signed: ssl.SSLContext) -> None:
    async with listening(self_signed) as at:
        place = Place(f"https://{at}/v1/api")
        assert await reach.resolve(place) == ["127.0.0.1"]
        await reach.connect(place)
        assert (await reach.shake_hands(place, verify=False)).startswith("TLSv1.")
        assert await reach.why_unreachable(f"https://{at}/v1/api", verify=False) is None


async def test_a_name_that_is_not_known() -> None:
    error = await why(reach.resolve(Place("https://nobody.invalid/v1/api")))
    assert error.details["cause"] == "dns" and "nobody.invalid" in error.message
    found = await reach.why_unreachable("https://nobody.invalid/", verify=True)
    assert found is not None and found.details["cause"] == "dns"


async def test_a_name_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    error = await why(reach.resolve(Place("https://api.ibkr.com"), deadline=0.05))
    assert error.details["cause"] == "dns" and "within 0.05 s" in error.message


async def test_a_name_that_cannot_be_one() -> None:
    assert (await why(reach.resolve(Place("https://" + "a" * 70 + ".com")))).details["cause"] == "dns"


async def test_nothing_listens() -> None:
    async with listening() as at:
        pass
    error = await why(reach.connect(Place(f"http://{at}")))
    assert error.details["cause"] == "refused" and "Start the gateway" in error.user_action
    assert (await why(reach.shake_hands(Place(f"https://{at}"), verify=False))).details["cause"] == "refused"


async def test_a_server_that_is_silent() -> None:
    async with listening(hang=True) as at:
        error = await why(reach.shake_hands(Place(f"https://{at}"), verify=False, deadline=0.2))
    assert error.details["cause"] == "timeout"


async def test_a_network_that_drops_or_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    place = Place("https://api.ibkr.com")
    monkeypatch.setattr(asyncio, "open_connection", hang)
    assert (await why(reach.connect(place, deadline=0.05))).details["cause"] == "timeout"
    for error, words in ((ConnectionResetError(), "cut the connection off"), (OSError(101, "x"), "ENETUNREACH")):

        async def fail(*_: Any, error: OSError = error, **__: Any) -> Any:
            raise error

        monkeypatch.setattr(asyncio, "open_connection", fail)
        found = await why(reach.connect(place))
        assert found.details["cause"] == "unreachable" and words in found.message


async def test_a_certificate_that_nobody_vouches_for(self_signed: ssl.SSLContext) -> None:
    async with listening(self_signed) as at:
        error = await why(reach.shake_hands(Place(f"https://{at}"), verify=True))
    assert error.details["cause"] == "tls" and "certificate" in error.message


async def test_a_port_that_speaks_no_tls() -> None:
    async with listening() as at:
        error = await why(reach.shake_hands(Place(f"https://{at}"), verify=False))
    assert error.details["cause"] in {"tls", "unreachable"}
