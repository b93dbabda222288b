"""One long SQLite statement in a thread beside the generator, with progress and cancellation.

SQLite says nothing during VACUUM INTO, quick_check or a checkpoint of gigabytes; the generator
goes on yielding steps meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from threading import Event, Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

import apsw

from tui.policy.plan import Step

TICK = 0.05
"""Seconds between two looks at progress and at the stop event."""

WHOLE = 1000
"""Parts of a whole in progress."""

T = TypeVar("T")


class Beside(Thread, Generic[T]):
    """Work in a thread of its own for the length of a `with` block; leaving it ends the work.

    `interrupt` is called until the thread has ended: an interrupt that comes late would hit the
    connection's next statement.
    """

    def __init__(self, work: Callable[[], T], interrupt: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._interrupt = interrupt
        self._found: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """What the thread does; whatever it raises is raised by `result`."""
        try:
            self._found = self._work()
        except BaseException as error:
            self._error = error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self.is_alive():
            self._interrupt()
            self.join(TICK)

    def is_done(self, patience: float = TICK) -> bool:
        """Whether the work ends within so many seconds."""
        self.join(patience)
        return not self.is_alive()

    def result(self) -> T | None:
        """What the work returned, None when it was interrupted; raises whatever else it raised."""
        if isinstance(self._error, apsw.InterruptError):
            return None
        if self._error is not None:
            raise self._error
        return self._found


def in_background(
    work: Callable[[], T],
    interrupt: Callable[[], None],
    stop: Event,
    progress: Callable[[], Step],
) -> Generator[Step, None, T | None]:
    """Run `work` in a thread and yield progress until it ends; returns what it returned.

    When `stop` is set, or the generator is closed, the work is interrupted. Returns None then;
    raises whatever else it raised.
    """
    with Beside(work, interrupt) as thread:
        # At least one step: however fast it was, who watches hears of the phase.
        yield progress()
        while not thread.is_done() and not stop.is_set():
            yield progress()
    return thread.result()


def interrupting(connection: apsw.Connection) -> Callable[[], None]:
    """An interrupt of this connection that does not mind when it is closed already."""

    def interrupt() -> None:
        try:
            connection.interrupt()
        except apsw.ConnectionClosedError:
            return

    return interrupt


def as_a_whole(
    steps: Generator[Step, None, T], shares: Mapping[str, tuple[float, float]]
) -> Generator[Step, None, T]:
    """The same steps, counted as parts of the whole, so that what is left can be told.

    `shares` says from where to where in the whole (0 to 1) a phase goes. Until one that begins at 0
    has begun, and for phases that are not named, steps stay as they are.
    """
    reached, begun = 0.0, False
    try:
        while True:
            step = next(steps)
            start, end = shares.get(step.phase, (1.0, 1.0))
            begun = begun or start == 0
            if begun and step.phase in shares:
                part = step.done / step.total if step.total else 0.0
                reached = max(reached, start + (end - start) * part)
                step = replace(step, done=int(reached * WHOLE), total=WHOLE)
            yield step
    except StopIteration as ended:
        found: T = ended.value
        return found
    finally:
        steps.close()
