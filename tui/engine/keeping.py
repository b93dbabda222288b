"""Copying one planned tree into the attached batch, after a last look at whether it is still it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import apsw

from tui.policy.plan import Item, Totals
from tui.store import batch, session_files
from tui.store.query import FINITE, fetch, scalar
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
            counts.update(batch.copy_session(connection, schema.estate, id))
            kept_files += session_files.keep_file(connection, files, id)
        else:
            counts.update(count_rows(connection, schema, id))
            kept_files += session_files.diff_file(files, id) is not None
    if rows and schema.has("project"):
        _copy_projects(connection, item.sessions)
    octets = _payload(connection, schema, item.sessions)
    line = batch.TreeLine(
        item.id, item.title, item.project, item.reason, batch.DELETING, len(item.sessions),
        counts["message"], counts["part"], counts["event"], kept_files, octets,
    )  # fmt: skip
    return Kept(item, line)


def has_moved_on(connection: apsw.Connection, item: Item) -> bool:
    """True when the tree has lost or won sessions, or activity that the plan did not know."""
    ids = set(item.sessions)
    for id in item.sessions:
        found = fetch(
            connection,
            "SELECT time_updated, (SELECT max(time_created) FROM main.message WHERE session_id ="
            f" ?1 AND time_created < {FINITE}) FROM main.session WHERE id = ?1",
            (id,),
        )
        if not found or max(milliseconds(time) for time in found[0]) > item.seen_active:
            return True
        children = fetch(connection, "SELECT id FROM main.session WHERE parent_id = ?", (id,))
        if any(child not in ids for (child,) in children):
            return True
    return False


def _copy_projects(connection: apsw.Connection, ids: tuple[str, ...]) -> None:
    found: set[str] = set()
    for id in ids:
        found.add(scalar(connection, "SELECT project_id FROM main.session WHERE id = ?", (id,)))
    for project in found:
        batch.copy_project(connection, project)


def count_rows(connection: apsw.Connection, schema: Schema, id: str) -> Counter[str]:
    """Rows of one session by table, as they are now."""
    counts: Counter[str] = Counter()
    for owned in schema.estate:
        question = f'SELECT count(*) FROM main."{owned.table}" WHERE {owned.where}'
        counts[owned.table] += scalar(connection, question, {"id": id})
    return counts


def _payload(connection: apsw.Connection, schema: Schema, ids: tuple[str, ...]) -> int:
    """Octets of the tree's messages, parts and events, as every list counts them."""
    total = 0
    for owned in schema.estate:
        if owned.table in ("message", "part", "event"):
            for id in ids:
                total += scalar(
                    connection,
                    f'SELECT coalesce(sum(octet_length(data)), 0) FROM main."{owned.table}"'
                    f" WHERE {owned.where}",
                    {"id": id},
                )
    return total
