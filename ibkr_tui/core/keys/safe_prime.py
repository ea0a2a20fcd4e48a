"""The long search for a 2048-bit safe prime, with its progress, in steps that can be stopped at any moment."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

BITS: Final = 2048
SIEVED_UP_TO: Final = 1 << 16
SPAN: Final = 1 << 14
"""Numbers looked at from one random start."""
EXPECTED_TRIES: Final = 1300
"""About how many candidates are tested before one is found; luck decides."""
_ROUNDS: Final = 8
_TELL_EVERY_S: Final = 0.5


def search(tried: Callable[[int], bool]) -> int | None:
    """A safe prime p = 2q + 1 with both prime and 2 of order q; None when `tried(count)` said False."""
    count = 0
    while True:
        for half in _candidates(secrets.randbits(BITS - 1) | 3 << (BITS - 3) | 1):
            count += 1
            if not tried(count):
                return None
            if pow(2, half - 1, half) == 1 and pow(2, half, 2 * half + 1) == 1 and _is_prime(half):
                return 2 * half + 1


def _candidates(start: int) -> Iterator[int]:
    """Numbers q from `start` on with neither q nor 2q + 1 divisible by a small prime, and 2q + 1 ≡ 7 (mod 8)."""
    start += (3 - start) % 4  # then 2 is a square modulo p, and generates the large subgroup
    bad = bytearray(SPAN)
    for prime in _SMALL:
        inverse = pow(4, -1, prime)
        for rest in (0, (prime - 1) // 2):
            bad[(rest - start) * inverse % prime :: prime] = b"\1" * len(
                range((rest - start) * inverse % prime, SPAN, prime)
            )
    return (start + 4 * step for step in range(SPAN) if not bad[step])


def _is_prime(number: int) -> bool:
    """Miller-Rabin with random bases."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(_ROUNDS):
        value = pow(secrets.randbelow(number - 3) + 2, odd, number)
        if value in {1, number - 1}:
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True


def _sieve(most: int) -> list[int]:
    flags = bytearray([1]) * (most + 1)
    for number in range(2, int(most**0.5) + 1):
        if flags[number]:
            flags[number * number :: number] = bytes(len(range(number * number, most + 1, number)))
    return [number for number in range(3, most + 1) if flags[number]]


_SMALL: Final = _sieve(SIEVED_UP_TO)


def main() -> None:
    """For a process that only searches: `tried N` now and then, `prime HEX` at the end. Ends with its reader."""
    with contextlib.suppress(OSError):
        os.nice(10)
    told = 0.0

    def tried(count: int) -> bool:
        nonlocal told
        if time.monotonic() - told >= _TELL_EVERY_S:
            told = time.monotonic()
            sys.stdout.write(f"tried {count}\n")
            sys.stdout.flush()
        return True

    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        found = search(tried)
        sys.stdout.write(f"prime {found:x}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
