"""Request limits (reference section 5): always counted, enforced with 429 only when asked for."""

from __future__ import annotations

import re
from collections import Counter, deque

# Path under /v1/api, requests allowed, in how many seconds.
_LIMITS: tuple[tuple[re.Pattern[str], int, float], ...] = tuple(
    (re.compile(pattern), count, seconds)
    for pattern, count, seconds in (
        (r"/fyi/.*", 1, 1.0),
        (r"/iserver/account/orders", 1, 5.0),
        (r"/iserver/account/trades", 1, 5.0),
        (r"/iserver/account/pnl/partitioned", 1, 5.0),
        (r"/portfolio/accounts", 1, 5.0),
        (r"/portfolio/subaccounts", 1, 5.0),
        (r"/iserver/marketdata/snapshot", 10, 1.0),
        (r"/iserver/scanner/params", 1, 900.0),
        (r"/iserver/scanner/run", 1, 1.0),
        (r"/pa/(performance|summary|transactions)", 1, 900.0),
        (r"/sso/validate", 1, 60.0),
        (r"/tickle", 1, 1.0),
    )
)
GLOBAL = (10, 1.0)


class Pacing:
    """Sliding windows a user and a limit."""

    def __init__(self, enforce: bool) -> None:
        self.enforce = enforce
        self.violations: Counter[str] = Counter()
        self._windows: dict[tuple[str, str], deque[float]] = {}

    def allows(self, user: str, path: str, now: float) -> bool:
        """Count a request; False if it must be answered 429."""
        broken = self._broken(user, "*", *GLOBAL, now)
        for pattern, count, seconds in _LIMITS:
            if pattern.fullmatch(path):
                broken = self._broken(user, path, count, seconds, now) or broken
        return not (broken and self.enforce)

    def _broken(self, user: str, name: str, count: int, seconds: float, now: float) -> bool:
        window = self._windows.setdefault((user, name), deque())
        while window and now - window[0] >= seconds:
            window.popleft()
        if len(window) >= count:
            self.violations[name] += 1
            if self.enforce:
                return True
        window.append(now)
        return len(window) > count
