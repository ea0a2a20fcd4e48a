"""`ibkr-tui replay FILE`: a recorded day through the app's own screens, offline."""

from __future__ import annotations

from pathlib import Path

import click

from ibkr_tui.cli.running import guard, keep_fault
from ibkr_tui.cli.selection import Selection


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def replay(selection: Selection, file: Path) -> None:
    """The app on FILE: no core, no network, and nothing can be sent.

    FILE was written by `ibkr-tui record` (prices, positions, money, orders, everything) or by `ibkr-tui audit export`
    (orders and fills). On the Activity page (7) Space pauses, > and < change the speed, n goes to the next row, 0
    begins again.
    """

    def work() -> int:
        from ibkr_tui.core.state import state_root
        from ibkr_tui.tui.app import TradingApp
        from ibkr_tui.tui.replay.audited import AuditedDay
        from ibkr_tui.tui.replay.feed import ReplayFeed, ReplayLauncher
        from ibkr_tui.tui.replay.moments import is_recording, read_moments
        from ibkr_tui.tui.replay.recorded import RecordedDay, RecordedMemory
        from ibkr_tui.tui.replay.recording import read_recording
        from ibkr_tui.tui.terminal import run_app

        folder, remembered = state_root(selection.environ), None
        feed: ReplayFeed
        if is_recording(file):
            recording = read_moments(file)
            launcher = ReplayLauncher(recording.beginning.kind)
            feed, remembered = RecordedDay(recording, file, launcher), RecordedMemory(folder, recording)
        else:
            launcher = ReplayLauncher()
            feed = AuditedDay(read_recording(file), file, launcher)
        app = TradingApp(launcher, folder, clock=feed.clock, feed=feed, remembered=remembered)
        app.on_fault = keep_fault
        return run_app(app)

    guard(work)
