"""From counted piles to the lines that are shown: kinds, and below them what is of each kind."""

from __future__ import annotations

from collections.abc import Mapping

from tui.format import count, plural, size
from tui.records import FileRow
from tui.store.file_kinds import KINDS, Pile, Sorter, Verdict
from tui.store.json_era import JsonEra

_TITLES = {
    "tool-output/old": "older than 7 days",
    "tool-output/young": "of the last 7 days",
    "tool-output/open": "open now",
    "tool-output/strange": "other names",
    "log/old": "older logs",
    "log/young": "of the last hour",
    "log/newest": "newest log",
    "log/open": "open now",
    "log/strange": "other names",
    "session_diff/old": "without a session",
    "session_diff/young": "without a session, of today",
    "session_diff/owned": "with a session",
    "session_diff/doubtful": "perhaps without a session",
    "session_diff/open": "open now",
    "session_diff/strange": "other names",
    "storage/json": "sessions, messages, parts",
    "storage/rest": "marker, shares and others",
}
_PLACES = {"session_diff": "storage/session_diff", "storage": "storage"}


def rows_of(
    piles: Mapping[str, Pile], sorter: Sorter, era: JsonEra, *, complete: bool
) -> tuple[FileRow, ...]:
    """Kinds in the order of KINDS, each followed by its rows, the largest first."""
    sums: dict[str, Pile] = {}
    below: dict[str, list[str]] = {}
    for id, pile in piles.items():
        one = id
        while True:
            if one not in sums:
                sums[one] = Pile()
                below.setdefault(parent_of(one), []).append(one)
            sums[one].add(pile)
            if not (one := parent_of(one)):
                break
    lines = _Lines(sums, below, sorter, era, complete)
    return tuple(row for kind in KINDS if kind in sums for row in lines.kind(kind))


def parent_of(id: str) -> str:
    """Id of the row above; "" for a kind."""
    kind, _, rest = id.partition("/")
    if kind in ("snapshot", "storage") and "/" in rest:
        return id.rpartition("/")[0]
    return kind if rest else ""


class _Lines:
    """Writes the rows of one survey."""

    def __init__(
        self,
        sums: Mapping[str, Pile],
        below: Mapping[str, list[str]],
        sorter: Sorter,
        era: JsonEra,
        complete: bool,
    ) -> None:
        self.sums = sums
        self.below = below
        self.sorter = sorter
        self.known = sorter.known
        self.era = era
        self.complete = complete

    def kind(self, kind: str) -> list[FileRow]:
        """A kind and everything below it."""
        rows: list[FileRow] = []
        safe_bytes = safe_files = 0
        for id in self._sorted(kind):
            verdict = self._judge(id)
            own = [self._row(each, verdict) for each in (id, *self._sorted(id))]
            rows += own
            safe_bytes += own[0].safe_bytes
            safe_files += own[0].safe_files
        why = f"{size(safe_bytes)} of it may go." if safe_files else "Nothing of it may go."
        verdict = Verdict(safe_files > 0, rows[0].why if len(rows) == 1 else why, "")
        head = self._row(kind, verdict)
        return [head._replace(safe_bytes=safe_bytes, safe_files=safe_files), *rows]

    def _sorted(self, id: str) -> list[str]:
        found = self.below.get(id, [])
        return sorted(found, key=lambda each: (-self.sums[each].bytes, each))

    def _judge(self, id: str) -> Verdict:
        if id == "storage/json":
            return self.era.judge(self.sums[id], complete=self.complete)
        return self.sorter.judge(id, self.sums[id])

    def _row(self, id: str, verdict: Verdict) -> FileRow:
        pile, kind = self.sums[id], id.partition("/")[0]
        return FileRow(
            id=id,
            kind=kind,
            parent=parent_of(id),
            title=self._title(id),
            says=self._says(id),
            path=_path(id),
            bytes=pile.bytes,
            apparent_bytes=pile.apparent_bytes,
            files=pile.files,
            newest=pile.newest,
            safe=verdict.safe,
            why=verdict.why,
            reason=verdict.reason,
            safe_bytes=pile.bytes if verdict.safe else 0,
            safe_files=pile.files if verdict.safe else 0,
        )

    def _title(self, id: str) -> str:
        kind, _, rest = id.partition("/")
        names = rest.split("/")
        if id in _TITLES:
            return _TITLES[id]
        if kind == "snapshot" and len(names) == 2:
            return self.known.worktrees.get(names[1], names[1])
        if kind == "snapshot" and rest:
            return self.known.projects.get(rest, rest)
        if kind == "tmp_pack" and len(names) > 1:
            return f"{names[-1]} in {self.known.projects.get(names[1], names[1])}"
        if kind == "storage" and rest:
            return names[-1]
        return rest or kind

    def _says(self, id: str) -> str:
        kind, _, rest = id.partition("/")
        if kind == "database" and rest in self.known.counts:
            return f"Database with {plural(self.known.counts[rest], 'session')}."
        if id == "storage/json":
            held = plural(self.era.sessions, "session")
            return f"{held}; {count(self.era.lost_sessions)} of them only here."
        return KINDS[kind]


def _path(id: str) -> str:
    kind, _, rest = id.partition("/")
    if id.startswith("storage/json/"):
        return "storage/" + id.removeprefix("storage/json/")
    if kind in ("tool-output", "log", "session_diff", "storage"):
        return _PLACES.get(kind, kind)
    return id if kind == "snapshot" else rest
