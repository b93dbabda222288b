"""The guarded copy-back: rewrite a database compactly inside its own file, losing nobody's write.

1. Remember the database's data_version. 2. VACUUM INTO a private copy beside it, and check the
copy. 3. Begin to write the copy back with the backup API: its first step takes the write lock. Only
now compare data_version: unchanged means the copy is complete and nobody can write any more;
changed means somebody committed meanwhile, so let go and begin again. 4. Write the rest back in one
transaction: a crash or a cancel at any moment leaves the old content.

The inode stays the same, so whoever has the file open simply sees the new pages.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Literal

import apsw

from tui.engine.background import in_background, interrupting
from tui.errors import OcduError, Refused
from tui.policy.plan import Step
from tui.policy.vacuum import LIVE_LOCK, copy_back_seconds
from tui.store.database import Store, file_size
from tui.store.disk import new_private_file, remove_copy
from tui.store.holders import holders

ATTEMPTS = 6
"""How often the copy is begun again because somebody wrote meanwhile."""

UNLOCKED_ATTEMPTS = 2
"""After so many, the write lock is taken before the copy, where that is short: next to a program
that writes all the time no unlocked copy would ever be current."""

PAGES = 2000
"""Pages written back between two looks at the stop event: some 30 ms."""

NEWCOMER_LOOK = 0.5
"""Seconds between two looks for a program that opened the database during a long lock."""

COPY_COST = 1.0
"""Time of making and checking the copy in units of the time to copy it back."""

End = Literal["done", "stopped", "changed", "held"]


@dataclass(frozen=True, slots=True)
class CopiedBack:
    """How a copy-back ended; only "done" changed anything."""

    end: End
    lock_seconds: float = 0.0
    """Measured, from the first step to the commit."""
    copy_bytes: int = 0


@dataclass(slots=True)
class _Deed:
    store: Store
    stop: Event
    copy: Path
    expected: int
    """Octets the copy is expected to have."""
    speed: float
    target: apsw.Connection
    watch: apsw.Connection
    locked: float = 0.0
    """When the write lock was taken before the copy (perf_counter), else 0."""


def copy_back(
    store: Store, stop: Event, copy: Path, expected: int, speed: float
) -> Generator[Step, None, CopiedBack]:
    """Rewrite the database compactly in place; `copy` is a path for the temporary copy.

    `expected` is the size of the result (bytes), `speed` that of the disk (bytes per second).
    Ends "stopped", "changed" (somebody kept writing) or "held" (somebody has the database open and
    the lock would be too long for them) without any change. Raises OcduError or apsw errors.
    """
    result = CopiedBack("changed")
    with store.writing() as db, store.reading() as watching:
        deed = _Deed(store, stop, copy, expected, speed, db.connection(), watching.connection())
        sync_like_opencode(deed.target)
        for attempt in range(ATTEMPTS):
            _make_private(copy)
            try:
                result = yield from _attempt(deed, attempt)
            finally:
                if not deed.target.get_autocommit():
                    deed.target.execute("ROLLBACK")
                deed.locked = 0.0
                remove_copy(copy)
            if result.end != "changed" or stop.wait(0.01 * attempt):
                break
    return CopiedBack("stopped") if result.end == "changed" and stop.is_set() else result


def _attempt(deed: _Deed, attempt: int) -> Generator[Step, None, CopiedBack]:
    short = (1 + COPY_COST) * copy_back_seconds(deed.expected, deed.speed) <= LIVE_LOCK
    if attempt >= UNLOCKED_ATTEMPTS and short:
        # Only a moment passes between letting go of this lock and the backup's first step.
        deed.target.execute("BEGIN IMMEDIATE")
        deed.locked = time.perf_counter()
    version = _data_version(deed.watch)
    rows = row_counts(deed.watch)
    began = time.perf_counter()
    yield from _compact(deed)
    if deed.stop.is_set():
        return CopiedBack("stopped")
    took = max(time.perf_counter() - began, 1e-6)
    with closing(apsw.Connection(str(deed.copy), flags=apsw.SQLITE_OPEN_READONLY)) as source:
        yield from _checked(deed, source)
        if deed.stop.is_set():
            return CopiedBack("stopped")
        if _data_version(deed.watch) != version:
            return CopiedBack("changed")
        if row_counts(source) != rows:
            raise OcduError("The compact copy differs from the database: nothing was changed.")
        size = file_size(deed.copy)
        lock = copy_back_seconds(size, max(deed.speed, size / took))
        if lock > LIVE_LOCK and holders(deed.store.path):
            return CopiedBack("held")
        return (yield from _write_back(deed, source, version, lock > LIVE_LOCK))


def _compact(deed: _Deed) -> Generator[Step, None, None]:
    """VACUUM INTO the copy, from a connection of its own thread that cannot write the database."""
    running: list[apsw.Connection] = []

    def vacuum_into() -> None:
        with deed.store.reading() as db:
            connection = db.connection()
            # query_only would forbid writing the copy too; the database itself is opened read-only.
            connection.execute("PRAGMA query_only = OFF").fetchall()
            # The copy is thrown away after a crash: no need to wait for the disk.
            connection.execute("PRAGMA synchronous = OFF").fetchall()
            running.append(connection)
            connection.execute("VACUUM INTO ?", (str(deed.copy),))

    def interrupt() -> None:
        for connection in running:
            interrupting(connection)()

    def progress() -> Step:
        written = min(file_size(deed.copy), deed.expected)
        return Step(written, deed.expected, bytes=written, phase="copying")

    yield from in_background(vacuum_into, interrupt, deed.stop, progress)


def _checked(deed: _Deed, source: apsw.Connection) -> Generator[Step, None, None]:
    """Let SQLite check the copy; raises OcduError when it is not sound."""
    step = Step(deed.expected, deed.expected, phase="checking the copy")
    verdict = yield from in_background(
        lambda: source.execute("PRAGMA quick_check(1)").fetchall(),
        interrupting(source),
        deed.stop,
        lambda: step,
    )
    if verdict is not None and verdict != [("ok",)]:
        raise OcduError(
            f"The compact copy is not sound ({verdict[0][0]}): nothing was changed. "
            "The database itself may be damaged; copy it before anything else."
        )


def _write_back(
    deed: _Deed, source: apsw.Connection, version: int, long_lock: bool
) -> Generator[Step, None, CopiedBack]:
    """Copy back in one transaction; leaving early rolls back."""
    size = file_size(deed.copy)
    if deed.locked:
        deed.target.execute("COMMIT")
    with deed.target.backup("main", source, "main") as backup:
        try:
            backup.step(1)
        except (apsw.BusyError, apsw.LockedError):
            return CopiedBack("changed")
        began = deed.locked or time.perf_counter()
        # From here on nobody else can write; it must not be compared later, because our own
        # commit moves it too.
        if _data_version(deed.watch) != version:
            return CopiedBack("changed")
        looked = time.perf_counter()
        while not backup.done:
            if deed.stop.is_set():
                return CopiedBack("stopped")
            if long_lock and time.perf_counter() - looked > NEWCOMER_LOOK:
                looked = time.perf_counter()
                if holders(deed.store.path, probe=False):
                    return CopiedBack("held")
            backup.step(PAGES)
            done = size * (backup.page_count - backup.remaining) // max(backup.page_count, 1)
            yield Step(done, size, bytes=done, phase="copying back")
    return CopiedBack("done", time.perf_counter() - began, size)


def row_counts(connection: apsw.Connection) -> dict[str, int]:
    """Rows of every ordinary table."""
    tables: Any = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
    ).fetchall()
    counted: dict[str, int] = {}
    for (name,) in tables:
        quoted = name.replace('"', '""')
        found: Any = connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchall()
        counted[name] = found[0][0]
    return counted


def _make_private(copy: Path) -> None:
    try:
        new_private_file(copy)
    except FileExistsError:
        raise Refused(f"{copy} is in the way: remove it, then try again.") from None
    except OSError as error:
        raise Refused(f"{copy.parent} takes no temporary copy ({error.strerror}).") from None


def _data_version(connection: apsw.Connection) -> int:
    """A number that changes when another connection commits (sqlite.org/pragma.html)."""
    found: Any = connection.execute("PRAGMA data_version").fetchall()
    return int(found[0][0])


def sync_like_opencode(connection: apsw.Connection) -> None:
    """Sync the log only at a checkpoint, as opencode does; for databases with a log only.

    A power cut then leaves the content before or after the vacuum, and both say the same.
    """
    connection.execute("PRAGMA synchronous = NORMAL").fetchall()
