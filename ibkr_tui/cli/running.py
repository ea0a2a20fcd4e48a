"""Running one asynchronous command to its end, whatever ends it: its work, an error, a signal, a closed pipe."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

import click

from ibkr_tui.cli.output import Exit, emit_error, exit_status, tell_error
from ibkr_tui.model.errors import CATALOGUE, BrokerError

LOGGER = logging.getLogger(__name__)


def run_command(work: Callable[[], Coroutine[Any, Any, int]], *, json_errors: bool = False) -> NoReturn:
    """Run `work` and exit with its status.

    A BrokerError becomes one message on stderr, or with `json_errors` the envelope on stdout. SIGTERM ends the work in
    order and exits 143, Ctrl-C 130; when the reader of stdout has gone, the command is done.
    """
    guard(lambda: _run(work), json_errors=json_errors)


def guard(work: Callable[[], int], *, json_errors: bool = False) -> NoReturn:
    """As `run_command`, for work that needs no loop."""
    logging.getLogger("ibkr_tui").addHandler(logging.NullHandler())  # what the rooms log goes to a file, or nowhere
    try:
        status = work()
        sys.stdout.flush()
    except BrokerError as error:
        status = _say(error, json_errors=json_errors)
    except BrokenPipeError:
        _forget_stdout()
        status = Exit.DONE
    except KeyboardInterrupt:
        status = Exit.INTERRUPTED
    except (click.exceptions.Exit, click.ClickException, click.Abort):
        raise
    except Exception as error:
        log = _fault_log() or "nothing: the state directory can't be written"
        LOGGER.exception("a command failed")
        fault = BrokerError("INTERNAL", f"a fault of this program ({type(error).__name__}); see {log}")
        status = _say(fault, json_errors=json_errors)
    sys.exit(status)


def _run(work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    async def until_done() -> int:
        task = asyncio.current_task()
        terminated = False

        def terminate() -> None:
            nonlocal terminated
            terminated = True
            if task is not None:
                task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        try:
            return await work()
        except asyncio.CancelledError:
            if terminated:
                return Exit.TERMINATED
            raise

    return asyncio.run(until_done())


def _say(error: BrokerError, *, json_errors: bool) -> Exit:
    context = click.get_current_context(silent=True)
    if error.code == "BAD_ARGUMENT" and context is not None and context.info_name != "call":
        error.user_action = error.user_action.replace(
            CATALOGUE["BAD_ARGUMENT"].user_action, f"See `{context.command_path} --help`."
        )
    if json_errors:
        emit_error(error)
    else:
        tell_error(error)
    return exit_status(error)


def keep_fault(error: BaseException) -> str:
    """Write down the frames of a fault of the app's, and no values; where, or nothing where nothing can be written."""
    log = _fault_log()
    LOGGER.error("the app failed", exc_info=error)
    return str(log or "")


@functools.cache
def _fault_log() -> Path | None:
    """Where the frames of a fault go from now on (no local variable goes anywhere)."""
    from ibkr_tui.core.logs import log_to
    from ibkr_tui.core.state import state_root

    try:
        root = state_root(os.environ)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        log_to(root / "commands.log", os.environ, only_frames=True)
    except OSError:
        logging.getLogger().addHandler(logging.NullHandler())  # not stderr: it would show a traceback
        return None
    return root / "commands.log"


def _forget_stdout() -> None:
    """Nobody reads stdout any more: let the interpreter's last flush go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
