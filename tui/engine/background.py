"""One long SQLite statement in a thread beside the generator, with progress and cancellation.

SQLite says nothing during VACUUM INTO, quick_check or a checkpoint of gigabytes; the generator
goes on yielding steps meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from threading import Event, Thread
from typing import Generic, TypeVar

import apsw

from tui.policy.plan import Step

TICK = 0.05
"""Seconds between two looks at progress and at the stop event."""

T = TypeVar("T")


class _Work(Thread, Generic[T]):
    """A thread that keeps what its work returned or raised."""

    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.result: T | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:  # It is raised again in the generator.
            self.error = error


def in_background(
    work: Callable[[], T],
    interrupt: Callable[[], None],
    stop: Event,
    progress: Callable[[], Step],
) -> Generator[Step, None, T | None]:
    """Run `work` in a thread and yield progress until it ends; returns what it returned.

    When `stop` is set, or the generator is closed, `interrupt` is called until the thread has
    ended: an interrupt that comes late would hit the connection's next statement. Returns None
    when the work was interrupted; raises whatever else it raised.
    """
    thread = _Work(work)
    thread.start()
    try:
        # At least one step: however fast it was, who watches hears of the phase.
        yield progress()
        thread.join(TICK)
        while thread.is_alive() and not stop.is_set():
            yield progress()
            thread.join(TICK)
    finally:
        while thread.is_alive():
            interrupt()
            thread.join(TICK)
    if isinstance(thread.error, apsw.InterruptError):
        return None
    if thread.error is not None:
        raise thread.error
    return thread.result


def interrupting(connection: apsw.Connection) -> Callable[[], None]:
    """An interrupt of this connection that does not mind when it is closed already."""

    def interrupt() -> None:
        try:
            connection.interrupt()
        except apsw.ConnectionClosedError:
            return

    return interrupt
