"""What an interrupted job left behind, put right at the next start.

A tree noted as `deleting` whose root is still there is rolled back: every row that is gone comes
back from its copy. One whose root is gone was finished but for the bookkeeping. A permanent prune
keeps no copies and is finished. A tree noted as `restoring` is restored to its end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import apsw

from tui.engine.burial import Removal, exists, put_back_deeds
from tui.engine.pace import in_slices
from tui.engine.site import Site
from tui.engine.trash import restore_tree
from tui.format import plural
from tui.store import batch, session_files
from tui.store.database import transaction
from tui.store.query import fetch

ABANDONED = 3600.0
"""Seconds after which a batch file that never got its tables is nobody's any more."""


def unfinished(site: Site) -> list[Path]:
    """Batch files on which a job of this database was interrupted. Cheap: goes by the names."""
    found = sorted(site.ledger.trash_folder.glob(f"*{batch.UNFINISHED}"))
    return [path for path in found if _database_of(path) in (site.ledger.database, None)]


def _database_of(path: Path) -> str | None:
    """Whose batch it is; None when it was abandoned before it could say so."""
    connection = apsw.Connection(":memory:")
    try:
        with batch.attached(connection, path):
            return str(_manifest(connection)["database"])
    except (apsw.Error, KeyError):
        is_old = time.time() - path.stat().st_mtime > ABANDONED
        return None if is_old else ""
    finally:
        connection.close()


def _manifest(connection: apsw.Connection) -> dict[str, object]:
    found = fetch(connection, "SELECT name, value FROM trash.ocdu_manifest")
    return {str(name): value for name, value in found}


def recover(site: Site) -> list[str]:
    """Finish or roll back whatever was interrupted; returns a sentence for each tree touched."""
    said: list[str] = []
    for path in unfinished(site):
        if _database_of(path) is None:
            path.unlink()
            continue
        with site.store.writing() as db:
            connection = db.connection()
            with batch.attached(connection, path):
                keeps = bool(_manifest(connection).get("rows"))
                for line in batch.tree_lines(connection):
                    said.extend(_mend(connection, site, line, keeps))
        if keeps:
            batch.close(path)
        else:
            path.unlink()
    return said


def _mend(
    connection: apsw.Connection, site: Site, line: batch.TreeLine, keeps: bool
) -> Iterator[str]:
    what = f"“{line.title}” ({plural(line.sessions, 'session')})"
    ids = batch.members(connection, line.root)
    if line.state == batch.RESTORING:
        _run(restore_tree(connection, site, line.root))
        yield f"An interrupted restore of {what} was finished."
    elif line.state == batch.DELETING and not keeps:
        _run(in_slices(connection, Removal(connection, site.store.schema, ids).deeds(), Event()))
        _finish(connection, site, line.root, ids)
        yield f"An interrupted deletion of {what} was finished."
    elif line.state == batch.DELETING and exists(connection, line.root):
        _run(in_slices(connection, put_back_deeds(connection, site.store.schema, ids), Event()))
        site.store.sync()
        with transaction(connection, "BEGIN"):
            batch.forget_tree(connection, line.root)
        yield f"An interrupted prune of {what} was rolled back: all of it is in place again."
    elif line.state == batch.DELETING:
        _finish(connection, site, line.root, ids)
        yield f"An interrupted prune of {what} was finished: it is in the trash."


def _finish(connection: apsw.Connection, site: Site, root: str, ids: tuple[str, ...]) -> None:
    for id in ids:
        session_files.remove_file(site.files, id)
    with transaction(connection, "BEGIN"):
        batch.set_state(connection, root, batch.GONE)


def _run(steps: Iterator[int]) -> None:
    for _ in steps:
        pass
