"""How to be a good neighbour: time-sliced write transactions.

While one connection holds the write lock, a running opencode stands still, and after five seconds
its user's turn fails. Measured (10 ms of work, 10 ms of pause): a writer next door waits 19 ms at
the 99th percentile and 80 ms at worst; with a pause under 5 ms SQLite's busy handler keeps missing
the gap and it waits up to 635 ms.

The pauses are for others. Where no other process has the database open and nobody types in this
one there are none; each gap between two transactions asks again, so whoever opens the database in
the middle meets one of them at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from threading import Event
from typing import TypeVar

import apsw

from tui.policy.plan import Step
from tui.store.company import Company
from tui.store.database import transaction

SLICE = 0.010
"""Seconds of work in one write transaction: opencode freezes while we hold the lock."""

PAUSE = 0.010
"""Seconds of rest between two write transactions, so that waiting writers get their turn."""

ATTENTION = 1.0
"""Seconds after a key in which the next one is expected: a pause is also when the thread that
answers keys gets processor and interpreter for itself."""

Deed = Callable[[], None]

T = TypeVar("T")

_typed = -ATTENTION
"""When somebody last typed, on the clock `time.monotonic`."""


def typed() -> None:
    """Somebody types in this process: whatever works meanwhile pauses for a while."""
    global _typed
    _typed = time.monotonic()


class Alone:
    """A deed that may last longer than a slice: it gets a transaction of its own, so that nobody
    waits for more than this one deed."""

    def __init__(self, deed: Deed) -> None:
        self._deed = deed

    def __call__(self) -> None:
        """Do it."""
        self._deed()


def in_slices(
    connection: apsw.Connection,
    deeds: Iterable[Deed],
    stop: Event,
    *,
    at_start: Deed | None = None,
    is_full: Callable[[], bool] = lambda: False,
) -> Iterator[int]:
    """Do small deeds in transactions of about SLICE seconds each.

    Yields the number done so far after every commit. Setting `stop` ends it after the
    transaction under way; what was committed stays. `at_start` runs first in every transaction,
    when nobody else can write any more; `is_full` ends one before its time.
    """
    company = Company(connection)
    waiting = iter(deeds)
    done = 0
    deed = next(waiting, None)
    while deed is not None and not stop.is_set():
        if done:
            rest(company)
        with transaction(connection):
            until = time.perf_counter() + SLICE
            if at_start is not None:
                at_start()
            while deed is not None:
                deed()
                done += 1
                before, deed = deed, next(waiting, None)
                is_over = time.perf_counter() >= until or is_full()
                if is_over or isinstance(before, Alone) or isinstance(deed, Alone):
                    break
        yield done


def rest(company: Company, since: float | None = None) -> None:
    """Leave the lock and the processor to others, if there are any: until PAUSE after `since` (of
    the clock `time.perf_counter`), or for PAUSE from now."""
    is_awaited = time.monotonic() - _typed < ATTENTION
    if is_awaited or not company.is_absent:
        passed = 0.0 if since is None else time.perf_counter() - since
        time.sleep(max(0.0, PAUSE - passed))


def as_steps(work: Generator[int, None, T], step: Step) -> Generator[Step, None, T]:
    """The result of work that only counts; meanwhile the same step, again and again."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
        yield step
