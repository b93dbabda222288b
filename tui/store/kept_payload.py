"""What reclaim took, kept in a trash batch: each row's data before and after, as they were stored.

An ordinary batch file whose manifest says `kind` = "payload", with one table of its own and one
line for all of it. Rows travel inside SQLite only. Everything here works on the attached batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import apsw

from tui.format import plural
from tui.store import batch
from tui.store.database import transaction
from tui.store.diff_stream import Slim, is_still
from tui.store.query import fetch, scalar
from tui.store.row_level import Rewriting

KIND = "payload"
"""In the manifest; batches of whole trees have no kind."""

ROOT = "ocdu:payloads"
"""Stands where a tree's root would; no session of opencode is called that."""

TABLES = ("part", "message", "session_message", "event")
"""Tables of opencode whose rows are kept here."""

_SAME = 'SELECT 1 FROM main."{table}" m WHERE m.id IS k.id AND m.data IS k.{what}'


class Tally(NamedTuple):
    """Rows and octets of a batch."""

    rows: int
    sessions: int
    octets: int
    """That undo brings back: what the rows lost."""


def prepare(connection: apsw.Connection) -> None:
    """Make a new batch one of payloads. Until that is done it is an empty batch of trees."""
    with transaction(connection, "BEGIN"):
        connection.execute("INSERT INTO trash.ocdu_manifest VALUES ('kind', ?)", (KIND,))
        connection.execute("CREATE TABLE trash.ocdu_payload (tbl TEXT, id, session, before, after)")


def is_payload(connection: apsw.Connection) -> bool:
    """True for a batch of payloads."""
    kind = scalar(connection, "SELECT value FROM trash.ocdu_manifest WHERE name = 'kind'")
    return bool(kind == KIND)


def copy_row(
    connection: apsw.Connection,
    level: Rewriting,
    session_id: str,
    rowid: int,
    more: Mapping[str, object],
) -> int | None:
    """Keep a row as it is, and as the level would make it; its entry, or None if not taken."""
    connection.execute(
        f"""INSERT INTO trash.ocdu_payload (tbl, id, session, before, after)
            SELECT '{level.table}', id, {level.owner}, data, {level.edited}
            FROM main.{level.table}
            WHERE rowid = :row AND {level.owner} = :session AND {level.verdict} >= 0""",
        {"row": rowid, "session": session_id, **more},
    )
    return connection.last_insert_rowid() if connection.changes() else None


def copy_large(connection: apsw.Connection, session_id: str, new: Slim) -> int | None:
    """Keep a row that is edited without SQLite's JSON functions; its entry."""
    table = new.shape.table
    connection.execute(
        f"""INSERT INTO trash.ocdu_payload (tbl, id, session, before, after)
            SELECT '{table}', id, {new.shape.owner}, data, CAST(? AS TEXT) FROM main.{table}
            WHERE {is_still(new.shape)}""",
        (new.data, new.rowid, session_id, new.size, new.stamp),
    )
    return connection.last_insert_rowid() if connection.changes() else None


def edit_row(
    connection: apsw.Connection,
    level: Rewriting,
    session_id: str,
    rowid: int,
    entry: int,
    more: Mapping[str, object],
) -> int | None:
    """Make of a row what its entry says; octets it lost, or None when it is not as it was kept."""
    kept = "FROM trash.ocdu_payload WHERE rowid = :entry"
    before: Any = scalar(connection, f"SELECT octet_length(before) {kept}", {"entry": entry})
    after = fetch(
        connection,
        f"""UPDATE main.{level.table} SET data = (SELECT after {kept})
            WHERE rowid = :row AND {level.owner} = :session AND {level.verdict} >= 0
              AND id IS (SELECT id {kept}) AND data IS (SELECT before {kept})
            RETURNING octet_length(data)""",
        {"row": rowid, "session": session_id, "entry": entry, **more},
    )
    return before - after[0][0] if after else None


def bring_back(connection: apsw.Connection, entry: int, table: str) -> None:
    """Give one row its old data again, unless it was changed since, or is as it was."""
    kept = "FROM trash.ocdu_payload WHERE rowid = :entry"
    connection.execute(
        f"""UPDATE main."{table}" SET data = (SELECT before {kept})
            WHERE id IS (SELECT id {kept}) AND data IS (SELECT after {kept})""",
        {"entry": entry},
    )


def entries(connection: apsw.Connection) -> list[tuple[int, str]]:
    """Entry and table of every row kept; of tables known here."""
    found = fetch(connection, "SELECT rowid, tbl FROM trash.ocdu_payload ORDER BY rowid")
    return [(entry, table) for entry, table in found if table in TABLES]


def rows_of(connection: apsw.Connection, ids: Iterable[str]) -> int:
    """How many rows of these sessions are kept."""
    question = "SELECT count(*) FROM trash.ocdu_payload WHERE session = ?"
    return sum(int(scalar(connection, question, (id,))) for id in ids)


def sessions(connection: apsw.Connection) -> frozenset[str]:
    """Whose rows are kept."""
    found = fetch(connection, "SELECT DISTINCT session FROM trash.ocdu_payload")
    return frozenset(id for (id,) in found)


def drop(connection: apsw.Connection, unused: list[int]) -> None:
    """Forget these entries: their rows were never touched."""
    connection.executemany(
        "DELETE FROM trash.ocdu_payload WHERE rowid = ?", [(entry,) for entry in unused]
    )


def drop_what_is_there(connection: apsw.Connection) -> None:
    """Forget every entry whose row is as it was before: undo has nothing to do there."""
    found = fetch(connection, "SELECT DISTINCT tbl FROM trash.ocdu_payload")
    for table in {table for (table,) in found}.intersection(TABLES):
        same = _SAME.format(table=table, what="before")
        connection.execute(
            "DELETE FROM trash.ocdu_payload WHERE rowid IN (SELECT k.rowid"
            f" FROM trash.ocdu_payload k WHERE k.tbl = '{table}' AND EXISTS ({same}))"
        )


def note(connection: apsw.Connection) -> Tally:
    """Write the line by which the batch is listed, as the entries are now; none without any."""
    rows, messages, events, sessions, octets = fetch(
        connection,
        "SELECT count(*), count(*) FILTER (WHERE tbl = 'message'),"
        " count(*) FILTER (WHERE tbl = 'event'), count(DISTINCT session),"
        " coalesce(sum(octet_length(before) - octet_length(after)), 0) FROM trash.ocdu_payload",
    )[0]
    if rows:
        title = f"payloads of {plural(sessions, 'session')}"
        line = batch.TreeLine(
            ROOT, title, "", "reclaimed", batch.KEPT, sessions, messages,
            rows - messages - events, events, 0, octets,
        )  # fmt: skip
        batch.write_tree(connection, line, ())
    else:
        batch.forget_tree(connection, ROOT)
    return Tally(rows, sessions, octets)
