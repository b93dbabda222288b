"""Is there room on the disk of the trash, before the first row moves?"""

from __future__ import annotations

import errno

import apsw
import psutil

from tui.engine.site import Site
from tui.errors import NoRoom, NotNow, OcduError
from tui.format import size
from tui.policy.plan import Plan
from tui.store.database import explained
from tui.store.session_files import files_bytes

SPARE_DISK = 50_000_000
"""Octets that must stay free on the disk of the trash."""

ROW_BYTES = 250
"""Octets a copy takes in the batch beside its payload: ids, other columns, the index over it."""

PACKED = 0.4
"""The packed batch over the plain one, which both exist for a moment. Conversations come to 0.1 to
0.3; were a batch to come to more, it would stay as it is."""


def needed_bytes(site: Site, plan: Plan, *, events: bool) -> int:
    """Octets that moving the planned trees to the trash takes for a moment."""
    totals = plan.totals
    payload = totals.bytes - (0 if events else sum(item.history for item in plan))
    rows = totals.messages + totals.parts + (totals.events if events else 0) + 10 * totals.sessions
    files = files_bytes(site.files, (id for item in plan for id in item.sessions))
    plain = payload + rows * ROW_BYTES + files
    return int(plain * (1 + PACKED)) + SPARE_DISK


def check_room(site: Site, plan: Plan, *, events: bool) -> None:
    """Raises NotNow, saying how much is missing, when the trash has no room for these trees."""
    folder = site.ledger.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = psutil.disk_usage(str(folder)).free
    needed = needed_bytes(site, plan, events=events)
    if free < needed:
        raise NotNow(
            f"The trash in {folder} needs {size(needed)} for a moment and its disk has "
            f"{size(free)} free, {size(needed - free)} ({needed - free} bytes) too few: nothing "
            "was pruned. Prune less at a time, empty the trash, or delete for good "
            "(--permanent on the command line), which nothing undoes."
        )


def explained_fully(error: Exception, site: Site) -> OcduError:
    """The sentence for what ended a job; of a full disk it says which one, trash or database."""
    if isinstance(error, NoRoom) and str(error).startswith(FULL):
        return error  # told when it happened; what came after it may have made room
    trash, database = site.ledger.folder, site.store.path.parent
    cause = (error.__cause__ if isinstance(error, OcduError) else None) or error
    if not _is_full(cause, min(psutil.disk_usage(str(each)).free for each in (trash, database))):
        return explained(error, site.store.path)
    return NoRoom(
        f"{FULL}: {size(psutil.disk_usage(str(trash)).free)} are free where the trash lies "
        f"({trash}) and {size(psutil.disk_usage(str(database)).free)} where the database lies "
        f"({database}). The step was rolled back and nothing is lost; make room, then go on."
    )


FULL = "A disk is full"

ALMOST_FULL = 1_000_000
"""Free octets below which an I/O error is put down to the disk: SQLite says no more than that when
its -shm file cannot grow."""


def _is_full(error: BaseException, free: int) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, apsw.FullError) or (
        isinstance(error, apsw.IOError) and free < ALMOST_FULL
    )
