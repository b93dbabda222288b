"""The compact copy of a whole database: what a vacuum writes back."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from threading import Event

import apsw

from tui.engine.copy_back import Make, Rows, copying, row_counts
from tui.policy.plan import Step
from tui.policy.vacuum import INCREMENTAL
from tui.store.database import Store


def compact_copy(store: Store, expected: int, *, to_incremental: bool = False) -> Make:
    """VACUUM INTO the copy, from a connection of its own that cannot write the database.

    `expected` is what the copy will have (bytes), for the progress. With `to_incremental` the copy,
    and after the copy-back the database, keeps the map that incremental_vacuum needs: the property
    is in page 1, and every connection reads it again with its next transaction.
    """

    def make(copy: Path, stop: Event) -> Generator[Step, None, Rows | None]:
        def vacuum_into(running: list[apsw.Connection]) -> Rows:
            with store.reading() as db:
                connection = db.connection()
                # query_only would forbid writing the copy too; the database itself is opened
                # read-only.
                connection.execute("PRAGMA query_only = OFF").fetchall()
                # The copy is thrown away after a crash: no need to wait for the disk.
                connection.execute("PRAGMA synchronous = OFF").fetchall()
                if to_incremental:
                    connection.execute(f"PRAGMA auto_vacuum = {INCREMENTAL}").fetchall()
                running.append(connection)
                rows = row_counts(connection)
                connection.execute("VACUUM INTO ?", (str(copy),))
                return rows

        return (yield from copying(vacuum_into, copy, expected, "copying", stop))

    return make
