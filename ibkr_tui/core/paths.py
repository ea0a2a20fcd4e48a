"""Paths as people write them."""

from __future__ import annotations

from pathlib import Path


def expand(written: str) -> Path:
    """`~` is the home directory; `~name` of nobody stays as it is, and is then a file that does not exist."""
    try:
        return Path(written).expanduser()
    except RuntimeError:
        return Path(written)
