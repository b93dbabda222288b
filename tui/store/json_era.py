"""Whether the JSON files from before opencode 1.2 hold anything that no database has.

The import copied sessions, messages and parts into the database, and left the files. People have
found sessions in them that were never imported, so every session and every message is looked up;
one that is missing keeps all of them in place. What the files contain is never read.
"""

from __future__ import annotations

import re

from tui.errors import OcduError
from tui.format import plural
from tui.store.database import SQLITE_EXCEPTIONS
from tui.store.descent import Parts
from tui.store.file_kinds import ORPHAN_AGE, Pile, Verdict, goes, stays
from tui.store.known import AT_ONCE, Known

_ID = re.compile(r"((?:ses|msg)_[0-9A-Za-z_]{1,64})")


class JsonEra:
    """Give it every path below storage/ of the folders that the import covers."""

    def __init__(self, known: Known, now: int) -> None:
        self.known = known
        self.now = now
        self.sessions = 0
        self.strange = 0
        """Names of another shape: what they hold cannot be told."""
        self._lost: set[str] = set()
        """Sessions in no database."""
        self.lost_messages = 0
        self._waiting: list[str] = []
        self._failed = False

    @property
    def lost_sessions(self) -> int:
        """Sessions that are only here."""
        return len(self._lost)

    def note_file(self, parts: Parts) -> None:
        """storage/session/PROJECT/SESSION.json, storage/message/SESSION/MESSAGE.json, …"""
        name = parts[-1]
        if not name.endswith(".json"):
            self.strange += 1
        elif parts[1] == "session":
            self.sessions += 1
            self._note_session(name.removesuffix(".json"), well_placed=len(parts) == 4)
        elif parts[1] == "message":
            self._note_message(name.removesuffix(".json"), well_placed=len(parts) == 4)
        elif parts[1] == "part" and len(parts) != 4:
            self.strange += 1

    def note_folder(self, parts: Parts) -> None:
        """storage/message/SESSION and storage/part/MESSAGE name their owner."""
        if len(parts) == 3 and parts[1] == "message":
            self._note_session(parts[2], well_placed=True)
        elif len(parts) == 3 and parts[1] == "part":
            self._note_message(parts[2], well_placed=True)
        elif len(parts) > 3:
            self.strange += 1

    def _note_session(self, id: str, *, well_placed: bool) -> None:
        if not well_placed or not _ID.fullmatch(id):
            self.strange += 1
        elif id not in self.known.sessions:
            self._lost.add(id)

    def _note_message(self, id: str, *, well_placed: bool) -> None:
        if not well_placed or not _ID.fullmatch(id):
            self.strange += 1
            return
        self._waiting.append(id)
        if len(self._waiting) >= AT_ONCE:
            self.look_up()

    def look_up(self) -> None:
        """Ask the databases for the messages noted since."""
        waiting, self._waiting = self._waiting, []
        try:
            self.lost_messages += self.known.strangers(waiting)
        except (OcduError, *SQLITE_EXCEPTIONS):
            self._failed = True

    def judge(self, pile: Pile, *, complete: bool) -> Verdict:
        """Whether the files may go; `complete` once all of them were noted."""
        if self.lost_sessions:
            what = plural(self.lost_sessions, "session")
            return stays("only_copy", f"{what} in no database: the only copy.")
        if self.lost_messages:
            what = plural(self.lost_messages, "message")
            return stays("only_copy", f"{what} in no database: the only copy.")
        if self.strange:
            what = plural(self.strange, "name")
            return stays("only_copy", f"{what} in it ocdu cannot read: perhaps the only copy.")
        if self._failed or self.known.doubt:
            return stays("only_copy", self.known.doubt or "The database could not be asked.")
        if not complete:
            return stays("only_copy", "Still looking whether all of it is in the database.")
        if pile.in_use:
            return stays("running", "A process has it open.")
        if pile.newest >= self.now - ORPHAN_AGE:
            return stays("recent", "Changed within a week: an old opencode may still use it.")
        return goes("Every session and message in it is in the database.")
