"""The app on a terminal for the painting benchmarks, or the same rows in the toolkit's own table.

`painted_app.py desk|market|low|table SOCKET FOLDER OUT`. From its first SIGUSR1 to its second it measures itself:
CPU, how late its loop is, how often the screen was written. It writes that to OUT and leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from textual.app import App, ComposeResult
from textual.widgets import DataTable

from ibkr_tui.model.clock import SystemClock
from ibkr_tui.tui import figures
from ibkr_tui.tui.app import TradingApp
from ibkr_tui.tui.feed import Feed
from ibkr_tui.tui.launcher import Attachment
from ibkr_tui.tui.settings import UiSettings
from ibkr_tui.tui.terminal import stay_smooth

SAMPLE_S = 0.005
COLUMNS = ("Symbol", "Last", "Chg", "Chg%", "Bid", "Ask", "Vol", "Age")


class Served:
    """A launcher whose core is there."""

    profile = kind = "paper"
    is_demo = False

    def __init__(self, socket: str) -> None:
        self._socket = socket

    async def attach(self, progress: Callable[[str], None]) -> Attachment:
        return Attachment(self._socket, "f" * 16)

    async def stop(self) -> None:
        return


class Measured(App[Any]):
    """Measures itself between two signals."""

    out: Path

    def measure(self) -> None:
        """Begin to wait for the signals."""
        self._writes = 0
        self._begun: tuple[float, float, int] | None = None
        self._lags: list[float] = []
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._signalled)
        self.run_worker(self._watch_loop(), name="lag")

    def _display(self, *arguments: Any) -> None:
        self._writes = getattr(self, "_writes", 0) + 1
        super()._display(*arguments)

    async def _watch_loop(self) -> None:
        while True:
            begin = time.monotonic()
            await asyncio.sleep(SAMPLE_S)
            if self._begun is not None:
                self._lags.append(time.monotonic() - begin - SAMPLE_S)

    def _signalled(self) -> None:
        if self._begun is None:
            self._begun = time.process_time(), time.monotonic(), self._writes
            return
        cpu, begin, writes = self._begun
        found = {
            "cpu": time.process_time() - cpu,
            "seconds": time.monotonic() - begin,
            "frames": self._writes - writes,
            "lags": self._lags,
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        self.out.write_bytes(msgspec.json.encode(found))
        self.exit()


class Ours(Measured, TradingApp):
    """The trading app."""

    CSS_PATH = Path(sys.modules[TradingApp.__module__].__file__ or "").with_name("app.tcss")

    def on_mount(self) -> None:
        self.measure()


class Plain(Measured):
    """The same rows in a DataTable, fed by the same link, once a frame, only with cells that differ."""

    def __init__(self, launcher: Served) -> None:
        super().__init__()
        self.feed = Feed(launcher, SystemClock(), "plain")
        self._shown: dict[tuple[str, str], str] = {}

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        self.table = self.query_one(DataTable)
        for name in COLUMNS:
            self.table.add_column(name, key=name, width=9)
        self.run_worker(self.feed.run(), name="feed")
        self.set_interval(0.1, self._frame)
        self.measure()

    def _frame(self) -> None:
        for key in sorted(self.feed.take().keys.get("quotes", ())):
            quote = self.feed.quotes.rows[key]
            age = figures.age(time.monotonic() - (quote.changed_mono or 0))
            said = (
                quote.symbol,
                *(figures.fitted(value, 2, 9) for value in (quote.last, quote.change)),
                figures.percent(quote.change_pct),
                *(figures.fitted(value, 2, 9) for value in (quote.bid, quote.ask)),
                figures.compact(quote.volume),
                age,
            )
            if (key, COLUMNS[0]) not in self._shown:
                self.table.add_row(*said, key=key)
            for name, text in zip(COLUMNS, said, strict=True):
                if self._shown.get((key, name), text) != text:
                    self.table.update_cell(key, name, text)
                self._shown[key, name] = text


async def main(kind: str, socket: str, folder: str, out: str) -> None:
    """Run until the second signal."""
    launcher = Served(socket)
    settings = UiSettings(low_bandwidth=kind == "low")
    app: Measured = Plain(launcher) if kind == "table" else Ours(launcher, Path(folder), settings)
    app.out = Path(out)
    stay_smooth(asyncio.get_running_loop())
    with contextlib.suppress(asyncio.CancelledError):
        await app.run_async()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
