"""Remove projects without sessions, with all that hangs on their rows; and bring them back."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from threading import Event
from typing import Any

import apsw

from tui.engine.one_by_one import Left, told
from tui.engine.pace import Deed, in_slices
from tui.engine.site import Site
from tui.format import plural
from tui.policy.plan import Outcome, Plan, Step
from tui.policy.projects import RemoveOptions
from tui.store.project_rows import KeptRow, is_project, put_row, rows_of

Kept = Mapping[str, Sequence[Sequence[Any]]]
"""Project -> its rows, as the journal keeps them."""


def apply_remove_project(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Delete project rows; each only if, with the lock held, no session hangs on it."""
    assert isinstance(plan.options, RemoveOptions)
    return (yield from remove_projects(plan.options.ids, site, stop))


def remove_projects(ids: Sequence[str], site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """The same for these ids; the outcome holds every row that went."""
    done: dict[str, list[KeptRow]] = {}
    with site.store.writing() as db:
        deeds = _removals(db.connection(), site, ids, done)
        for count in in_slices(db.connection(), deeds, stop):
            yield Step(count, len(ids), phase="removing")
    return told(
        f"{plural(len(done), 'project')} removed.",
        len(done),
        Left(len(ids) - len(done), "project", "got a session meanwhile, or had gone, and stayed"),
        stop=stop,
        details={"projects": len(done), "undo": {"projects": done}},
    )


def _removals(
    connection: apsw.Connection, site: Site, ids: Iterable[str], done: dict[str, list[KeptRow]]
) -> Iterator[Deed]:
    tables = [name for name in ("session", "session_v2") if site.store.schema.has(name)]
    empty = "".join(
        f' AND NOT EXISTS (SELECT 1 FROM "{table}" s WHERE s.project_id = project.id)'
        for table in tables
    )

    def remove(id: str) -> None:
        rows = rows_of(connection, site.store.schema, id)
        connection.execute(f"DELETE FROM project WHERE id = ?{empty}", (id,))
        if connection.changes():
            done[id] = rows

    for id in ids:
        yield partial(remove, id)


def bring_back(
    kept: Kept, site: Site, stop: Event, back: list[str] | None = None
) -> Generator[Step, None, Outcome]:
    """Insert the rows of removed projects; one that opencode has made anew stays as it is.

    Fills `back` with those that were missing.
    """
    back = [] if back is None else back
    with site.store.writing() as db:
        deeds = (partial(_put, db.connection(), id, rows, back) for id, rows in kept.items())
        for count in in_slices(db.connection(), deeds, stop):
            yield Step(count, len(kept), phase="bringing back")
    return told(
        f"{plural(len(back), 'project')} brought back.",
        len(back),
        Left(len(kept) - len(back), "project", "stood there again already and stayed as it was"),
        stop=stop,
    )


def _put(
    connection: apsw.Connection, id: str, rows: Sequence[Sequence[Any]], back: list[str]
) -> None:
    if not is_project(connection, id):
        for row in rows:
            put_row(connection, KeptRow(*row))
        back.append(id)


def intended_rows(plan: Plan, site: Site) -> dict[str, list[KeptRow]]:
    """What a killed removal would have taken: what stands there when it begins."""
    assert isinstance(plan.options, RemoveOptions)
    return standing_rows(plan.options.ids, site)


def standing_rows(ids: Iterable[str], site: Site) -> dict[str, list[KeptRow]]:
    """The rows of those of these projects that are there."""
    with site.store.reading() as db:
        found = {id: rows_of(db.connection(), site.store.schema, id) for id in ids}
    return {id: rows for id, rows in found.items() if rows}


def rows_taken_back(site: Site, kept: Kept) -> int:
    """Bring back the projects that a killed removal took; how many there were."""
    back: list[str] = []
    for _ in bring_back(kept, site, Event(), back):
        pass
    return len(back)
