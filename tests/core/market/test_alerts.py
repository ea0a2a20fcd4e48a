"""The alert desk: subscribes what it watches, tells edges as events, and keeps its alerts between runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.market.alert_file import NAME, AlertFile
from ibkr_tui.core.market.alerts import SUBSCRIBE_EVERY, AlertDesk
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.market.subscriptions import Subscriptions
from ibkr_tui.model.alerts import MOST_ALERTS, Alert, AlertKind, AlertState, Direction
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.table import Table

AAPL = Instrument(265598, "AAPL", "AAPL", "APPLE INC", "STK", "SMART", "USD")
MSFT = Instrument(272093, "MSFT", "MSFT", "MICROSOFT", "STK", "SMART", "USD")
Until = Callable[..., Awaitable[None]]


class Place:
    """A desk with its board, on a directory that another desk may take over."""

    def __init__(self, clock: Any, directory: Path, most: int = 5) -> None:
        self.clock = clock
        self.events: list[tuple[str, Severity, str]] = []
        self.ready = True
        self.found: dict[int, Instrument] = {265598: AAPL, 272093: MSFT}
        quotes: Table[Quote] = Table("quotes")
        self.board = QuoteBoard(quotes, clock)
        self.board.connected()
        self.subscriptions = Subscriptions(self.board, lambda text: True, clock, most=most, idle_after=300)
        self.table: Table[Alert] = Table("alerts")
        self.desk = AlertDesk(
            table=self.table,
            quotes=quotes,
            subscriptions=self.subscriptions,
            file=AlertFile(directory),
            find=self.find,
            tell=lambda *words: self.events.append(words),
            may_ask=lambda: self.ready,
            clock=clock,
        )
        self.board.on_change.append(self.desk.observe)
        self.desk.load()
        self.task: asyncio.Task[None] | None = None

    async def find(self, conid: int) -> Instrument:
        if conid not in self.found:
            raise BrokerError("SYMBOL_NOT_FOUND", f"IBKR knows no contract {conid}")
        return self.found[conid]

    def start(self) -> None:
        self.task = asyncio.create_task(self.desk.run())

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def price(self, last: str, conid: int = 265598, availability: str = "R") -> None:
        self.board.merge(conid, {"6509": availability, "31": last, "83": "1.0"})

    @property
    def told(self) -> list[str]:
        return [text for text, _, code in self.events if code == "ALERT"]


@pytest.fixture
async def place(fake_clock: Any, tmp_path: Path) -> Any:
    made = Place(fake_clock, tmp_path)
    yield made
    await made.stop()


async def test_an_alert_watches_its_instrument_and_tells_once(place: Place) -> None:
    alert = await place.desk.add(AAPL, AlertKind.PRICE, D(190), direction=Direction.ABOVE, note="breakout")
    assert (alert.id, alert.words, place.desk.armed) == ("1", "AAPL price above 190", 1)
    assert 265598 in place.subscriptions.looking
    for last in ("189", "190.5", "189", "191"):
        place.price(last)
    assert place.told == ["AAPL price above 190: 190.5 — breakout"]
    assert place.events[0][1] is Severity.WARNING
    row = place.table.rows()["1"]
    assert (row.state, row.fired_value, place.desk.armed) == (AlertState.FIRED, D("190.5"), 0)
    assert 265598 not in place.subscriptions.looking


async def test_alerts_live_on_in_the_next_run(place: Place, fake_clock: Any, tmp_path: Path, until: Until) -> None:
    place.start()
    await place.desk.add(AAPL, AlertKind.PRICE, D(190), direction=Direction.ABOVE)
    await place.desk.add(MSFT, AlertKind.CHANGE, D(-2), repeat=True)
    place.price("189")
    await until(lambda: b'"holds": false' in (tmp_path / NAME).read_bytes())
    await place.stop()
    again = Place(fake_clock, tmp_path)
    assert [(a.id, a.kind, a.holds) for a in again.table.rows().values()] == [
        ("1", AlertKind.PRICE, False),
        ("2", AlertKind.CHANGE, None),
    ]
    again.start()
    await until(lambda: 265598 in again.subscriptions)
    again.price("191")
    assert again.told == ["AAPL price above 190: 191"]
    assert (await again.desk.add(MSFT, AlertKind.CHANGE, D(3))).id == "3"
    await again.stop()
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


async def test_before_there_is_a_session_nothing_is_asked_and_a_failure_is_said_once(
    place: Place, fake_clock: Any, tmp_path: Path
) -> None:
    await place.desk.add(AAPL, AlertKind.PRICE, D(190), direction=Direction.ABOVE)
    again = Place(fake_clock, tmp_path)
    again.ready = False
    again.found.clear()
    again.start()
    await fake_clock.advance(60)
    assert again.events == []
    again.ready = True
    await fake_clock.advance(5 * SUBSCRIBE_EVERY)
    assert [code for _, _, code in again.events] == ["ALERT_BLIND"]
    assert again.table.rows()["1"].problem == "IBKR knows no contract 265598"
    again.found[265598] = AAPL
    await fake_clock.advance(SUBSCRIBE_EVERY)
    assert again.table.rows()["1"].problem == ""
    assert 265598 in again.subscriptions
    await again.stop()


async def test_staleness_counts_from_the_last_confirmed_price(place: Place, fake_clock: Any, until: Until) -> None:
    async def kept() -> None:
        await until(lambda: fake_clock.sleepers)  # a change is written by a thread, and the desk looks on after it

    place.start()
    await place.desk.add(AAPL, AlertKind.STALENESS, D(30), repeat=True)
    place.price("189")
    await fake_clock.advance(1)
    await kept()
    for _ in range(60):
        await fake_clock.advance(1)
        place.board.heard()
        place.board.review()
    assert place.told == [], "a quiet instrument with heartbeats is not stale"
    place.board.lost()
    await fake_clock.advance(5.5)
    place.board.review()
    await fake_clock.advance(24)
    assert place.told == []
    await fake_clock.advance(6)
    assert len(place.told) == 1
    assert place.told[0].startswith("AAPL without a fresh price for 30 s: 3")
    await kept()
    place.board.connected()
    place.price("190")
    await fake_clock.advance(2)
    await kept()
    place.board.lost()
    await fake_clock.advance(6)
    place.board.review()
    await fake_clock.advance(31)
    assert len(place.told) == 2, "it tells again at the next edge"


async def test_a_level_alone_means_the_other_side(place: Place) -> None:
    place.subscriptions.add(AAPL, pinned=False)
    place.price("189")
    assert (await place.desk.add(AAPL, AlertKind.PRICE, D(190))).direction is Direction.ABOVE
    assert (await place.desk.add(AAPL, AlertKind.PRICE, D(188))).direction is Direction.BELOW
    assert (await place.desk.add(AAPL, AlertKind.CHANGE, D(-1))).direction is Direction.BELOW
    with pytest.raises(BrokerError, match="stands at 189"):
        await place.desk.add(AAPL, AlertKind.PRICE, D(189))
    with pytest.raises(BrokerError, match="has no price yet: say direction=above"):
        await place.desk.add(MSFT, AlertKind.PRICE, D(189))


@pytest.mark.parametrize(
    ("kind", "level", "direction", "words"),
    [
        (AlertKind.STALENESS, "4", None, "5 to 86400 seconds"),
        (AlertKind.STALENESS, "86401", None, "5 to 86400 seconds"),
        (AlertKind.STALENESS, "60", Direction.BELOW, "without a fresh price"),
        (AlertKind.CHANGE, "0", None, "in percent"),
        (AlertKind.PRICE, "0", Direction.ABOVE, "needs its price"),
    ],
)
async def test_what_is_no_alert(
    place: Place, kind: AlertKind, level: str, direction: Direction | None, words: str
) -> None:
    with pytest.raises(BrokerError, match=words) as caught:
        await place.desk.add(AAPL, kind, D(level), direction=direction)
    assert caught.value.code == "BAD_ARGUMENT"
    assert len(place.table) == 0


async def test_twins_limits_and_removal(place: Place, fake_clock: Any, tmp_path: Path) -> None:
    await place.desk.add(AAPL, AlertKind.CHANGE, D(1))
    with pytest.raises(BrokerError, match="alert 1 waits for that already"):
        await place.desk.add(AAPL, AlertKind.CHANGE, D(1))
    assert (await place.desk.remove("1")).id == "1"
    with pytest.raises(BrokerError) as caught:
        await place.desk.remove("1")
    assert caught.value.code == "ALERT_NOT_FOUND"
    assert AlertFile(tmp_path).read() == ()
    small = Place(fake_clock, tmp_path, most=1)
    await small.desk.add(AAPL, AlertKind.CHANGE, D(1))
    with pytest.raises(BrokerError) as caught:
        await small.desk.add(MSFT, AlertKind.CHANGE, D(1))
    assert caught.value.code == "IBKR_WS_SUB_LIMIT"
    row = small.table.rows()["1"]
    for number in range(2, MOST_ALERTS + 1):
        small.table.put(str(number), row)
    with pytest.raises(BrokerError, match="remove some first"):
        await small.desk.add(AAPL, AlertKind.CHANGE, D(5))


async def test_an_alert_that_can_not_be_kept_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(alerts: tuple[Alert, ...]) -> None:
        raise BrokerError("STATE_UNUSABLE", "No space left on device")

    monkeypatch.setattr(place.desk._file, "write", full)
    with pytest.raises(BrokerError, match="No space left"):
        await place.desk.add(AAPL, AlertKind.CHANGE, D(1))
    assert len(place.table) == 0


@pytest.mark.parametrize("content", [b"", b"{", b'{"a":"\x80"}', b'{"version": 2}', b'{"version": 1, "alerts": [{}]}'])
async def test_a_damaged_file_is_put_aside_and_told(fake_clock: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    place = Place(fake_clock, tmp_path)
    assert [(code, severity) for _, severity, code in place.events] == [("STATE_UNUSABLE", Severity.ERROR)]
    assert (tmp_path / "alerts.unread").read_bytes() == content
    await place.desk.add(AAPL, AlertKind.CHANGE, D(1))
    assert len(AlertFile(tmp_path).read()) == 1


def test_a_write_that_fails_leaves_what_was(tmp_path: Path) -> None:
    file = AlertFile(tmp_path)
    file.write(())
    (tmp_path / "alerts.part").mkdir()
    with pytest.raises(BrokerError) as caught:
        file.write(())
    assert caught.value.code == "STATE_UNUSABLE"
    assert file.read() == ()
