"""`ibkr-tui watch`: tables as JSON lines, live, until it is told to stop or nobody reads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import stat
import sys
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import click

from ibkr_tui.cli.output import Exit, emit, tell
from ibkr_tui.cli.running import run_command
from ibkr_tui.cli.selection import Selection
from ibkr_tui.model.boards import LOGS, TABLES
from ibkr_tui.model.errors import CATALOGUE, BrokerError
from ibkr_tui.model.health import Health, SessionState
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.table import TableDelta
from ibkr_tui.tui.launcher import Attachment


@click.command()
@click.argument("tables", metavar="TABLE...", nargs=-1, required=True)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Stop after N lines.")
@click.pass_obj
def watch(selection: Selection, tables: tuple[str, ...], count: int | None) -> None:
    """Follow TABLEs: one JSON object a line, {"table", "key", "row"}; row is null when it has gone.

    Tables: quotes depth alerts orders positions account pnl health guards questions; fills, events, audit and tape
    (sampled) give each new entry once.
    """
    run_command(lambda: _watch(selection, tables, count))


async def _watch(selection: Selection, names: tuple[str, ...], count: int | None) -> int:
    from ibkr_tui.cli.launching import CALL_LEAVE_AFTER_S, CoreLauncher
    from ibkr_tui.link import client

    unknown = [name for name in names if name not in TABLES and name not in LOGS]
    if unknown:
        known = ", ".join((*TABLES, *LOGS))
        raise BrokerError("UNKNOWN_TABLE", f"there is no table “{unknown[0][:40]}”; there are: {known}")
    launcher = CoreLauncher(selection.load(), selection.environ, leave_after=CALL_LEAVE_AFTER_S)
    place: Attachment = await launcher.attach(lambda _: None)
    items = client.watch(
        place.socket_path,
        tables=sorted({name for name in names if name in TABLES} | {"health"}),
        logs={name: -1 for name in names if name in LOGS},
        fingerprint=place.fingerprint,
        face="watch",
        face_id=uuid.uuid4().hex,
    )
    with _unread_stdout_ends_this():
        async with contextlib.aclosing(items) as opened:
            return await _print(opened, names, count)


async def _print(items: AsyncIterator[Any], names: tuple[str, ...], count: int | None) -> int:
    left, printed = count, False
    async for item in items:
        if isinstance(item, TableDelta):
            if item.table == "health" and not printed:
                _end_if_blocked(item.rows.values(), names)
            if item.table == "quotes" and item.full and not item.rows:
                tell("ibkr-tui: nothing is subscribed; `ibkr-tui call subscribe_tick symbol=…` makes quotes flow")
            if item.table not in names:
                continue
            lines = [*item.rows.items(), *((key, None) for key in item.gone)]
            name = item.table
        elif isinstance(item, LogPage):
            lines = [(str(item.first + n), entry) for n, entry in enumerate(item.entries)]
            name = item.log
            if item.missed:
                tell(f"ibkr-tui: {item.missed} entries of {name} were missed")
        else:
            tell(f"ibkr-tui: the core has left: {item.reason}")
            continue
        for key, row in lines:
            emit({"table": name, "key": key, "row": row})
            printed = True
            if left is not None:
                left -= 1
                if left == 0:
                    return Exit.DONE
    raise BrokerError("CORE_UNREACHABLE", "the core has gone")


def _end_if_blocked(rows: Iterable[Health], names: tuple[str, ...]) -> None:
    """A core that cannot log in has nothing to tell but that. Raises BrokerError with its reason."""
    for health in rows:
        if "health" not in names and health.session in {SessionState.BLOCKED, SessionState.COMPETING}:
            code = health.code if health.code in CATALOGUE else "IBKR_NO_SESSION"
            raise BrokerError(code, health.message.removesuffix(CATALOGUE[code].user_action).rstrip(". "))


@contextlib.contextmanager
def _unread_stdout_ends_this() -> Iterator[None]:
    """Notice at once, even in a quiet market, that the reader of a pipe has gone. Raises BrokenPipeError then."""
    loop, task, descriptor = asyncio.get_running_loop(), asyncio.current_task(), sys.stdout.fileno()
    gone = False

    def reader_may_have_gone() -> None:
        nonlocal gone
        loop.remove_reader(descriptor)
        poll = select.poll()
        poll.register(descriptor, 0)
        gone = any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
        if gone and task is not None:
            task.cancel()

    is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    if is_pipe:
        loop.add_reader(descriptor, reader_may_have_gone)
    try:
        yield
    except asyncio.CancelledError:
        if gone:
            raise BrokenPipeError from None
        raise
    finally:
        if is_pipe:
            loop.remove_reader(descriptor)
