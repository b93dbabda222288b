"""What takes seconds to make and is only read is made once for all workers of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw


def made_once(folder: Path, make: Callable[[Path], Path]) -> Path:
    """What `make` leaves in this folder, from whoever asks first; the others wait for it."""
    ready = folder.with_suffix(".ready")
    lock = apsw.Connection(str(folder.with_suffix(".lock")))
    try:
        lock.set_busy_timeout(300_000)
        lock.execute("BEGIN EXCLUSIVE")
        if not ready.exists():
            ready.write_text(str(make(folder)))
    finally:
        lock.close()
    return Path(ready.read_text())
