"""Set or clear `time_archived`, and nothing else: `time_updated` stays, so age and order stay true.

A running opencode honours the change at once. It writes whole session rows, though, and a row it
read just before our commit may come back with the old stamp; so every stamp is looked at again
and set once more where that happened.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from functools import partial
from threading import Event

import apsw

from tui.engine.one_by_one import Left, told
from tui.engine.pace import Deed, in_slices
from tui.engine.site import Site
from tui.format import plural
from tui.policy.archive import ArchiveOptions
from tui.policy.plan import Outcome, Plan, Step, Totals
from tui.store.generations import session_tables
from tui.store.query import FINITE, fetch, scalar
from tui.store.sessions import milliseconds

TRIES = 3
"""Rounds of setting and looking: each lost one needs opencode to write in the same millisecond."""

_STAMP = f"CASE WHEN time_archived < {FINITE} THEN time_archived END"
"""What is no number is no stamp, as every list has it."""

Stamps = Mapping[str, tuple[int | None, int | None]]
"""Session id -> (`time_archived` that must be there, `time_archived` to write)."""


def apply_archive(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Stamp the planned sessions; those that are archived by now keep their own stamp."""
    assert isinstance(plan.options, ArchiveOptions)
    stamps = plan.options.stamps
    with site.store.reading() as db:
        found = _stamps_of(db.connection(), stamps)
    wanted = {id: (found[id], stamp) for id, stamp in stamps.items() if id in found}
    unstamped = {id: pair for id, pair in wanted.items() if not milliseconds(pair[0])}
    return (yield from _apply(plan, site, stop, unstamped))


def apply_unarchive(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Clear the planned stamps (NULL, never 0), each only where it is still the one planned."""
    assert isinstance(plan.options, ArchiveOptions)
    stamps = {id: (stamp, None) for id, stamp in plan.options.stamps.items()}
    return (yield from _apply(plan, site, stop, stamps))


def _apply(plan: Plan, site: Site, stop: Event, stamps: Stamps) -> Generator[Step, None, Outcome]:
    done: dict[str, tuple[int | None, int | None]] = {}
    for step in write_stamps(site, stamps, stop, done):
        yield Step(len(done), len(stamps), phase="stamping") if step else Step(0, len(stamps))
    touched = [item for item in plan if any(id in done for id in item.sessions)]
    verb = "archived" if plan.verb == "archive" else "unarchived"
    message = f"{plural(len(done), 'session')} {verb}"
    message += "; this frees no space." if plan.verb == "archive" else "."
    return told(
        message,
        len(done),
        Left(plan.totals.sessions - len(done), "session", "had changed meanwhile and stayed"),
        stop=stop,
        totals=Totals(trees=len(touched), sessions=len(done)),
        details={"undo": {"stamps": {id: list(pair) for id, pair in done.items()}}},
    )


def intended_stamps(plan: Plan) -> dict[str, list[int | None]]:
    """What the planned job is to write, as the journal keeps it: id -> stamp before and after."""
    assert isinstance(plan.options, ArchiveOptions)
    stamps = plan.options.stamps.items()
    return {id: [None, at] if plan.verb == "archive" else [at, None] for id, at in stamps}


def stamps_taken_back(site: Site, stamps: Mapping[str, list[int | None]]) -> int:
    """Write the stamps of before where those of after stand; how many did."""
    back = {id: (after, before) for id, (before, after) in stamps.items()}
    done: dict[str, tuple[int | None, int | None]] = {}
    for _ in write_stamps(site, back, Event(), done):
        pass
    return len(done)


def write_stamps(
    site: Site,
    stamps: Stamps,
    stop: Event,
    done: dict[str, tuple[int | None, int | None]],
) -> Iterator[int]:
    """Write each stamp where the expected one is found; fills `done` with what really changed."""
    with site.store.writing() as db:
        connection = db.connection()
        left = dict(stamps)
        for _ in range(TRIES):
            yield from in_slices(connection, _deeds(connection, left, done), stop)
            now = _stamps_of(connection, done)
            left = {id: done[id] for id in done if id in now and now[id] != done[id][1]}
            if not left or stop.is_set():
                break
        for id in left:
            done.pop(id, None)


def standing(site: Site, wanted: Mapping[str, int | None]) -> int:
    """How many of these sessions have the stamp that is wanted of them."""
    with site.store.reading() as db:
        found = _stamps_of(db.connection(), wanted)
    return sum(id in found and found[id] == stamp for id, stamp in wanted.items())


def _deeds(
    connection: apsw.Connection, stamps: Stamps, done: dict[str, tuple[int | None, int | None]]
) -> Iterator[Deed]:
    for id, (expected, wanted) in stamps.items():
        yield partial(_write, connection, id, expected, wanted, done)


def _write(
    connection: apsw.Connection,
    id: str,
    expected: int | None,
    wanted: int | None,
    done: dict[str, tuple[int | None, int | None]],
) -> None:
    """The copy that counts, where the expected stamp is on it; and with it the other one."""
    for table in reversed(session_tables(connection)):
        connection.execute(
            f"UPDATE {table} SET time_archived = ? WHERE id = ? AND {_STAMP} IS ?",
            (wanted, id, expected),
        )
        if connection.changes():
            done[id] = (expected, wanted)
        elif scalar(connection, f"SELECT EXISTS (SELECT 1 FROM {table} WHERE id = ?)", (id,)):
            return


def _stamps_of(connection: apsw.Connection, ids: Iterable[str]) -> dict[str, int | None]:
    """The stamps as every list shows them: of a session of both generations, that of 2.x."""
    found: dict[str, int | None] = {}
    tables = session_tables(connection)
    for id in ids:
        for table in tables:
            question = f"SELECT {_STAMP} FROM {table} WHERE id = ?"
            for (stamp,) in fetch(connection, question, (id,)):
                found[id] = stamp
    return found
