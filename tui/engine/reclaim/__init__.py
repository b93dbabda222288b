"""Reclaim, done: the payloads of planned sessions go, the conversations stay.

Every level is a page of its own that finds its rows; here they are taken in slices that a running
opencode does not notice. A further level is one page more and one line in LEVEL_ENGINES.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Container, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

from tui import format
from tui.engine.pace import Deed, as_steps, rest
from tui.engine.reclaim.compacted import compacted_deeds
from tui.engine.reclaim.diffs import diffs_deeds
from tui.engine.reclaim.events import events_deeds
from tui.engine.reclaim.keeping import Keeper
from tui.engine.reclaim.migrated import migrated_deeds
from tui.engine.reclaim.orphans import orphans_deeds
from tui.engine.reclaim.rewrite import LevelEngine, Work, written
from tui.engine.reclaim.stale import stale_deeds
from tui.engine.reclaim.subagents import subagents_deeds
from tui.engine.reclaim.summarised import summarised_deeds
from tui.engine.served import Service
from tui.errors import OcduError
from tui.policy.plan import Ending, Outcome, Plan, Step, Totals
from tui.policy.reclaim import ReclaimItem, ReclaimPolicy, gone_for_good, kept_levels, levels_of
from tui.policy.reclaim_words import told
from tui.sizes import FileSizes
from tui.store.company import Company
from tui.store.database import SQLITE_EXCEPTIONS, Store, explained
from tui.store.ledger import Ledger

LEVEL_ENGINES: dict[str, LevelEngine] = {
    "compacted": compacted_deeds,
    "summarised": summarised_deeds,
    "stale": stale_deeds,
    "subagents": subagents_deeds,
    "events": events_deeds,
    "diffs": diffs_deeds,
    "orphans": orphans_deeds,
    "migrated": migrated_deeds,
}

BATCH = 500
"""Rows in hand at once: small sessions share their slices, and memory is bounded."""


@dataclass(slots=True)
class _Batch:
    """Deeds of consecutive sessions; `ends[i]` is how many deeds finish the i-th of them."""

    deeds: list[Deed] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


def apply_reclaim(
    plan: Plan,
    store: Store,
    stop: Event,
    *,
    files: Path | None = None,
    ledger: Ledger | None = None,
) -> Generator[Step, None, Outcome]:
    """Take the planned payloads, in transactions of about 10 ms; stopping between any two is safe.

    Where the plan's policy says `keep`, rows are copied into a trash batch of `ledger` first.
    `files` is opencode's data directory, for what is orphaned there; without it no file goes.
    Raises Refused where nothing may be written, and what SQLite says as an OcduError when nothing
    was done yet; after that an error ends the run with a partial outcome. A second run takes what
    is left and nothing twice.
    """
    before = store.sizes()
    keeper = _keeper(plan, store, ledger)
    problem, batch = "", None
    with store.writing() as db:
        service = Service(store.path, store.schema)
        now_ms = time.time_ns() // 1_000_000
        work = Work(db.connection(), stop, now_ms, store, files, service=service)
        items = _in_order(plan)
        try:
            yield from _take(items, work, len(plan), keeper)
            moved = [i for i in items if i.id in work.tally.changed and any(i.rowids.values())]
            if moved and not stop.is_set():
                yield from _take(_seek_again(moved, work), work, len(plan), keeper)
            if keeper is not None:
                packing = keeper.close(work.connection, stop)
                batch = yield from as_steps(packing, Step(len(plan), len(plan), phase="packing"))
        except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
            if work.kept.taken == Totals():
                raise explained(error, store.path) from error
            problem = str(explained(error, store.path))
            batch = keeper.give_up(work.connection) if keeper is not None else None
    freed = _freed(before, store.sizes()) + work.file_bytes
    outcome = _outcome(plan, work, problem, freed, batch)
    if keeper is None or batch is None:
        return outcome
    return replace(outcome, details={"undo": {"reclaimed": kept_sessions(plan, keeper.sessions)}})


def _keeper(plan: Plan, store: Store, ledger: Ledger | None) -> Keeper | None:
    wanted = isinstance(plan.options, ReclaimPolicy) and plan.options.keep
    if not wanted or ledger is None or not kept_levels(levels_of(plan)):
        return None
    keeper = Keeper(store, ledger)
    keeper.check_disk(plan)
    return keeper


def _in_order(plan: Plan) -> list[ReclaimItem]:
    """Children before the parents that hold their results, should those be taken as well."""
    items = [item for item in plan if isinstance(item, ReclaimItem)]
    return sorted(items, key=lambda item: "subagents" not in item.levels)


def _take(
    items: Sequence[ReclaimItem], work: Work, total: int, keeper: Keeper | None
) -> Iterator[Step]:
    """Reclaim session after session until done or stopped."""
    for batch in _paced(_batches(items, work), Company(work.connection)):
        began = work.finished
        for done in _slices(work, batch.deeds, keeper):
            work.kept = work.tally
            work.finished = began + bisect_right(batch.ends, done)
            yield Step(work.finished, total, work.kept.taken.bytes, "reclaiming")
        if work.stop.is_set():
            return
        work.finished = began + len(batch.ends)


def _slices(work: Work, deeds: Sequence[Deed], keeper: Keeper | None) -> Iterator[int]:
    if keeper is not None:
        return keeper.slices(work, deeds)
    return written(work, deeds)


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
        work.claimed.clear()
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


def _paced(batches: Iterator[_Batch], company: Company) -> Iterator[_Batch]:
    """Each batch no sooner than a pause after the one before was written."""
    written = 0.0
    for batch in batches:
        rest(company, since=written)
        yield batch
        written = time.perf_counter()


def _freed(before: FileSizes, after: FileSizes) -> int:
    """Bytes of pages that became free, and of those the file lost meanwhile.

    Counted in pages: the file itself may grow, when the WAL is folded in.
    """
    return max(0, before.used_bytes - after.used_bytes)


def _outcome(plan: Plan, work: Work, problem: str, freed: int, batch: str | None) -> Outcome:
    tally = work.kept
    excluded: Counter[str] = Counter()  # beside what the plan left out
    if work.tally.changed:
        excluded["changed"] += len(work.tally.changed)
    if work.at_work:
        excluded["running"] += len(work.at_work)
    done = tally.totals
    ending: Ending = "done" if tally.taken != Totals() else "nothing"
    if problem or work.finished < len(plan):
        ending = "partial"
        of = format.plural(len(plan), "session")
        message = f"Stopped after {format.count(work.finished)} of {of}; the rest is untouched."
        message = f"{message} {problem}".rstrip()
    elif ending == "done":
        taken = f"{format.size(done.bytes)} in {told(done, levels_of(plan))}"
        back = _way_back(plan) if batch else ""
        message = f"Reclaimed {taken}{back}."
    elif work.at_work:
        message = "Nothing was reclaimed."
    else:
        message = "Nothing was reclaimed: what was planned had gone or changed meanwhile."
    if work.at_work and work.service is not None:
        message += f" {work.service.told(format.plural(len(work.at_work), 'session'), 'reclaim')}"
        ending = "refused" if ending == "nothing" and work.service.is_silent else ending
    return Outcome(
        ending,
        message,
        done=done,
        excluded=dict(sorted(excluded.items())),
        predicted_bytes=plan.predicted_bytes,
        freed_bytes=freed,
        batch=batch,
    )


def kept_sessions(plan: Plan, only: Container[str] | None = None) -> list[dict[str, object]]:
    """Planned sessions as the journal keeps them, so that what undo brings back can go again.

    `only` are those whose rows went, once that is known.
    """
    return [
        {"id": item.id, "title": item.title, "levels": kept_levels(item.levels)}
        for item in plan
        if isinstance(item, ReclaimItem) and kept_levels(item.levels)
        if only is None or item.id in only
    ]


def _way_back(plan: Plan) -> str:
    """What undo brings back of it."""
    lost = gone_for_good(levels_of(plan))
    return f"; undo brings back all but {', '.join(lost)}" if lost else "; undo brings it back"


def plan_again(sessions: Sequence[Mapping[str, Any]]) -> Plan:
    """The same sessions and levels; what qualifies of them is looked up anew, and kept again."""
    items = tuple(
        ReclaimItem(each["id"], each["title"], "again", Totals(sessions=1), (each["id"],),
                    levels=tuple(level for level in each["levels"] if level in LEVEL_ENGINES))
        for each in sessions
    )  # fmt: skip
    return Plan("reclaim", items, options=ReclaimPolicy(keep=True))
