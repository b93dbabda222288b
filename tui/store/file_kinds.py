"""What the files in opencode's data directory are, and which of them nobody needs any more.

One place decides it: the survey shows what it says, and the deed asks it again for every file. A
file belongs to a row by its place, its name and its age; whether the row may go is told once the
row was counted. Sources: facts on opencode's storage 4d and 4j, on 2.x section 10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from os import stat_result
from stat import S_ISLNK, S_ISREG
from typing import NamedTuple

from tui.store.beta import copied_to_one_of
from tui.store.descent import Parts, blocks
from tui.store.in_use import FileId
from tui.store.known import BETA, Known
from tui.store.locate import DATABASE_NAME

HOUR = 3_600_000
DAY = 24 * HOUR

TEMPORARY_PACK_AGE = DAY
"""A git gc of a huge store takes hours: its unfinished pack must never be taken from it."""

OUTPUT_AGE = 7 * DAY
"""opencode drops its tool output by itself after seven days, when it runs long enough."""

ORPHAN_AGE = 7 * DAY
"""A snapshot store without a project may belong to a database that we were not shown; what was
not touched for a week is not at work. git prunes there after the same time."""

LOG_AGE = HOUR
"""Several opencodes write a log each, and need not keep it open."""

DIFF_AGE = DAY
"""A session may have been created since the databases were read."""

KINDS = {
    "snapshot": "What opencode needs to take file changes back: one git store for each project.",
    "tmp_pack": "Packs that a git gc in a snapshot store began and never finished.",
    "tool-output": "Full texts of tool output that the conversation shows cut.",
    "log": "What opencode notes while it runs; no version clears it up.",
    "session_diff": "Diffs of sessions, written up to opencode 1.15; later ones do not read them.",
    "storage": "Sessions as JSON files, from before opencode 1.2 had a database.",
    "opencode-next.db": "Database of the 2.x beta; 2.x imports from it what it does not know.",
    "database": "The databases with their write-ahead logs: see the other screens.",
    "temp": "Databases in the temporary folder that opencode or another program left there.",
    "link": "Links: shown, never followed.",
    "other": "Programs, repositories, plans, credentials: whatever else lies here.",
}
"""Kind -> what it is. The order is that of the screen."""

JSON_ERA = ("session", "message", "part", "project", "todo")
"""Folders of storage/ that the import into the database covers; shares keep secrets and stay."""

LOG_NAME = re.compile(r"(\d{4}-\d\d-\d\dT[\d.-]+Z?|opencode[\w.-]*|dev)\.log(\.\w+)?")
"""Dated files up to opencode 1.15, one opencode.log from 1.17 on."""

DIFF_NAME = re.compile(r"(ses_[0-9A-Za-z]{1,64})\.json")
STORE_NAME = re.compile(r"[0-9a-f]{40}")
"""A snapshot store is named by a SHA-1, as is a project by its first commit."""

PROJECT_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}")
_FAMILY = re.compile(r"(-wal|-shm|-journal)$")


@dataclass(slots=True)
class Pile:
    """What was counted for one row so far."""

    bytes: int = 0
    apparent_bytes: int = 0
    files: int = 0
    newest: int = 0
    in_use: int = 0
    """Files that some process has open."""
    is_git: bool = False

    def add(self, other: Pile) -> None:
        """Count another pile in."""
        self.bytes += other.bytes
        self.apparent_bytes += other.apparent_bytes
        self.files += other.files
        self.newest = max(self.newest, other.newest)
        self.in_use += other.in_use
        self.is_git |= other.is_git


class Verdict(NamedTuple):
    """Whether a row may go; the reason is a word of the plan's, "" when it may."""

    safe: bool
    why: str
    reason: str


def goes(why: str) -> Verdict:
    """It may go."""
    return Verdict(True, why, "")


def stays(reason: str, why: str) -> Verdict:
    """It must stay."""
    return Verdict(False, why, reason)


class Sorter:
    """Puts every file into its row, and judges rows. Ids of rows begin with their kind."""

    def __init__(
        self, known: Known, in_use: frozenset[FileId], now: int, newest_log: str = ""
    ) -> None:
        """`now` in milliseconds; `newest_log` is the name of the log file written to last."""
        self.known = known
        self.in_use = in_use
        self.now = now
        self.newest_log = newest_log

    def is_open(self, state: stat_result) -> bool:
        """True when a process had the file open when the job began."""
        return (state.st_dev, state.st_ino) in self.in_use

    def row_of_folder(self, parts: Parts) -> str:
        """Id of the row that a folder's own blocks belong to."""
        top = parts[0] if parts else ""
        if top == "snapshot":
            return self._store(parts, len(parts)) if len(parts) > 1 else "snapshot"
        if top == "storage" and len(parts) > 1:
            if parts[1] == "session_diff":
                return "session_diff"
            return f"storage/json/{parts[1]}" if parts[1] in JSON_ERA else "storage/rest"
        if top in ("tool-output", "log", "storage"):
            return top
        return f"other/{top}" if top else "other"

    def row_of(self, parts: Parts, state: stat_result) -> str:
        """Id of the row that a file (or link) belongs to."""
        if S_ISLNK(state.st_mode):
            return "link/" + "/".join(parts)
        if len(parts) == 1:
            return _top_file(parts[0])
        match parts[0]:
            case "snapshot":
                return self._snapshot(parts, state)
            case "tool-output":
                return "tool-output/" + self._output(parts, state)
            case "log":
                return "log/" + self._log(parts, state)
            case "storage":
                return self._storage(parts, state)
        return f"other/{parts[0]}"

    def _snapshot(self, parts: Parts, state: stat_result) -> str:
        name = parts[-1]
        if name.startswith("tmp_pack_") and "objects" in parts and S_ISREG(state.st_mode):
            return "tmp_pack/" + "/".join(parts)
        return self._store(parts, len(parts) - 1) if len(parts) > 2 else "snapshot"

    def _store(self, parts: Parts, folders: int) -> str:
        """opencode up to 1.13 kept one store a project, later ones keep one a worktree."""
        if folders > 2 and STORE_NAME.fullmatch(parts[2]):
            return f"snapshot/{parts[1]}/{parts[2]}"
        return f"snapshot/{parts[1]}"

    def _output(self, parts: Parts, state: stat_result) -> str:
        is_output = len(parts) == 2 and parts[1].startswith("tool_")
        if not is_output or not S_ISREG(state.st_mode):
            return "strange"
        return self._by_age(state, OUTPUT_AGE)

    def _log(self, parts: Parts, state: stat_result) -> str:
        is_log = len(parts) == 2 and LOG_NAME.fullmatch(parts[1])
        if not is_log or not S_ISREG(state.st_mode):
            return "strange"
        return "newest" if parts[1] == self.newest_log else self._by_age(state, LOG_AGE)

    def _storage(self, parts: Parts, state: stat_result) -> str:
        if parts[1] != "session_diff":
            era = len(parts) > 2 and parts[1] in JSON_ERA
            return f"storage/json/{parts[1]}" if era else "storage/rest"
        found = DIFF_NAME.fullmatch(parts[2]) if len(parts) == 3 else None
        if not found or not S_ISREG(state.st_mode):
            return "session_diff/strange"
        if found[1] in self.known.sessions:
            return "session_diff/owned"
        if self.known.doubt:
            return "session_diff/doubtful"
        return "session_diff/" + self._by_age(state, DIFF_AGE)

    def _by_age(self, state: stat_result, limit: int) -> str:
        if self.is_open(state):
            return "open"
        return "old" if milliseconds(state) < self.now - limit else "young"

    def judge(self, id: str, pile: Pile) -> Verdict:
        """Whether all that was counted for this row may go (storage/json: see `json_era`)."""
        kind, _, rest = id.partition("/")
        if pile.in_use and kind in ("tmp_pack", "snapshot", BETA):
            return stays("running", "A process has it open.")
        if kind == "tmp_pack":
            return self._judge_pack(pile)
        if kind == "snapshot":
            return self._judge_snapshot(rest.split("/")[0], pile)
        if kind == BETA and self._beta_is_copied:
            return goes("2.x has imported all that is in it, and nothing came since.")
        return _FIXED.get(id) or self._judge_other(id)

    @cached_property
    def _beta_is_copied(self) -> bool:
        found = [path for path in self.known.databases if path.name == BETA]
        return bool(found) and copied_to_one_of(found[0], self.known.databases)

    def _judge_pack(self, pile: Pile) -> Verdict:
        if pile.newest >= self.now - TEMPORARY_PACK_AGE:
            return stays("recent", "Younger than a day: a git gc may still be writing it.")
        return goes("Older than a day and no process has it open.")

    def _judge_snapshot(self, project: str, pile: Pile) -> Verdict:
        if not PROJECT_NAME.fullmatch(project) or not (
            pile.is_git or STORE_NAME.fullmatch(project)
        ):
            return _STRANGE
        if project in self.known.projects or project == "global":
            return stays("owned", "Its project is in the database: undo and revert need it.")
        if self.known.doubt:
            return stays("only_copy", self.known.doubt)
        if pile.newest >= self.now - ORPHAN_AGE:
            return stays("recent", "No database knows its project, but it changed within a week.")
        return goes("No database knows its project any more.")

    def _judge_other(self, id: str) -> Verdict:
        if id == "session_diff/doubtful":
            return stays("only_copy", self.known.doubt)
        kind, _, rest = id.partition("/")
        if kind in ("tool-output", "log", "session_diff") and rest:
            return stays("running", "A process has it open.") if rest == "open" else _STRANGE
        return _FIXED_KINDS.get(kind, _KEPT)


_STRANGE = stays("kept", "Not named as opencode names its files.")
_KEPT = stays("kept", "Not ocdu's to remove.")
_FIXED = {
    "tool-output/old": goes("Older than seven days: opencode itself drops it then."),
    "tool-output/young": stays("recent", "Younger than seven days."),
    "log/old": goes("Not the newest log, and nobody has it open."),
    "log/young": stays("recent", "Written to within the last hour."),
    "log/newest": stays("kept", "The newest log: opencode writes to it."),
    "session_diff/old": goes("No database knows the session any more."),
    "session_diff/young": stays("recent", "No database knows the session, but it is of today."),
    "session_diff/owned": stays("owned", "Their sessions are in the database."),
    "storage/rest": stays("kept", "Settings of the migration, and secrets of shared pages."),
}
_FIXED_KINDS = {
    "opencode-next.db": stays("only_copy", "2.x imports from it; it may hold the only copy."),
    "database": stays("kept", "Your sessions. Prune, reclaim and vacuum make it smaller."),
    "temp": stays("kept", "Of unknown origin: look yourself before you remove it."),
    "link": stays("kept", "A link, not followed: what it leads to is not counted."),
}


def milliseconds(state: stat_result) -> int:
    """Last change of the content."""
    return state.st_mtime_ns // 1_000_000


def pile_of(state: stat_result) -> Pile:
    """One file, not yet known whether it is open."""
    return Pile(blocks(state), state.st_size, 1, milliseconds(state))


def _top_file(name: str) -> str:
    stem = _FAMILY.sub("", name)
    if stem == "opencode-next.db":
        return f"opencode-next.db/{stem}"  # with its log: they go together
    return f"database/{name}" if DATABASE_NAME.fullmatch(stem) else f"other/{name}"
