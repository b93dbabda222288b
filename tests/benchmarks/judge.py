"""An independent look at a database before and after a deed: plain SQL, the standard library alone.

None of ocdu's code is used here, so that it is judged like everybody else. The only rule taken for
granted is when a session counts as used: its own `time_updated` or a message, anywhere in its tree.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Set
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

OWNERS = ("session_id", "aggregate_id")
"""Columns that name the session a row belongs to; `aggregate_id` has no foreign key to it."""

GENERATIONS = {"session": "message", "session_v2": "session_message"}
"""Tables of sessions, and of what was said in them."""


class Seen(NamedTuple):
    """What a database holds at one moment; times in milliseconds."""

    roots: Mapping[str, str]
    """Session -> the root of its tree, across projects."""
    active: Mapping[str, int]
    """Root -> newest activity of its tree."""
    shared: Set[str]
    """Roots of trees of which a session is shared."""
    orphans: Mapping[str, int]
    """Table -> rows whose session, message or parent is not there."""
    broken_keys: int
    """Rows that foreign_key_check complains about."""
    is_sound: bool
    """What integrity_check says; if not, orphans and keys are not counted."""
    octets: int
    """Of the file and its log."""


class Verdict(NamedTuple):
    """What a deletion got right and wrong."""

    asked: int
    """Sessions that had to go."""
    wrong: Set[str]
    """Sessions that are gone and should have stayed."""
    stayed: Set[str]
    """Sessions that should have gone and are there."""
    shared: int
    """How many of those are in shared trees, which some tools leave alone."""
    torn: int
    """Trees of which a part is gone."""
    orphans: Mapping[str, int]
    """Table -> orphan rows that were none before."""
    broken_keys: int
    """Complaints of foreign_key_check that were none before."""
    is_sound: bool


def look(db: Path) -> Seen:
    """Read everything that is judged; the file is not changed.

    Raises RuntimeError when not even the sessions can be read.
    """
    octets = sum(file.stat().st_size for file in (db, _log(db)) if file.exists())
    with closing(_open(db)) as connection:
        try:
            parents, activity, shared = _sessions(connection)
        except sqlite3.DatabaseError as error:
            raise RuntimeError(f"the database cannot be read: {error}") from error
        roots = {id: _root_of(id, parents) for id in parents}
        active: dict[str, int] = {}
        for id, root in roots.items():
            active[root] = max(active.get(root, 0), activity[id])
        trees = frozenset(roots[id] for id in shared)
        if not _is_sound(connection):
            return Seen(roots, active, trees, {}, 0, False, octets)
        orphans = {table: count for table, count in _orphans(connection) if count}
        broken_keys = len(connection.execute("PRAGMA foreign_key_check").fetchall())
        return Seen(roots, active, trees, orphans, broken_keys, True, octets)


def idle_since(seen: Seen, limit: int) -> frozenset[str]:
    """Sessions of trees in which nothing happened at or after `limit` (milliseconds)."""
    return frozenset(id for id, root in seen.roots.items() if seen.active[root] < limit)


def tree_of(seen: Seen, root: str) -> frozenset[str]:
    """A root and all its descendants."""
    return frozenset(id for id, top in seen.roots.items() if top == root)


def judged(before: Seen, after: Seen, due: Set[str]) -> Verdict:
    """Compare: exactly the sessions of `due` should be gone, with every row they own."""
    gone = before.roots.keys() - after.roots.keys()
    here = before.roots.keys() & after.roots.keys()
    return Verdict(
        len(due),
        gone - due,
        here & due,
        sum(before.roots[id] in before.shared for id in here & due),
        len({before.roots[id] for id in gone} & {before.roots[id] for id in here}),
        {
            table: count - before.orphans.get(table, 0)
            for table, count in after.orphans.items()
            if count > before.orphans.get(table, 0)
        },
        max(0, after.broken_keys - before.broken_keys),
        after.is_sound,
    )


def words_of(verdict: Verdict) -> str:
    """What is wrong, or that nothing is."""
    wrong = []
    if verdict.wrong:
        wrong.append(f"{len(verdict.wrong)} sessions of trees in use deleted too")
    if verdict.torn:
        wrong.append(f"{verdict.torn} trees torn")
    if verdict.orphans:
        tables = ", ".join(f"{table} {count:,}" for table, count in verdict.orphans.items())
        wrong.append(f"orphan rows left: {tables}")
    if verdict.broken_keys:
        wrong.append(f"{verdict.broken_keys} broken foreign keys")
    if not verdict.is_sound:
        wrong.append("integrity_check fails")
    gone = f"{verdict.asked - len(verdict.stayed)} of {verdict.asked} sessions gone"
    if verdict.shared:
        gone += f" ({verdict.shared} of those that stay are in shared trees)"
    return "; ".join([gone, *(wrong or ["nothing else, no orphan row"])])


def content(db: Path) -> dict[str, str]:
    """Table -> digest of all its rows in every column, whatever their order in the file."""
    found = {}
    with closing(_open(db)) as connection:
        tables = _tables(connection)
        connection.text_factory = bytes
        for table, columns in tables.items():
            order = ", ".join(str(number + 1) for number in range(len(columns)))
            digest = hashlib.sha256()
            for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY {order}'):
                digest.update(repr(row).encode())
            found[table] = digest.hexdigest()
    return found


def owned_by_sessions(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """(table, column) wherever rows belong to a session, children before their parents."""
    for table, columns in reversed(_tables(connection).items()):
        yield from ((table, column) for column in OWNERS if column in columns)


def _log(db: Path) -> Path:
    return db.with_name(db.name + "-wal")


def _open(db: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    connection.text_factory = lambda octets: octets.decode("utf-8", "replace")
    return connection


def _is_sound(connection: sqlite3.Connection) -> bool:
    try:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    except sqlite3.DatabaseError:
        return False


def _tables(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Table -> columns, without SQLite's own tables."""
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%'"
        " ESCAPE '\\' ORDER BY rowid"
    )
    return {
        name: [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')]
        for (name,) in names.fetchall()
    }


def _sessions(
    connection: sqlite3.Connection,
) -> tuple[dict[str, str | None], dict[str, int], set[str]]:
    """Session -> parent, session -> its own newest activity, and the shared; both generations."""
    tables = _tables(connection)
    parents: dict[str, str | None] = {}
    activity: dict[str, int] = {}
    shared: set[str] = set()
    for table, messages in GENERATIONS.items():
        if table not in tables:
            continue
        for id, parent, time, link in connection.execute(
            f"SELECT id, parent_id, time_updated, share_url FROM {table}"
        ):
            shared |= {id} if link else set()
            parents[id] = parent or parents.get(id)
            activity[id] = max(activity.get(id, 0), time)
        if messages in tables:
            for id, time in connection.execute(
                "SELECT session_id, max(max(time_created, time_updated))"
                f" FROM {messages} GROUP BY session_id"
            ):
                activity[id] = max(activity.get(id, 0), time)
    return parents, activity, shared


def _root_of(id: str, parents: Mapping[str, str | None]) -> str:
    """Up to the last parent that exists; a circle ends where it closes."""
    seen = {id}
    while (parent := parents.get(id)) in parents and parent not in seen:
        assert parent is not None
        seen.add(parent)
        id = parent
    return id


def _orphans(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    tables = _tables(connection)
    sessions = " UNION ".join(f"SELECT id FROM {name}" for name in GENERATIONS if name in tables)
    links = [(table, column, sessions) for table, column in owned_by_sessions(connection)]
    links += [(table, "parent_id", sessions) for table in GENERATIONS if table in tables]
    if "part" in tables:
        links.append(("part", "message_id", "SELECT id FROM message"))
    counts: dict[str, int] = {}
    for table, column, there in links:
        (count,) = connection.execute(
            f'SELECT count(*) FROM "{table}" WHERE {column} NOT IN ({there})'
        ).fetchone()
        counts[table] = max(counts.get(table, 0), count)
    yield from counts.items()
