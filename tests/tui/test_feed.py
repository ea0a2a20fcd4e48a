"""The feed over a real socket: mirrors, log gaps, farewell, a lost core, a silent one, a refused one."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.link.frames import (
    PROTOCOL,
    Call,
    Farewell,
    LogFrame,
    Result,
    TableFrame,
    Watch,
    Welcome,
    encoder,
    face_decoder,
    pack,
    read_body,
)
from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.boards import LOGS, TABLES
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Event
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.tui.feed import Feed, LinkState
from ibkr_tui.tui.launcher import Attachment

QUOTE = Quote(conid=1, symbol="AAPL", description="AAPL", status=QuoteStatus.LIVE, last=Decimal("189.43"))

LATER = datetime(2100, 1, 1, tzinfo=UTC)


class SmallCore:
    """Serves the words of the link: every table once, then what a test sends."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.pid = 7
        self.answers_calls = True
        self.watchers: list[asyncio.StreamWriter] = []
        self.wanted_logs: list[dict[str, int]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def stop(self, reason: str = "", account: str = "") -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            if reason:
                writer.write(pack(Farewell(reason, account)))
            writer.close()
        self._writers.clear()
        self.watchers.clear()
        Path(self.path).unlink(missing_ok=True)

    def send(self, frame: Any) -> None:
        for writer in self.watchers:
            writer.write(pack(frame))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        await read_body(reader)
        writer.write(pack(Welcome(PROTOCOL, "paper", "paper", "DU1", self.pid, "1", "f")))
        while (body := await read_body(reader)) is not None:
            frame = face_decoder.decode(body)
            if isinstance(frame, Watch):
                self.wanted_logs.append(frame.logs)
                for table in frame.tables:
                    rows = {"1": msgspec.Raw(encoder.encode(QUOTE))} if table == "quotes" else {}
                    writer.write(pack(TableFrame(table, 1, True, rows)))
                self.watchers.append(writer)
            elif isinstance(frame, Call) and self.answers_calls:
                writer.write(pack(Result(frame.id, {"said": frame.operation})))


class SocketLauncher:
    profile = kind = "paper"
    is_demo = False

    def __init__(self, path: str) -> None:
        self.path = path
        self.attached = 0
        self.error: BrokerError | None = None
        self.before: Callable[[], Any] | None = None
        self.meant: list[str] = []

    async def attach(self, progress: Callable[[str], None]) -> Attachment:
        self.attached += 1
        progress("Looking for the core")
        if self.error is not None:
            raise self.error
        if self.before is not None:
            await self.before()
        return Attachment(self.path, "f")

    def mean(self, account: str) -> None:
        self.meant.append(account)

    async def stop(self) -> None:
        return


class QuickClock(SystemClock):
    """Waits pass at once; `ahead` moves the monotonic clock."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.005)


async def until(condition: Callable[[], Any], what: str) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)
    assert condition(), what


Link = tuple[SmallCore, SocketLauncher, Feed, QuickClock]


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    with tempfile.TemporaryDirectory(prefix="feed") as place:
        core, clock = SmallCore(f"{place}/s"), QuickClock()
        launcher = SocketLauncher(core.path)
        await core.start()
        feed = Feed(launcher, clock, "me")
        task = asyncio.create_task(feed.run(), name="feed")
        try:
            yield core, launcher, feed, clock
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await core.stop()


async def test_it_is_live_when_every_table_is_here(link: Link) -> None:
    core, _, feed, _ = link
    await until(lambda: feed.is_live, "live")
    assert feed.quotes.rows["1"] == QUOTE
    assert feed.steps == ["Looking for the core"]
    changed = feed.take()
    assert changed.keys["quotes"] == {"1"}
    assert changed.link
    assert not feed.take()
    core.send(TableFrame("quotes", 1, False, {}, ("1",)))
    await until(lambda: not feed.quotes.rows, "the tombstone")
    assert feed.take().keys == {"quotes": {"1"}}
    assert set(feed.mirrors) == set(TABLES)


async def test_calls_go_through(link: Link) -> None:
    _, _, feed, _ = link
    with pytest.raises(BrokerError, match="not connected"):
        await feed.call("get_account", {})
    await until(lambda: feed.is_live, "live")
    assert await feed.call("get_account", {}) == {"said": "get_account"}


async def test_events_come_in_order_and_a_gap_is_said(link: Link) -> None:
    core, _, feed, _ = link
    await until(lambda: feed.is_live, "live")
    raw = msgspec.Raw(encoder.encode(Event(LATER, "filled")))
    core.send(LogFrame("events", 5, (raw, raw), missed=3))
    await until(lambda: feed.recent, "events")
    assert [event.text for event in feed.take().events] == [
        "3 earlier events were missed while away",
        "filled",
        "filled",
    ]


async def test_after_a_loss_it_attaches_again_and_goes_on_in_the_log(link: Link) -> None:
    core, launcher, feed, _ = link
    await until(lambda: feed.is_live, "live")
    raw = msgspec.Raw(encoder.encode(Event(LATER, "filled")))
    core.send(LogFrame("events", 4, (raw,)))
    await until(lambda: feed.recent, "an event")
    launcher.before = core.start
    await core.stop()
    await until(lambda: feed.link is LinkState.LOST, "lost")
    assert feed.quotes.rows["1"] == QUOTE  # the rows stay, and are stale
    await until(lambda: feed.is_live, "live again")
    assert core.wanted_logs[-1]["events"] == 4
    assert feed.connections == 2


async def test_a_new_core_is_read_from_its_first_event(link: Link) -> None:
    core, launcher, feed, _ = link
    await until(lambda: feed.is_live, "live")
    assert core.wanted_logs[-1] == dict.fromkeys(LOGS, 0)
    launcher.before = core.start
    core.pid = 8
    await core.stop()
    await until(lambda: feed.connections == 2, "live again")
    assert core.wanted_logs[-1] == dict.fromkeys(LOGS, 0)


async def test_what_happened_before_it_came_is_kept_and_no_news(link: Link) -> None:
    core, _, feed, _ = link
    await until(lambda: feed.is_live, "live")
    feed.take()
    old, new = Event(datetime(2026, 1, 1, tzinfo=UTC), "yesterday's"), Event(LATER, "today's")
    core.send(LogFrame("events", 9, (msgspec.Raw(encoder.encode(old)), msgspec.Raw(encoder.encode(new))), missed=8))
    await until(lambda: feed.recent, "events")
    changed = feed.take()
    assert [event.text for event in changed.events] == ["today's"]
    assert changed.audited
    assert [event.text for event in feed.recent] == ["yesterday's", "today's"]
    assert [(missed.log, missed.count) for missed in feed.missed] == [("events", 8)]


async def test_audit_rows_are_kept_by_their_number_and_the_oldest_go(link: Link) -> None:
    _, _, feed, _ = link
    rows = tuple(AuditRow(seq, LATER, "opened") for seq in range(1, 4103))
    feed.accept(LogPage("audit", 1, rows[:300]))
    feed.accept(LogPage("audit", 290, rows[289:]))
    assert next(iter(feed.audit)) == 103
    assert list(feed.audit)[-1] == 4102
    assert feed.take().audited


async def test_a_core_that_goes_to_another_account_takes_along_who_asked(link: Link) -> None:
    core, launcher, feed, _ = link
    await until(lambda: feed.is_live, "the link")
    feed._goes_to = "DU2"
    await core.stop("over", "DU2")
    await core.start()
    await until(lambda: feed.is_live and feed.connections == 2, "the core again")
    assert (launcher.meant, feed._goes_to) == (["DU2"], "")
    assert core.wanted_logs[-1] == dict.fromkeys(LOGS, 0), "the same process tells another account's story"


async def test_a_face_that_did_not_ask_follows_only_by_hand(link: Link) -> None:
    core, launcher, feed, _ = link
    await until(lambda: feed.is_live, "the link")
    await core.stop("over", "DU2")
    await core.start()
    await until(lambda: "account DU2" in feed.sentence, "the sentence")
    assert (launcher.attached, launcher.meant) == (1, [])
    feed.reconnect()
    await until(lambda: feed.is_live and launcher.meant == ["DU2"], "the core again")


async def test_a_core_that_was_stopped_is_not_started_again_by_itself(link: Link) -> None:
    core, launcher, feed, _ = link
    await until(lambda: feed.is_live, "live")
    await core.stop("stopped by hand")
    await until(lambda: "stopped by hand" in feed.sentence, "the reason")
    assert launcher.attached == 1
    launcher.before = core.start
    feed.reconnect()
    await until(lambda: feed.is_live, "live again")


async def test_a_refusal_waits_for_the_person(link: Link) -> None:
    core, launcher, feed, _ = link
    await until(lambda: feed.is_live, "live")
    launcher.error = BrokerError("CONFIG_MISMATCH", "the core runs with other keys")
    await core.stop()
    await until(lambda: feed.link is LinkState.REFUSED, "refused")
    assert "CONFIG_MISMATCH" in feed.sentence
    launcher.error = None
    launcher.before = core.start
    feed.reconnect()
    await until(lambda: feed.is_live, "live again")


async def test_a_core_that_hangs_is_silent_until_it_answers(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    core, _, feed, clock = link
    monkeypatch.setattr("ibkr_tui.tui.feed._PROBE_S", 0.05)
    await until(lambda: feed.is_live, "live")
    core.answers_calls = False
    clock.ahead += 6
    await until(lambda: feed.link is LinkState.SILENT, "silent")
    assert not feed.is_live
    core.answers_calls = True
    await until(lambda: feed.is_live, "live again")
    assert feed.connections == 1
