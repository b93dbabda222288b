"""Copying the rows of a session into the attached batch, and proving that the copies are right.

Rows travel inside SQLite. Which of them are kept is decided here once, by `is_kept`: event rows are
a history that opencode does not read on one machine (facts on opencode's storage, 4e) and most of
the file, so they stay out unless the user wants them or the session belongs to a shared workspace,
whose history others may ask for. The watermark (`event_sequence`) always comes along.
"""

from __future__ import annotations

from collections import Counter

import apsw

from tui.errors import OcduError
from tui.store.generations import TABLES
from tui.store.query import fetch, scalar
from tui.store.schema import Owned, Schema

HISTORY = "event"
"""The table whose rows are left out by default."""


def is_kept(owned: Owned, with_events: bool) -> bool:
    """True when the batch holds the rows of this table."""
    return with_events or owned.table != HISTORY


def is_synced(connection: apsw.Connection, schema: Schema, id: str) -> bool:
    """True when the session lives in a workspace or another machine owns its history."""
    questions = []
    if schema.has("event_sequence", "owner_id"):
        questions.append(
            "EXISTS (SELECT 1 FROM main.event_sequence WHERE aggregate_id = :id"
            " AND owner_id IS NOT NULL)"
        )
    questions += [
        f"EXISTS (SELECT 1 FROM main.{table} WHERE id = :id AND workspace_id IS NOT NULL)"
        for table in TABLES
        if schema.has(table, "workspace_id")
    ]
    return bool(questions) and bool(
        scalar(connection, "SELECT " + " OR ".join(questions), {"id": id})
    )


def copy_session(
    connection: apsw.Connection, schema: Schema, id: str, *, with_events: bool
) -> Counter[str]:
    """Copy what is kept of a session into the attached batch; returns rows by table.

    Runs inside the caller's transaction. Raises OcduError when a count does not come out right.
    """
    copied: Counter[str] = Counter()
    for owned in schema.estate:
        if not is_kept(owned, with_events):
            continue
        names = ", ".join(f'"{column}"' for column in owned.columns)
        connection.execute(
            f'INSERT INTO trash."{owned.table}" (ocdu_session, ocdu_source, {names})'
            f' SELECT :id, rowid, {names} FROM main."{owned.table}" WHERE {owned.where}',
            {"id": id},
        )
        copied[owned.table] += connection.changes()
    for table, rows in copied.items():
        kept = scalar(
            connection, f'SELECT count(*) FROM trash."{table}" WHERE ocdu_session = ?', (id,)
        )
        if kept != rows:
            raise OcduError(f"The trash kept {kept} of {rows} rows of {table}: nothing is deleted.")
    return copied


def copy_project(connection: apsw.Connection, project_id: str) -> None:
    """Keep the project row as well: a restore may find it gone."""
    names = ", ".join(
        f'"{name}"'
        for (name,) in connection.execute("SELECT name FROM pragma_table_info('project', 'main')")
    )
    connection.execute(
        f"INSERT INTO trash.project (ocdu_session, ocdu_source, {names})"
        f" SELECT NULL, rowid, {names} FROM main.project WHERE id = ?1"
        " AND NOT EXISTS (SELECT 1 FROM trash.project WHERE id = ?1)",
        (project_id,),
    )


def copy_instructions(connection: apsw.Connection, id: str) -> None:
    """Keep the texts of a session's instructions: 2.x finds them by their hash."""
    connection.execute(
        "INSERT INTO trash.instruction_blob (ocdu_session, ocdu_source, hash, value)"
        " SELECT NULL, rowid, hash, value FROM main.instruction_blob WHERE hash IN"
        f" (SELECT hash FROM ({hashes_of('main')} WHERE i.session_id = ?1))"
        " AND hash NOT IN (SELECT hash FROM trash.instruction_blob)",
        (id,),
    )


def hashes_of(database: str) -> str:
    """SELECT of every (session_id, hash) that the instructions `i` in this database name."""
    return (
        "SELECT i.session_id, v.value AS hash FROM (SELECT session_id, initial_values AS named"
        f" FROM {database}.instruction_state UNION ALL SELECT session_id, current_values"
        f" FROM {database}.instruction_state) i,"
        " json_each(CASE WHEN json_valid(i.named) THEN i.named ELSE '{}' END) v"
    )


def differing_table(
    connection: apsw.Connection, schema: Schema, id: str, *, with_events: bool
) -> str | None:
    """The table in which the session and its copies are not the same; None when all are.

    Every column of every row is compared inside SQLite, and as many rows must be there as are
    owned: a stronger proof than a hash, and no byte passes through Python.
    """
    owned_by_table: dict[str, list[Owned]] = {}
    for owned in schema.estate:
        if is_kept(owned, with_events):
            owned_by_table.setdefault(owned.table, []).append(owned)
    for table, parts in owned_by_table.items():
        rows = " + ".join(f'(SELECT count(*) FROM main."{table}" WHERE {o.where})' for o in parts)
        # The plus takes the affinity away: '5' must not pass for 5.
        same = " AND ".join(f'k."{name}" IS +m."{name}"' for name in parts[0].columns)
        [(there, kept, equal)] = fetch(
            connection,
            f'SELECT {rows}, (SELECT count(*) FROM trash."{table}" WHERE ocdu_session = :id),'
            f' (SELECT count(*) FROM trash."{table}" k JOIN main."{table}" m'
            f" ON m.rowid = k.ocdu_source WHERE k.ocdu_session = :id AND {same})",
            {"id": id},
        )
        if not there == kept == equal:
            return table
    return None
