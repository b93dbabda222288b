"""One tree on which a job was interrupted: rolled back, finished, or given up, and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Event

import apsw

from tui.engine.burial import Removal
from tui.engine.keeping import as_shown, count_rows
from tui.engine.pace import in_slices
from tui.engine.putting_back import put_back_deeds
from tui.engine.restoring import restore_tree
from tui.engine.site import Site
from tui.format import plural
from tui.store import batch, session_files
from tui.store.database import transaction
from tui.store.generations import MESSAGES, exists, session_tables, updated_of
from tui.store.kept import keeps_events
from tui.store.query import scalar


def mend(
    connection: apsw.Connection, site: Site, line: batch.TreeLine, facts: batch.Facts
) -> Iterator[str]:
    """Put a tree of the attached batch right; a sentence, or none if nothing was half done."""
    keeps = facts.rows
    what = f"“{line.title}” ({plural(line.sessions, 'session')})"
    ids = facts.members[line.root]
    if line.state == batch.RESTORING:
        _run(restore_tree(connection, site, line.root))
        yield f"An interrupted restore of {what} was finished."
    elif line.state == batch.DELETING and not keeps:
        yield f"An interrupted deletion of {what} {_finish_deletion(connection, site, line, facts)}"
    elif line.state == batch.DELETING and not exists(connection, line.root):
        _finish(connection, site, line.root, ids, keeps=True)
        yield f"An interrupted prune of {what} was finished: it is in the trash."
    elif line.state == batch.DELETING:
        yield f"An interrupted prune of {what} {_roll_back(connection, site, line.root, ids)}"


def _finish_deletion(
    connection: apsw.Connection, site: Site, line: batch.TreeLine, facts: batch.Facts
) -> str:
    """Go on only with a tree that is half gone already, and that nobody has used since.

    There are no copies: whatever is taken here beyond that would be lost.
    """
    ids = facts.members[line.root]
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
    used_since = any(updated_of(connection, id) > facts.created for id in ids)
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
