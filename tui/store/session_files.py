"""Files outside the database that belong to one session: storage/session_diff/<id>.json.

opencode up to 1.15 wrote them and no version removes them. An id comes from the database, so it
becomes part of a path only when it has the shape of an id; links are never followed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

import apsw

from tui.errors import OcduError
from tui.store.batch import sync_folder
from tui.store.query import fetch, scalar

SESSION_ID = re.compile(r"ses_[0-9A-Za-z]{1,64}")
"""What opencode's own ids look like; anything else never becomes a file name."""


BLOCK = 1_000_000
"""Octets read at a time: such files have grown to hundreds of megabytes."""


def diff_file(files: Path, session_id: str) -> Path | None:
    """The session's diff file below opencode's data directory, if there is a plain one."""
    if not SESSION_ID.fullmatch(session_id):
        return None
    folder = files / "storage" / "session_diff"
    if any(each.is_symlink() for each in (folder.parent, folder)):
        return None
    path = folder / f"{session_id}.json"
    try:
        is_plain = stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return None
    return path if is_plain else None


def count_files(files: Path, ids: Iterable[str]) -> dict[str, int]:
    """How many such files each of these sessions has; sessions without any are left out."""
    if not (files / "storage" / "session_diff").is_dir():
        return {}
    return {id: 1 for id in ids if diff_file(files, id)}


def keep_file(connection: apsw.Connection, files: Path, session_id: str) -> int:
    """Copy the session's file into the attached batch; returns how many were copied (0 or 1)."""
    path = diff_file(files, session_id)
    if path is None:
        return 0
    state = path.stat()
    connection.execute(
        "INSERT INTO trash.ocdu_file VALUES (?, ?, ?, ?, zeroblob(?))",
        (session_id, str(path.relative_to(files)), state.st_mode & 0o777, state.st_mtime,
         state.st_size),
    )  # fmt: skip
    row = connection.last_insert_rowid()
    with (
        path.open("rb") as source,
        connection.blob_open("trash", "ocdu_file", "data", row, True) as blob,
    ):
        left = state.st_size
        while left and (block := source.read(min(BLOCK, left))):
            blob.write(block)
            left -= len(block)
    if left:
        raise OcduError(f"{path} became shorter while it was copied: nothing is deleted.")
    return 1


def remove_file(files: Path, session_id: str, connection: apsw.Connection | None = None) -> bool:
    """Remove the session's file; False when there is none.

    With a connection whose attached batch keeps a copy, a file that was written since stays.
    """
    path = diff_file(files, session_id)
    if path is None or (connection is not None and not _is_as_kept(connection, session_id, path)):
        return False
    path.unlink()
    return True


def is_another(connection: apsw.Connection, files: Path, session_id: str) -> bool:
    """True when a file stands in the place of a kept one that is not as it was kept."""
    kept = "SELECT EXISTS (SELECT 1 FROM trash.ocdu_file WHERE session = ?)"
    path = diff_file(files, session_id)
    return (
        path is not None
        and bool(scalar(connection, kept, (session_id,)))
        and not _is_as_kept(connection, session_id, path)
    )


def _is_as_kept(connection: apsw.Connection, session_id: str, path: Path) -> bool:
    state = path.stat()
    return bool(
        scalar(
            connection,
            "SELECT EXISTS (SELECT 1 FROM trash.ocdu_file WHERE session = ? AND mtime = ?"
            " AND octet_length(data) = ?)",
            (session_id, state.st_mtime, state.st_size),
        )
    )


def files_bytes(files: Path, ids: Iterable[str]) -> int:
    """Octets of these sessions' files together."""
    if not (files / "storage" / "session_diff").is_dir():
        return 0
    return sum(path.stat().st_size for id in ids if (path := diff_file(files, id)))


def restore_files(connection: apsw.Connection, files: Path, session_id: str) -> int:
    """Write the session's kept files back, unless they exist; returns how many were written."""
    found = fetch(
        connection,
        "SELECT rowid, path, mode, mtime FROM trash.ocdu_file WHERE session = ?",
        (session_id,),
    )
    written = 0
    for row, relative, mode, mtime in found:
        path = files / relative
        wanted = files / "storage" / "session_diff" / f"{session_id}.json"
        if not SESSION_ID.fullmatch(session_id) or path != wanted or path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(connection, row, path, mode or 0o600)
        os.utime(path, (mtime, mtime))
        written += 1
    return written


def _write_whole(connection: apsw.Connection, row: int, path: Path, mode: int) -> None:
    """Write a kept file under another name first: half a file must never pass for the whole."""
    unfinished = path.with_name(f".{path.name}.ocdu-{os.getpid()}")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode)
    try:
        with (
            os.fdopen(descriptor, "wb") as target,
            connection.blob_open("trash", "ocdu_file", "data", row, False) as blob,
        ):
            while block := blob.read(BLOCK):
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)
