"""One thread, one queue: never two writers of ours at once.

`perform` carries out any plan and keeps the journal; the command line drives it directly. `Worker`
does so on a thread of its own, with pause and cancel, for the app.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

from tui.engine.archive import apply_archive, apply_unarchive, intended_undo
from tui.engine.checkpoint import apply_checkpoint
from tui.engine.files import apply_files
from tui.engine.incremental import is_incremental
from tui.engine.journal import noted, settle, told, told_outcome
from tui.engine.leftovers import note_folder
from tui.engine.projects import apply_relink, apply_remove_project
from tui.engine.prune import apply_prune
from tui.engine.reclaim import apply_reclaim
from tui.engine.recover import apply_recover
from tui.engine.recovery import put_right_here, recover
from tui.engine.rescue import apply_rescue
from tui.engine.site import Site
from tui.engine.trash import apply_empty, apply_restore
from tui.engine.undo import again, apply_redo, apply_undo
from tui.engine.vacuum import apply_vacuum, vacuum_facts
from tui.engine.waiting import is_patient, its_turn, must_wait, note, settled, withdraw
from tui.errors import OcduError
from tui.policy.plan import Ending, Outcome, Plan, Step
from tui.policy.vacuum import VacuumDecision, plan_vacuum
from tui.store.database import SQLITE_EXCEPTIONS, explained
from tui.store.holders import holders
from tui.store.size_cache import forget_usage

Engine = Callable[[Plan, Site, Event], Generator[Step, None, Outcome]]

ENGINES: dict[str, Engine] = {
    "archive": apply_archive,
    "unarchive": apply_unarchive,
    "prune": apply_prune,
    "reclaim": lambda plan, site, stop: apply_reclaim(
        plan, site.store, stop, files=site.files, ledger=site.ledger
    ),
    "vacuum": lambda plan, site, stop: apply_vacuum(plan, site.store, stop),
    "checkpoint": lambda plan, site, stop: apply_checkpoint(plan, site.store, stop),
    "files": apply_files,
    "restore": apply_restore,
    "empty": apply_empty,
    "recover": apply_recover,
    "relink": apply_relink,
    "remove_project": apply_remove_project,
    "rescue": lambda plan, site, stop: apply_rescue(plan, site, stop, _one_of_many),
    "undo": apply_undo,
    "redo": apply_redo,
}
"""Who carries out a plan of which verb."""

REWRITES = ("vacuum", "reclaim", "undo", "redo", "restore")
"""Verbs after which remembered sizes no longer hold although their fingerprints would: rows change
in place, or get new rowids."""

FREES_PAGES = ("prune", "reclaim", "rescue")
"""Verbs after which an incremental file gives pages back by itself."""

LOOK_AGAIN = 1.0
"""Seconds between two looks whether a job that waits for opencode can begin."""

log = logging.getLogger("ocdu")


def perform(
    plan: Plan, site: Site, stop: Event, *, engine: Engine | None = None
) -> Generator[Step, None, Outcome]:
    """Carry a plan out and write the journal around it; expected failures become outcomes.

    `engine` replaces the one the verb names, for options a plan does not carry.
    """
    if plan.refused:
        return Outcome("refused", plan.message, excluded=plan.excluded)
    if not plan.items:
        return Outcome("nothing", plan.message, excluded=plan.excluded)
    engine = engine or ENGINES[plan.verb]
    try:
        # Whoever only waits must not keep another ocdu from working.
        yield from its_turn(plan, site, stop)
        outcome = yield from _with_lock(plan, site, stop, engine)
        while is_patient(plan) and outcome.details.get("crowded") and not stop.is_set():
            yield from its_turn(plan, site, stop, crowded=True)
            outcome = yield from _with_lock(plan, site, stop, engine)
        return settled(plan, outcome, site)
    except OcduError as error:
        return _failed(error)
    except (OSError, *SQLITE_EXCEPTIONS) as error:
        return _failed(explained(error, site.store.path))


def _with_lock(
    plan: Plan, site: Site, stop: Event, engine: Engine
) -> Generator[Step, None, Outcome]:
    with site.ledger.exclusive():
        for sentence in put_right_here(site):
            log.warning("%s", sentence)
        if isinstance(plan.options, VacuumDecision) and plan.options.wish.temp_dir:
            note_folder(site, Path(plan.options.wish.temp_dir))
        outcome = yield from _journalled(plan, site, stop, engine)
        if plan.verb in FREES_PAGES and outcome.ending in ("done", "partial"):
            return (yield from _given_back(outcome, site, stop))
        return outcome


def _given_back(outcome: Outcome, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """An incremental file gives its free pages back at once, in slices nobody notices."""
    with site.store.reading() as db:
        wanted = is_incremental(db.connection()) and not stop.is_set()
    plan = plan_vacuum(vacuum_facts(site.store, asked=False)) if wanted else None
    if plan is None or not plan.items:
        return outcome
    try:
        said = (yield from _journalled(plan, site, stop, ENGINES["vacuum"])).message
    except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:  # what was ordered is done
        said = f"Its pages are still in the file: {explained(error, site.store.path)}"
    return replace(outcome, message=f"{outcome.message} {said}")


def _journalled(
    plan: Plan, site: Site, stop: Event, engine: Engine
) -> Generator[Step, None, Outcome]:
    entry = site.ledger.begin(
        plan.verb, _title(plan), plan.predicted_bytes, plan=told(plan), undo=intended_undo(plan)
    )
    try:
        outcome = yield from noted(engine(plan, site, stop), site, entry)
    except GeneratorExit:
        _put_right_now(site)
        raise
    except Exception as error:
        _put_right_now(site)
        site.ledger.end(entry, "failed", message=str(error))
        raise
    for sentence in recover(site):  # what ended early is put right at once, if it can be
        log.warning("%s", sentence)
    site.ledger.end(
        entry,
        outcome.ending,
        message=outcome.message,
        outcome=told_outcome(outcome),
        payload_bytes=outcome.done.bytes,
        predicted_bytes=outcome.predicted_bytes or plan.predicted_bytes,
        freed_bytes=outcome.freed_bytes,
        batch=outcome.batch,
        undo=_undo_of(plan, outcome),
    )
    if plan.verb in REWRITES and outcome.ending in ("done", "partial"):
        forget_usage(site.ledger)
    return outcome


def _put_right_now(site: Site) -> None:
    """What an error left half done; what cannot be mended now is found at the next start."""
    with suppress(OcduError, OSError, *SQLITE_EXCEPTIONS):
        recover(site)
        settle(site)


def _one_of_many(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """A step of a larger job, with a journal entry of its own."""
    return (yield from _journalled(plan, site, stop, ENGINES[plan.verb]))


def _title(plan: Plan) -> str:
    first = plan.items[0].title or plan.items[0].id
    return f"“{first}”" if len(plan) == 1 else f"“{first}” and {len(plan) - 1} more"


def _undo_of(plan: Plan, outcome: Outcome) -> dict[str, object] | None:
    """What reverses it, for the journal; None when nothing can."""
    if outcome.ending not in ("done", "partial") or plan.verb in ("undo", "redo"):
        return None
    if "undo" in outcome.details:
        return dict(outcome.details["undo"])
    if outcome.batch:
        return {"trees": again(plan)}
    return None


def _failed(error: OcduError) -> Outcome:
    ending: Ending = "refused" if error.exit_code == 3 else "failed"
    return Outcome(ending, str(error))


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
