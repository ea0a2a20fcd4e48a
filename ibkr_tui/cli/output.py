"""What the command line says: data on stdout, talk on stderr, and an exit status that scripts can trust (design 3)."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.plain_values import plain_value
from ibkr_tui.model.text import clean


class Exit(IntEnum):
    """The exit statuses of the contract."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNKNOWN = 3
    BROKEN_ROW = 10
    CUT_TAIL = 11
    GAP = 12
    ORPHAN_INTENT = 13
    HANGUP = 129
    INTERRUPTED = 130
    QUIT = 131
    TERMINATED = 143


_USAGE_CODES: Final = frozenset(
    {
        "ACCOUNT_KIND_MISMATCH",
        "BAD_ARGUMENT",
        "BAD_NUMBER",
        "CONFIG_INVALID",
        "CONFIG_NOT_FOUND",
        "IBKR_KEY_INVALID",
        "IBKR_KEY_NOT_FOUND",
        "TOTP_SECRET_INVALID",
        "UNKNOWN_OPERATION",
        "UNKNOWN_TABLE",
    }
)


def exit_status(error: BrokerError) -> Exit:
    """The status a command ends with after `error`."""
    if error.code == "IBKR_ORDER_UNKNOWN":
        return Exit.UNKNOWN
    return Exit.USAGE if error.code in _USAGE_CODES else Exit.FAILED


def result_status(result: Any) -> Exit:
    """The status after a change that was done: FAILED where a sweep says that a part of it failed."""
    return Exit.FAILED if isinstance(result, Mapping) and result.get("failed") else Exit.DONE


def emit(document: Any) -> None:
    """Print one JSON document on a line of its own. Raises BrokenPipeError when nobody reads any more."""
    write_line(msgspec.json.encode(plain_value(document)))


def emit_result(result: Any) -> None:
    """Print the envelope of a call that was done."""
    emit({"ok": True, "result": result})


def emit_error(error: BrokerError) -> None:
    """Print the envelope of a call that was not."""
    emit({"ok": False, "error": msgspec.to_builtins(error.problem())})


def write_line(line: bytes) -> None:
    """Write a whole line and flush it: a reader in a pipe sees it when it is true."""
    sys.stdout.flush()
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def show(text: str = "") -> None:
    """Print a line for people on stdout."""
    write_line(text.encode())


def tell(text: str) -> None:
    """Say something to the person, on stderr, with whole words on a terminal. A closed stderr is no reason to fail."""
    try:
        shown = clean(text, limit=2000, lines=True)
        if sys.stderr.isatty():
            shown = _wrapped(shown, shutil.get_terminal_size().columns)
        sys.stderr.write(shown + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def _wrapped(text: str, width: int) -> str:
    """Each line broken between words, the rest of it indented as the line is; an address or a path stays in one."""
    lines = []
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(
            line, max(20, width), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [""]  # fmt: skip
    return "\n".join(lines)


def tell_error(error: BrokerError) -> None:
    """One clear message: what happened, the code, what to do."""
    tell(f"ibkr-tui: {clean(error.message, limit=1000)} ({error.code})\n{error.user_action}")


def table(rows: list[Mapping[str, str]]) -> str:
    """Rows with the same keys as aligned columns."""
    if not rows:
        return ""
    widths = {key: max(len(row[key]) for row in rows) for key in rows[0]}
    return "\n".join("  ".join(row[key].ljust(width) for key, width in widths.items()).rstrip() for row in rows)
