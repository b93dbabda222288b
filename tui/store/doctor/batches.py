"""The trash looked at closely: can every batch be read, and does it hold what its lines say?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import apsw

from tui.records import Symptom
from tui.store import batch
from tui.store.database import file_size
from tui.store.query import fetch, scalar

COUNTED = {"session": "sessions", "message": "messages", "part": "parts"}
"""Table of a batch -> what a tree's line calls the number of its rows. Events need not be kept."""


def verify_batches(folder: Path) -> Iterator[Symptom | None]:
    """Each batch of the trash: a symptom, or None when it is whole. Nothing is written."""
    for path in sorted(folder.glob(f"*{batch.TRASH}")):
        complaint = _complaint(path)
        yield (
            Symptom("damaged_batch", 1, file_size(path), (path.stem,), (complaint,))
            if (complaint)
            else None
        )


def _complaint(path: Path) -> str:
    connection = apsw.Connection(":memory:", flags=_FLAGS)
    try:
        connection.execute("ATTACH ? AS trash", (f"file:{quote(str(path))}?mode=ro",))
        said = fetch(connection, "PRAGMA trash.quick_check(1)")
        if said != [("ok",)]:
            return str(said[0][0])
        whole = [line for line in batch.tree_lines(connection) if line.state == batch.GONE]
        for line in whole:
            for table, column in COUNTED.items():
                short = getattr(line, column) - _kept(connection, table, line.root)
                if short > 0:
                    return f"{short} rows of {table} are missing of “{line.title}”"
    except apsw.Error as error:
        return str(error)
    finally:
        connection.close()
    return ""


_FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI


def _kept(connection: apsw.Connection, table: str, root: str) -> int:
    known = "SELECT 1 FROM trash.sqlite_schema WHERE name = ?"
    if not scalar(connection, known, (table,)):
        return 0
    return int(
        scalar(
            connection,
            f'SELECT count(*) FROM trash."{table}" WHERE ocdu_session IN'
            " (SELECT session FROM trash.ocdu_member WHERE root = ?)",
            (root,),
        )
    )
