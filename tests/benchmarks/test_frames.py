"""Frames of the stream to rows of a table, over loopback: ours, ibind 0.2.2, and websockets with msgspec alone.

The frames are a recording of the simulator's own, 80 instruments at 5,000 updates a second. What counts is the CPU that
a client needs for a frame: the same on a busy machine, and at the end what limits how many it can take.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from ibkr_tui.core.config import load
from ibkr_tui.core.feed import Feed
from ibkr_tui.core.login import authenticator_of
from ibkr_tui.core.market.fields import fields_of
from ibkr_tui.core.market.looking import Looking
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.market.subscriptions import Subscriptions
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.session.session import Session
from ibkr_tui.core.web.socket import Stream
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.link.feeds import SPACING_S
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.table import Table, TableWatcher

pytestmark = pytest.mark.bench

CONIDS = 80
FRAMES = 6000
ROUNDS = 9
FIRST = 900_000_000
"""Made-up stocks of a large market are numbered from here."""


class Recorder:
    """Subscribes to eighty instruments and keeps what comes."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.full = asyncio.Event()
        self.stream: Any = None

    def opened(self) -> None:
        fields = json.dumps({"fields": fields_of("STK")})
        for conid in range(FIRST, FIRST + CONIDS):
            assert self.stream.send(f"smd+{conid}+{fields}")

    def frame(self, topic: str, message: dict[str, Any]) -> None:
        if topic.startswith("smd"):
            self.frames.append(message)
            if len(self.frames) >= FRAMES:
                self.full.set()

    def closed(self, reason: str) -> None:
        return


async def record(config: Path) -> list[dict[str, Any]]:
    """A stretch of the simulator's stream."""
    profile, clock = load(config, os.environ).profile, SystemClock()
    authenticator = authenticator_of(profile, clock)
    assert isinstance(authenticator, OAuth1)
    authenticator.transport = transport = Transport(profile.rest_url, authenticator, clock)
    session = Session(profile, authenticator, transport, clock, lambda: None)
    recorder = Recorder()
    recorder.stream = Stream(authenticator, session.session_cookie, clock, recorder)
    tasks = [asyncio.create_task(session.run())]
    await session.ready(20)
    tasks.append(asyncio.create_task(recorder.stream.run()))
    async with asyncio.timeout(60):
        await recorder.full.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await transport.aclose()
    return recorder.frames[:FRAMES]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of frames, one a line."""
    place = tmp_path_factory.mktemp("recording")
    words = ["--exit-with-parent", "--out", str(place / "sim"), "--instruments", "200", "--updates", "5000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ibkr_tui.sim", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    config = Path(json.loads(process.stdout.readline())["config"])
    try:
        frames = asyncio.run(record(config))
    finally:
        process.communicate(timeout=10)
    path = place / "frames.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(frame) for frame in frames) + b"\n")
    return path


class Turn:
    """How long the frames of one `go` took, in CPU and in wall seconds a frame."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def over(self) -> tuple[float, float]:
        return (time.process_time() - self._cpu) / FRAMES, (time.perf_counter() - self._wall) / FRAMES


Taken = tuple[tuple[float, float], dict[int, Any]]


class EndHeard(Feed):
    """Our listener, and the end of a replay."""

    over: asyncio.Event

    def frame(self, topic: str, message: Mapping[str, Any]) -> None:
        super().frame(topic, message)
        if topic == "system":
            self.over.set()


def our_feed(clock: SystemClock, send: Callable[[str], bool]) -> tuple[EndHeard, Table[Quote], TableWatcher[Quote]]:
    """The core's own listener, with a board and eighty subscriptions; nothing else is streamed."""
    table: Table[Quote] = Table("quotes")
    watcher = table.watch()
    board = QuoteBoard(table, clock)
    board.on_change.append(lambda quote: None)
    alerts, books = {FIRST - 1: "another"}, Looking()
    board.is_followed = lambda conid: conid in books or conid in alerts  # asked of each frame, as the core does
    subscriptions = Subscriptions(board, send, clock, most=CONIDS, idle_after=300)
    for conid in range(FIRST, FIRST + CONIDS):
        name = f"S{conid - FIRST}"
        subscriptions.add(Instrument(conid, name, name, name, "STK", "NASDAQ", "USD"), pinned=True)
    nothing: Any = SimpleNamespace(connected=lambda: None, opened=lambda: None)
    feed = EndHeard(
        send=send, board=board, subscriptions=subscriptions, depth=nothing, depth_subscriptions=nothing, book=nothing,
        reconciler=nothing, pnl=nothing, tell=lambda _: None,
    )  # fmt: skip
    feed.over = asyncio.Event()
    assert watcher.take() is not None
    return feed, table, watcher


async def read(watcher: TableWatcher[Quote]) -> None:
    """What a face is sent, taken as the link takes it: rows are written when they are read."""
    while True:
        await watcher.changed.wait()
        watcher.take()
        await asyncio.sleep(SPACING_S)


async def ours(url: str) -> Taken:
    """Stream, feed, quote board, table with a watcher that reads."""
    clock = SystemClock()
    held: list[Stream] = []
    feed, table, watcher = our_feed(clock, lambda text: bool(held) and held[0].send(text))
    login: Any = SimpleNamespace(verify_tls=False, stream_request=lambda _: (url, {}))

    async def cookie() -> str:
        return "x"

    held.append(Stream(login, cookie, clock, feed))
    running = [asyncio.create_task(held[0].run()), asyncio.create_task(read(watcher))]
    while not held[0].send("go"):
        await asyncio.sleep(0.01)
    turn = Turn()
    async with asyncio.timeout(120):
        await feed.over.wait()
    rows = table.rows()
    took = turn.over()
    assert held[0].failures == 0
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return took, {int(key): row.bid for key, row in rows.items()}


async def bare(url: str) -> Taken:
    """websockets and msgspec: each frame decoded and merged into a dictionary, as text as it came."""
    rows: dict[int, dict[str, Any]] = {}
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    async with connect(url, compression=None, ping_interval=None, max_size=None) as socket:
        await socket.recv(decode=False)
        await socket.send("go")
        turn = Turn()
        while True:
            message = decode(await socket.recv(decode=False))
            conid = message.get("conid")
            if conid is not None:
                rows.setdefault(conid, {}).update(message)
            elif message.get("topic") == "system":
                return turn.over(), {conid: Decimal(row["84"]) for conid, row in rows.items()}


def ibind(url: str) -> Taken:
    """ibind's client with a callback that merges each event into a dictionary."""
    from ibind import IbkrWsClient, events
    from ibind.ibkr_ws.ibkr_subscriptions import MarketDataSubscription
    from ibind.ws.ws_sinks import CallbackSink

    rows: dict[int, dict[str, Any]] = {}
    over = threading.Event()
    sink = CallbackSink()
    sink.on(events.MarketData, lambda event: rows.setdefault(int(event.conid), {}).update(event.data))
    sink.on(events.System, lambda event: over.set() if "success" in event.data else None)
    rest = SimpleNamespace(
        tickle=lambda: SimpleNamespace(data={"session": "x"}),
        authentication_status=lambda: SimpleNamespace(data={"authenticated": True}),
    )
    client = IbkrWsClient(account_id="DU1", url=url, ibkr_client=rest, use_oauth=False, cacert=False, sink=sink)
    client.start()
    limit = time.monotonic() + 20
    while not client.is_authenticated() and time.monotonic() < limit:
        time.sleep(0.01)
    for conid in range(FIRST, FIRST + CONIDS):
        client.subscribe(MarketDataSubscription(conid=str(conid), fields=list(fields_of("STK"))))
    turn = Turn()
    client._runtime.send("go")
    assert over.wait(120)
    took = turn.over()
    client.shutdown()
    return took, {conid: Decimal(row["bid_price"]) for conid, row in rows.items()}


@pytest.fixture
def silence() -> Iterator[None]:
    """Nobody logs: theirs would tell of every frame that came before its subscription was confirmed."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("silence")
def test_frames_to_rows(recording: Path, loopback: Callable[..., int], measure: Any, lines: Any) -> None:
    url = f"ws://127.0.0.1:{loopback('ws', str(recording))}/"

    def run(work: Callable[[str], Awaitable[Taken]]) -> Callable[[], Taken]:
        return lambda: asyncio.run(work(url))  # type: ignore[arg-type]

    ways: dict[str, Callable[[], Taken]] = {"ours": run(ours), "bare": run(bare), "ibind": lambda: ibind(url)}
    books = {name: way()[1] for name, way in ways.items()}
    assert len(books["ours"]) == CONIDS
    assert books["ours"] == books["bare"] == books["ibind"], "they do not tell of the same market"
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        for name in sorted(ways, reverse=bool(number % 2)):
            found[name].append(ways[name]()[0])
    for name, what, budget in (("ibind", "≥ 4 × ibind", "≥ 4"), ("bare", "of websockets + msgspec", "≥ 0.80")):
        for at, unit in ((0, "CPU"), (1, "time")):
            pairs = [(a[at], b[at]) for a, b in zip(found["ours"], found[name], strict=True)]
            ratio = statistics.median(other / mine for mine, other in pairs)
            noise = measure.compared(pairs)
            lines.say(
                f"frames to table, {what.split(' ')[-1]}, by {unit}", f"{1 / noise.ours:,.0f} frames/s",
                f"{name} {1 / noise.theirs:,.0f} frames/s", f"{ratio:.2f}", budget=budget, noise=noise.noise,
            )  # fmt: skip
            if unit == "CPU":
                assert ratio >= (1 if name == "ibind" else 0.2)
