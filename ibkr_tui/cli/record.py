"""`ibkr-tui record FILE`: what a core knows, moment by moment, for `ibkr-tui replay`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from ibkr_tui.cli.output import Exit, tell
from ibkr_tui.cli.running import run_command
from ibkr_tui.cli.selection import Selection
from ibkr_tui.cli.version import version
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.recording import AT_ONCE, FORMAT, LOGS_KEPT, SAMPLED, Beginning, Moment, Recorder, line
from ibkr_tui.model.table import TableDelta
from ibkr_tui.tui.launcher import Attachment

_FIRST_S: Final = 0.5
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--every",
    type=click.FloatRange(0.1, 600),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How often prices, positions and money are kept; orders, fills and the audit are kept at once.",
)
@click.option("--for", "seconds", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Stop after so long.")
@click.pass_obj
def record(selection: Selection, file: Path, every: float, seconds: float | None) -> None:  # fmt: skip
    """Record what the core knows into FILE, a new one, until Ctrl-C: `ibkr-tui replay FILE` shows it again, offline.

    Kept are the prices of what the app or `subscribe_tick` made flow, depth, positions, orders, money, health, fills,
    events and the audit; account ids are masked.
    """
    run_command(lambda: _record(selection, file, every, seconds))


async def _record(selection: Selection, file: Path, every: float, seconds: float | None) -> int:
    from ibkr_tui.cli.launching import CALL_LEAVE_AFTER_S, CoreLauncher
    from ibkr_tui.link import client

    chosen = selection.load()
    launcher = CoreLauncher(chosen, selection.environ, leave_after=CALL_LEAVE_AFTER_S)
    place: Attachment = await launcher.attach(lambda _: None)
    frames = client.watch(
        place.socket_path,
        tables=(*AT_ONCE, *SAMPLED),
        logs=dict.fromkeys(LOGS_KEPT, 0),
        fingerprint=place.fingerprint,
        face="record",
        face_id=uuid.uuid4().hex,
    )
    with new_file(file) as out:
        writing = _Writing(out, file)
        writing.put(Beginning(FORMAT, writing.clock.now(), chosen.name, chosen.kind, version()))
        tell(f"Recording into {file}; Ctrl-C ends it.")
        try:
            async with asyncio.timeout(seconds):
                await writing.run(frames, every)
        except TimeoutError:
            return Exit.DONE
        finally:
            writing.keep_sampled()
    raise BrokerError("CORE_UNREACHABLE", f"the core has gone; what was recorded is in {file}")


def new_file(file: Path) -> BinaryIO:
    """A new file, its owner's alone. Raises BrokerError EXPORT_FAILED."""
    try:
        return os.fdopen(os.open(file, _FLAGS, 0o600), "wb")
    except FileExistsError:
        raise BrokerError("EXPORT_FAILED", f"{file} is there already") from None
    except OSError as error:
        raise BrokerError("EXPORT_FAILED", f"{file} cannot be written: {error.strerror or 'no reason'}") from None


class _Writing:
    """The file, and what waits for its next sample."""

    def __init__(self, out: BinaryIO, file: Path) -> None:
        self.clock = SystemClock()
        self._out = out
        self._file = file
        offset = self.clock.now().timestamp() - self.clock.monotonic()
        self._recorder = Recorder(lambda seconds: seconds + offset)
        self._waiting: dict[str, TableDelta[Any]] = {}
        self._read: set[str] = set()

    def put(self, value: Beginning | Moment) -> None:
        """Write a line. Raises BrokerError EXPORT_FAILED when the disk takes no more."""
        try:
            self._out.write(line(value))
            self._out.flush()
        except OSError as error:
            why = error.strerror or "no reason"
            raise BrokerError("EXPORT_FAILED", f"{self._file} takes no more: {why}; what was recorded stays") from None

    async def run(self, frames: AsyncGenerator[Any, None], every: float) -> None:
        """Write what is heard until the core goes, what is sampled every so many seconds, the first time soon."""
        due = self.clock.monotonic() + min(every, _FIRST_S)
        async with contextlib.aclosing(frames) as heard:
            coming = asyncio.ensure_future(anext(heard, None))
            try:
                while True:
                    await asyncio.wait([coming], timeout=max(0.0, due - self.clock.monotonic()))
                    if self.clock.monotonic() >= due:
                        self.keep_sampled()
                        due = self.clock.monotonic() + every
                    if coming.done():
                        if (frame := coming.result()) is None:
                            return
                        self._take(frame)
                        coming = asyncio.ensure_future(anext(heard, None))
            finally:
                coming.cancel()
                await asyncio.wait([coming])

    def _take(self, frame: Any) -> None:
        if isinstance(frame, LogPage):
            if frame.entries:
                self.put(self._recorder.log(frame.log, self.clock.now(), frame.entries))
        elif isinstance(frame, TableDelta) and frame.table in AT_ONCE:
            self._keep(frame)
        elif isinstance(frame, TableDelta):
            self._waiting[frame.table] = joined(self._waiting.get(frame.table), frame)

    def keep_sampled(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, {}
        for delta in waiting.values():
            self._keep(delta)

    def _keep(self, delta: TableDelta[Any]) -> None:
        moment = self._recorder.table(delta.table, self.clock.now(), delta.rows, delta.gone, full=delta.full)
        is_first = delta.is_read and delta.table not in self._read  # an empty table that was read is empty, not unknown
        if moment.rows or moment.gone or is_first:
            self.put(moment)
        if delta.is_read:
            self._read.add(delta.table)


def joined(before: TableDelta[Any] | None, after: TableDelta[Any]) -> TableDelta[Any]:
    """Two deltas of a table as one."""
    if before is None or after.full:
        return after
    rows = {key: row for key, row in (before.rows | after.rows).items() if key not in after.gone}
    gone = tuple((set(before.gone) | set(after.gone)) - set(rows))
    return TableDelta(after.table, after.epoch, before.full, rows, gone, after.is_read)
