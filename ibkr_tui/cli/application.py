"""The app itself: on the chosen profile, on the demo, or the welcome of someone who has no configuration yet."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ibkr_tui.cli.output import Exit
from ibkr_tui.cli.running import guard, keep_fault
from ibkr_tui.cli.selection import Chosen, Selection

if TYPE_CHECKING:
    from ibkr_tui.cli.demo import DemoLauncher
    from ibkr_tui.tui.settings import UiSettings


def run_application(selection: Selection) -> NoReturn:
    """The app on the profile; without any configuration the welcome. Exits."""

    if not selection.exists():
        _welcome(selection)
    guard(lambda: _run_profile(selection))


def _run_profile(selection: Selection) -> int:
    chosen = selection.load()
    settings = ui_settings(chosen, spare=selection.low_bandwidth)
    if settings.low_bandwidth:
        spare_colours()

    from ibkr_tui.cli.launching import CoreLauncher
    from ibkr_tui.core.state import state_root
    from ibkr_tui.tui.app import TradingApp
    from ibkr_tui.tui.terminal import run_app

    launcher = CoreLauncher(chosen, selection.environ, leave_after=None)
    app = TradingApp(launcher, state_root(selection.environ), settings)
    app.on_fault = keep_fault
    return run_app(app)


def _welcome(selection: Selection) -> NoReturn:
    """The welcome, and the demo or the set-up if one is chosen there. Exits."""

    def work() -> int:
        from ibkr_tui.core.config import default_path
        from ibkr_tui.tui.screens.welcome import DEMO, SETUP, WelcomeApp
        from ibkr_tui.tui.terminal import run_app

        app = WelcomeApp(default_path(selection.environ), example_configuration())
        status = run_app(app)
        if status == Exit.DONE and app.return_value == DEMO:
            from ibkr_tui.cli.demo import DEFAULT_SEED, DemoLauncher

            return _run_demo(DemoLauncher(DEFAULT_SEED, selection.environ), spare=selection.low_bandwidth)
        if status == Exit.DONE and app.return_value == SETUP:
            from ibkr_tui.cli.setup import Setup, run_setup

            run_setup(Setup(selection))
        return status

    guard(work)


def run_demo(launcher: DemoLauncher, *, spare: bool = False) -> NoReturn:
    """The app on the demo, which is gone afterwards; `spare`: on a slow line. Exits."""
    guard(lambda: _run_demo(launcher, spare=spare))


def _run_demo(launcher: DemoLauncher, *, spare: bool = False) -> int:
    try:
        launcher.begin()
        if spare:
            spare_colours()

        from ibkr_tui.tui.app import TradingApp
        from ibkr_tui.tui.settings import UiSettings
        from ibkr_tui.tui.terminal import run_app

        return run_app(TradingApp(launcher, launcher.place / "app", UiSettings(low_bandwidth=spare)))
    finally:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):  # cleaning up is not interrupted
            signal.signal(number, signal.SIG_IGN)
        launcher.close()


def example_configuration() -> str:
    """The documented example: beside this file once it is built, at the top of a checkout."""
    built = Path(__file__).with_name("config.example.toml")
    return (built if built.is_file() else Path(__file__).parents[2] / built.name).read_text(encoding="utf-8")


def spare_colours() -> None:
    """On a slow line 256 colours instead of millions: a fifth fewer bytes. Before the toolkit is loaded, which looks
    once; what a person has chosen stays."""
    if os.environ.get("COLORTERM", "").lower() in {"truecolor", "24bit"}:
        os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", "256")


def ui_settings(chosen: Chosen, *, spare: bool = False) -> UiSettings:
    """The app's settings; a theme that nobody wrote into the file leaves the choice to what the app remembers.
    `spare`: the line is slow, whatever the file says."""
    from ibkr_tui.tui.settings import UiSettings

    ui = chosen.profile.ui
    is_written = chosen.config.provenance.get("ui.theme", "default") != "default"
    theme = ui.theme if is_written else ""
    return UiSettings(
        theme=theme,
        fps=ui.fps,
        keymap=ui.keymap,
        mask_account=ui.mask_account,
        low_bandwidth=spare or ui.low_bandwidth,
    )
