"""Reclaim, done: the payloads of planned sessions go, the conversations stay.

Every level is a page of its own that finds its rows; here they are taken in slices that a running
opencode does not notice. A further level is one page more and one line in LEVEL_ENGINES.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from threading import Event

from tui import format
from tui.engine.pace import PAUSE, Deed, in_slices
from tui.engine.reclaim.compacted import compacted_deeds
from tui.engine.reclaim.migrated import migrated_deeds
from tui.engine.reclaim.rewrite import LevelEngine, Work
from tui.engine.reclaim.summarised import summarised_deeds
from tui.engine.served import Service
from tui.policy.plan import Ending, Outcome, Plan, Step, Totals
from tui.policy.reclaim import ReclaimItem, unit_of
from tui.records import FileSizes
from tui.store.database import SQLITE_EXCEPTIONS, Store, explained

LEVEL_ENGINES: dict[str, LevelEngine] = {
    "compacted": compacted_deeds,
    "summarised": summarised_deeds,
    "migrated": migrated_deeds,
}

BATCH = 500
"""Rows in hand at once: small sessions share their slices, and memory is bounded."""


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
    problem = ""
    with store.writing() as db:
        executed = Service(store.path, store.schema).active
        work = Work(
            db.connection(),
            store.schema,
            stop,
            now_ms=time.time_ns() // 1_000_000,
            executed=executed,
        )
        items = [item for item in plan if isinstance(item, ReclaimItem)]
        try:
            yield from _take(items, work, len(plan))
            moved = [i for i in items if i.id in work.tally.changed and any(i.rowids.values())]
            if moved and not stop.is_set():
                yield from _take(_seek_again(moved, work), work, len(plan))
        except SQLITE_EXCEPTIONS as error:
            if not work.kept.parts:
                raise explained(error, store.path) from error
            problem = str(explained(error, store.path))
    return _outcome(plan, work, problem, _freed(before, store.sizes()))


def _take(items: Sequence[ReclaimItem], work: Work, total: int) -> Iterator[Step]:
    """Reclaim session after session until done or stopped."""
    for batch in _paced(_batches(items, work)):
        began = work.finished
        for done in in_slices(work.connection, batch.deeds, work.stop):
            work.kept = work.tally
            work.finished = began + bisect_right(batch.ends, done)
            yield Step(work.finished, total, work.kept.bytes, "reclaiming")
        if work.stop.is_set():
            return
        work.finished = began + len(batch.ends)


def _seek_again(moved: Sequence[ReclaimItem], work: Work) -> list[ReclaimItem]:
    """These sessions without the hint where their rows were: a vacuum renumbers rows."""
    again = {item.id for item in moved}
    work.tally = work.tally._replace(changed=work.tally.changed - again)
    work.finished -= len(moved)
    return [replace(item, rowids={}) for item in moved]


def _batches(items: Sequence[ReclaimItem], work: Work) -> Iterator[_Batch]:
    """Look up the rows of the planned sessions, without a lock."""
    batch = _Batch()
    for item in items:
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
    """Bytes of pages that became free, and of those the file lost meanwhile.

    Counted in pages: the file itself may grow, when the WAL is folded in.
    """
    return max(0, before.used_bytes - after.used_bytes)


def _outcome(plan: Plan, work: Work, problem: str, freed: int) -> Outcome:
    tally = work.kept
    excluded: Counter[str] = Counter()  # beside what the plan left out
    if work.tally.changed:
        excluded["changed"] += len(work.tally.changed)
    done = Totals(sessions=len(tally.sessions), parts=tally.parts, bytes=tally.bytes)
    ending: Ending = "done" if done.parts else "nothing"
    if problem or work.finished < len(plan):
        ending = "partial"
        message = f"Stopped after {work.finished} of {len(plan)} sessions; the rest is untouched."
        message = f"{message} {problem}".rstrip()
    elif done.parts:
        taken = f"{format.size(done.bytes)} in {format.plural(done.parts, unit_of(plan))}"
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
