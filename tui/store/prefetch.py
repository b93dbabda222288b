"""Read a cold database file from end to end, so that measuring finds its pages in memory.

Measuring needs few pages of each region, and the kernel reads nearly all of them anyway, in an
order that suits nobody: a second reader that goes straight through the file makes it as fast as
`cat` (facts on SQLite, §2).

    python -I -S prefetch.py DATABASE        reads it once, unless it is in memory already

It runs as a process of its own, for it opens the database without SQLite: closing that descriptor
in our process would drop the POSIX locks of our connections (sqlite.org/howtocorrupt.html, 2.2),
and a descriptor never closed would keep a deleted database on the disk. A process can also be
ended at any moment, and it shares no interpreter lock with the screens. Standard library only.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import Popen

SMALLEST = 128_000_000
"""Octets of the smallest file worth it: a smaller one is read before the process has started."""

ROOM = 0.8
"""Share of the free memory a file may take: a larger one would push out what it just read."""

BLOCK = 1 << 20
"""Octets read at a time, into one buffer."""

FIRST = 64 << 20
"""Octets whose reading is timed where the kernel does not tell what it holds."""

MEMORY_SPEED = 3e9
"""Octets a second that no disk reaches: whoever reads faster reads from memory."""

PLACES, CACHED = 256, 0.95
"""Places of the file that are looked at, and the share in memory that counts as all of it."""


@contextmanager
def prefetched(path: Path) -> Iterator[None]:
    """Read ahead while the block runs; the reader is gone when it ends.

    Nothing happens with a small file, or with one that does not fit into memory; whatever goes
    wrong in the reader costs speed and nothing else.
    """
    process = _started(path)
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def _started(path: Path) -> Popen[bytes] | None:
    import subprocess

    try:
        size = path.stat().st_size
        if size < SMALLEST or not sys.executable or size > ROOM * _free_memory():
            return None
        command = [sys.executable, "-I", "-S", __file__, os.fspath(path)]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None


def _free_memory() -> int:
    """Octets that can be had without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def read_through(path: str) -> int:
    """Read the file once unless it is in memory; returns how many octets were read."""
    parent = os.getppid()
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        held = _held(file.fileno(), size)
        if held is not None and held >= CACHED:
            return 0
        buffer = bytearray(BLOCK)
        done, began = 0, time.perf_counter()
        while octets := file.readinto(buffer):
            done += octets
            if os.getppid() != parent:
                break
            timed = held is None and done >= FIRST > done - octets
            if timed and done / (time.perf_counter() - began) > MEMORY_SPEED:
                break
    return done


def _held(descriptor: int, size: int) -> float | None:
    """Share of the file that is in memory; None where the kernel cannot tell."""
    flag = getattr(os, "RWF_NOWAIT", None)
    if flag is None or size == 0:
        return None
    found, buffer = 0, bytearray(1)
    for place in range(PLACES):
        try:
            os.preadv(descriptor, [buffer], size * place // PLACES, flag)
            found += 1
        except BlockingIOError:
            continue
        except OSError:
            return None
    return found / PLACES


if __name__ == "__main__":
    read_through(sys.argv[1])
