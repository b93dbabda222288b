"""Reclaim, done: the payloads of planned sessions go, the conversations stay.

Every level is a page of its own that finds its rows; here they are taken in slices that a running
opencode does not notice. A further level is one page more and one line in LEVEL_ENGINES.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from threading import Event

from tui import format
from tui.engine.pace import PAUSE, Deed, in_slices
from tui.engine.reclaim.compacted import compacted_deeds
from tui.engine.reclaim.rewrite import LevelEngine, Tally, Work
from tui.engine.reclaim.summarised import summarised_deeds
from tui.policy.plan import Ending, Outcome, Plan, Step, Totals
from tui.policy.reclaim import ReclaimItem
from tui.records import FileSizes
from tui.store.database import SQLITE_EXCEPTIONS, Store, explained

LEVEL_ENGINES: dict[str, LevelEngine] = {
    "compacted": compacted_deeds,
    "summarised": summarised_deeds,
}

BATCH = 100
"""Rows looked up before they are written, about one slice: looking up the next ones is the pause
that a waiting writer gets, so a polite run takes hardly longer than a rude one."""


@dataclass(slots=True)
class _Batch:
    """Deeds of consecutive sessions; `ends[i]` is how many deeds finish the i-th of them."""

    deeds: list[Deed] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


def apply_reclaim(plan: Plan, store: Store, stop: Event) -> Generator[Step, None, Outcome]:
    """Take the planned payloads, in transactions of about 10 ms; stopping between any two is safe.

    Raises Refused where nothing may be written, and what SQLite says as an OcduError when nothing
    was done yet; after that an error ends the run with a partial outcome. A second run takes what
    is left and nothing twice.
    """
    before = store.sizes()
    finished, kept, problem = 0, Tally(), ""
    with store.writing() as db:
        work = Work(db.connection(), stop, now_ms=time.time_ns() // 1_000_000)
        try:
            for batch in _paced(_batches(plan, work)):
                reached = finished
                for done in in_slices(work.connection, batch.deeds, stop):
                    kept = work.tally
                    reached = finished + bisect_right(batch.ends, done)
                    yield Step(reached, len(plan), kept.bytes, "reclaiming")
                if stop.is_set():
                    finished = reached
                    break
                finished += len(batch.ends)
        except SQLITE_EXCEPTIONS as error:
            if not kept.parts:
                raise explained(error, store.path) from error
            problem = str(explained(error, store.path))
    return _outcome(plan, finished, work, kept, problem, _freed(before, store.sizes()))


def _batches(plan: Plan, work: Work) -> Iterator[_Batch]:
    """Look up the rows of the planned sessions, without a lock."""
    batch = _Batch()
    for item in plan:
        assert isinstance(item, ReclaimItem)
        for level in item.levels:
            batch.deeds += LEVEL_ENGINES[level](work, item)
        if work.stop.is_set():
            return
        batch.ends.append(len(batch.deeds))
        if len(batch.deeds) >= BATCH:
            yield batch
            batch = _Batch()
    if batch.ends:
        yield batch


def _paced(batches: Iterator[_Batch]) -> Iterator[_Batch]:
    """Each batch no sooner than PAUSE after the one before was written."""
    written = 0.0
    for batch in batches:
        time.sleep(max(0.0, PAUSE - (time.perf_counter() - written)))
        yield batch
        written = time.perf_counter()


def _freed(before: FileSizes, after: FileSizes) -> int:
    """Bytes of pages that became free, and what the file shrank by meanwhile."""
    pages = (after.free_pages - before.free_pages) * after.page_size
    return max(0, pages + before.bytes - after.bytes)


def _outcome(
    plan: Plan, finished: int, work: Work, tally: Tally, problem: str, freed: int
) -> Outcome:
    excluded = Counter(plan.excluded)
    if work.tally.changed:
        excluded["changed"] += len(work.tally.changed)
    if work.malformed:
        excluded["malformed"] = max(excluded["malformed"], work.malformed)
    done = Totals(sessions=len(tally.sessions), parts=tally.parts, bytes=tally.bytes)
    taken = f"{format.size(done.bytes)} in {format.plural(done.parts, 'tool output')}"
    ending: Ending = "done" if done.parts else "nothing"
    if problem or finished < len(plan):
        ending = "partial"
        message = f"Stopped after {finished} of {len(plan)} sessions; the rest is untouched."
        if problem:
            message = f"{message} {problem}"
    elif done.parts:
        message = f"Reclaimed {taken}; the file shrinks after a vacuum."
    else:
        message = "Nothing was reclaimed: the planned outputs had gone or changed meanwhile."
    return Outcome(
        ending,
        message,
        done=done,
        excluded=dict(sorted(excluded.items())),
        predicted_bytes=plan.predicted_bytes,
        freed_bytes=freed,
    )
