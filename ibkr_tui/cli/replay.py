"""`ibkr-tui replay FILE`: a day that `audit export` wrote, through the app's own screens, offline."""

from __future__ import annotations

from pathlib import Path

import click

from ibkr_tui.cli.running import guard
from ibkr_tui.cli.selection import Selection


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def replay(selection: Selection, file: Path) -> None:
    """The app on FILE, which `ibkr-tui audit export` wrote: no core, no network, and nothing can be sent.

    Space pauses, > and < change the speed, n goes to the next row, 0 begins again.
    """

    def work() -> int:
        from ibkr_tui.core.state import state_root
        from ibkr_tui.tui.app import TradingApp
        from ibkr_tui.tui.replay.feed import ReplayFeed, ReplayLauncher
        from ibkr_tui.tui.replay.recording import read_recording
        from ibkr_tui.tui.terminal import run_app

        launcher = ReplayLauncher()
        feed = ReplayFeed(read_recording(file), file, launcher)
        return run_app(TradingApp(launcher, state_root(selection.environ), clock=feed.clock, feed=feed))

    guard(work)
