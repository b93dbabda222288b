"""The rest of the data directory: what each file is, how much it takes, and what may go.

Counted as `du` counts: blocks on the disk, folders included, every file once however many names it
has. The numbers grow while the folder is read, a few dozen times a second; nothing is opened but
folders, and links are never followed.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from threading import Event

from tui.records import FileSurvey
from tui.store.database import Store
from tui.store.descent import Parts, Seen, opened, walk
from tui.store.file_kinds import LOG_NAME, Pile, Sorter, milliseconds, pile_of
from tui.store.file_rows import rows_of
from tui.store.in_use import FileId, files_in_use
from tui.store.json_era import JsonEra
from tui.store.known import Known, what_is_known
from tui.store.locate import data_directory

SHOWN_EVERY = 0.05
"""Seconds between two surveys handed out."""

LOOK_AT_CLOCK = 256
"""Entries between two looks at the clock: they take less than a millisecond."""

OURS = ("snapshot", "tool-output", "log", "storage")
"""Folders looked into even where the folder around them is not opencode's own."""

LEFTOVER = "opencode-wal-"
"""Start of the names of databases that pile up in temporary folders (opencode #36831)."""


def survey_files(store: Store, files: Path, now: int, stop: Event) -> Iterator[FileSurvey]:
    """The whole data directory `files` of a database; the last survey is `done`, unless stopped."""
    known = what_is_known(store.path, files)
    scan = Scan(files, known, files_in_use(), now)
    scan.add_leftovers()
    yield from scan.run(stop)


class Scan:
    """One reading of the data directory, or of a part of it."""

    def __init__(
        self, files: Path, known: Known, in_use: frozenset[FileId], now: int, below: Parts = ()
    ) -> None:
        """`now` in milliseconds; `below` restricts it to a folder of the data directory."""
        self.files = files
        self.below = below
        self.sorter = Sorter(known, in_use, now, newest_log(files))
        self.era = JsonEra(known, now)
        self.piles: dict[str, Pile] = {}
        self._own = is_opencodes(files)
        self._seen: set[int] = set()
        """Files with several names that were counted already."""
        self._errors = 0
        self._files = 0

    def run(self, stop: Event) -> Iterator[FileSurvey]:
        """Read; every survey holds all that is known so far."""
        shown = time.monotonic()
        for number, seen in enumerate(walk(self.files, self.below, self._lost, self._enters)):
            self._note(seen)
            if number % LOOK_AT_CLOCK == 0:
                if stop.is_set():
                    return
                if time.monotonic() - shown >= SHOWN_EVERY:
                    yield self.survey(done=False)
                    shown = time.monotonic()
        self.era.look_up()
        yield self.survey(done=True)

    def survey(self, *, done: bool) -> FileSurvey:
        """The rows as they are now."""
        total = sum(pile.bytes for id, pile in self.piles.items() if not id.startswith("temp/"))
        rows = rows_of(self.piles, self.sorter, self.era, complete=done)
        return FileSurvey(rows, self._files, total, self._errors, done)

    def _lost(self) -> None:
        self._errors += 1

    def _enters(self, parts: Parts) -> bool:
        return self._own or parts[0] in OURS

    def _note(self, seen: Seen) -> None:
        parts, state = seen.parts, seen.state
        pile = pile_of(state)
        if S_ISDIR(state.st_mode):
            if len(parts) == 1 and not self._enters(parts):
                return  # not counted at all
            id = self.sorter.row_of_folder(parts)
            pile.files = pile.newest = pile.apparent_bytes = 0
            pile.is_git = parts[-1:] == ("objects",)
            if id.startswith("storage/json"):
                self.era.note_folder(parts)
        else:
            id = self.sorter.row_of(parts, state)
            if not self._own and id.startswith(("other/", "link/")):
                return
            if id.startswith("storage/json"):
                self.era.note_file(parts)
            self._files += 1
            if self.sorter.is_open(state):
                pile.in_use = 1
            if state.st_nlink > 1:
                self._count_once(state, pile)
        self._pile(id).add(pile)

    def _pile(self, id: str) -> Pile:
        pile = self.piles.get(id)
        if pile is None:
            pile = self.piles[id] = Pile()
        return pile

    def _count_once(self, state: os.stat_result, pile: Pile) -> None:
        one = state.st_dev << 64 | state.st_ino
        if one in self._seen:
            pile.bytes = pile.apparent_bytes = 0
        self._seen.add(one)

    def add_leftovers(self) -> None:
        """Databases in the temporary folder that nobody knows the origin of: shown, never more."""
        with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
            for entry in entries:
                if entry.name.startswith(LEFTOVER) and entry.is_file(follow_symlinks=False):
                    with suppress(OSError):
                        pile = pile_of(entry.stat(follow_symlinks=False))
                        self._pile(f"temp/{entry.path}").add(pile)


def is_opencodes(files: Path) -> bool:
    """True for opencode's own folder. A copy of a database may lie in anybody's home: there only
    what is unmistakably opencode's is looked at."""
    folder = files.resolve()
    return folder.name == "opencode" or folder == data_directory().resolve()


def newest_log(files: Path) -> str:
    """Name of the log that was written to last; "" when there is none."""
    newest, name = -1, ""
    with suppress(OSError), opened(files, ("log",)) as folder:
        for each, look in folder.names():
            with suppress(OSError):
                state = look()
                if LOG_NAME.fullmatch(each) and S_ISREG(state.st_mode):
                    changed = milliseconds(state)
                    if (changed, each) > (newest, name):
                        newest, name = changed, each
    return name
