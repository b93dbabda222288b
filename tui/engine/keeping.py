"""Copying one planned tree into the attached batch, after a last look at whether it is still it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import apsw

from tui.policy.plan import Item, Totals
from tui.store import batch, session_files
from tui.store.copies import (
    HISTORY,
    copy_instructions,
    copy_project,
    copy_session,
    differing_table,
    is_synced,
)
from tui.store.database import transaction
from tui.store.generations import children_of, projects_of, times_of
from tui.store.query import scalar
from tui.store.schema import Schema
from tui.store.sessions import milliseconds


@dataclass(frozen=True, slots=True)
class Kept:
    """One tree, checked and (unless it goes for good) copied."""

    item: Item
    line: batch.TreeLine
    """What the batch holds of it."""
    gone: Totals
    """What goes with it, counted in the database."""
    history: Mapping[str, int]
    """Sessions whose event rows were not copied -> the newest `seq` among them, -1 for none."""


def keep_tree(
    connection: apsw.Connection,
    schema: Schema,
    files: Path,
    item: Item,
    *,
    rows: bool,
    events: bool = False,
) -> Kept | None:
    """Copy a tree; None when it is no longer what was planned. Runs in the caller's transaction.

    With `rows` False it is only counted; `events` says whether event rows are copied, too. Raises
    OcduError when a copy does not come out right.
    """
    if has_moved_on(connection, item):
        return None
    history = {} if events or not rows else _history(connection, schema, item.sessions)
    counts: Counter[str] = Counter()
    kept_files = 0
    for id in item.sessions:
        if rows:
            copied = copy_session(connection, schema, id, with_events=id not in history)
            counts += as_shown(copied)
            kept_files += session_files.keep_file(connection, files, id)
        else:
            counts += as_shown(count_rows(connection, schema, id))
            kept_files += session_files.diff_file(files, id) is not None
    if rows:
        _copy_shared(connection, schema, item.sessions)
    octets = _payload(connection, schema, item.sessions)
    left_out = _payload(connection, schema, tuple(history), (HISTORY,))
    events_left_out = sum(_count(connection, schema, HISTORY, id) for id in history)
    kept = Totals(
        item.totals.trees, len(item.sessions), counts["message"], counts["part"], counts[HISTORY],
        kept_files, octets - left_out,
    )  # fmt: skip
    line = batch.TreeLine(
        item.id, item.title, item.project, item.reason, batch.DELETING, kept.sessions,
        kept.messages, kept.parts, kept.events, kept.files, kept.bytes,
    )  # fmt: skip
    return Kept(item, line, kept + Totals(events=events_left_out, bytes=left_out), history)


def _history(connection: apsw.Connection, schema: Schema, ids: tuple[str, ...]) -> dict[str, int]:
    """The sessions whose event rows may stay out of the trash, with the end of their history."""
    if not schema.has(HISTORY, "seq"):
        return {}
    newest = f'SELECT coalesce(max(seq), -1) FROM main."{HISTORY}" WHERE aggregate_id = ?'
    return {
        id: scalar(connection, newest, (id,)) for id in ids if not is_synced(connection, schema, id)
    }


def is_proven(connection: apsw.Connection, schema: Schema, tree: Kept) -> bool:
    """True when every copy of a tree equals its original in every column, and none is missing.

    Read from the file, after it was synced: the last question before anything is deleted.
    """
    with transaction(connection, "BEGIN"):
        return not any(
            differing_table(connection, schema, id, with_events=id not in tree.history)
            for id in tree.item.sessions
        )


def has_moved_on(connection: apsw.Connection, item: Item, *, served: bool = False) -> bool:
    """True when the tree has lost or won sessions, or activity that the plan did not know.

    `served`: a server was asked to delete it, so sessions may be gone already.
    """
    ids = set(item.sessions)
    for id in item.sessions:
        found = times_of(connection, id)
        if not found and served:
            continue
        if not found or max(map(milliseconds, found)) > item.seen_active:
            return True
        if not children_of(connection, id) <= ids:
            return True
    return False


def _copy_shared(connection: apsw.Connection, schema: Schema, ids: tuple[str, ...]) -> None:
    """What the sessions share with others: a restore may find it gone."""
    if schema.has("project"):
        for project in set().union(*(projects_of(connection, id) for id in ids)):
            copy_project(connection, project)
    if schema.has("instruction_state") and schema.has("instruction_blob"):
        for id in ids:
            copy_instructions(connection, id)


def count_rows(connection: apsw.Connection, schema: Schema, id: str) -> Counter[str]:
    """Rows of one session by table, as they are now; see `as_shown`."""
    counts: Counter[str] = Counter()
    for owned in schema.estate:
        question = f'SELECT count(*) FROM main."{owned.table}" WHERE {owned.where}'
        counts[owned.table] += scalar(connection, question, {"id": id})
    return counts


def _count(connection: apsw.Connection, schema: Schema, table: str, id: str) -> int:
    return sum(
        scalar(connection, f'SELECT count(*) FROM main."{table}" WHERE {owned.where}', {"id": id})
        for owned in schema.estate
        if owned.table == table
    )


def as_shown(rows: Counter[str]) -> Counter[str]:
    """Rows of one session as every list counts them: messages of both generations only once."""
    messages = rows["session_message" if rows["session_v2"] else "message"]
    sessions = max(rows["session"], rows["session_v2"])
    return Counter(session=sessions, message=messages, part=rows["part"], event=rows[HISTORY])


def _payload(
    connection: apsw.Connection,
    schema: Schema,
    ids: tuple[str, ...],
    tables: tuple[str, ...] | None = None,
) -> int:
    """Octets of the tree's messages, parts and events, as every list counts them."""
    total = 0
    for owned in schema.estate:
        if owned.table in (schema.sized_tables if tables is None else tables):
            for id in ids:
                total += scalar(
                    connection,
                    f'SELECT coalesce(sum(octet_length(data)), 0) FROM main."{owned.table}"'
                    f" WHERE {owned.where}",
                    {"id": id},
                )
    return total
