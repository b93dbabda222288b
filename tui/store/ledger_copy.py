"""ocdu's ledger where it cannot be written: read as it lies there, or an empty one in memory.

A ledger that is missing, or that an older ocdu made and this one may not bring up to date, is
completed in memory, from where several threads read it as they would the file. So is one whose last
change was killed half done: it must be taken back before anybody may read it, which is done to a
copy.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import apsw
from peewee import Model
from playhouse.apsw_ext import APSWDatabase

from tui.errors import NotNow, OcduError
from tui.store.query import fetch

PATIENCE = 5.0
"""Seconds to wait for whoever may write there."""

READ_ONLY = {"query_only": "ON"}

Tables = Iterable[type[Model]]


def is_hidden(path: Path) -> bool:
    """True for a ledger that this user may not even read; or whose journal, which tells whether
    the last change to it was finished."""
    if not os.path.exists(path):
        return os.path.exists(path.parent) and not os.access(path.parent, os.X_OK)
    own = (path, _journal_of(path))
    return not all(os.access(each, os.R_OK) for each in own if os.path.exists(each))


def read_only_ledger(path: Path, tables: Tables) -> APSWDatabase:
    """The ledger at this path, read-only; an empty one where there is none to be read. Raises
    OcduError for a damaged one, NotNow for one whose owner does not rest."""
    if not os.path.exists(path) or is_hidden(path):
        return _in_memory(None, tables)
    uri = "file:" + quote(os.fsencode(path), safe="/\\:") + "?mode=ro"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        connection = apsw.Connection(uri, flags=flags)
        connection.set_busy_timeout(int(PATIENCE * 1000))
        try:
            if not _is_complete(connection, tables):
                return _in_memory(connection, tables)
        finally:
            connection.close()
    except apsw.ReadOnlyError:
        return _taken_back(path, tables)
    except apsw.BusyError as error:
        raise NotNow(
            f"ocdu's own database {path} is written to by its owner's ocdu for longer than "
            f"{PATIENCE:.0f} s: try again later."
        ) from error
    except apsw.Error as error:
        raise OcduError(
            f"ocdu's own database {path} cannot be read ({error}): move it away, or set "
            "XDG_DATA_HOME."
        ) from error
    return APSWDatabase(uri, timeout=PATIENCE, flags=flags, pragmas=READ_ONLY)


def _journal_of(path: Path) -> Path:
    return path.with_name(path.name + "-journal")


def _taken_back(path: Path, tables: Tables) -> APSWDatabase:
    """The ledger as it was before a change that was killed. Its journal tells, which is copied
    first: whoever may write there could be at it, and clears it when the ledger is as it was."""
    with TemporaryDirectory(prefix="ocdu-ledger-") as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(_journal_of(path), _journal_of(copy))
        shutil.copyfile(path, copy)
        connection = apsw.Connection(str(copy))
        try:
            return _in_memory(connection, tables)
        finally:
            connection.close()


def _is_complete(connection: apsw.Connection, tables: Tables) -> bool:
    return all(
        _columns(connection, table._meta.table_name) >= set(table._meta.columns) for table in tables
    )


def _columns(connection: apsw.Connection, table: str) -> set[str]:
    return {
        name for (name,) in fetch(connection, "SELECT name FROM pragma_table_info(?)", (table,))
    }


def _in_memory(source: apsw.Connection | None, tables: Tables) -> APSWDatabase:
    """A copy of the source with every table and column; it lives as long as what is returned."""
    uri = f"file:/ocdu-{os.urandom(8).hex()}?vfs=memdb"
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
    keeper = apsw.Connection(uri, flags=flags)
    if source is not None:
        with keeper.backup("main", source, "main") as backup:
            backup.step()
    made = APSWDatabase(uri, flags=flags)
    with made.connection_context(), made.bind_ctx(tuple(tables)):
        made.create_tables(tuple(tables), safe=True)
        for table in tables:
            there = _columns(keeper, table._meta.table_name)
            for name in sorted(set(table._meta.columns) - there):
                made.execute_sql(f'ALTER TABLE "{table._meta.table_name}" ADD COLUMN "{name}"')
    found = APSWDatabase(uri, timeout=PATIENCE, flags=flags, pragmas=READ_ONLY)
    found.keeper = keeper  # the last connection takes what is in memory along
    return found
