"""What happens to everybody at once: maintenance, the nightly reset, the penalty box (reference sections 3 and 5)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from starlette.responses import Response

from ibkr_tui.sim.clock import Clock
from ibkr_tui.sim.spoiling import HTML


@dataclass
class Outages:
    """Which of them is in force. Times are seconds of the clock's monotonic side."""

    clock: Clock
    maintenance: bool = False
    resets_until: float = 0.0
    boxed_until: float = 0.0

    @property
    def resets(self) -> bool:
        """A nightly reset is under way: who is logged in stays so, but no brokerage session opens."""
        return self.clock.monotonic() < self.resets_until

    def reset(self, seconds: float) -> None:
        """Begin a nightly reset."""
        self.resets_until = self.clock.monotonic() + seconds

    def box(self, seconds: float) -> None:
        """Put everybody into the penalty box; no seconds let them out."""
        self.boxed_until = self.clock.monotonic() + seconds

    def answer(self, path: str) -> Response | None:
        """What a request gets instead of its handler's answer."""
        if self.maintenance:
            return Response(HTML, 503, media_type="text/html")
        left = self.boxed_until - self.clock.monotonic()
        if left > 0:
            return Response(b"", 429, {"Retry-After": str(math.ceil(left))})
        if self.resets and path.startswith("/iserver/") and not path.startswith("/iserver/auth/"):
            return Response(b'{"error":"Service Unavailable","statusCode":503}', 503, media_type="application/json")
        return None
