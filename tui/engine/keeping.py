"""Copying one planned tree into the attached batch, after a last look at whether it is still it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import apsw

from tui.policy.plan import Item, Totals
from tui.store import batch, session_files
from tui.store.generations import children_of, projects_of, times_of
from tui.store.query import scalar
from tui.store.schema import Schema
from tui.store.sessions import milliseconds


@dataclass(frozen=True, slots=True)
class Kept:
    """One tree, checked and (unless it goes for good) copied."""

    item: Item
    line: batch.TreeLine

    @property
    def totals(self) -> Totals:
        """What goes with it, counted in the database."""
        line = self.line
        return Totals(
            self.item.totals.trees, line.sessions, line.messages, line.parts, line.events,
            line.files, line.bytes,
        )  # fmt: skip


def keep_tree(
    connection: apsw.Connection, schema: Schema, files: Path, item: Item, *, rows: bool
) -> Kept | None:
    """Copy a tree; None when it is no longer what was planned. Runs in the caller's transaction.

    With `rows` False it is only counted. Raises OcduError when a copy does not come out right.
    """
    if has_moved_on(connection, item):
        return None
    counts: Counter[str] = Counter()
    kept_files = 0
    for id in item.sessions:
        if rows:
            counts.update(as_shown(Counter(batch.copy_session(connection, schema.estate, id))))
            kept_files += session_files.keep_file(connection, files, id)
        else:
            counts.update(as_shown(count_rows(connection, schema, id)))
            kept_files += session_files.diff_file(files, id) is not None
    if rows:
        _copy_shared(connection, schema, item.sessions)
    octets = _payload(connection, schema, item.sessions)
    line = batch.TreeLine(
        item.id, item.title, item.project, item.reason, batch.DELETING, len(item.sessions),
        counts["message"], counts["part"], counts["event"], kept_files, octets,
    )  # fmt: skip
    return Kept(item, line)


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
            batch.copy_project(connection, project)
    if schema.has("instruction_state") and schema.has("instruction_blob"):
        for id in ids:
            batch.copy_instructions(connection, id)


def count_rows(connection: apsw.Connection, schema: Schema, id: str) -> Counter[str]:
    """Rows of one session by table, as they are now; see `as_shown`."""
    counts: Counter[str] = Counter()
    for owned in schema.estate:
        question = f'SELECT count(*) FROM main."{owned.table}" WHERE {owned.where}'
        counts[owned.table] += scalar(connection, question, {"id": id})
    return counts


def as_shown(rows: Counter[str]) -> Counter[str]:
    """Rows of one session as every list counts them: messages of both generations only once."""
    messages = rows["session_message" if rows["session_v2"] else "message"]
    sessions = max(rows["session"], rows["session_v2"])
    return Counter(session=sessions, message=messages, part=rows["part"], event=rows["event"])


def _payload(connection: apsw.Connection, schema: Schema, ids: tuple[str, ...]) -> int:
    """Octets of the tree's messages, parts and events, as every list counts them."""
    total = 0
    for owned in schema.estate:
        if owned.table in schema.sized_tables:
            for id in ids:
                total += scalar(
                    connection,
                    f'SELECT coalesce(sum(octet_length(data)), 0) FROM main."{owned.table}"'
                    f" WHERE {owned.where}",
                    {"id": id},
                )
    return total
