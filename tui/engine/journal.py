"""The journal entry around one job, on a disk that may be full.

Where a job that gives room back cannot be noted, it is done all the same; and a deed that is done
does not become a failure because its end could not be noted.
"""

from __future__ import annotations

import logging
from typing import Any

from tui.engine.room import explained_fully
from tui.engine.site import Site
from tui.store.database import SQLITE_EXCEPTIONS
from tui.store.ledger import GIVING_BACK

log = logging.getLogger("ocdu")

NOT_NOTED = (
    " It could not be noted in ocdu's journal, whose disk is full: undo does not know it, but what "
    "is in the trash can be restored from there."
)


class Journal:
    """The entry of one job."""

    def __init__(self, site: Site, verb: str, title: str, predicted_bytes: int) -> None:
        """Note that it begins. Raises OcduError where that is not possible, unless the job gives
        room back."""
        self._ledger = site.ledger
        self._entry: int | None = None
        try:
            self._entry = site.ledger.begin(verb, title, predicted_bytes)
        except SQLITE_EXCEPTIONS as error:
            if verb not in GIVING_BACK:
                raise explained_fully(error, site) from error
            log.warning("The %s could not be noted in the journal: %s", verb, error)

    def note(self, **columns: Any) -> bool:
        """Change the entry; False where that was not possible."""
        if self._entry is None:
            return False
        try:
            self._ledger.update(self._entry, **columns)
        except SQLITE_EXCEPTIONS as error:
            log.warning("Journal entry %d could not be changed: %s", self._entry, error)
            return False
        return True
