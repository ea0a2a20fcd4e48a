"""What a crash may say: where it happened and of what type it was; no values, because values can be secrets."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from rich.console import RenderableType
from rich.text import Text
from textual import on
from textual.app import App
from textual.driver import Driver

from ibkr_tui.model.errors import BrokerError

_DEEPEST = 12


class FramesOnly(App[Any]):
    """An app whose crash report has frames only: the toolkit's prints local variables, secrets among them."""

    on_fault: Callable[[BaseException], str] = staticmethod(lambda error: "")
    """Whoever starts the app may keep a fault's frames; says where they are kept, if anywhere."""

    def _fatal_error(self) -> None:
        report = frames_only(self._exception)
        if self._exception is not None and (place := self.on_fault(self._exception)):
            report += f"\nThe same is kept in {place}"
        self._exit_renderables.append(Text(report, overflow="fold"))  # no end of a path is cut
        self._return_code = 1
        self._close_messages_no_wait()

    @on(Driver.SignalResume)
    def _paint_anew(self) -> None:
        """After a stop (SIGTSTP, then SIGCONT) the toolkit leaves the screen empty."""
        self.refresh(layout=True)

    def panic(self, *renderables: RenderableType) -> None:
        """A thread of the toolkit's has failed, most often because the terminal has gone."""
        self._return_code = 1
        self._close_messages_no_wait()


def frames_only(error: BaseException | None) -> str:
    """The report of `error`: file, line and function of its innermost frames, and its type."""
    if error is None:
        return "ibkr_tui: stopped by an unknown fault."
    frames = traceback.extract_tb(error.__traceback__, limit=-_DEEPEST)
    lines = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    what = str(error) if isinstance(error, BrokerError) else type(error).__qualname__
    if isinstance(error, BaseExceptionGroup):
        what += ": " + ", ".join(type(inner).__qualname__ for inner in error.exceptions)
    return "\n".join(["ibkr_tui stopped: this is a fault of ours. Frames, without values:", *lines, f"  {what}"])
