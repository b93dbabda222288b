"""The trash looked at closely: can every batch be read, and does it hold what its lines say?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw

from tui.errors import OcduError
from tui.records import Symptom
from tui.store import batch
from tui.store.database import file_size
from tui.store.query import fetch, scalar
from tui.store.shelf import lying_in, reading

COUNTED = {"session": "sessions", "message": "messages", "part": "parts"}
"""Table of a batch -> what a tree's line calls the number of its rows. Events need not be kept."""


def verify_batches(folder: Path) -> Iterator[Symptom | None]:
    """Each batch of the trash: a symptom, or None when it is whole. Nothing is written."""
    for path in lying_in(folder, f"*{batch.TRASH}"):
        complaint = _complaint(path)
        yield (
            Symptom("damaged_batch", 1, file_size(path), (path.stem,), (complaint,))
            if (complaint)
            else None
        )


def _complaint(path: Path) -> str:
    """What is wrong with a batch; "" when it is whole. A packed one is unpacked beside it."""
    try:
        with reading(path) as connection:
            return _missing_rows(connection)
    except (OcduError, OSError, apsw.Error) as error:
        return str(error)


def _missing_rows(connection: apsw.Connection) -> str:
    said = fetch(connection, "PRAGMA trash.quick_check(1)")
    if said != [("ok",)]:
        return str(said[0][0])
    for line in batch.tree_lines(connection):
        for table, column in COUNTED.items() if line.state == batch.GONE else ():
            short = getattr(line, column) - _kept(connection, table, line.root)
            if short > 0:
                return f"{short} rows of {table} are missing of “{line.title}”"
    return ""


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
