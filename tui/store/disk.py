"""The disk under a database: free bytes, write speed, and compact copies left by the dead."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG

import psutil

from tui.places import Place

PROBE_BYTES = 8_000_000
"""Written and synced to learn the speed of a disk: enough to reach it, soon done."""

SPARE_FACTOR = 16
"""The probe is only written where this many times its size is free: never fill a full disk."""

ROOMY = 3
"""Times the result that must be free for nobody to look for another disk."""

_speeds: dict[int, float] = {}
"""Device -> bytes per second, measured once per process."""


def free_bytes(folder: Path) -> int:
    """Octets that this user may still write on the file system of `folder`."""
    return int(psutil.disk_usage(str(folder)).free)


def same_device(one: Path, other: Path) -> bool:
    """True when both lie on the same file system."""
    return one.stat().st_dev == other.stat().st_dev


def other_places(folder: Path, octets: int) -> tuple[Place, ...]:
    """Usual folders on other file systems that could take so many octets, the roomiest first."""
    if free_bytes(folder) >= octets * ROOMY:
        return ()
    usual = (Path(tempfile.gettempdir()), Path("/var/tmp"), Path.home(), Path("/dev/shm"))
    found: dict[int, Place] = {}
    for place in usual:
        try:
            device, free = place.stat().st_dev, free_bytes(place)
        except OSError:
            continue
        usable = os.access(place, os.W_OK) and free >= octets and not same_device(folder, place)
        if usable and device not in found:
            found[device] = Place(place, free)
    return tuple(sorted(found.values(), key=lambda place: -place.free))


def write_speed(folder: Path) -> float:
    """Bytes per second this disk takes, synced; 0.0 where it cannot be tried. Cached per device.

    Writes a nameless file of PROBE_BYTES and lets it go again.
    """
    device = folder.stat().st_dev
    if device in _speeds:
        return _speeds[device]
    if free_bytes(folder) < PROBE_BYTES * SPARE_FACTOR:
        return 0.0
    # Random bytes: a disk that compresses must not look faster than it is.
    block = os.urandom(PROBE_BYTES // 8)
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            began = time.perf_counter()
            for _ in range(8):
                file.write(block)
            os.fsync(file.fileno())
            took = time.perf_counter() - began
    except OSError:
        return 0.0
    _speeds[device] = PROBE_BYTES / max(took, 1e-6)
    return _speeds[device]


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Let SQLite put temporary files here, where there is room, instead of /var/tmp."""
    before = os.environ.get("SQLITE_TMPDIR")
    os.environ["SQLITE_TMPDIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("SQLITE_TMPDIR", None)
        else:
            os.environ["SQLITE_TMPDIR"] = before


def copy_path(path: Path, folder: Path | None = None) -> Path:
    """Where this process puts the compact copy of a database."""
    return (folder or path.parent) / f".{path.name}.compact-{os.getpid()}"


def new_private_file(path: Path) -> None:
    """Make an empty file that only this user may read; raises FileExistsError, follows no link."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def remove_copy(copy: Path) -> None:
    """Remove a compact copy and what SQLite may have put beside it."""
    for ending in ("", "-journal", "-wal", "-shm"):
        copy.with_name(copy.name + ending).unlink(missing_ok=True)


def leftovers(path: Path, folder: Path | None = None) -> list[Path]:
    """Compact copies of this database whose makers are dead.

    Only regular files of exactly our name pattern, in the folder of the database (or `folder`).
    """
    pattern = re.compile(re.escape(f".{path.name}.compact-") + r"(\d{1,10})(-journal|-wal|-shm)?")
    found = []
    for file in (folder or path.parent).iterdir():
        match = pattern.fullmatch(file.name)
        if match and _is_orphan(file, int(match[1])):
            found.append(file)
    return sorted(found)


def remove_leftovers(path: Path, folder: Path | None = None) -> list[Path]:
    """Remove `leftovers`; returns what was removed."""
    removed = leftovers(path, folder)
    for file in removed:
        file.unlink(missing_ok=True)
    return removed


def _is_orphan(file: Path, pid: int) -> bool:
    try:
        seen = file.lstat()
    except OSError:
        return False
    if not S_ISREG(seen.st_mode):
        return False
    try:
        # A process younger than the file only inherited the number; in containers they repeat.
        return bool(seen.st_mtime < psutil.Process(pid).create_time() - 1)
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
