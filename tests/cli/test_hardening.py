"""What the environment of a process wants and does not get."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any


def test_no_prompt_is_left_behind(terminal: Callable[..., Any]) -> None:
    """Fault P16: with PYTHONINSPECT the interpreter would go on when the command is done, with all that it knows."""
    shown = terminal("config", "path", environ=dict(os.environ) | {"PYTHONINSPECT": "1"})
    assert shown.wait() == 0
    assert b"config.toml" in shown.seen
    assert b">>>" not in shown.seen and b"Traceback" not in shown.seen
