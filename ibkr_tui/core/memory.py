"""How much memory this process holds."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")


def resident_mb() -> int:
    """Megabytes in memory now; where the system does not tell that, the most there have been."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most // (1_000_000 if sys.platform == "darwin" else 1000)
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000
