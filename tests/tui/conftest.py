"""A desk without a core: frozen clock, given rows, answers by table. The link itself is tested in test_feed.py."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.model.depth import DepthBook, DepthLevel
from ibkr_tui.model.events import Event
from ibkr_tui.model.health import Health, SessionState, StreamState
from ibkr_tui.model.increments import PENNY, IncrementStep
from ibkr_tui.model.instruments import Instrument, Listing
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.looks import Looks
from ibkr_tui.model.orders import Order, OrderPreview, OrderState, OrderType, Question, Side, Tif
from ibkr_tui.model.portfolio import AccountSummary, Pnl, Position
from ibkr_tui.model.quotes import Bar, MarketHours, Quote, QuoteStatus
from ibkr_tui.model.table import TableDelta
from ibkr_tui.model.tape import Print
from ibkr_tui.tui.app import TradingApp
from ibkr_tui.tui.feed import Feed, LinkState
from ibkr_tui.tui.launcher import Attachment
from ibkr_tui.tui.settings import UiSettings

NOW = datetime(2026, 11, 20, 15, 42, 10, tzinfo=UTC)
D = Decimal

BOARD = (
    # symbol, conid, last, change %, half spread, status, seconds since the last change
    ("AAPL", 265598, "189.43", "1.21", "0.01", "live", 0),
    ("MSFT", 272093, "402.10", "-0.35", "0.02", "live", 1),
    ("NVDA", 4815747, "1,138.25", "2.84", "0.03", "live", 0),
    ("AMZN", 3691937, "184.06", "-0.12", "0.01", "delayed", 900),
    ("SPY", 756733, "501.77", "0.10", "0.01", "live", 2),
    ("EUR.USD", 12087792, "1.08410", "-0.02", "0.00005", "live", 0),
    ("ES DEC26", 495512563, "5,011.25", "0.12", "0.25", "stale", 75),
    ("TSLA", 76792991, "242.64", "-3.40", "0.02", "halted", 1260),
    ("BRK.B", 72063691, "411.90", "0.00", "0.05", "frozen", 7300),
)


class HandClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return 1000.0 + self.passed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.passed += seconds


class IdleLauncher:
    """A launcher whose core never comes."""

    def __init__(self, *, kind: str = "paper", is_demo: bool = False) -> None:
        self.profile = kind
        self.kind = kind
        self.is_demo = is_demo
        self.stopped = 0

    async def attach(self, progress: Callable[[str], None]) -> Attachment:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def stop(self) -> None:
        self.stopped += 1


class HandFeed(Feed):
    """A feed that a test fills; calls are answered by `answers` and kept in `calls`."""

    def __init__(self, launcher: IdleLauncher, clock: HandClock) -> None:
        super().__init__(launcher, clock, "face-1")
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}

    async def run(self) -> None:
        await asyncio.get_running_loop().create_future()

    def rows(self, table: str, rows: Mapping[str, Any], *gone: str) -> None:
        self.apply(TableDelta(table, 1, False, dict(rows), tuple(gone)))

    def begin(self) -> None:
        for name, mirror in self.mirrors.items():
            mirror.epoch = 1
            mirror.is_read = True
            assert name
        self.connections += 1
        self.say(LinkState.LIVE)

    def event(self, *events: Event) -> None:
        self.accept(LogPage("events", 1, events))

    async def call(
        self, operation: str, arguments: Mapping[str, Any], *, result: Any = Any, deadline: float = 15
    ) -> Any:
        self.calls.append((operation, dict(arguments)))
        answer = self.answers[operation]
        value = answer(dict(arguments)) if callable(answer) else answer
        if asyncio.iscoroutine(value):
            value = await value
        if isinstance(value, Exception):
            raise value
        return value if result is Any else msgspec.convert(msgspec.to_builtins(value), result, strict=False)

    def called(self, operation: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.calls if name == operation]


class Scene:
    """Rows that look like a trading day."""

    @staticmethod
    def quote(symbol: str, **changes: Any) -> Quote:
        name, conid, last, pct, half, status, age = next(row for row in BOARD if row[0] == symbol)
        price, spread = D(str(last).replace(",", "")), D(str(half))
        places = -int(spread.as_tuple().exponent) if symbol == "EUR.USD" else 2
        tick = price * D(str(pct)) / 100
        quote = Quote(
            conid=int(conid), symbol=str(name), description=str(name), status=QuoteStatus(str(status)), last=price,
            bid=price - spread, ask=price + spread, bid_size=D(400), ask_size=D(900), change=tick,
            change_pct=D(str(pct)),
            volume=D(41_200_000), open=price - tick / 2, high=price + abs(tick), low=price - abs(tick),
            close=price - tick,
            decimals=places, changed_at=NOW - timedelta(seconds=int(age)), changed_mono=1000.0 - int(age),
        )  # fmt: skip
        return msgspec.structs.replace(quote, **changes)

    @staticmethod
    def position(symbol: str, conid: int, qty: str, average: str, price: str, **changes: Any) -> Position:
        amount, cost, value = D(qty), D(average), D(price)
        position = Position(
            account="DU1234567", conid=conid, symbol=symbol, description=symbol, sec_type="STK", currency="USD",
            qty=amount, avg_price=cost, avg_cost=cost, market_price=value, market_value=amount * value,
            unrealized_pnl=(value - cost) * amount, realized_pnl=D(0),
        )  # fmt: skip
        return msgspec.structs.replace(position, **changes)

    @staticmethod
    def order(key: str = "t1", **changes: Any) -> Order:
        order = Order(
            key=key, account="DU1234567", conid=265598, symbol="AAPL", description="AAPL", side=Side.BUY,
            order_type="limit", qty=D(100), state=OrderState.WORKING, coid=key, order_id="1001",
            limit_price=D("188.00"), broker_status="Submitted", placed_at=NOW - timedelta(minutes=5),
            since=NOW - timedelta(minutes=5),
        )  # fmt: skip
        return msgspec.structs.replace(order, **changes)

    @staticmethod
    def question(**changes: Any) -> Question:
        question = Question(
            id="q1", order_key="t1", asked_face="face-1",
            messages=(
                'The following order "BUY 100 AAPL @ 210.00" price exceeds the Percentage constraint of 3%.\n'
                "Are you sure you want to submit this order?",
            ),
            message_ids=("o163",), summary="BUY 100 AAPL LMT 210.00 DAY",
            asked_at=NOW, expires_at=NOW + timedelta(seconds=45),
        )  # fmt: skip
        return msgspec.structs.replace(question, **changes)

    @staticmethod
    def health(**changes: Any) -> Health:
        hours = MarketHours("NYSE", True, "America/New_York", datetime(2026, 11, 20, 15, 42, 10, tzinfo=UTC))
        health = Health(
            profile="paper", kind="paper", account="DU1234567", session=SessionState.READY, stream=StreamState.LIVE,
            api_latency_ms=38.0, last_frame_mono=1000.0, market=hours,
        )  # fmt: skip
        return msgspec.structs.replace(health, **changes)

    @classmethod
    def whole_health(cls, **changes: Any) -> Health:
        """Health with every fact that a core can tell."""
        health = cls.health(
            token_expires_at=NOW + timedelta(hours=23, minutes=12, seconds=5),
            token_minted_at=NOW - timedelta(minutes=47),
            session_since=NOW - timedelta(hours=3, minutes=1, seconds=20), checked_at=NOW - timedelta(hours=1),
            stream_since=NOW - timedelta(hours=3, minutes=1), reconnects=1, frames=430_122, frames_per_s=41.4,
            subscriptions=9, most_subscriptions=80, clock_skew_s=0.1,
            pacing_used=2, pacing_limit=10, journal_place="disk", journal_rows=1312,
            journal_committed_at=NOW - timedelta(seconds=12), keys_source="credentials file",
            keys_id="SHA256:9f2c41aa00112233", memory_mb=44, faces=2, core_pid=4242, core_version="0.1.0",
            started_at=NOW - timedelta(hours=3, minutes=2),
        )  # fmt: skip
        return msgspec.structs.replace(health, **changes)

    @staticmethod
    def price(text: str) -> Decimal:
        return D(text)

    @staticmethod
    def preview(**changes: Any) -> OrderPreview:
        preview = OrderPreview(
            instrument="AAPL", conid=265598, account="DU1234567", side=Side.BUY, qty=D(100), order_type=OrderType.LIMIT,
            tif=Tif.DAY, price=D("189.42"), price_source="limit", value=D("18942.00"), currency="USD",
            leverage_before=D("0.62"), leverage_after=D("0.64"), leverage_cap=D(4), distance_pct=D("-0.01"),
            quote_age_s=0.4, commission="1.00 USD", margin_before="4,700", margin_after="9,400",
        )  # fmt: skip
        return msgspec.structs.replace(preview, **changes)

    @staticmethod
    def bars(count: int = 78, price: float = 186.0) -> list[Bar]:
        bars, at = [], datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
        for index in range(count):
            drift = 3.4 * index / count + 1.3 * math.sin(index / 6) + 0.5 * math.sin(index / 2.3)
            start, end = price + drift, price + drift + 0.35 * math.sin(index * 1.7)
            high, low = max(start, end) + 0.2 + 0.1 * math.cos(index), min(start, end) - 0.2 + 0.1 * math.sin(index)
            prices = [D(f"{value:.2f}") for value in (start, high, low, end)]
            volume = D(int(50_000 + 30_000 * abs(math.sin(index / 9)) + 9_000 * (index % 4)))
            bars.append(Bar(at, *prices, volume))
            at += timedelta(minutes=5)
        return bars

    @staticmethod
    def instrument(**changes: Any) -> Instrument:
        instrument = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")
        return msgspec.structs.replace(instrument, **changes)

    def listed(self, asked: Mapping[str, Any]) -> Instrument:
        """The instrument of a conid or a symbol, as the board has it."""
        conids = {str(row[0]): int(row[1]) for row in BOARD}
        conid = asked.get("conid") or conids.get(asked.get("symbol", "AAPL"), 1)
        symbol = next((name for name, known in conids.items() if known == conid), asked.get("symbol", "AAPL"))
        named = {"conid": conid, "symbol": symbol, "description": symbol}
        increments = PENNY if symbol != "EUR.USD" else (IncrementStep(D(0), D("0.00005")),)
        return self.instrument() if conid == 265598 else self.instrument(name=symbol, increments=increments, **named)

    @staticmethod
    def book(conid: int = 265598, price: str = "189.43", tick: str = "0.01", **changes: Any) -> DepthBook:
        """Five levels a side around a price, each larger than the one before."""
        middle, step = D(price), D(tick)
        sizes = (400, 800, 1200, 300, 2100)
        bids = tuple(DepthLevel(middle - step * (at + 1), D(size)) for at, size in enumerate(sizes))
        asks = tuple(DepthLevel(middle + step * (at + 1), D(size - 100)) for at, size in enumerate(sizes))
        book = DepthBook(conid, "AAPL", bids, asks, QuoteStatus.LIVE, at=NOW, changed_mono=1000.0)
        return msgspec.structs.replace(book, **changes)

    @staticmethod
    def prints(conid: int = 265598, price: str = "189.43", count: int = 30) -> tuple[Print, ...]:
        """A tape that goes up and down by a tick, oldest first."""
        made, last = [], D(price) - D("0.05")
        for number in range(count):
            tick = (1, -1, 0, 1)[number % 4] if number < count - 1 else 1
            last += D("0.01") * tick
            at = NOW - timedelta(seconds=(count - number) * 2)
            made.append(Print(conid, "AAPL", at, last, D(100 * (1 + number % 5)), tick))
        return tuple(made)

    @staticmethod
    def listings() -> list[Listing]:
        return [
            Listing(265598, "AAPL", "APPLE INC", "STK", "NASDAQ", "USD", True, True),
            Listing(273982664, "AAPL", "APPLE INC", "STK", "EBS", "CHF"),
            Listing(38708077, "AAPL", "APPLE INC", "STK", "MEXI", "MXN"),
        ]

    def fill(self, feed: HandFeed) -> None:
        """A whole desk, live."""
        feed.begin()
        feed.rows("health", {"paper": self.health()})
        feed.rows("quotes", {str(row[1]): self.quote(str(row[0])) for row in BOARD})
        feed.rows(
            "account",
            {
                "DU1234567": AccountSummary(
                    account="DU1234567", currency="USD", net_liquidation=D("1024311.22"), total_cash=D("389238.26"),
                    available_funds=D("700000"), buying_power=D("2800000"), excess_liquidity=D("700000"),
                    initial_margin=D("310000"), maintenance_margin=D("290000"), gross_position_value=D("635072.96"),
                    equity_with_loan=D("1024311.22"), updated_at=NOW,
                )
            },
        )  # fmt: skip
        feed.rows("pnl", {"DU1234567": Pnl("DU1234567", D("3120.40"), D("8310.00"), D("1024311.22"))})
        feed.rows(
            "positions",
            {
                "265598": self.position("AAPL", 265598, "100", "180.10", "189.43"),
                "272093": self.position("MSFT", 272093, "-50", "410.00", "402.10"),
                "900001": self.position(
                    "SPY", 900001, "2", "4.10", "5.35", description="SPY 19JAN 500C", multiplier=D(100), sec_type="OPT",
                    unrealized_pnl=D("250.00"),
                ),
                "4815747": self.position("NVDA", 4815747, "20", "1171.00", "1138.25"),
            },
        )  # fmt: skip
        feed.rows(
            "orders",
            {
                "t1": self.order("t1"),
                "t2": self.order(
                    "t2", conid=272093, symbol="MSFT", description="MSFT", qty=D(200), limit_price=D("401.50"),
                    state=OrderState.UNKNOWN, placed_at=NOW - timedelta(seconds=42),
                    since=NOW - timedelta(seconds=37), order_id="",
                ),
                "t3": self.order(
                    "t3", conid=756733, symbol="SPY", description="SPY", side=Side.SELL, qty=D(50), order_type="market",
                    limit_price=None, state=OrderState.FILLED, filled=D(50), avg_price=D("501.77"),
                    since=NOW - timedelta(minutes=9),
                ),
                "t4": self.order(
                    "t4", conid=4815747, symbol="NVDA", description="NVDA", side=Side.SELL, qty=D(20), filled=D(8),
                    limit_price=D("1150.00"), since=NOW - timedelta(minutes=2),
                ),
            },
        )  # fmt: skip
        feed.rows("depth", {"265598": self.book()})
        feed.accept(LogPage("tape", 1, self.prints()))
        feed.event(Event(NOW, "filled SELL 50 SPY @ 501.77"))

    def answers(self, feed: HandFeed) -> None:
        """What a healthy core would say."""
        feed.answers |= {
            "look_at": lambda a: Looks(tuple(a["quotes"]), tuple(a["depth"])),
            "get_bars": lambda _: self.bars(),
            "get_contract": self.listed,
            "search_contracts": lambda _: self.listings(),
            "preview_order": lambda _: self.preview(),
            "place_order": lambda _: self.order("t9"),
            "cancel_order": {},
            "answer_question": {},
        }


@pytest.fixture(autouse=True)
def one_place(monkeypatch: pytest.MonkeyPatch, clean_environment: Path) -> Iterator[None]:
    """The same terminal and time zone everywhere: clock times on the screen are local."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


MakeApp = Callable[..., TradingApp]


@pytest.fixture
def make_app(tmp_path: Path, clock: HandClock, scene: Scene) -> MakeApp:
    """Makes an app; `live` fills it with the scene."""

    def make(
        *, live: bool = True, kind: str = "paper", is_demo: bool = False, settings: UiSettings | None = None
    ) -> TradingApp:
        launcher = IdleLauncher(kind=kind, is_demo=is_demo)
        feed = HandFeed(launcher, clock)
        scene.answers(feed)
        (tmp_path / "app.json").write_bytes(
            msgspec.json.encode({"watchlist": [{"symbol": row[0], "conid": row[1]} for row in BOARD]})
        )
        if live:
            scene.fill(feed)
        return TradingApp(launcher, tmp_path, settings or UiSettings(), clock=clock, feed=feed)

    return make


class Driven:
    """An app under a pilot: frames on demand, what stands on the screen, conditions to wait for."""

    def __init__(self, app: TradingApp, pilot: Any, clock: HandClock) -> None:
        self.app = app
        self.pilot = pilot
        self.clock = clock
        assert isinstance(app.feed, HandFeed)
        self.feed = app.feed

    async def frame(self, seconds: float = 1.0) -> None:
        """Let time pass and a frame be painted."""
        self.clock.advance(seconds)
        self.app._frame()
        await self.pilot.pause()

    async def press(self, *keys: str, calm: float = 0.5) -> None:
        """Press keys, each after a calm pause."""
        for key in keys:
            self.clock.advance(calm)
            await self.pilot.press(key)
        await self.pilot.pause()

    @property
    def text(self) -> str:
        """The top screen as plain text."""
        lines = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in lines)

    def line(self, words: str) -> str:
        """The first line with these words."""
        return next((line for line in self.text.split("\n") if words in line), "")

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for a condition, at most five seconds."""
        for _ in range(500):
            await self.pilot.pause()
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"not seen: {what}\n{self.text}")


@pytest.fixture
def drive(make_app: MakeApp, clock: HandClock) -> Any:
    """`async with drive(size=…, live=…) as desk:` runs the app under a pilot."""

    @contextlib.asynccontextmanager
    async def driven(size: tuple[int, int] = (80, 24), **options: Any) -> AsyncIterator[Driven]:
        app = make_app(**options)
        async with app.run_test(size=size, notifications=True) as pilot:
            desk = Driven(app, pilot, clock)
            await desk.frame()
            yield desk

    return driven
