"""Give free pages back to the file system, the way `policy.vacuum` decided."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import apsw

from tui.engine.background import as_a_whole, in_background, interrupting
from tui.engine.checkpoint import blocked_sentence, fold_bulk, fold_in, on_disk
from tui.engine.compact import compact_copy
from tui.engine.copy_back import CopiedBack, Make, copy_back, sync_like_opencode
from tui.engine.incremental import give_back
from tui.format import duration, size
from tui.policy.plan import Ending, Outcome, Plan, Step
from tui.policy.vacuum import (
    ASSUMED_SPEED,
    INCREMENTAL,
    VacuumDecision,
    VacuumFacts,
    Wish,
    decide_vacuum,
)
from tui.policy.vacuum_words import held_by
from tui.records import Holder
from tui.store.database import SQLITE_EXCEPTIONS, Store, explained
from tui.store.disk import (
    copy_path,
    free_bytes,
    other_places,
    remove_leftovers,
    same_device,
    temporary_files_in,
    write_speed,
)
from tui.store.holders import holders as holders_of
from tui.store.query import scalar
from tui.store.schema import network_file_system

WORTH_MEASURING = 8_000_000
"""Octets of the result from which the disk's speed is measured: below, the answer is "at once"."""

SHARES = {
    "copying": (0.0, 0.25),
    "copying what stays": (0.0, 0.4),
    "checking the copy": (0.25, 0.3),
    "copying back": (0.3, 0.65),
    "folding in the log": (0.65, 1.0),
}
"""Where in the whole each phase of a copy-back lies, by the time it takes (measured)."""

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
    auto_vacuum: int = 0
    """The file's property afterwards."""
    left: int = 0
    """Free pages that were left in the file because the time for them was over."""


def vacuum_facts(
    store: Store,
    *,
    asked: bool = True,
    holders: tuple[Holder, ...] | None = None,
    wish: Wish | None = None,
) -> VacuumFacts:
    """Look at database, disk and holders; some ms, and once per disk a probe of its speed."""
    wish = wish or Wish()
    sizes = store.sizes()
    folder = store.path.parent
    at_copy = Path(wish.temp_dir) if wish.temp_dir else folder
    with store.reading() as db:
        auto_vacuum = scalar(db.connection(), "PRAGMA auto_vacuum")
    gives = sizes.free_pages > 0 or wish.to_incremental
    measured = gives and sizes.used_bytes >= WORTH_MEASURING and store.refusal is None
    return VacuumFacts(
        sizes=sizes,
        free_disk=free_bytes(folder),
        free_temp=free_bytes(at_copy),
        same_device=same_device(folder, at_copy),
        places=other_places(folder, sizes.used_bytes),
        auto_vacuum=auto_vacuum,
        holders=holders_of(store.path) if holders is None else holders,
        write_speed=write_speed(folder) if measured else 0.0,
        asked_explicitly=asked,
        network_fs=not store.force and network_file_system(store.path) is not None,
        refusal=store.refusal,
        name=store.path.name,
        wish=wish,
    )


def apply_vacuum(plan: Plan, store: Store, stop: Event) -> Generator[Step, None, Outcome]:
    """Carry out a planned vacuum; stopping before the last commit leaves every byte of content.

    Where somebody is in the way it ends "refused", with `crowded` in its details: who is patient
    waits and comes again. Freed bytes are measured by stat(). Raises OcduError when SQLite or the
    disk fails; the content is the old one then.
    """
    if not plan.items:
        return Outcome("refused" if plan.refused else "nothing", plan.message)
    if store.refusal:
        return Outcome("refused", store.refusal)
    # Look again: what was planned may have been true an hour ago.
    facts = vacuum_facts(store, wish=plan.options.wish)
    # What was announced as slices is not copied as a whole because somebody went meanwhile.
    in_slices, seconds = plan.options.way == "incremental", plan.options.seconds
    decision = decide_vacuum(replace(facts, in_slices=in_slices, seconds=seconds))
    make = compact_copy(store, decision.file_after, to_incremental=decision.converts)
    outcome = yield from rewrite(decision, facts, store, stop, make)
    return replace(
        outcome,
        done=plan.totals if outcome.ending == "done" else replace(plan.totals, files=0, bytes=0),
        predicted_bytes=plan.predicted_bytes,
    )


def rewrite(
    decision: VacuumDecision, facts: VacuumFacts, store: Store, stop: Event, make: Make
) -> Generator[Step, None, Outcome]:
    """Take the decided way; `make` makes the copy that a copy-back writes back.

    Raises OcduError when SQLite or the disk fails.
    """
    remove_leftovers(store.path)
    if decision.wish.temp_dir:
        remove_leftovers(store.path, Path(decision.wish.temp_dir))
    before = _measured(store)
    try:
        with temporary_files_in(store.path.parent):
            deed = _carry_out(decision, facts, store, stop, make)
            result = yield from as_a_whole(deed, SHARES)
    except SQLITE_EXCEPTIONS as error:
        raise explained(error, store.path) from error
    after = _measured(store)
    freed = max(0, before["db"] + before["wal"] - after["db"] - after["wal"])
    return Outcome(
        ending=result.ending,
        message=result.message
        or _said(result, before, after, freed) + _turned(decision, result) + _left(result, store),
        predicted_bytes=decision.frees_bytes,
        freed_bytes=freed,
        details={
            "way": decision.way,
            "before": before,
            "after": after,
            "auto_vacuum": result.auto_vacuum,
            "crowded": result.crowded,
            "lock_seconds": round(result.lock_seconds, 3),
            "announced_lock_seconds": round(decision.lock_seconds, 3),
        },
    )


def _carry_out(
    decision: VacuumDecision, facts: VacuumFacts, store: Store, stop: Event, make: Make
) -> Generator[Step, None, _Result]:
    """The decided way, or why it cannot be taken now."""
    if decision.way in ("nothing", "refused"):
        ending: Ending = "nothing" if decision.way == "nothing" else "refused"
        return _Result(ending, decision.message)
    if stop.is_set():
        return _Result("partial", STOPPED)
    if decision.way == "wait":
        return _Result("refused", _waiting_sentence(facts.holders), crowded=True)
    with store.writing() as db:
        connection = db.connection()
        has_log = scalar(connection, "PRAGMA journal_mode") == "wal"
        if has_log:
            sync_like_opencode(connection)
        result = _Result()
        if decision.way == "incremental":
            result = yield from _in_slices(store, connection, stop, decision.seconds)
        elif decision.way == "copy_back" and not has_log:
            result = yield from _plain(connection, stop, converts=decision.converts)
        elif decision.way == "copy_back":
            # An empty log is written from its start: it then grows to the result, not beyond.
            yield from fold_bulk(connection, stop)
            result = yield from _by_copy(decision, facts, store, stop, make)
        if result.ending != "done" and decision.way != "incremental":
            return result
        # A stop that came during the deed ended it; what it achieved is still folded in.
        folded = yield from fold_in(connection, Event() if stop.is_set() else stop)
        result = replace(result, auto_vacuum=scalar(connection, "PRAGMA auto_vacuum"))
    # Closing the last connection may have emptied the log after all.
    if folded.busy and on_disk(store)["wal"] > 0:
        why = UNFOLDED if stop.is_set() else blocked_sentence(store)
        return replace(result, ending="partial", message=why)
    return result


def _by_copy(
    decision: VacuumDecision, facts: VacuumFacts, store: Store, stop: Event, make: Make
) -> Generator[Step, None, _Result]:
    wish = decision.wish
    copy = copy_path(store.path, Path(wish.temp_dir) if wish.temp_dir else None)
    speed = facts.write_speed or ASSUMED_SPEED
    copied = yield from copy_back(store, stop, make, copy, decision.file_after, speed)
    return _of_copy(copied, store)


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


def _plain(
    connection: apsw.Connection, stop: Event, *, converts: bool
) -> Generator[Step, None, _Result]:
    """SQLite's own VACUUM, for a file without a write-ahead log (opencode always uses one).

    The guard of a copy-back cannot work there: while one connection writes nobody can even read.
    """
    step = Step(0, 1, phase="vacuuming", interruptible=False)
    if converts:
        connection.execute(f"PRAGMA auto_vacuum = {INCREMENTAL}").fetchall()
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


def _in_slices(
    store: Store, connection: apsw.Connection, stop: Event, seconds: float
) -> Generator[Step, None, _Result]:
    given = yield from give_back(store, connection, stop, seconds)
    message = ""
    if given.held_up:
        message = f"{size(given.bytes)} were given back; then {blocked_sentence(store)}"
    elif given.left and seconds and not stop.is_set():
        return _Result(lock_seconds=given.longest, left=given.left)
    elif given.left:
        message = f"Stopped: {size(given.bytes)} were given back."
    return _Result("partial" if given.left else "done", message, lock_seconds=given.longest)


def _waiting_sentence(found: tuple[Holder, ...]) -> str:
    subject = held_by(found) if found else "Another program was"
    return (
        f"{subject} using this database, and the vacuum would lock it for too long: nothing was "
        "changed; `ocdu vacuum --wait` waits until it ends."
    )


def _said(result: _Result, before: dict[str, int], after: dict[str, int], freed: int) -> str:
    if freed == 0 and not result.left:
        return "The database is compact; it was before, so no byte came free."
    locked = f", locked for {duration(result.lock_seconds)}" if result.lock_seconds else ""
    return (
        f"Gave back {size(freed)}: the file went from {size(before['db'])} to "
        f"{size(after['db'])}{locked}."
    )


def _left(result: _Result, store: Store) -> str:
    """What slices had no time for, and what gives it back."""
    if not result.left:
        return ""
    return f" {size(store.sizes().free_bytes)} are still free in it: `ocdu vacuum` gives them back."


def _turned(decision: VacuumDecision, result: _Result) -> str:
    is_new = decision.converts and result.auto_vacuum == INCREMENTAL
    return " It is incremental now." if is_new else ""


def _measured(store: Store) -> dict[str, int]:
    return {**on_disk(store), "free_disk": free_bytes(store.path.parent)}
