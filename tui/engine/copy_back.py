"""The guarded copy-back: rewrite a database inside its own file, losing nobody's write.

1. Remember the database's data_version. 2. Make a private copy of what shall stay, and check it.
3. Begin to write the copy back with the backup API: its first step takes the write lock. Only now
compare data_version: unchanged means the copy is complete and nobody can write any more; changed
means somebody committed meanwhile, so let go and begin again. 4. Write the rest back in one
transaction: a crash or a cancel at any moment leaves the old content.

The inode stays the same, so whoever has the file open simply sees the new pages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Literal

import apsw

from tui.engine.background import Beside, in_background, interrupting
from tui.errors import OcduError, Refused
from tui.policy.plan import Step
from tui.policy.vacuum import LIVE_LOCK, copy_back_seconds
from tui.store.database import Store, file_size
from tui.store.disk import new_private_file, remove_copy
from tui.store.holders import holders
from tui.store.query import fetch, scalar

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

Rows = Mapping[str, int]
"""Table -> rows that the copy must have."""

Make = Callable[[Path, Event], Generator[Step, None, Rows | None]]
"""Makes the copy, from one snapshot that begins after the call; None when it was stopped."""


@dataclass(frozen=True, slots=True)
class CopiedBack:
    """How a copy-back ended; only "done" changed anything."""

    end: End
    lock_seconds: float = 0.0
    """Measured, from the first step to the commit."""
    copy_bytes: int = 0
    attempts: int = 1


@dataclass(slots=True)
class _Deed:
    store: Store
    stop: Event
    make: Make
    copy: Path
    expected: int
    """Octets the copy is expected to have."""
    speed: float
    target: apsw.Connection
    watch: apsw.Connection
    locked: float = 0.0
    """When the write lock was taken before the copy (perf_counter), else 0."""


def copy_back(
    store: Store, stop: Event, make: Make, copy: Path, expected: int, speed: float
) -> Generator[Step, None, CopiedBack]:
    """Rewrite the database in place with what `make` puts into `copy`, a path for the time being.

    `expected` is the size of the result (bytes), `speed` that of the disk (bytes per second). The
    log holds the result afterwards: whoever called folds it in, on the same connection.

    Ends "stopped", "changed" (somebody kept writing) or "held" (somebody has the database open and
    the lock would be too long for them) without any change. Raises OcduError or apsw errors.
    """
    result = CopiedBack("changed")
    with store.writing() as db, store.reading() as watching:
        target, watch = db.connection(), watching.connection()
        deed = _Deed(store, stop, make, copy, expected, speed, target, watch)
        sync_like_opencode(target)
        # The next statement would checkpoint by itself, deaf and without progress.
        target.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        for attempt in range(ATTEMPTS):
            _make_private(copy)
            try:
                result = yield from _attempt(deed, attempt)
            finally:
                if not target.get_autocommit():
                    target.execute("ROLLBACK")
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
    began = time.perf_counter()
    rows = yield from deed.make(deed.copy, deed.stop)
    if rows is None or deed.stop.is_set():
        return CopiedBack("stopped")
    took = max(time.perf_counter() - began, 1e-6)
    if _data_version(deed.watch) != version:
        return CopiedBack("changed")
    size = file_size(deed.copy)
    lock = copy_back_seconds(size, max(deed.speed, size / took))
    alone = not holders(deed.store.path)
    if lock > LIVE_LOCK and not alone:
        return CopiedBack("held")
    with (
        closing(_opened(deed.copy)) as source,
        closing(_opened(deed.copy)) as checker,
        Beside(lambda: _checked(checker, rows), interrupting(checker)) as check,
    ):
        yield _checking(deed)
        # Where nobody waits for the lock, the copy is checked while it is written back.
        while not alone and not check.is_done() and not deed.stop.is_set():
            yield _checking(deed)
        result = yield from _write_back(deed, source, check, version, lock > LIVE_LOCK)
    return CopiedBack(result.end, result.lock_seconds, result.copy_bytes, attempt + 1)


def _opened(copy: Path) -> apsw.Connection:
    return apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)


def _checking(deed: _Deed) -> Step:
    return Step(deed.expected, deed.expected, phase="checking the copy")


def _checked(copy: apsw.Connection, rows: Rows) -> None:
    """Let SQLite check the copy, and count its rows. Raises OcduError when it is not sound."""
    [(verdict,)] = fetch(copy, "PRAGMA quick_check(1)")
    if verdict != "ok":
        raise OcduError(
            f"The compact copy is not sound ({verdict}): nothing was changed. "
            "The database itself may be damaged; copy it before anything else."
        )
    if row_counts(copy) != rows:
        raise OcduError("The compact copy differs from the database: nothing was changed.")


def _write_back(
    deed: _Deed,
    source: apsw.Connection,
    check: Beside[None],
    version: int,
    long_lock: bool,
) -> Generator[Step, None, CopiedBack]:
    """Copy back in one transaction; leaving early rolls back."""
    if check.is_done(0):
        check.result()
    if deed.stop.is_set():
        return CopiedBack("stopped")
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
            if backup.remaining <= PAGES:
                # The next step commits.
                if not check.is_done():
                    yield _checking(deed)
                    continue
                check.result()
            backup.step(PAGES)
            done = size * (backup.page_count - backup.remaining) // max(backup.page_count, 1)
            yield Step(done, size, bytes=done, phase="copying back")
    return CopiedBack("done", time.perf_counter() - began, size)


def copying(
    build: Callable[[list[apsw.Connection]], Rows],
    copy: Path,
    expected: int,
    phase: str,
    stop: Event,
) -> Generator[Step, None, Rows | None]:
    """Build a copy in a thread, with progress by the octets it has of those `expected`.

    `build` puts the connection it works with into the list it is given: a stop interrupts it.
    """
    running: list[apsw.Connection] = []

    def interrupt() -> None:
        for connection in running:
            interrupting(connection)()

    def progress() -> Step:
        written = min(file_size(copy), expected)
        return Step(written, expected, bytes=written, phase=phase)

    return (yield from in_background(lambda: build(running), interrupt, stop, progress))


def row_counts(connection: apsw.Connection) -> dict[str, int]:
    """Rows of every ordinary table."""
    tables = fetch(
        connection, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
    )
    counted: dict[str, int] = {}
    for (name,) in tables:
        quoted = name.replace('"', '""')
        counted[name] = scalar(connection, f'SELECT count(*) FROM "{quoted}"')
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
    return int(scalar(connection, "PRAGMA data_version"))


def sync_like_opencode(connection: apsw.Connection) -> None:
    """Sync the log only at a checkpoint, as opencode does; for databases with a log only.

    A power cut then leaves the content before or after the vacuum, and both say the same.
    """
    connection.execute("PRAGMA synchronous = NORMAL").fetchall()
