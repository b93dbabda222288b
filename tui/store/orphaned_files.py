"""Diff files of sessions that no database of the folder knows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tui.store.descent import blocks
from tui.store.file_kinds import DIFF_AGE
from tui.store.known import what_is_known
from tui.store.session_files import diff_file


def orphaned_files(database: Path, files: Path, now: int) -> Iterator[tuple[str, int]]:
    """(session id, octets on the disk) of diff files whose session no database here knows.

    Files of the last day are left out, and all of them when a database could not be read: then
    nobody can tell whose they are.
    """
    folder = files / "storage" / "session_diff"
    if not folder.is_dir():
        return
    known = what_is_known(database, files)
    if known.doubt:
        return
    for name in sorted(os.listdir(folder)):
        id = name.removesuffix(".json")
        path = diff_file(files, id) if id not in known.sessions and name.endswith(".json") else None
        if path is None:
            continue
        state = path.lstat()
        if state.st_mtime * 1000 <= now - DIFF_AGE:
            yield id, blocks(state)
