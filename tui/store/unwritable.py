"""Where this user may not write: why that is so, and how a database that lies there is still read.

A reader of a WAL database needs its -shm file, and makes it where it is missing. In a folder that
takes no file that fails; beside a file of somebody else it would make one that its owner may not
write, and keep opencode out. So nothing is made: with a log the file is read over an index in our
own memory, without one as it stands. Neither way has a lock of SQLite's, which shows a writer;
what was read counts only when both files are the same afterwards, and so does an error.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
from playhouse.apsw_ext import APSWDatabase

from tui.errors import NotNow

LOCKLESS = "win32-none" if sys.platform == "win32" else "unix-none"
"""SQLite's access to files without locks: its exclusive mode keeps the index of the log in memory,
and would need a lock for writing, which a file that is only open for reading cannot have."""

TICK, COARSE_TICK = 0.020, 2.0
"""Seconds within which two writes may get the same time: on Linux some 10 ms at most; two seconds
where a file system knows whole seconds only (FAT)."""


def hindrance(path: Path) -> str | None:
    """What keeps this user from writing to a file or folder, as the rest of a sentence about it;
    None where nothing does."""
    # What a folder takes must also be found there again.
    if os.access(path, os.W_OK | os.X_OK if os.path.isdir(path) else os.W_OK):
        return None
    try:
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            return "lies on a read-only file system"
        if path.stat().st_uid != os.geteuid():
            return f"is not writable for you (it belongs to {path.owner()})"
    except (AttributeError, KeyError, NotImplementedError, OSError):
        pass  # another system, or a user without a name
    return "is not writable for you"


def first_hindrance(*paths: Path) -> str | None:
    """The first of these that may not be written, and why, as the beginning of a sentence."""
    return next((f"{path} {why}" for path in paths if (why := hindrance(path))), None)


def needs_care(path: Path) -> bool:
    """True for a database beside which a reader would have to make a file, and may not."""
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        return False
    if not os.path.exists(path):
        return False  # somebody moved it away, which SQLite finds out for itself
    # One with a rollback journal is no WAL database: SQLite's locks are in the file itself.
    return not (_beside(path, "-wal") and _beside(path, "-shm")) and not _beside(path, "-journal")


class Lockless:
    """Connections that read a database and leave nothing beside it."""

    def __init__(self, uri: str, path: Path) -> None:
        """`uri` is the quoted `file:` of `path`, without parameters."""
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        pragmas = {"query_only": "ON", "locking_mode": "EXCLUSIVE"}
        self._path = path
        self._with_log = APSWDatabase(f"{uri}?mode=ro&vfs={LOCKLESS}", flags=flags, pragmas=pragmas)
        self._alone = APSWDatabase(f"{uri}?mode=ro&immutable=1", flags=flags, pragmas=pragmas)

    def connected(self) -> APSWDatabase | None:
        """The one of this thread that is open."""
        return next((db for db in (self._with_log, self._alone) if not db.is_closed()), None)

    @contextmanager
    def reading(self) -> Iterator[APSWDatabase]:
        """A connection of this thread, closed at the end of the block. Raises NotNow when somebody
        wrote meanwhile: what was read may be of two times, and a damage that was found none."""
        before = _settled(self._path)
        db = self._with_log if _beside(self._path, "-wal") else self._alone
        try:
            db.connect()
            yield db
        except Exception as error:
            if _state(self._path) != before:
                raise _written_to(self._path) from error
            raise
        finally:
            db.close()
        if _state(self._path) != before:
            raise _written_to(self._path)


def _written_to(path: Path) -> NotNow:
    return NotNow(
        f"{path} was written to while it was read, and without write access nobody can be made to "
        "wait: what was read may be of two times. Look again."
    )


def _beside(path: Path, ending: str) -> bool:
    return os.path.exists(f"{path}{ending}")


State = tuple[tuple[int, ...], ...]


def _state(path: Path) -> State:
    """Changes with every write to the database or its log.

    Whoever copies a file over it may set back when it was modified, but not when its inode changed.
    """
    found: list[tuple[int, ...]] = []
    for each in (path, Path(f"{path}-wal")):
        try:
            state = each.stat()
        except OSError:
            found.append(())
            continue
        found.append((state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    return tuple(found)


def _settled(path: Path) -> State:
    """The state once the last write is a tick of the clock ago: the next one is seen then.

    Raises NotNow for a file that is written to without a rest.
    """
    patience = time.monotonic() + 2 * COARSE_TICK
    while (state := _state(path)) and (wait := _seconds_too_young(state)) > 0:
        if time.monotonic() > patience:
            raise _written_to(path)
        time.sleep(wait)
    return state


def _seconds_too_young(state: State) -> float:
    """Seconds until a further write would get another time than the newest of these."""
    newest = max((times[2] for times in state if times), default=0)
    tick = TICK if newest % 1_000_000_000 else COARSE_TICK
    age = time.time() - newest / 1e9
    return tick - age if 0 <= age < tick else 0.0
