"""What an interrupted job left behind, put right at the next start.

A tree noted as `deleting` whose root is still there is rolled back: every row that is gone comes
back from its copy. One whose root is gone was finished but for the bookkeeping. A permanent prune
keeps no copies and is finished. A tree noted as `restoring` is restored to its end. Then the batch
is packed, and what was only half written beside it is removed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import apsw

from tui.engine.burial import Removal
from tui.engine.journal import settle
from tui.engine.keeping import as_shown, count_rows
from tui.engine.leftovers import sweep
from tui.engine.pace import in_slices
from tui.engine.putting_back import put_back_deeds
from tui.engine.restoring import restore_tree
from tui.engine.site import Site
from tui.errors import OcduError, Refused
from tui.format import plural
from tui.store import batch, kept_payload, session_files
from tui.store.database import SQLITE_EXCEPTIONS, explained, transaction
from tui.store.generations import MESSAGES, exists, session_tables, updated_of
from tui.store.kept import drop_dead_weight, keeps_events
from tui.store.packing import look_into
from tui.store.query import fetch, scalar
from tui.store.shelf import ABANDONED, passing, put_back, remove_passing


def unfinished(site: Site) -> list[Path]:
    """Batch files on which a job of this database was interrupted. Cheap: goes by the names."""
    found = sorted(site.ledger.trash_folder.glob(f"*{batch.UNFINISHED}"))
    return [path for path in found if _database_of(path) in (site.ledger.database, NOBODY)]


PACKED_AT_ONCE = 256_000_000
"""Octets up to which an interrupted batch is packed at the start of ocdu, in about a second; a
larger one is a finished batch as it is."""

NOBODY = ""
"""The database of a batch that was killed before it could say whose it is: it holds nothing."""


def _database_of(path: Path) -> str | None:
    """Whose batch it is; None when it cannot be read now, and must therefore stay."""
    connection = apsw.Connection(":memory:")
    try:
        with batch.attached(connection, path):
            if not scalar(connection, "SELECT count(*) FROM trash.sqlite_schema"):
                # Another ocdu, on another database, may be making it at this moment.
                is_old = time.time() - path.stat().st_mtime > ABANDONED
                return NOBODY if is_old else None
            return str(_manifest(connection)["database"])
    except (apsw.Error, OSError, KeyError):
        return None
    finally:
        connection.close()


def _manifest(connection: apsw.Connection) -> dict[str, object]:
    found = fetch(connection, "SELECT name, value FROM trash.ocdu_manifest")
    return {str(name): value for name, value in found}


def put_right(site: Site) -> list[str]:
    """Mend what was interrupted, if there is anything and nobody else is at it; what was done."""
    if site.store.refusal:
        return []
    said = sweep(site)
    if not (unfinished(site) or passing(site.ledger.trash_folder) or site.ledger.has_running()):
        return said
    try:
        with site.ledger.exclusive(patience=0.1):
            return said + put_right_here(site)
    except Refused:
        return said  # another ocdu is at it: what runs is its, and not interrupted


def put_right_here(site: Site) -> list[str]:
    """The same for whoever holds the ledger's lock: first the batches, then the journal."""
    said = recover(site)
    return said + settle(site, _waiting(site))


def _waiting(site: Site) -> set[int]:
    """Jobs that were killed with a batch which cannot be mended, or not even be read, now."""
    found: set[int | None] = set()
    for path in site.ledger.trash_folder.glob(f"*{batch.UNFINISHED}"):
        if _database_of(path) in (site.ledger.database, None):
            found.add(site.ledger.maker_of(batch.made_at(path)))
    return {number for number in found if number is not None}


def recover(site: Site) -> list[str]:
    """Finish or roll back whatever was interrupted; returns a sentence for each tree touched.

    Needs the ledger's lock. A batch that cannot be mended now says so and stays for the next time.
    """
    said: list[str] = []
    # First: whose they are is told by the batch beside them, and they may hold the room needed.
    remove_passing(site.ledger.trash_folder, site.ledger.database)
    for path in unfinished(site):
        try:
            said += _mend_batch(site, path)
        except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
            reason = explained(error, site.store.path)
            said.append(f"An interrupted job ({path.stem}) could not be put right yet: {reason}")
    return said


def _mend_batch(site: Site, path: Path) -> list[str]:
    if _database_of(path) == NOBODY:
        path.unlink()
        return []
    said: list[str] = []
    with site.store.writing() as db:
        connection = db.connection()
        with batch.attached(connection, path):
            if kept_payload.is_payload(connection):
                said.append(_mend_payloads(connection))
            facts = batch.facts(connection)
            for line in facts.lines:
                said.extend(_mend(connection, site, line, facts.rows))
    is_copy = _is_as_packed(path, facts)
    if not said and facts.lines and not is_copy:
        gone = plural(len(facts.lines), "tree")
        said = [f"A prune was interrupted after {gone}: they are in the trash, the rest stayed."]
    if not facts.rows:
        path.unlink()
        site.ledger.interrupted(None, facts.created)
        return said
    kept = _put_away(path, is_copy=is_copy)
    site.ledger.interrupted(kept.stem if kept and not is_copy else None, facts.created)
    return said


def _mend_payloads(connection: apsw.Connection) -> str:
    """An interrupted reclaim, or undo of one: what is in place as it was needs no copy."""
    from tui.engine.reclaim import keeping  # every level comes with it: not for nothing

    left = keeping.settle(connection)
    if not left.rows:
        return "An interrupted reclaim has left every row as it was."
    return (
        f"A reclaim was interrupted after {plural(left.rows, 'row')}: undo brings them back, "
        "reclaiming again takes the rest."
    )


def _is_as_packed(path: Path, facts: batch.Facts) -> bool:
    """True for a batch that was only unpacked: a restore was interrupted before its first row."""
    packed = look_into(path.with_suffix(batch.TRASH))
    return packed is not None and packed.facts == facts


def _put_away(path: Path, *, is_copy: bool) -> Path | None:
    """Back to the shelf, packed if that is quick, without what no line speaks of."""
    if not is_copy:
        # On a full disk it stays in the file: dead weight, no more.
        with suppress(*SQLITE_EXCEPTIONS, OSError):
            with batch.opened(path) as connection, transaction(connection, "BEGIN"):
                dropped = bool(batch.tree_lines(connection)) and drop_dead_weight(connection)
            if dropped:
                batch.shrink(path)
    stop = Event()
    if path.stat().st_size > PACKED_AT_ONCE:
        stop.set()
    packing = put_back(path, stop)
    while True:
        try:
            next(packing)
        except StopIteration as end:
            result: Path | None = end.value
            return result


def _mend(
    connection: apsw.Connection, site: Site, line: batch.TreeLine, keeps: bool
) -> Iterator[str]:
    what = f"“{line.title}” ({plural(line.sessions, 'session')})"
    ids = batch.members(connection, line.root)
    if line.state == batch.RESTORING:
        _run(restore_tree(connection, site, line.root))
        yield f"An interrupted restore of {what} was finished."
    elif line.state == batch.DELETING and not keeps:
        yield f"An interrupted deletion of {what} {_finish_deletion(connection, site, line, ids)}"
    elif line.state == batch.DELETING and not exists(connection, line.root):
        _finish(connection, site, line.root, ids, keeps=True)
        yield f"An interrupted prune of {what} was finished: it is in the trash."
    elif line.state == batch.DELETING:
        yield f"An interrupted prune of {what} {_roll_back(connection, site, line.root, ids)}"


def _finish_deletion(
    connection: apsw.Connection, site: Site, line: batch.TreeLine, ids: tuple[str, ...]
) -> str:
    """Go on only with a tree that is half gone already, and that nobody has used since.

    There are no copies: whatever is taken here beyond that would be lost.
    """
    counts: Counter[str] = Counter()
    for id in ids:
        counts.update(as_shown(count_rows(connection, site.store.schema, id)))
    noted = {
        "session": line.sessions,
        "message": line.messages,
        "part": line.parts,
        "event": line.events,
    }
    is_whole = all(counts[table] >= rows for table, rows in noted.items())
    begun = int(str(_manifest(connection)["created"]))
    used_since = any(updated_of(connection, id) > begun for id in ids)
    if is_whole or used_since:
        with transaction(connection, "BEGIN"):
            batch.forget_tree(connection, line.root)
        why = "it had not begun" if is_whole else "opencode has changed it since"
        return f"was given up, because {why}: what is there stays."
    _run(in_slices(connection, Removal(connection, site.store.schema, ids).deeds(), Event()))
    _finish(connection, site, line.root, ids, keeps=False)
    return "was finished."


def _roll_back(connection: apsw.Connection, site: Site, root: str, ids: tuple[str, ...]) -> str:
    """Put back what is gone; returns how that ended."""
    if _was_used_since(connection, ids):
        # What is missing now may be missing on purpose: a revert, a deleted message.
        with transaction(connection, "BEGIN"):
            batch.set_state(connection, root, batch.KEPT)
        return (
            "was left as it is, because opencode has changed it since: its rows are in the trash, "
            "and `ocdu trash restore` puts back those that are missing."
        )
    refused: list[str] = []
    may_lack_history = not keeps_events(connection) and not _has_messages(connection, ids)
    deeds = put_back_deeds(connection, site.store.schema, ids, refused)
    _run(in_slices(connection, deeds, Event()))
    site.store.sync()
    with transaction(connection, "BEGIN"):
        if refused:
            batch.set_state(connection, root, batch.KEPT)
        else:
            batch.forget_tree(connection, root)
    if refused:
        return f"was rolled back but for {plural(len(refused), 'row')}, which stayed in the trash."
    if may_lack_history:
        return "was rolled back: it is in place again, but for event rows that were gone already."
    return "was rolled back: all of it is in place again."


def _has_messages(connection: apsw.Connection, ids: tuple[str, ...]) -> bool:
    """False once event rows may have gone: they go after everything that has a copy."""
    questions = [
        f"SELECT EXISTS (SELECT 1 FROM main.{MESSAGES[table]} WHERE session_id = ?)"
        for table in session_tables(connection)
    ]
    return any(scalar(connection, question, (id,)) for question in questions for id in ids)


def _was_used_since(connection: apsw.Connection, ids: tuple[str, ...]) -> bool:
    """True when a session that is still there is newer than its copy."""
    kept = session_tables(connection, "trash")
    questions = [
        f"SELECT EXISTS (SELECT 1 FROM main.{table} s JOIN trash.{table} k ON k.id = s.id"
        " WHERE s.id = ? AND s.time_updated > k.time_updated)"
        for table in session_tables(connection)
        if table in kept
    ]
    return any(scalar(connection, question, (id,)) for question in questions for id in ids)


def _finish(
    connection: apsw.Connection, site: Site, root: str, ids: tuple[str, ...], *, keeps: bool
) -> None:
    for id in ids:
        session_files.remove_file(site.files, id, connection if keeps else None)
    with transaction(connection, "BEGIN"):
        batch.set_state(connection, root, batch.GONE)


def _run(steps: Iterator[int]) -> None:
    for _ in steps:
        pass
