"""One thread, one queue: never two writers of ours at once; with pause and cancel, for the app."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import NamedTuple

from tui.engine import pace
from tui.engine.perform import perform
from tui.engine.site import Site
from tui.engine.waiting import must_wait, note, withdraw
from tui.policy.plan import Outcome, Plan, Step
from tui.store.database import SQLITE_EXCEPTIONS
from tui.store.holders import holders

LOOK_AGAIN = 1.0
"""Seconds between two looks whether a job that waits for opencode can begin."""

log = logging.getLogger("ocdu")


class JobStarted(NamedTuple):
    """A job left the queue."""

    job: int
    plan: Plan


class JobProgressed(NamedTuple):
    """A job has come further."""

    job: int
    plan: Plan
    step: Step


class JobFinished(NamedTuple):
    """A job ended, one way or the other."""

    job: int
    plan: Plan
    outcome: Outcome


WorkerEvent = JobStarted | JobProgressed | JobFinished


class Worker:
    """Carries plans out one after the other. Facts are posted from its thread."""

    def __init__(self, site: Site, post: Callable[[WorkerEvent], None]) -> None:
        self._site = site
        self._post = post
        self._queue: deque[tuple[int, Plan]] = deque()
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._stop = Event()
        self._go = Event()
        self._go.set()
        self._closed = False
        self.running: tuple[int, Plan] | None = None
        # A daemon: if a statement is deaf, quitting must not wait for it; SQLite rolls it back.
        self._thread = Thread(target=self._work, name="ocdu-worker", daemon=True)
        self._thread.start()

    def submit(self, plan: Plan) -> int:
        """Queue a plan; returns its job number."""
        if must_wait(plan):
            with suppress(OSError, *SQLITE_EXCEPTIONS):  # then it waits as long as the app is open
                note(self._site.ledger, plan.options.wish)
        with self._changed:
            job = next(self._numbers)
            self._queue.append((job, plan))
            self._changed.notify()
        return job

    def waiting(self) -> list[tuple[int, Plan]]:
        """Jobs not yet begun, in order."""
        with self._changed:
            return list(self._queue)

    @property
    def paused(self) -> bool:
        """True while the running job rests between two steps."""
        return not self._go.is_set()

    def pause(self) -> None:
        """Let the running job rest after its current step."""
        self._go.clear()

    def resume(self) -> None:
        """Let it go on."""
        self._go.set()

    def cancel(self, job: int | None = None) -> None:
        """Stop the running job between two steps, or take a waiting one out of the queue."""
        with self._changed:
            running = self.running
            wanted = [running] if running and job in (None, running[0]) else self._queue
            if any(plan.verb == "vacuum" and job in (None, number) for number, plan in wanted):
                with suppress(OSError, *SQLITE_EXCEPTIONS):
                    withdraw(self._site.ledger)
            if running and job in (None, running[0]):
                self._stop.set()
                self._go.set()
                return
            self._queue = deque(each for each in self._queue if each[0] != job)

    def typed(self) -> None:
        """Somebody types: jobs leave the processor to whoever answers."""
        pace.typed()

    def close(self, timeout: float = 1.0) -> bool:
        """Stop between two steps and end the thread; False when it did not end in time."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._stop.set()
            self._go.set()
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (next_job := self._next()) is not None:
            job, plan = next_job
            self._post(JobStarted(job, plan))
            outcome = self._carry_out(job, plan)
            with self._changed:
                self.running = None
            self._post(JobFinished(job, plan, outcome))

    def _next(self) -> tuple[int, Plan] | None:
        """The first job that can begin; None once closed."""
        with self._changed:
            while not self._closed:
                for each in self._queue:
                    if self._is_ready(each[1]):
                        self._queue.remove(each)
                        self._stop.clear()
                        self.running = each
                        return each
                self._changed.wait(LOOK_AGAIN if self._queue else None)
        return None

    def _is_ready(self, plan: Plan) -> bool:
        """A vacuum that must wait for opencode lets the others pass until the last one is gone."""
        return not (must_wait(plan) and holders(self._site.store.path))

    def _carry_out(self, job: int, plan: Plan) -> Outcome:
        steps = perform(plan, self._site, self._stop)
        try:
            while True:
                step = next(steps)
                self._post(JobProgressed(job, plan, step))
                self._go.wait()
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        except Exception:
            log.exception("The %s failed", plan.verb)
            with suppress(Exception):
                steps.close()
            return Outcome("failed", f"The {plan.verb} failed unexpectedly; the log says more.")
