"""The long search for Diffie-Hellman parameters of one's own, on a terminal: progress, and Ctrl-C at any moment."""

from __future__ import annotations

import sys
import time

from ibkr_tui.cli.output import tell
from ibkr_tui.core.keys import generation, safe_prime

_TELL_EVERY_S = 2.0


def search_group() -> tuple[int, int]:
    """A prime and its generator. Raises KeyboardInterrupt on Ctrl-C; nothing is written before it is found."""
    begun = told = time.monotonic()
    tell(
        f"Looking for a safe prime of {safe_prime.BITS} bits: about {safe_prime.EXPECTED_TRIES:,} numbers; luck "
        "decides. Ctrl-C stops; `--group group14` is as good and there at once."
    )
    goes_back = sys.stderr.isatty()

    def tried(count: int) -> bool:
        nonlocal told
        now = time.monotonic()
        if now - told >= _TELL_EVERY_S:
            told = now
            words = f"  {count:,} tried in {(now - begun) / 60:.1f} minutes"
            if goes_back:
                sys.stderr.write(f"\r{words}")
                sys.stderr.flush()
            else:
                tell(words)
        return True

    try:
        prime = safe_prime.search(tried)
    finally:
        if goes_back:
            sys.stderr.write("\n")
    assert prime is not None  # noqa: S101 - `tried` never says stop
    tell(f"Found after {(time.monotonic() - begun) / 60:.1f} minutes.")
    return prime, generation.GENERATOR
