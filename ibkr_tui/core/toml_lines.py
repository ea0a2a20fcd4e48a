"""Where a key stands in a TOML text: `tomllib` and msgspec name no lines, and a person needs one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_TABLE: Final = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?")
_KEY: Final = re.compile(
    r"^\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*="
)
_PART: Final = re.compile(r"\"[^\"]*\"|'[^']*'|[^.\s]+")


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def line_of(text: str, path: Sequence[str]) -> int:
    """The 1-based line where `path` is set, or else the line of its nearest parent; 1 when none is written."""
    wanted = tuple(path)
    best, best_depth = 1, 0
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if found := _TABLE.match(line):
            table = _parts(found[1])
            here = table
        elif found := _KEY.match(line):
            here = table + _parts(found[1])
        else:
            continue
        depth = min(len(here), len(wanted))
        if best_depth < depth and here[:depth] == wanted[:depth]:
            best, best_depth = number, depth
    return best
