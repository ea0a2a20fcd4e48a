"""Who looks at what: each face says the whole set of instruments it shows, and leaves with all of it (design 7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator


class Looking:
    """Instruments by the number of those who look. An owner is a face, or a room of the core that needs prices."""

    def __init__(self) -> None:
        self._sets: dict[str, frozenset[int]] = {}
        self._count: Counter[int] = Counter()

    def __contains__(self, conid: int) -> bool:
        return self._count[conid] > 0

    def __iter__(self) -> Iterator[int]:
        return iter(list(self._count))

    def of(self, owner: str) -> frozenset[int]:
        """What `owner` looks at."""
        return self._sets.get(owner, frozenset())

    def replace(self, owner: str, conids: Iterable[int]) -> None:
        """From now on `owner` looks at these and at nothing else."""
        before, now = self.of(owner), frozenset(conids)
        self._count.update(now - before)
        self._count.subtract(before - now)
        self._count += Counter()  # drops those that nobody looks at
        if now:
            self._sets[owner] = now
        else:
            self._sets.pop(owner, None)

    def leave(self, owner: str) -> None:
        """`owner` has gone."""
        self.replace(owner, ())
