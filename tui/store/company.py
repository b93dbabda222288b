"""Has another process this database open at this moment? Asked in three microseconds.

Every connection to a WAL database locks one byte of the -shm file before its first statement and
until it closes (`lock_probe`), whatever it is going to do; the kernel tells whether somebody but us
holds it. The descriptor is the one SQLite itself has open: it is looked up, never opened or closed
here, because closing one drops the locks of this process (sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import os

import apsw

from tui.store.lock_probe import lock_by_others

DESCRIPTORS = "/dev/fd"
"""The open files of this process, by number, on Linux and macOS."""


class Company:
    """The other processes that have the database of one connection open. Ask while it is."""

    def __init__(self, connection: apsw.Connection) -> None:
        """`connection` keeps the -shm file open for as long as questions are asked."""
        self._shared = connection.db_filename("main") + "-shm"
        self._descriptor = -1

    @property
    def is_absent(self) -> bool:
        """True only when no other process has the database open; False where nobody can tell.

        A process counts from its first statement on, before it waits for a lock. Our own
        connections, in whatever thread, do not count. Where a file system hides locks (between
        the machines of a network) nobody waits for ours either.
        """
        try:
            return self._is_found() and lock_by_others(self._descriptor) is None
        except (ImportError, OSError):
            return False

    def _is_found(self) -> bool:
        """True when the descriptor is that of the -shm file of now; it is looked up if not."""
        shared = os.stat(self._shared)
        id = shared.st_dev, shared.st_ino
        if _id_of(self._descriptor) != id:
            numbers = (int(name) for name in os.listdir(DESCRIPTORS))
            self._descriptor = next((each for each in numbers if _id_of(each) == id), -1)
        return self._descriptor >= 0


def _id_of(descriptor: int) -> tuple[int, int] | None:
    """Device and inode; None when it is closed."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
