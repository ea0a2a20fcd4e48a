"""What every process of ours does first: no core dump, and no file that others could read."""

from __future__ import annotations

import contextlib
import os
import resource

PRIVATE_UMASK = 0o077


def harden() -> None:
    """Turn core dumps off for good, and take every right of others off files that are made from now on.

    A core dump would hold keys and tokens. Children inherit both.
    """
    os.umask(PRIVATE_UMASK)
    with contextlib.suppress(ValueError, OSError):  # it is as low as it gets already
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
