"""What every process of ours does first: no core dump, and no file that others could read."""

from __future__ import annotations

import contextlib
import os
import resource
import sys

PRIVATE_UMASK = 0o077


def leave_no_prompt() -> None:
    """PYTHONINSPECT would leave a Python prompt in the process that held the keys: begin anew without it."""
    if os.environ.pop("PYTHONINSPECT", ""):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this program itself


def harden() -> None:
    """Turn core dumps off for good, and take every right of others off files that are made from now on.

    A core dump would hold keys and tokens. Children inherit both.
    """
    os.umask(PRIVATE_UMASK)
    with contextlib.suppress(ValueError, OSError):  # it is as low as it gets already
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
