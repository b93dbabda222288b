"""Which files the processes of this machine have open, by device and inode.

One look a job: some ten milliseconds for a few hundred processes. Those of other users do not let
us look; what is theirs is not ours to remove either.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tui.store.holders import PROC

FileId = tuple[int, int]
"""Device and inode: what a file is, whatever it is called."""


def files_in_use() -> frozenset[FileId]:
    """Every file that some process has open."""
    found = _by_proc() if (PROC / "self" / "fd").is_dir() else _by_psutil()
    return frozenset(found)


def _by_proc() -> Iterator[FileId]:
    for entry in os.scandir(PROC):
        if not entry.name.isdigit():
            continue
        with suppress(OSError), os.scandir(entry.path + "/fd") as links:  # it may end meanwhile
            for link in links:
                with suppress(OSError):
                    state = os.stat(link.path)
                    yield state.st_dev, state.st_ino


def _by_psutil() -> Iterator[FileId]:
    for process in psutil.process_iter():
        files: list[Any] = []
        with suppress(psutil.Error, OSError):
            files = process.open_files()
        for file in files:
            with suppress(OSError):
                state = Path(file.path).stat()
                yield state.st_dev, state.st_ino
