"""Runs an app on the terminal and gives the terminal back, whatever ends it: a key, a signal, a crash."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import locale
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

from textual.app import App

_UNMEANT: Final = (signal.SIGUSR1, signal.SIGUSR2)
"""Signals that mean nothing here: by themselves they would end a program without giving its terminal back."""
STATUS: Final = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGQUIT: 131}
RESTORE_S: Final = 0.4
LEAVE_S: Final = 4.0
STANDS_AFTER_S: Final = 2.5
_TRIES: Final = 100
_LEAVE_ALTERNATE: Final = "\x1b[?1049l"
_RESTORE: Final = (
    # CAN ends a sequence that was cut; synchronised output and in-band resizes are ended too
    "\x18\x1b[?2026l\x1b[?2048l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[?1004l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?7h"
)


def run_app(app: App[Any], *, inline: bool = False) -> int:
    """Run `app` and return the exit status: the app's own, 1 after a crash, 2 without a terminal, 128 + a signal.

    `inline`: under the prompt, without the alternate screen and without the mouse, so that text can be selected.
    """
    problem = terminal_problem()
    if problem:
        sys.stderr.write(problem + "\n")
        return 2
    saved = termios.tcgetattr(sys.stdin.fileno())
    leaving = _Leaving(app, saved, inline=inline)
    with leaving.on_signals():
        try:
            asyncio.run(leaving.drive())
        except KeyboardInterrupt:
            return STATUS[signal.SIGINT]
        finally:
            leaving.done()
            with contextlib.suppress(termios.error):  # a SIGSTOP has made the toolkit remember its own modes as ours
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, saved)
    if leaving.status is not None:
        return leaving.status
    if app.return_code:
        return app.return_code
    return app.return_value if isinstance(app.return_value, int) else 0


def stay_smooth(loop: asyncio.AbstractEventLoop) -> None:
    """What is there once the app stands is there until it ends: the collector, whose full passes over it hold up a
    frame, need not look at it again."""
    loop.call_later(STANDS_AFTER_S, gc.freeze)


def terminal_problem() -> str:
    """Why no full-screen app can run here; empty when one can."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return "ibkr-tui: this needs a terminal. For scripts there is `ibkr-tui call`; see `ibkr-tui --help`."
    if os.environ.get("TERM", "") in {"", "dumb", "unknown"}:
        return "ibkr-tui: this terminal says it cannot draw (TERM). Set TERM, for example to xterm-256color."
    encoding = (getattr(sys.__stderr__, "encoding", None) or locale.getpreferredencoding(False)).lower()
    if "utf" not in encoding:
        return f"ibkr-tui: the locale's encoding is {encoding}. Set LANG to a UTF-8 locale, for example C.UTF-8."
    return ""


class _Leaving:
    """Ends the app on a signal. An app that takes longer than `RESTORE_S` loses the terminal, which is given back at
    once; one that takes longer than `LEAVE_S` is ended: a terminal that nobody reads blocks it."""

    def __init__(self, app: App[Any], saved: list[Any], *, inline: bool = False) -> None:
        self._app = app
        self._inline = inline
        # Leaving an alternate screen that was never entered would move the cursor to where it was long ago.
        self._restore = (_RESTORE.replace(_LEAVE_ALTERNATE, "\r\n") if inline else _RESTORE).encode()
        self._saved = saved
        # The numbers, now: while an app runs, sys.stderr is the toolkit's and has none.
        self._input, self._output = sys.stdin.fileno(), sys.stderr.fileno()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timers: list[threading.Timer] = []
        self.status: int | None = None

    async def drive(self) -> None:
        """Run the app in this loop."""
        self._loop = asyncio.get_running_loop()
        stay_smooth(self._loop)
        if self.status is None:
            await self._app.run_async(inline=self._inline, mouse=not self._inline)

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Handle the signals that ask a program to go, and put the old handlers back."""
        before = {number: signal.signal(number, self._asked) for number in STATUS}
        before |= {number: signal.signal(number, signal.SIG_IGN) for number in _UNMEANT}
        over, end = os.pipe()
        threading.Thread(target=self._wait_for_hangup, args=(over,), name="terminal-hangup", daemon=True).start()
        try:
            yield
        finally:
            os.close(end)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _wait_for_hangup(self, over: int) -> None:
        """A terminal can go without a signal (nohup, setsid), and the toolkit would read its end for ever."""
        poll = select.poll()
        poll.register(self._input, 0)
        poll.register(over, 0)  # its other end is closed when the app is done
        found = dict(poll.poll())
        os.close(over)
        if over not in found and found.get(self._input, 0) & (select.POLLHUP | select.POLLERR):
            self._asked(signal.SIGHUP, None)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        # A plain handler, not the loop's: it runs even while the loop waits for a terminal that takes no more.
        if self.status is not None:
            return
        self.status = STATUS[signal.Signals(number)]
        self._timers = [threading.Timer(RESTORE_S, self._give_back), threading.Timer(LEAVE_S, self._end_now)]
        for timer in self._timers:
            timer.daemon = True
            timer.start()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._app.exit)

    def _give_back(self) -> None:
        """The terminal as it was; what the app still writes goes nowhere."""
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._input, termios.TCSANOW, self._saved)
        with contextlib.suppress(OSError, termios.error):
            # A description of its own: not to block is nothing that the shell after us should inherit.
            terminal = os.open(os.ttyname(self._output), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._output)
            for _ in range(_TRIES):
                termios.tcflush(terminal, termios.TCOFLUSH)  # pictures that nobody has read are of no use any more
                with contextlib.suppress(BlockingIOError):
                    if os.write(terminal, self._restore) == len(self._restore):
                        break
                threading.Event().wait(0.001)  # a picture is still being written, and goes on where room is made

    def _end_now(self) -> None:
        os._exit(self.status or 1)

    def done(self) -> None:
        """The app has ended by itself."""
        for timer in self._timers:
            timer.cancel()
