"""What a database file contains, found at run time: generation, columns, a session's estate.

Supporting the next version of opencode is a change here and in `models` only. Column order differs
between fresh and upgraded files, so columns are always named, never counted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import apsw

from tui.errors import Refused
from tui.store.generations import NO_IMPORT, TABLES, Importer, generation_of, importer_of, refusal
from tui.store.query import fetch, scalar

NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "smbfs", "sshfs", "9p", "afs", "davfs", "webdav")
"""SQLite's WAL needs shared memory and locks that these do not keep (sqlite.org/wal.html)."""

REQUIRED = {
    "session": {"id", "project_id", "parent_id", "title", "directory", "time_updated"},
    "message": {"id", "session_id", "data"},
    "part": {"id", "message_id", "session_id", "data"},
}
REQUIRED_V2 = {
    "session_v2": {"id", "project_id", "parent_id", "title", "directory", "time_updated"},
    "session_message": {"id", "session_id", "type", "seq", "time_updated", "data"},
    "event_sequence": {"aggregate_id", "seq"},
}
"""Without these it is not a database ocdu knows (present in every release since 1.2.0)."""

SOFT_LINKS = (("event", "aggregate_id"), ("event_sequence", "aggregate_id"))
"""Rows of a session that no foreign key ties to it; an SQL delete would leave them behind."""


_V1_SIZED = ("message", "part", "event")

SHARED = ("project", "instruction_blob")
"""Tables of which several sessions may use one row: it never goes with one of them."""

VIRTUAL = "CREATE VIRTUAL"

ODD = re.compile('["\x00-\x1f\ufffd]')
"""Signs that no name of opencode's has, and no statement of ours could carry."""

LAST = {"event_sequence": 1, "session": 2, "session_v2": 2}
"""What goes last, and together."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Rows of one table that belong to a session."""

    table: str
    where: str
    """Finds them through an index; the one parameter is `:id`."""
    columns: tuple[str, ...]
    check: str = ""
    """Says of one row, found by its rowid, whether it is one of them; also with `:id`."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What one file contains. `estate` is in delete order: children first, the session last."""

    generation: str
    columns: Mapping[str, tuple[str, ...]]
    estate: tuple[Owned, ...]
    cascades: Mapping[str, tuple[tuple[str, str, str], ...]]
    """Table -> (child table, child column, own column) of every ON DELETE CASCADE onto it."""
    refusal: str | None = None
    """Why ocdu must not write here, as a sentence."""
    importer: Importer = NO_IMPORT
    """How far 2.x got with the sessions of 1.x."""

    def has(self, table: str, column: str | None = None) -> bool:
        """True when the table (and the column) exists in this file."""
        return table in self.columns and (column is None or column in self.columns[table])

    @property
    def payload_tables(self) -> tuple[str, ...]:
        """Tables of a session whose `data` is the bulk of the file, present in this file."""
        wanted = ("message", "part", "event", "session_message")
        return tuple(table for table in wanted if self.has(table, "data"))

    @property
    def sized_tables(self) -> tuple[str, ...]:
        """Those of them whose `data` makes up a session's size.

        1.15 to 1.17 keep tiny markers in a `session_message` of their own, which is none of them.
        """
        tables = self.payload_tables
        return tables if self.has("session_v2") else tuple(t for t in tables if t in _V1_SIZED)


def discover(connection: apsw.Connection) -> Schema:
    """Read the schema; raises Refused when the file is not opencode's or not yet complete."""
    rows = fetch(
        connection,
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%'"
        " ESCAPE '\\'",
    )
    if scalar(connection, "PRAGMA encoding") != "UTF-8":
        raise Refused("This database is not in UTF-8, as opencode's are: nothing was read.")
    # A virtual table needs the module it was made with; opencode has none.
    rows = [(name, sql) for name, sql in rows if not (sql or "").upper().startswith(VIRTUAL)]
    columns = {name: _columns(connection, name) for name, _ in rows if not ODD.search(name)}
    generation = _generation(columns)
    strange = _lacks(columns, REQUIRED_V2) if generation == "both" else ""
    if strange:
        del columns["session_v2"]  # of no use; the sessions of 1.x can still be shown
    cascades = {table: _cascades(connection, columns, table) for table in columns}
    estate = _estate(columns, cascades)
    importer = importer_of(connection, columns)
    refused = (strange and _STRANGE.format(strange)) or refusal(connection, columns, importer)
    owned_tables = {owned.table for owned in estate}
    keyless = [name for name, sql in rows if name in owned_tables and _is_without_rowid(sql)]
    keyless += [name for name, _ in rows if _is_out_of_reach(connection, name, owned_tables)]
    if refused is None and keyless:
        refused = f"The table {keyless[0]} is of a shape ocdu does not know: nothing is changed."
    return Schema(generation, columns, estate, cascades, refused, importer)


def _columns(connection: apsw.Connection, table: str) -> tuple[str, ...]:
    return tuple(name for name in _all_columns(connection, table) if not ODD.search(name))


def _all_columns(connection: apsw.Connection, table: str) -> list[str]:
    found = fetch(connection, "SELECT name FROM pragma_table_info(?)", (table,))
    return [name for (name,) in found]


def _is_out_of_reach(connection: apsw.Connection, table: str, owned: Collection[str]) -> bool:
    """True when rows of a session may hang on a name that no statement of ours can carry."""
    if not any(ODD.search(each) for each in (table, *_all_columns(connection, table))):
        return False
    question = "SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_list(?))"
    return table in owned or bool(scalar(connection, question, (table,)))


def _generation(columns: Mapping[str, tuple[str, ...]]) -> str:
    if not columns:
        raise Refused("This database has no tables yet: opencode is creating it, or never ran.")
    generation = generation_of(columns)
    if not generation:
        raise Refused("This is an SQLite database, but not one of opencode: it has no sessions.")
    lacking = _lacks(columns, REQUIRED_V2 if generation == "v2" else REQUIRED)
    if lacking:
        raise Refused(f"This database lacks the {lacking}: ocdu does not know this schema.")
    return generation


def _lacks(columns: Mapping[str, tuple[str, ...]], required: Mapping[str, set[str]]) -> str:
    """The first table or column that is not there, in words; "" when all of them are."""
    for table, wanted in required.items():
        if table not in columns:
            return f"table {table}"
        if missing := wanted - set(columns[table]):
            return f"column {table}.{min(missing)}"
    return ""


_STRANGE = (
    "opencode 2.x has written to this database, but it lacks the {}: ocdu does not know this "
    "schema. It shows the sessions of 1.x and changes nothing."
)


def _estate(
    columns: Mapping[str, tuple[str, ...]],
    cascades: Mapping[str, tuple[tuple[str, str, str], ...]],
) -> tuple[Owned, ...]:
    """Follow ON DELETE CASCADE from both generations down: no table of tomorrow is forgotten."""
    owned = [_direct(table, "id", columns) for table in TABLES if table in columns]
    seen = set(TABLES)
    waiting = list(owned)
    while waiting:
        parent = waiting.pop(0)
        for table, child_column, parent_column in cascades[parent.table]:
            if table in seen:
                continue
            seen.add(table)
            if parent.table in TABLES:
                owned.append(_direct(table, child_column, columns))
            else:
                owned.append(_below(parent, table, child_column, parent_column, columns))
            waiting.append(owned[-1])
    for table, key in reversed(SOFT_LINKS):
        if key in columns.get(table, ()):
            owned.append(_direct(table, key, columns))
    if "part" in columns:
        owned.append(Owned("part", _STRAY_PARTS, columns["part"], _STRAY_PARTS))
    # The watermark goes with the session: without it a session that lives on starts again at 0.
    return tuple(sorted(reversed(owned), key=lambda each: LAST.get(each.table, 0)))


def _direct(table: str, key: str, columns: Mapping[str, tuple[str, ...]]) -> Owned:
    return Owned(table, f'"{key}" = :id', columns[table], f'"{table}"."{key}" = :id')


def _below(
    parent: Owned, table: str, own: str, key: str, columns: Mapping[str, tuple[str, ...]]
) -> Owned:
    """Rows that belong to a session because their parent row does."""
    return Owned(
        table,
        f'"{own}" IN (SELECT "{key}" FROM "{parent.table}" WHERE {parent.where})',
        columns[table],
        f'EXISTS (SELECT 1 FROM "{parent.table}" WHERE'
        f' "{parent.table}"."{key}" = "{table}"."{own}" AND {parent.check})',
    )


_STRAY_PARTS = """"session_id" = :id AND NOT EXISTS
  (SELECT 1 FROM "message" WHERE "message"."id" = "part"."message_id")"""
"""part.session_id has no foreign key: parts whose message is gone belong to the session they name.
"""


def _cascades(
    connection: apsw.Connection, columns: Mapping[str, tuple[str, ...]], parent: str
) -> tuple[tuple[str, str, str], ...]:
    found: list[tuple[str, str, str]] = []
    for table in sorted(set(columns) - {parent}):
        links = fetch(
            connection,
            'SELECT "from", coalesce("to", \'id\') FROM pragma_foreign_key_list(?)'
            " WHERE \"table\" = ? AND on_delete = 'CASCADE'",
            (table, parent),
        )
        found += [(table, own, key) for own, key in links if not ODD.search(own + key)]
    return tuple(found)


def _is_without_rowid(sql: str | None) -> bool:
    tail = (sql or "").rpartition(")")[2].upper()
    return "WITHOUT" in tail


def network_file_system(path: Path) -> str | None:
    """Type of the network file system that holds `path`; None on a local disk."""
    import psutil  # not needed to show a list, and a tenth of the time it takes to start

    best, kind = "", ""
    real = str(path.resolve())
    for mount in psutil.disk_partitions(all=True):
        inside = real == mount.mountpoint or real.startswith(mount.mountpoint.rstrip("/\\") + "/")
        if inside and len(mount.mountpoint) >= len(best):
            best, kind = mount.mountpoint, mount.fstype.lower()
    name = kind.removeprefix("fuse.").rstrip("0123456789")
    return kind if name in NETWORK_FILE_SYSTEMS or kind in NETWORK_FILE_SYSTEMS else None
