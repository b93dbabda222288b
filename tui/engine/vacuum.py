"""Give free pages back to the file system, the way `policy.vacuum` decided."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import apsw

from tui.engine.background import in_background, interrupting
from tui.engine.checkpoint import blocked_sentence, fold_bulk, fold_in, on_disk
from tui.engine.copy_back import CopiedBack, copy_back, sync_like_opencode
from tui.engine.pace import PAUSE
from tui.format import duration, size
from tui.policy.plan import Ending, Outcome, Plan, Step
from tui.policy.vacuum import (
    ASSUMED_SPEED,
    SLICE,
    VacuumDecision,
    VacuumFacts,
    decide_vacuum,
    held_by,
)
from tui.records import Holder
from tui.store.database import SQLITE_EXCEPTIONS, Store, explained, transaction
from tui.store.disk import (
    copy_path,
    free_bytes,
    remove_leftovers,
    same_device,
    temporary_files_in,
    write_speed,
)
from tui.store.holders import holders as holders_of
from tui.store.schema import network_file_system

WORTH_MEASURING = 8_000_000
"""Free bytes from which the disk's speed is measured: below, the answer is "at once" anyway."""

WAIT_POLL = 0.5
"""Seconds between two looks whether the last holder has gone."""

FIRST_PAGES = 32
"""Pages of the first incremental slice; later ones follow the clock."""


STOPPED = "Stopped: nothing was changed."

UNFOLDED = "Stopped before the write-ahead log was folded in: `ocdu checkpoint` shrinks the file."


@dataclass(frozen=True, slots=True)
class _Result:
    """How a way ended, before anything is said about it."""

    ending: Ending = "done"
    message: str = ""
    lock_seconds: float = 0.0
    crowded: bool = False
    """True when it can be done once nobody else has the database open."""


def vacuum_facts(
    store: Store,
    *,
    asked: bool = True,
    holders: tuple[Holder, ...] | None = None,
    temp_dir: Path | None = None,
) -> VacuumFacts:
    """Look at database, disk and holders; some ms, and once per disk a probe of its speed.

    `temp_dir` is where the copy would lie, else beside the database.
    """
    sizes = store.sizes()
    folder = store.path.parent
    with store.reading() as db:
        found = db.connection().execute("PRAGMA auto_vacuum").fetchall()
    measured = sizes.free_bytes >= WORTH_MEASURING and store.refusal is None
    return VacuumFacts(
        sizes=sizes,
        free_disk=free_bytes(folder),
        free_temp=free_bytes(temp_dir or folder),
        same_device=temp_dir is None or same_device(folder, temp_dir),
        auto_vacuum=found[0][0],
        holders=holders_of(store.path) if holders is None else holders,
        write_speed=write_speed(folder) if measured else 0.0,
        asked_explicitly=asked,
        network_fs=not store.force and network_file_system(store.path) is not None,
        refusal=store.refusal,
        name=store.path.name,
    )


def apply_vacuum(
    plan: Plan,
    store: Store,
    stop: Event,
    *,
    temp_dir: Path | None = None,
    wait: bool = False,
) -> Generator[Step, None, Outcome]:
    """Carry out a planned vacuum; stopping before the last commit leaves every byte of content.

    With `wait` it waits until nobody has the database open, where it must; without, it ends
    "refused" and says so. Freed bytes are measured by stat(). Raises OcduError when SQLite or the
    disk fails; the content is the old one then.
    """
    if not plan.items:
        return Outcome("refused" if plan.refused else "nothing", plan.message)
    if store.refusal:
        return Outcome("refused", store.refusal)
    folder = temp_dir or store.path.parent
    remove_leftovers(store.path, folder)
    before = _measured(store)
    try:
        with temporary_files_in(store.path.parent):
            decision, result = yield from _carry_out(plan, store, stop, temp_dir, wait)
    except SQLITE_EXCEPTIONS as error:
        raise explained(error, store.path) from error
    after = _measured(store)
    freed = max(0, before["db"] + before["wal"] - after["db"] - after["wal"])
    return Outcome(
        ending=result.ending,
        message=result.message or _said(result, before, after, freed),
        done=plan.totals if result.ending == "done" else replace(plan.totals, files=0, bytes=0),
        predicted_bytes=plan.predicted_bytes,
        freed_bytes=freed,
        details={
            "way": decision.way,
            "before": before,
            "after": after,
            "lock_seconds": round(result.lock_seconds, 3),
            "announced_lock_seconds": round(decision.lock_seconds, 3),
        },
    )


def _carry_out(
    plan: Plan, store: Store, stop: Event, temp_dir: Path | None, wait: bool
) -> Generator[Step, None, tuple[VacuumDecision, _Result]]:
    """Look again, wait if need be, then do it: what was planned may have been true an hour ago."""
    while True:
        facts = vacuum_facts(store, asked=True, temp_dir=temp_dir)
        decision = decide_vacuum(facts)
        if decision.way in ("nothing", "refused"):
            ending: Ending = "nothing" if decision.way == "nothing" else "refused"
            return decision, _Result(ending, decision.message)
        if decision.way == "wait" and not wait:
            return decision, _Result("refused", _waiting_sentence(facts.holders))
        if decision.way == "wait":
            yield from _until_alone(store, stop)
            if stop.is_set():
                return decision, _Result("partial", STOPPED)
            continue
        result = yield from _go(decision, facts, store, stop, temp_dir)
        if not (result.crowded and wait):
            return decision, result
        yield from _until_alone(store, stop)


def _go(
    decision: VacuumDecision, facts: VacuumFacts, store: Store, stop: Event, temp_dir: Path | None
) -> Generator[Step, None, _Result]:
    """One attempt on the decided way."""
    with store.writing() as db:
        connection = db.connection()
        if _has_log(connection):
            sync_like_opencode(connection)
        result = _Result()
        if decision.way == "incremental":
            result = yield from _incremental(connection, stop)
        elif decision.way == "copy_back" and not _has_log(connection):
            result = yield from _plain(connection, stop)
        elif decision.way == "copy_back":
            # An empty log is written from its start: it then grows to the result, not beyond.
            yield from fold_bulk(connection, stop)
            speed = facts.write_speed or ASSUMED_SPEED
            copy = copy_path(store.path, temp_dir)
            copied = yield from copy_back(store, stop, copy, decision.file_after, speed)
            result = _of_copy(copied, store)
        if result.ending != "done" and decision.way != "incremental":
            return result
        # A stop that came during the deed ended it; what it achieved is still folded in.
        folded = yield from fold_in(connection, Event() if stop.is_set() else stop)
    # Closing the last connection may have emptied the log after all.
    if folded.busy and on_disk(store)["wal"] > 0:
        why = UNFOLDED if stop.is_set() else blocked_sentence(store)
        return replace(result, ending="partial", message=why)
    return result


def _of_copy(copied: CopiedBack, store: Store) -> _Result:
    if copied.end == "stopped":
        return _Result("partial", STOPPED)
    if copied.end == "held":
        return _Result("refused", _waiting_sentence(holders_of(store.path)), crowded=True)
    if copied.end == "changed":
        return _Result(
            "refused",
            "Somebody keeps writing to the database, so the copy was never current: nothing was "
            "changed; try again when opencode is idle, or with `ocdu vacuum --wait`.",
            crowded=True,
        )
    return _Result(lock_seconds=copied.lock_seconds)


def _has_log(connection: apsw.Connection) -> bool:
    return connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def _plain(connection: apsw.Connection, stop: Event) -> Generator[Step, None, _Result]:
    """SQLite's own VACUUM, for a file without a write-ahead log (opencode always uses one).

    The guard of a copy-back cannot work there: while one connection writes nobody can even read.
    """
    step = Step(0, 1, phase="vacuuming", interruptible=False)
    began = time.perf_counter()
    ended = yield from in_background(
        lambda: connection.execute("VACUUM").fetchall(),
        interrupting(connection),
        stop,
        lambda: step,
    )
    if ended is None:
        return _Result("partial", STOPPED)
    return _Result(lock_seconds=time.perf_counter() - began)


def _incremental(connection: apsw.Connection, stop: Event) -> Generator[Step, None, _Result]:
    """Give free pages back in short transactions; what was given back stays when stopped."""
    page_size = _pragma(connection, "page_size")
    whole = free = _pragma(connection, "freelist_count")
    pages, longest, given = FIRST_PAGES, 0.0, 0
    while free and not stop.is_set():
        began = time.perf_counter()
        with transaction(connection):
            # It frees one page per row, so the cursor must be exhausted.
            connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
        took = time.perf_counter() - began
        longest = max(longest, took)
        pages = max(1, min(2 * pages, int(pages * SLICE / took)))
        free = _pragma(connection, "freelist_count")
        given = max(0, whole - free)
        yield Step(given, whole, bytes=given * page_size, phase="giving back")
        stop.wait(PAUSE)
    message = f"Stopped: {size(given * page_size)} were given back." if free else ""
    return _Result("partial" if free else "done", message, lock_seconds=longest)


def _until_alone(store: Store, stop: Event) -> Generator[Step, None, None]:
    """Wait until nobody else has the database open."""
    while not stop.is_set() and (found := holders_of(store.path)):
        yield Step(0, 1, phase=f"waiting: {held_by(found)} using the database")
        stop.wait(WAIT_POLL)


def _waiting_sentence(found: tuple[Holder, ...]) -> str:
    subject = held_by(found) if found else "Another program was"
    return (
        f"{subject} using this database, and the vacuum would lock it for too long: nothing was "
        "changed; `ocdu vacuum --wait` waits until it ends."
    )


def _said(result: _Result, before: dict[str, int], after: dict[str, int], freed: int) -> str:
    if freed == 0:
        return "The database is compact; it was before, so no byte came free."
    locked = f", locked for {duration(result.lock_seconds)}" if result.lock_seconds else ""
    return (
        f"Gave back {size(freed)}: the file went from {size(before['db'])} to "
        f"{size(after['db'])}{locked}."
    )


def _measured(store: Store) -> dict[str, int]:
    return {**on_disk(store), "free_disk": free_bytes(store.path.parent)}


def _pragma(connection: apsw.Connection, name: str) -> int:
    found: Any = connection.execute(f"PRAGMA {name}").fetchall()
    return int(found[0][0])
