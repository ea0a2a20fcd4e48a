"""A read through the transport, with all it does (pacing, signature, deadlines, caps), against a bare httpx client."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ibkr_tui.core.keys.key_set import KeySet
from ibkr_tui.core.secrets import Secret
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.web.pacing import Pacing
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.clock import SystemClock

pytestmark = pytest.mark.bench

PATH, QUERY = "/iserver/marketdata/snapshot", (("conids", "265598"), ("fields", "31,84,86"))
CALLS = 100


class QuickClock(SystemClock):
    """Pacing's seconds last a millisecond: its work is measured, its waiting is not."""

    def monotonic(self) -> float:
        return time.monotonic() * 2000


def signer(base: str) -> OAuth1:
    """One that has a token already."""
    key = rsa.generate_private_key(65537, 2048)
    secret = Secret(base64.b64encode(bytes(256)).decode())
    made = OAuth1(KeySet("BENCHKEY1", Secret("0123456789"), secret, key, key, 23), base, "ws://x", SystemClock())
    made._token = bytes(range(20))
    return made


async def both_ways(base: str, rounds: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """CPU and wall seconds of a request, ours and theirs, round by round."""
    clock = SystemClock()
    transport = Transport(base, signer(base), clock, pacing=Pacing(QuickClock()))
    client = httpx.AsyncClient(trust_env=False)

    async def ours() -> None:
        assert (await transport.get(PATH, QUERY)).status == 200

    async def theirs() -> None:
        assert (await client.get(base + PATH, params=dict(QUERY))).json()

    async def timed(work: Callable[[], Any]) -> tuple[float, float]:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(CALLS):
            await work()
        return (time.process_time() - cpu) / CALLS, (time.perf_counter() - wall) / CALLS

    found = []
    await timed(ours)
    await timed(theirs)
    for number in range(rounds):
        if number % 2:
            other = await timed(theirs)
            found.append((await timed(ours), other))
        else:
            found.append((await timed(ours), await timed(theirs)))
    await transport.aclose()
    await client.aclose()
    return [(a[0], b[0]) for a, b in found], [(a[1], b[1]) for a, b in found]


def test_a_request(loopback: Callable[..., int], measure: Any, lines: Any) -> None:
    port = loopback("http")
    cpu, wall = (measure.compared(one) for one in asyncio.run(both_ways(f"http://127.0.0.1:{port}/v1/api", 25)))
    for what, found in (("CPU", cpu), ("time", wall)):
        ours, theirs = f"{found.ours * 1e6:.0f} µs", f"httpx {found.theirs * 1e6:.0f} µs"
        said = f"request through the transport, {what}"
        lines.say(said, ours, theirs, f"{found.ratio:.2f}", budget="≤ 1.10", noise=found.noise)
    assert wall.ratio <= 1.5
