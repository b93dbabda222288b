"""The newest few of a search that meets them in any order: what comes later and is older than all
of them need not be looked at, nor kept."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from itertools import count
from typing import Generic, TypeVar

from tui.records import Hit

Found = TypeVar("Found")


class Newest(Generic[Found]):
    """At most `limit` of what was added, the newest by time, then by id of the part."""

    def __init__(self, limit: int | None, hit_of: Callable[[Found], Hit]) -> None:
        """`limit` None keeps all."""
        self._limit = limit
        self._hit_of = hit_of
        self._numbers = count()
        self._heap: list[tuple[int, str, int, Found]] = []

    def add(self, found: Iterable[Found]) -> None:
        """Keep those that are newer than the oldest one kept so far."""
        for each in found:
            hit = self._hit_of(each)
            # The first found of two fields of one row comes first, as in the row.
            heapq.heappush(self._heap, (hit.time, hit.part_id, -next(self._numbers), each))
            if self._limit is not None and len(self._heap) > self._limit:
                heapq.heappop(self._heap)

    def since(self) -> int:
        """From when on (ms) a further one counts; 0 while there is room for any."""
        is_full = self._limit is not None and len(self._heap) >= self._limit
        return self._heap[0][0] if is_full and self._heap else 0

    def found(self) -> list[Found]:
        """Those that were kept, the newest first."""
        return [each for *_, each in sorted(self._heap, key=lambda kept: kept[:3], reverse=True)]


def any_time() -> int:
    """For a search that wants all: rows of any time count."""
    return 0
