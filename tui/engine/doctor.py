"""Examining a database, and mending what can be mended without guessing.

The examination only reads. Each repair looks again before it writes: what was found a minute ago
may have been put right by opencode, or by another ocdu.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from threading import Event

import apsw

from tui.engine.background import in_background, interrupting
from tui.engine.crash_recovery import recover, unfinished
from tui.engine.pace import in_slices
from tui.engine.site import Site
from tui.engine.trash import unreadable as unreadable_batches
from tui.policy.doctor import COUNTERS, LEFTOVERS, ORPHANS, RECOVERY, MendOptions
from tui.policy.plan import Ending, Outcome, Plan, Step, Totals
from tui.records import Symptom
from tui.store.database import SQLITE_EXCEPTIONS, file_size
from tui.store.disk import leftovers, remove_leftovers
from tui.store.doctor import DEEPER, QUESTIONS, asked, unreadable
from tui.store.doctor.batches import verify_batches
from tui.store.doctor.bodies import Bodies, examine_bodies
from tui.store.doctor.counter import all_behind, raise_counter
from tui.store.doctor.integrity import broken_keys, checked_tables, quick_check
from tui.store.doctor.walk import Key
from tui.store.schema import Schema

Examination = Generator[Step, None, list[Symptom]]


def examine(site: Site, stop: Event, *, deep: bool = False) -> Examination:
    """Everything that is not as it should be, question by question.

    With `deep` SQLite checks every page, every body is read, and every batch of the trash. Setting
    `stop` ends it with what was found so far. Raises OcduError where the file cannot be read now.
    """
    found: list[Symptom] = []
    questions = QUESTIONS | (DEEPER if deep else {})
    for done, (name, question) in enumerate(questions.items()):
        yield Step(done, len(questions), phase=f"looking at {name}")
        if stop.is_set():
            return found
        found += asked(name, question, site.store)
    found += _own_leftovers(site)
    if deep:
        for part in (_integrity, _bodies, _batches):
            found += yield from part(site, stop)
    return found


def _own_leftovers(site: Site) -> Iterator[Symptom]:
    """What an earlier ocdu left unfinished, and files in the trash folder that are no batches."""
    for kind, paths in (
        ("interrupted_job", unfinished(site)),
        ("damaged_batch", unreadable_batches(site.ledger.trash_folder)),
    ):
        if paths:
            names = tuple(path.stem for path in paths)
            yield Symptom(kind, len(paths), sum(map(file_size, paths)), names)


def _integrity(site: Site, stop: Event) -> Examination:
    """SQLite's own checks, table by table, each in a thread that can be interrupted."""
    found: list[Symptom] = []
    tables = checked_tables(site.store.schema)
    for done, table in enumerate(tables):
        if stop.is_set():
            break
        progress = partial(Step, done, len(tables), phase=f"checking {table}")
        with site.store.reading() as db:
            connection = db.connection()
            try:
                complaints = yield from in_background(
                    partial(quick_check, connection, table),
                    interrupting(connection), stop, progress,
                )  # fmt: skip
                broken = yield from in_background(
                    partial(broken_keys, connection, table),
                    interrupting(connection), stop, progress,
                )  # fmt: skip
            except SQLITE_EXCEPTIONS as error:
                found.append(unreadable(f"table {table}", error, site.store))
                continue
        if complaints:
            found.append(Symptom("quick_check", len(complaints), None, (), tuple(complaints)))
        if broken:
            found.append(broken)
    return found


def _bodies(site: Site, stop: Event) -> Examination:
    """Every message and part; a place that cannot be read ends this part, not the examination."""
    seen = Bodies()
    size = file_size(site.store.path)
    try:
        for seen in examine_bodies(site.store, stop):
            yield Step(min(seen.octets, size), size, phase="reading every message and part")
    except SQLITE_EXCEPTIONS as error:
        return [*seen.symptoms(), unreadable("messages and parts", error, site.store)]
    return seen.symptoms()


def _batches(site: Site, stop: Event) -> Examination:
    found: list[Symptom] = []
    known = {path.stem for path in unreadable_batches(site.ledger.trash_folder)}
    for done, symptom in enumerate(verify_batches(site.ledger.trash_folder)):
        yield Step(done, done + 1, phase="checking the trash")
        if symptom and symptom.ids[0] not in known:
            found.append(symptom)
        if stop.is_set():
            break
    return found


Deed = Callable[[Plan, Site, Event], Generator[Step, None, Outcome]]


def apply_mend(
    plan: Plan, site: Site, stop: Event, *, reclaim: Deed
) -> Generator[Step, None, Outcome]:
    """Carry the planned repairs out, in their order; stopping between two is safe.

    `reclaim` is the engine that drops orphaned rows.
    The outcome is partial when one of them left something. Raises OcduError.
    """
    assert isinstance(plan.options, MendOptions)
    wanted = dict.fromkeys(item.id for item in plan)
    done, freed = Totals(), 0
    said: list[str] = []
    whole = True
    for number, repair in enumerate(wanted):
        yield Step(number, len(wanted), done.bytes, "mending")
        if stop.is_set():
            whole = False
            break
        outcome = yield from _repair(repair, plan.options, site, stop, reclaim)
        done += outcome.done
        freed += outcome.freed_bytes
        whole = whole and outcome.ending in ("done", "nothing")
        said.append(outcome.message)
    ending: Ending = "done" if whole else "partial"
    return Outcome(ending, " ".join(said), done=done, freed_bytes=freed)


def _repair(
    name: str, options: MendOptions, site: Site, stop: Event, reclaim: Deed
) -> Generator[Step, None, Outcome]:
    if name == RECOVERY:
        return _recovered(site)
    if name == LEFTOVERS:
        return _without_leftovers(site)
    if name == COUNTERS:
        return (yield from _counted(site, stop))
    assert name == ORPHANS and options.orphans is not None
    return (yield from reclaim(options.orphans, site, stop))


def _recovered(site: Site) -> Outcome:
    said = recover(site)
    left = len(unfinished(site))
    if left:
        return Outcome(
            "partial", " ".join(said) or "An interrupted job could not be put right yet."
        )
    return Outcome("done", " ".join(said) or "What was interrupted has been put right.")


def _without_leftovers(site: Site) -> Outcome:
    sizes = {path: file_size(path) for path in leftovers(site.store.path)}
    removed = remove_leftovers(site.store.path)
    octets = sum(sizes.get(path, 0) for path in removed)
    done = Totals(files=len(removed), bytes=octets)
    message = f"Leftover copies removed: {len(removed)}."
    return Outcome("done", message, done=done, freed_bytes=octets)


def _counted(site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    with site.store.writing() as db:
        raised = yield from raise_counters(db.connection(), site.store.schema, stop)
        left = len(all_behind(db.connection(), site.store.schema))
    message = f"Counters raised: {raised}."
    if left:
        message += f" {left} stayed: a workspace or another machine counts there."
    return Outcome("partial" if left else "done", message)


def raise_counters(
    connection: apsw.Connection, schema: Schema, stop: Event
) -> Generator[Step, None, int]:
    """Set every counter that is behind to the highest number in use; returns how many were.

    In transactions of a moment; each statement looks again itself and never lowers a counter.
    """
    keys = all_behind(connection, schema)
    raised = 0

    def deed(key: Key) -> None:
        nonlocal raised
        raised += raise_counter(connection, schema, key)

    for done in in_slices(connection, [partial(deed, key) for key in keys], stop):
        yield Step(done, len(keys), phase="raising counters")
    return raised
