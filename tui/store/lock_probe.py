"""Which process holds SQLite's shared-memory lock of a database? Also a program of its own.

    python -I -S lock_probe.py DATABASE-shm                 prints a pid, or 0
    python -I -S lock_probe.py DATABASE-shm FIRST COUNT     of whoever holds one of these bytes

Every connection to a WAL database keeps a shared lock on byte 128 of the -shm file for as long as
it lives (sqlite.org/walformat.html, 2.3), and the kernel tells its owner even when that process
belongs to somebody else. `owner` opens the file: it must not be called in a process with SQLite
connections of its own, whose locks would drop with the descriptor. `lock_by_others` takes one that
is open anyway. Standard library only.
"""

import os
import struct
import sys

DEAD_MAN_SWITCH = 128
"""The byte locked by every connection, from opening to closing."""


def lock_by_others(descriptor: int, first: int = DEAD_MAN_SWITCH, count: int = 1) -> "int | None":
    """Pid of one other process with a lock on these bytes, None when there is none; locks of the
    asking process do not count.

    The pid is 0 or less where the kernel does not name it (another container). Raises ImportError
    or OSError where nobody can tell.
    """
    import fcntl

    if sys.platform == "darwin":
        layout, pid_at, type_at = "qqihh", 2, 3
        question = struct.pack(layout, first, count, 0, fcntl.F_WRLCK, 0)
    else:
        layout, pid_at, type_at = "hhqqi4x", 4, 0
        question = struct.pack(layout, fcntl.F_WRLCK, 0, first, count, 0)
    answer = struct.unpack(layout, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
    return None if answer[type_at] == fcntl.F_UNLCK else int(answer[pid_at])


def owner(path: str, first: int = DEAD_MAN_SWITCH, count: int = 1) -> int:
    """Pid of one process that holds the lock; 0 when nobody does or nobody can tell."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return 0
    try:
        return lock_by_others(descriptor, first, count) or 0
    except (ImportError, OSError):
        return 0
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    print(owner(sys.argv[1], *map(int, sys.argv[2:])))
