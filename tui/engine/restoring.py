"""One tree from the attached batch back into the database: all of it or nothing.

The batch may come from an older opencode: columns it does not have take their defaults. A conflict
of ids is refused by name before the first row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from threading import Event

import apsw

from tui.engine.pace import in_slices
from tui.engine.putting_back import TakingOut, put_back_deeds
from tui.engine.site import Site
from tui.errors import OcduError, Refused
from tui.store import batch, kept_payload, session_files
from tui.store.batch import TreeLine
from tui.store.database import SQLITE_EXCEPTIONS, transaction
from tui.store.doctor.counter import raise_counter
from tui.store.doctor.walk import Key
from tui.store.generations import exists
from tui.store.kept import KeptTable, kept_tables, missing_project, taken_id


def restore_tree(connection: apsw.Connection, site: Site, root: str) -> Iterator[int]:
    """Put one tree of the attached batch back, whether or not an earlier try got half-way.

    Either all of it or nothing: whatever goes wrong, what this run inserted is taken out again and
    the copies stay. Raises Refused for a conflict of ids, or what SQLite raised.
    """
    if root == kept_payload.ROOT:
        from tui.engine.reclaim.keeping import bring_back  # every level comes with it

        yield from bring_back(connection, site.store, Event())
        return
    line = batch.tree_line(connection, root)
    if line is None:
        return
    ids = batch.members(connection, root)
    begun_before = line.state != batch.GONE
    if not begun_before:
        _check_place(connection, site, line, ids)
        with transaction(connection, "BEGIN"):
            batch.set_state(connection, root, batch.RESTORING)
    refused: list[str] = []
    done: list[tuple[KeptTable, int]] = []
    written: list[str] = []
    try:
        deeds = put_back_deeds(connection, site.store.schema, ids, refused, done)
        yield from in_slices(connection, deeds, Event())
        for id in ids:
            written += [id] * session_files.restore_files(connection, site.files, id)
            if session_files.is_another(connection, site.files, id):
                refused.append(f"file of {id}")  # the one that is there stays, and so does the copy
        if site.store.schema.has("session_v2"):
            _raise_counters(connection, site, ids)  # last: it is all there then, or undone at once
    except (OcduError, OSError, *SQLITE_EXCEPTIONS):
        if not begun_before:
            _take_out(connection, site, root, done, written)
        raise
    site.store.sync()  # the copies go next
    with transaction(connection, "BEGIN"):
        if refused:
            # Rows that belonged to nothing before, which opencode never showed; or a file in whose
            # place there is another one by now. They stay here.
            batch.set_state(connection, root, batch.RESTORED)
        else:
            batch.forget_tree(connection, root)


def _check_place(
    connection: apsw.Connection, site: Site, line: TreeLine, ids: tuple[str, ...]
) -> None:
    """Before the first row: is the place free, and is there a place for everything?"""
    tables = kept_tables(connection, site.store.schema)
    for id in ids:
        taken = id if exists(connection, id) else taken_id(connection, tables, id)
        if taken:
            raise Refused(
                f"{taken} exists in the database again: “{line.title}” stays in the trash."
            )
        if missing_project(connection, id):
            raise Refused(
                f"The project of {id} is neither in the database nor in the trash: "
                f"“{line.title}” stays in the trash."
            )


def _raise_counters(connection: apsw.Connection, site: Site, ids: tuple[str, ...]) -> None:
    """2.x numbers messages by a counter that was gone with some sessions (facts on 2.x, §9)."""
    with transaction(connection):
        for id in ids:
            raise_counter(connection, site.store.schema, Key("text", id.encode()))


def _take_out(
    connection: apsw.Connection,
    site: Site,
    root: str,
    done: list[tuple[KeptTable, int]],
    written: list[str],
) -> None:
    """Undo half a restore: what this run brought, and nothing else.

    Where that fails, or somebody uses the tree by now, it stays noted as being restored.
    """
    with suppress(OSError, *SQLITE_EXCEPTIONS):
        for id in written:
            session_files.remove_file(site.files, id, connection)
        taking = TakingOut(connection, site.store.schema, done)
        for _ in in_slices(connection, taking.deeds(), Event()):
            pass
        if not taking.is_in_use:
            with transaction(connection, "BEGIN"):
                batch.set_state(connection, root, batch.GONE)
