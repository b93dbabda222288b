"""Two generations of sessions in one file, seen as one: which there are, and what a session is.

1.x keeps sessions in `session`, 2.x in `session_v2`. An upgrade copies and leaves the old rows in
place, so an id may stand in both, and 1.x may go on beside 2.x. Whatever is asked about a session
here is asked of both (facts on opencode 2.x, §1 and §3).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import apsw

from tui.store.migrations import MIGRATIONS, V2_MIGRATIONS
from tui.store.query import FINITE, fetch, scalar

TABLES = ("session", "session_v2")
"""Where sessions are, the older generation first."""

MESSAGES = {"session": "message", "session_v2": "session_message"}
"""Where the messages of each are."""

IMPORT_KEY = "migration.v1-v2"
"""Row of `kv` with the importer's state. Without it 2.x imports again: it is never touched."""

NEWEST_V1 = MIGRATIONS[-1][:14]
"""Start of the newest entry opencode 1.18.34 writes into its `migration` table."""

Columns = Mapping[str, tuple[str, ...]]


class Importer(NamedTuple):
    """How far 2.x got with copying the sessions of 1.x."""

    phase: str = "none"
    """"none" (nothing to import), "never" (not yet begun), "sessions" (under way, or interrupted),
    "completed", or "unknown"."""
    began: int = 0
    """When it began, milliseconds: what 1.x wrote since may not be in the copy."""

    @property
    def is_settled(self) -> bool:
        """True when 2.x does not touch the rows of 1.x any more."""
        return self.phase in ("none", "completed")


NO_IMPORT = Importer()
"""Of a file that only one generation uses."""


def generation_of(columns: Columns) -> str:
    """ "v1", "v2", "both", or "" for a file without sessions; by the tables alone."""
    found = "session" in columns, "session_v2" in columns
    return {(True, False): "v1", (False, True): "v2", (True, True): "both"}.get(found, "")


def importer_of(connection: apsw.Connection, columns: Columns) -> Importer:
    """The importer's state in this file; times are those of its row in `kv`."""
    if generation_of(columns) != "both":
        return NO_IMPORT
    if "kv" not in columns:
        return Importer("never")
    question = "SELECT value, time_created, time_updated FROM kv WHERE key = ?"
    for value, began, ended in fetch(connection, question, (IMPORT_KEY,)):
        times = [time for time in (began, ended) if isinstance(time, int)]
        phase = _phase(value)
        return Importer(phase if len(times) == 2 else "unknown", min(times, default=0))
    return Importer("never")


def _phase(value: Any) -> str:
    try:
        state = json.loads(value)
    except (ValueError, TypeError):
        return "unknown"
    phase = state.get("phase") if isinstance(state, dict) else None
    return phase if phase in ("sessions", "completed") else "unknown"


def refusal(connection: apsw.Connection, columns: Columns, importer: Importer) -> str | None:
    """Why a file of this schema must not be written, as a sentence; None when it may."""
    stranger = _stranger(connection, columns)
    if stranger is not None:
        return (
            f"This database has a newer schema ({stranger}) than this version of ocdu knows: "
            "it is shown, and nothing is changed. Look for a newer ocdu."
        )
    if importer.phase == "never":
        return (
            "opencode 2.x has prepared this database and not yet imported the sessions of 1.x: its "
            "next start does that, and empties the event history first. Until it is done, ocdu "
            "shows what is there and changes nothing."
        )
    if not importer.is_settled:
        return (
            "opencode 2.x is importing the sessions of 1.x in this database, or was interrupted "
            "at it: start opencode 2.x and let it finish. Until then ocdu changes nothing."
        )
    return None


def _stranger(connection: apsw.Connection, columns: Columns) -> str | None:
    """What the journal names and nobody here has seen; None when all of it is known."""
    is_v2 = "session_v2" in columns
    if "migration" not in columns:
        return "no migrations noted" if is_v2 else None
    if not is_v2:
        newest = scalar(connection, "SELECT max(id) FROM migration")
        return str(newest) if newest is not None and str(newest)[:14] > NEWEST_V1 else None
    known = {*MIGRATIONS, *V2_MIGRATIONS}
    noted = [str(id) for (id,) in fetch(connection, "SELECT id FROM migration ORDER BY id DESC")]
    if V2_MIGRATIONS[0] not in noted:
        return "no migrations of 2.x noted"
    return next((id for id in noted if id not in known), None)


# one session, in whichever generation


def session_tables(connection: apsw.Connection, database: str = "main") -> tuple[str, ...]:
    """Those of TABLES that this database (`main`, or the attached `trash`) has."""
    found = fetch(
        connection,
        f"SELECT name FROM {database}.sqlite_schema WHERE type = 'table'"
        " AND name IN ('session', 'session_v2')",
    )
    names = {name for (name,) in found}
    # With none of them, let SQLite say what is missing.
    return tuple(table for table in TABLES if table in names) or TABLES[:1]


def _either(connection: apsw.Connection, select: str, database: str = "main") -> str:
    """The same question to every generation; `{}` stands for the table."""
    tables = session_tables(connection, database)
    return " UNION ALL ".join(select.format(f'{database}."{table}"') for table in tables)


def exists(connection: apsw.Connection, id: str) -> bool:
    """True when the session is in the database, in either generation."""
    question = _either(connection, "SELECT 1 FROM {} WHERE id = ?1")
    return bool(scalar(connection, f"SELECT EXISTS ({question})", (id,)))


def children_of(connection: apsw.Connection, id: str) -> set[str]:
    """Ids of the sessions that name this one as their parent, in either generation."""
    question = _either(connection, "SELECT id FROM {} WHERE parent_id = ?1")
    return {child for (child,) in fetch(connection, question, (id,))}


def projects_of(connection: apsw.Connection, id: str) -> set[str]:
    """Projects a session hangs on: the importer may have moved its copy to `global`."""
    question = _either(connection, "SELECT project_id FROM {} WHERE id = ?1")
    return {project for (project,) in fetch(connection, question, (id,))}


def updated_of(connection: apsw.Connection, id: str) -> int:
    """When the session was last written to, in either generation; 0 when it is gone."""
    question = _either(connection, "SELECT time_updated AS time FROM {} WHERE id = ?1")
    newest = f"SELECT max(time) FROM ({question}) WHERE typeof(time) IN ('integer', 'real')"
    return int(scalar(connection, newest, (id,)) or 0)


def times_of(connection: apsw.Connection, id: str) -> list[Any]:
    """`time_updated` of the session's rows as stored, and its newest message's `time_created`.

    Empty when the session is gone.
    """
    found: list[Any] = []
    for table in session_tables(connection):
        question = (
            f"SELECT time_updated, (SELECT max(time_created) FROM main.{MESSAGES[table]}"
            f" WHERE session_id = ?1 AND time_created < {FINITE}) FROM main.{table} WHERE id = ?1"
        )
        for times in fetch(connection, question, (id,)):
            found += times
    return found
