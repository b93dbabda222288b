"""Where batches lie: taken down while a job works on one, packed and put back afterwards.

Of one batch there may be these files, told apart by their endings:

`.trash`       the finished batch, packed (or plain, when there was no room to pack it)
`.unfinished`  the plain file a job works on; while it exists it alone counts
`.packing`, `.unpacking`, `.reading`, `.reserve`  half a file, or one for a moment: may go whenever
               no job runs

Whatever is killed, one whole file is left: a new one is written beside the old one, synced, read
back and renamed, and only then does the old one go.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event

import apsw

from tui.errors import NotNow, OcduError
from tui.format import size
from tui.store import batch
from tui.store.batch import TRASH, UNFINISHED, sync_folder
from tui.store.elsewhere import to_read, was_read
from tui.store.packing import Found, look_into, pack, unpack

PACKING, UNPACKING, READING, RESERVE = ".packing", ".unpacking", ".reading", ".reserve"
PASSING = (PACKING, UNPACKING, READING, RESERVE)

JOURNAL = "-journal"
"""What SQLite puts behind the name of a file for its own; nothing without that file."""

RESERVED = 1_000_000
"""Octets kept back while trees are buried, so that a full disk cannot keep us from noting which are
gone already."""

SPARE = 10_000_000
"""Octets that must stay free on the disk of the trash when a batch is unpacked."""

WAITING = "An interrupted job on this batch could not be put right yet"

ABANDONED = 3600.0
"""Seconds after which a file that says not whose it is belongs to nobody any more."""


def lying_in(folder: Path, pattern: str) -> list[Path]:
    """The files of the trash whose names are of this pattern; [] where this user may not look."""
    return sorted(folder.glob(pattern)) if os.access(folder, os.R_OK | os.X_OK) else []


def shelved(folder: Path) -> list[Path]:
    """The finished batches, newest first; not those a job is working on."""
    found = reversed(lying_in(folder, f"*{TRASH}"))
    return [path for path in found if not path.with_suffix(UNFINISHED).exists()]


def has_unfinished(folder: Path) -> bool:
    """Whether a job works on some batch, or was interrupted. By the names alone."""
    return bool(lying_in(folder, f"*{UNFINISHED}"))


def trash_bytes(folder: Path) -> int:
    """Octets of all files of the trash, by stat() alone; 0 when there is none."""
    total = 0
    for path in lying_in(folder, "*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total


def take_down(path: Path) -> Generator[int, None, Path]:
    """Make a finished batch a plain `.unfinished` file; yields octets done, returns its path.

    Raises NotNow when there is no room to unpack it, or a job on it waits to be put right;
    OcduError when it is damaged. The batch stays as it is then.
    """
    unfinished = path.with_suffix(UNFINISHED)
    if unfinished.exists():  # that one alone counts, and it is not to be written over
        raise NotNow(f"{WAITING} ({path.stem}): nothing was changed. See `ocdu doctor`.")
    found = _known(path)
    if found.is_packed:
        yield from _unpacked(path, found, path.with_suffix(UNPACKING))
        _journal_of(unfinished).unlink(missing_ok=True)  # it would be rolled back into this file
        path.with_suffix(UNPACKING).rename(unfinished)
    else:
        path.rename(unfinished)
    sync_folder(path.parent)
    return unfinished


def _known(path: Path) -> Found:
    found = look_into(path)
    if found is None:
        raise OcduError(f"{path} is gone or cannot be read as a batch: nothing was changed.")
    return found


def _unpacked(path: Path, found: Found, target: Path) -> Generator[int, None, None]:
    free = shutil.disk_usage(target.parent).free
    needed = found.plain_bytes + SPARE
    if free < needed:
        raise NotNow(
            f"To unpack the batch {path.stem}, {target.parent} needs {size(needed)}, and "
            f"{size(needed - free)} of it are missing: make room there, then try again."
        )
    yield from unpack(path, target)


def put_back(path: Path, stop: Event) -> Generator[int, None, Path | None]:
    """Pack an unfinished batch and put it on the shelf; yields octets done, returns its path.

    A batch that keeps no tree is removed (None). Where packing fails (a full disk) or is stopped,
    the plain file itself becomes the finished batch.
    """
    with batch.opened(path) as connection:
        facts = batch.facts(connection)
    final = path.with_suffix(TRASH)
    if not facts.lines:
        final.unlink(missing_ok=True)  # first: alone it would offer trees that are back in place
        drop(path)
        return None
    known = look_into(final)
    if known is not None and known.facts == facts:
        drop(path)  # nothing was taken out: the packed file is still true
        return final
    if (yield from _packed(path, stop)):
        path.with_suffix(PACKING).rename(final)
        sync_folder(path.parent)
        drop(path)
    else:
        path.rename(final)
        sync_folder(path.parent)
    return final


def drop(path: Path) -> None:
    """Remove an unfinished batch, and the journal of a transaction that was killed before it began.

    SQLite leaves such a journal where it lies.
    """
    path.unlink()
    _journal_of(path).unlink(missing_ok=True)


def _journal_of(path: Path) -> Path:
    return path.with_name(path.name + JOURNAL)


def _packed(path: Path, stop: Event) -> Generator[int, None, bool]:
    try:
        with closing(pack(path, path.with_suffix(PACKING))) as octets:
            for done in octets:
                if stop.is_set():
                    return False
                yield done
    except (OSError, OcduError, ImportError):
        return False
    return True


@contextmanager
def reserved(path: Path) -> Iterator[Path]:
    """Room kept back beside an unfinished batch, for the length of the block: remove it in need."""
    reserve = path.with_suffix(RESERVE)
    descriptor = os.open(reserve, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(RESERVED))  # nothing that a file system could make smaller
        yield reserve
    finally:
        reserve.unlink(missing_ok=True)


@contextmanager
def reading(path: Path) -> Iterator[apsw.Connection]:
    """A finished batch, packed or plain, as schema `trash` of a connection, to read from it.

    A packed one is unpacked for the length of the block, beside itself, or where that cannot be
    written among the system's temporary files. Raises as `take_down` does.
    """
    found = _known(path)
    if not found.is_packed:
        with batch.opened(path) as connection:
            yield connection
        return
    target = to_read(path.with_suffix(READING))
    try:
        for _ in _unpacked(path, found, target):
            pass
        with batch.opened(target) as connection:
            yield connection
    finally:
        was_read(target)


def unpacked_beside(path: Path, stop: Event) -> Generator[float, None, Path]:
    """A finished batch as a plain file to read, which is the batch itself where that is plain.

    Yields the share that is done; ends early, with half a file, once `stop` is set. Each caller
    gets a file of its own and removes it (`was_read`); one that was killed leaves it to
    `remove_passing`, or `to_read`. It lies where that of `reading` would. Raises as `take_down`
    does.
    """
    found = _known(path)
    if not found.is_packed:
        return path
    target = to_read(path.with_name(f"{path.stem}-{secrets.token_hex(4)}{READING}"))
    try:
        with closing(_unpacked(path, found, target)) as octets:
            for done in octets:
                if stop.is_set():
                    break
                yield done / max(1, found.plain_bytes)
    except BaseException:
        was_read(target)
        raise
    return target


def passing(folder: Path) -> list[Path]:
    """Files that exist only while a batch is packed, unpacked or read, and journals of none."""
    found = [each for ending in PASSING for each in lying_in(folder, f"*{ending}")]
    return sorted(found + [each for each in lying_in(folder, f"*{JOURNAL}") if _is_of_none(each)])


def remove_passing(folder: Path, database: str) -> list[Path]:
    """Remove half-written files of this database's batches, and old ones of nobody's.

    One whose batch cannot be read stays: another ocdu, on another database, may be writing to that
    batch at this moment. Needs the ledger's lock: a job of this database that is under way makes
    such files.
    """
    removed = []
    for path in passing(folder):
        if _is_of_none(path) or _goes(path, database):
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def _goes(path: Path, database: str) -> bool:
    return _owners(path) <= {database} if _beside(path) else _is_abandoned(path)


def _is_of_none(path: Path) -> bool:
    """True for a journal whose file is gone."""
    return path.name.endswith(JOURNAL) and not path.with_name(path.name[: -len(JOURNAL)]).exists()


def _beside(path: Path) -> list[Path]:
    """The batch that a passing file belongs to; whole files only."""
    siblings = (path.with_suffix(ending) for ending in (UNFINISHED, TRASH))
    return [each for each in siblings if each.exists()]


def _owners(path: Path) -> set[str | None]:
    """Whose the batch is; None among them when it cannot be told now."""
    found = [look_into(each) for each in _beside(path)]
    return {None if each is None else each.facts.database for each in found}


def _is_abandoned(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > ABANDONED
    except OSError:
        return False  # its maker has just removed it
