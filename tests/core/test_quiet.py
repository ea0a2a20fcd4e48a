"""The quiet window: an order waits shortly for reads on their way, reads wait for the broker's decision."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ibkr_tui.core.quiet import LEAVE_WITHIN, QuietWindow
from ibkr_tui.core.web.pacing import Pacing
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.errors import BrokerError


class NobodySigns:
    """No request leaves in these tests."""

    epoch = 1

    async def authorize(self, method: str, url: str, query: Any) -> dict[str, str]:
        raise AssertionError(f"{method} {url} left")

    async def renew(self, seen: int) -> None:
        raise AssertionError("renewed")


async def entered(window: QuietWindow, sent: asyncio.Event) -> None:
    async with window.quiet():
        sent.set()


@pytest.mark.parametrize("ends", [True, False])
async def test_an_order_waits_for_reads_on_their_way_but_not_long(fake_clock: Any, ends: bool) -> None:
    window, sent = QuietWindow(fake_clock), asyncio.Event()
    reading = window.reading()
    reading.__enter__()
    placing = asyncio.create_task(entered(window, sent))
    await fake_clock.settle()
    assert not sent.is_set()
    if ends:
        reading.__exit__(None, None, None)
        await fake_clock.settle()
    else:
        await fake_clock.advance(LEAVE_WITHIN)
    assert sent.is_set()
    await placing
    assert window.is_calm


async def test_a_read_whose_place_came_in_a_quiet_moment_takes_another(fake_clock: Any) -> None:
    window, pacing, left = QuietWindow(fake_clock), Pacing(fake_clock), []

    async def read() -> None:
        async with pacing.turn("GET", "/iserver/account/orders", calm=window):
            left.append(fake_clock.monotonic())

    async with pacing.turn("GET", "/iserver/account/orders", calm=window):
        pass
    waiting = asyncio.create_task(read())
    await fake_clock.advance(1)
    async with window.quiet():
        await fake_clock.advance(9)
        assert not left
    await fake_clock.advance(0.1)
    await waiting
    assert len(left) == 1


async def test_a_read_held_back_says_why(fake_clock: Any) -> None:
    transport = Transport("http://127.0.0.1:9/v1/api", NobodySigns(), fake_clock)
    transport.quiet = window = QuietWindow(fake_clock)
    async with window.quiet():
        window.asking = True
        with pytest.raises(BrokerError, match="waits for an answer to its question") as caught:
            await transport.get("/iserver/account/trades", deadline=0.05)
    assert (caught.value.code, caught.value.retryable) == ("IBKR_UNAVAILABLE", True)
    assert not window.asking
    await transport.aclose()
