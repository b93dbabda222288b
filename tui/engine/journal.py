"""Keeping the journal: what a job is to do, how it goes, what is told of one that was killed."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Generator
from dataclasses import asdict
from typing import Any

import apsw

from tui.engine.crash_memory import intended_undo, take_back
from tui.engine.room import explained_fully
from tui.engine.site import Site
from tui.errors import NotNow, OcduError
from tui.format import count
from tui.policy.plan import Item, Outcome, Plan, Step
from tui.store.database import SQLITE_EXCEPTIONS
from tui.store.journal import GIVING_BACK, RUNNING, TURNED, JobRecord, JournalEntry

log = logging.getLogger("ocdu")

KEPT_ITEMS = 1000
"""Items of a plan that the journal keeps, with reason and bytes: some 200 kB of JSON at most."""

NOTED_EVERY = 1.0
"""Seconds between two notes of how far a job has come; a new phase is noted at once."""

NOT_NOTED = (
    " It could not be noted in ocdu's journal, whose disk is full: undo does not know it, but what "
    "is in the trash can be restored from there."
)

PASSING = (NotNow, apsw.FullError, apsw.IOError, apsw.BusyError, apsw.LockedError, OSError)
"""What may be over the next time."""

LEFT_AS_IT_IS = {
    "prune": "what it took by then lies in the trash: see `ocdu trash list`",
    "restore": "what is not back yet lies in the trash: restore it again",
    "reclaim": "what was reclaimed stays so, the rest is untouched: reclaim again to go on",
    "vacuum": "the file is whole as it was before: vacuum again",
    "checkpoint": "nothing is lost: run it again",
    "files": "the files removed by then are gone, the rest is untouched: run it again",
    "empty": "the batches removed by then are gone, the rest is untouched: run it again",
    "undo": "undo again to finish it",
    "redo": "redo again to finish it",
}
"""What is true of a verb that was killed between two steps."""


def told(plan: Plan) -> dict[str, Any]:
    """A plan as the journal keeps it: every reason, no session lists."""
    return {
        "verb": plan.verb,
        "message": plan.message,
        "totals": asdict(plan.totals),
        "excluded": dict(plan.excluded),
        "items": [_told_item(item) for item in plan.items[:KEPT_ITEMS]],
        "more": max(0, len(plan.items) - KEPT_ITEMS),
    }


def _told_item(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "title": item.title,
        "reason": item.reason,
        "bytes": item.bytes,
        "sessions": len(item.sessions),
    }


def told_outcome(outcome: Outcome) -> dict[str, Any]:
    """An outcome as the journal keeps it."""
    details = {name: value for name, value in outcome.details.items() if name != "undo"}
    return {
        "ending": outcome.ending,
        "done": asdict(outcome.done),
        "excluded": dict(outcome.excluded),
        "details": details,
    }


class JobLine:
    """The line of one job, on a disk that may be full.

    Where a job that gives room back cannot be noted, it is done all the same; and a deed that is
    done does not become a failure because its end could not be noted.
    """

    def __init__(self, site: Site, plan: Plan, title: str) -> None:
        """Note that it begins. Raises OcduError where that is not possible, unless the job gives
        room back."""
        self._ledger = site.ledger
        self._number: int | None = None
        undo = intended_undo(plan, site)
        try:
            self._number = site.ledger.begin(
                plan.verb, title, plan.predicted_bytes, plan=told(plan), undo=undo
            )
        except SQLITE_EXCEPTIONS as error:
            if plan.verb not in GIVING_BACK:
                raise explained_fully(error, site) from error
            log.warning("The %s could not be noted in the journal: %s", plan.verb, error)

    def followed(self, steps: Generator[Step, None, Outcome]) -> Generator[Step, None, Outcome]:
        """The same steps, with every phase noted as it begins and as it goes on."""
        phases: list[dict[str, Any]] = []
        written = 0.0
        try:
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    outcome: Outcome = end.value
                    return outcome
                is_new = not phases or phases[-1]["phase"] != step.phase
                if is_new:
                    phases.append({"phase": step.phase, "at": _now()})
                phases[-1] |= {"done": step.done, "total": step.total, "bytes": step.bytes}
                if is_new or time.monotonic() - written > NOTED_EVERY:
                    self._change(phases=phases)
                    written = time.monotonic()
                yield step
        finally:
            steps.close()
            if phases:
                self._change(phases=phases)

    def end(self, state: str, **columns: Any) -> bool:
        """Note how it ended; False where that was not possible."""
        return self._change(state=state, ended=_now(), **columns)

    def fail(self, state: str, message: str) -> None:
        """Note that it failed or was refused, once what it left half done was put right.

        A line that says still that it runs has something left to be put right at the next start;
        one whose batch can be undone stays so.
        """
        if self._number is None:
            return
        try:
            record = self._ledger.record(self._number)
        except SQLITE_EXCEPTIONS as error:
            log.warning("Journal entry %d could not be read: %s", self._number, error)
            return
        found = record.entry.state if record else ""
        if found == "partial":
            self._change(message=message)
        elif found != RUNNING:
            self.end(state, message=message)

    def _change(self, **columns: Any) -> bool:
        if self._number is None:
            return False
        try:
            self._ledger.update(self._number, **columns)
        except SQLITE_EXCEPTIONS as error:
            log.warning("Journal entry %d could not be changed: %s", self._number, error)
            return False
        return True


def settle(site: Site, waiting: Collection[int] = (), *, live: bool = False) -> list[str]:
    """Close the lines of jobs that were killed; a half-set archive is taken back.

    Needs the ledger's lock: nothing runs then. Batches are put right before (`crash_recovery`),
    which closes the lines they belong to. Returns a sentence for each job. One that cannot be taken
    back now, because a disk is full or somebody holds the lock, or, unless `live`, because opencode
    has the file open during a relink's, keeps its line for the next time
    and is in nobody's way; so do the ones named `waiting`, whose batch tells about them later, and
    what would have to be taken back in a database that must not be written.
    """
    said = []
    for entry in site.ledger.left_running():
        if entry.id in waiting or (entry.undo and site.refusal):
            continue
        try:
            said.append(_settled(site, entry, live))
        except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
            why = explained_fully(error, site)
            said.append(f"The interrupted {entry.verb} of {entry.title} was not taken back: {why}")
            if isinstance(error, PASSING) or isinstance(error.__cause__, PASSING):
                continue
        try:
            site.ledger.end(entry.id, "interrupted", message=said[-1], undo=None)
        except SQLITE_EXCEPTIONS as error:  # a full disk must not keep whoever makes room from it
            log.warning("Journal entry %d could not be closed: %s", entry.id, error)
    return said


def _settled(site: Site, entry: JournalEntry, live: bool) -> str:
    what = f"The {entry.verb} of {entry.title} was interrupted"
    record = site.ledger.record(entry.id)
    if record is not None and record.phases:
        last = record.phases[-1]
        share = f"{count(last['done'])} of {count(last['total'])}"
        what += f" while {last['phase'] or 'working'} ({share})"
    if record is not None and _has_turned(site, record):
        return f"{what}: its work was done, there is nothing left of it."
    if became := take_back(site, entry, live=live):
        return f"{what}: {became}."
    return f"{what}: {LEFT_AS_IT_IS.get(entry.verb, 'what was done by then is in place')}."


def _has_turned(site: Site, record: JobRecord) -> bool:
    """True for an undo or a redo that was killed when what it turned was noted as such already.

    Told to do it again, one would turn another job.
    """
    verb, items = record.entry.verb, record.plan.get("items", ())
    if verb not in ("undo", "redo") or not items:
        return False
    turned = site.ledger.record(int(items[0]["id"]))
    return turned is not None and (turned.entry.state == TURNED) == (verb == "undo")


def _now() -> int:
    return time.time_ns() // 1_000_000
