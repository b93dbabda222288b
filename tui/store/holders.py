"""Which other processes have the database file open.

opencode keeps no pid file and no port that could be asked. On Linux the open files of every process
are in /proc; elsewhere psutil knows them. Processes of other users do not let us look: for them the
kernel is asked who holds SQLite's lock (`lock_probe`), which names one of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from tui.records import Holder

PROC = Path("/proc")

PROBE_PATIENCE = 5.0
"""Seconds the probe may take: it needs 20 ms, or hangs on a dead network disk."""

PROBE = Path(__file__).with_name("lock_probe.py")

WRITE_LOCK, READ_MARKS = (120, 1), (123, 5)
"""Bytes of the -shm file held by the writer, and by whoever reads (sqlite.org/walformat.html)."""

FileId = tuple[int, int]
"""Device and inode: what a file is, whatever it is called."""


def holders(path: Path, *, probe: bool = True) -> tuple[Holder, ...]:
    """Every other process that has this database, its -wal or its -shm open, by pid.

    A scan of /proc takes milliseconds. Where processes do not let us look and `probe` is true,
    one more process is started to ask for the lock, which takes some ten milliseconds.
    """
    ours = os.getpid()
    if (PROC / "self" / "fd").is_dir():
        pids, hidden = _by_proc(_ids_of(path))
    else:
        pids, hidden = _by_psutil(path)
    if hidden and probe:
        pids.add(_lock_owner(path))
    return tuple(Holder(pid, process_name(pid)) for pid in sorted(pids - {ours, 0}))


def reader_of(path: Path) -> Holder | None:
    """One process that is reading this database at this moment, which keeps its log from being
    emptied; ourselves too. None when nobody is or nobody can tell.
    """
    return _named(_lock_owner(path, READ_MARKS))


def writer_of(path: Path) -> Holder | None:
    """The process that is writing to this database at this moment, as far as it can be told."""
    return _named(_lock_owner(path, WRITE_LOCK))


def _named(pid: int) -> Holder | None:
    if pid == os.getpid():
        return Holder(pid, "this ocdu")
    return Holder(pid, process_name(pid)) if pid else None


def is_alone(path: Path) -> bool:
    """True when no other process has the database open."""
    return not holders(path)


def process_name(pid: int) -> str:
    """What the process calls itself, harmless on a terminal; "a process" when it does not say."""
    try:
        name = (PROC / str(pid) / "comm").read_bytes().decode("utf-8", "replace").strip()
    except OSError:
        try:
            name = psutil.Process(pid).name()
        except psutil.Error:
            name = ""
    if name.startswith("python") and _is_ocdu(pid):
        name = "another ocdu"
    return "".join(c if c.isprintable() else "?" for c in name) or "a process"


def _is_ocdu(pid: int) -> bool:
    """True for a Python that runs us: "python" would tell the user nothing."""
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return "tui" in words[1:3] or any(Path(word).name == "ocdu" for word in words[1:2])


def _family(path: Path) -> tuple[Path, ...]:
    return path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def _ids_of(path: Path) -> set[FileId]:
    found = set()
    for file in _family(path.resolve()):
        try:
            seen = file.stat()
        except OSError:
            continue
        found.add((seen.st_dev, seen.st_ino))
    return found


def _by_proc(wanted: set[FileId]) -> tuple[set[int], bool]:
    """Pids with one of these files open, and whether some process did not let us look."""
    found: set[int] = set()
    hidden = False
    for entry in os.scandir(PROC):
        if not entry.name.isdigit():
            continue
        try:
            if wanted.intersection(_open_files(entry.path + "/fd")):
                found.add(int(entry.name))
        except PermissionError:
            hidden = True
        except OSError:
            continue  # It ended while we looked.
    return found, hidden


def _open_files(folder: str) -> Iterator[FileId]:
    with os.scandir(folder) as links:
        for link in links:
            try:
                seen = os.stat(link.path)
            except OSError:
                continue  # Closed meanwhile.
            yield seen.st_dev, seen.st_ino


def _by_psutil(path: Path) -> tuple[set[int], bool]:
    family = {os.path.normcase(str(file)) for file in _family(path.resolve())}
    found: set[int] = set()
    hidden = False
    for process in psutil.process_iter():
        try:
            if family.intersection(_names(process.open_files())):
                found.add(process.pid)
        except psutil.AccessDenied:
            hidden = True
        except (psutil.Error, OSError):
            continue
    return found, hidden


def _names(files: Iterable[object]) -> Iterator[str]:
    for file in files:
        yield os.path.normcase(os.path.realpath(str(getattr(file, "path", ""))))


def _lock_owner(path: Path, place: tuple[int, int] | None = None) -> int:
    """Pid of one lock holder as the kernel sees it, ours included; 0 when nobody or unknown.

    `place` is (first byte, bytes) of the lock, else the one that every connection holds.
    """
    shared_memory = path.resolve().with_name(path.resolve().name + "-shm")
    if not shared_memory.exists():
        return 0
    try:
        answer = subprocess.run(
            [sys.executable, "-I", "-S", str(PROBE), str(shared_memory), *map(str, place or ())],
            capture_output=True,
            timeout=PROBE_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    said = answer.stdout.strip()
    return int(said) if said.isdigit() else 0
