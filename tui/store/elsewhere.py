"""Batches of a trash that nobody may write to are unpacked among the system's temporary files."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from tui.store.unwritable import hindrance

ELSEWHERE = "ocdu-reading-"
"""How a folder of the system's begins that holds what is read from a trash nobody may write to."""

LONG_AGO = 3600.0
"""Seconds after which such a folder is no longer read: who made it was killed."""


def to_read(target: Path) -> Path:
    """Where to unpack what is only read: there, or else in a new folder of the system's."""
    if hindrance(target.parent) is None:
        return target
    folder = Path(mkdtemp(prefix=ELSEWHERE))
    _remove_left(folder)
    return folder / target.name


def was_read(plain: Path) -> None:
    """Remove what was unpacked to be read, with the folder that was made for it."""
    plain.unlink(missing_ok=True)
    if plain.parent.name.startswith(ELSEWHERE):
        plain.parent.rmdir()


def _remove_left(ours: Path) -> None:
    """Whole conversations that a reader of this user left beside it who was killed: nobody else
    looks for them here."""
    owner = ours.lstat().st_uid
    for each in ours.parent.glob(f"{ELSEWHERE}*"):
        with suppress(OSError):
            found = each.lstat()
            if found.st_uid == owner and time.time() - found.st_mtime > LONG_AGO:
                shutil.rmtree(each)  # which follows no link
