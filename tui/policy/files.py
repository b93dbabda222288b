"""Which files beside the database go, and why each of the others stays.

What is safe was judged when the data directory was read; the plan picks from that, names the items
and counts what was left out. The deed judges once more, file by file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tui.format import plural, size
from tui.policy.plan import Item, Plan, Totals
from tui.records import FileRow


@dataclass(frozen=True, slots=True)
class FileTarget:
    """One row that goes: the files below `path` that still belong to it then."""

    row: str
    path: tuple[str, ...]
    """Folders below the data directory, name by name; the first never leads out of it."""
    newest: int
    """Last change (ms) of its newest file when planned: what changed since is left alone."""
    files: int


@dataclass(frozen=True, slots=True)
class FilesOptions:
    """What the deed needs beside the items, in their order."""

    targets: tuple[FileTarget, ...]
    now: int
    """The time from which ages count, milliseconds: the deed never counts a file older."""


def plan_files(
    rows: Sequence[FileRow],
    kinds: Collection[str],
    now: int,
    *,
    ids: Collection[str] | None = None,
) -> Plan:
    """Everything of these kinds that may go, the largest first; all kinds when `kinds` is empty.

    `rows` of a complete survey; `ids` narrows it to these rows and what is below them.
    """
    chosen = [row for row in _leaves(rows, ids) if not kinds or row.kind in kinds]
    going = sorted((row for row in chosen if row.safe), key=lambda row: (-row.bytes, row.id))
    # A leaked pack goes before the store around it: then the store's folders are empty.
    going.sort(key=lambda row: row.kind == "snapshot")
    excluded: Counter[str] = Counter()
    for row in chosen:
        if not row.safe and (kinds or row.kind not in _NOBODY_EXPECTS):
            excluded[row.reason] += max(1, row.files) if row.kind in _BY_FILE else 1
    items = tuple(_item(row) for row in going)
    freed = sum(row.bytes for row in going)
    return Plan(
        "files",
        items,
        excluded=dict(excluded),
        options=FilesOptions(tuple(map(_target, going)), now),
        message=_sentence(items) if items else _why_nothing(chosen),
        predicted_bytes=freed,
    )


_BY_FILE = ("tool-output", "log", "session_diff")
"""Kinds whose rows are loose files: those left out are counted one by one."""


_NOBODY_EXPECTS = ("database", "temp", "link", "other")
"""Kinds of which nothing ever goes: not worth counting as left out unless they were named."""


def _leaves(rows: Iterable[FileRow], ids: Collection[str] | None) -> list[FileRow]:
    """Rows right below a kind: they are judged as a whole; those deeper only tell them apart."""
    found = list(rows)
    kinds = {row.id for row in found if not row.parent}
    leaves = [row for row in found if row.parent in kinds]
    if ids is None:
        return leaves
    deeper = {row.parent for row in found if row.id in ids and row.parent not in kinds}
    return [row for row in leaves if row.id in ids or row.parent in ids or row.id in deeper]


def _item(row: FileRow) -> Item:
    totals = Totals(files=row.files, bytes=row.bytes)
    title = row.title if row.kind in row.title else f"{row.kind}: {row.title}"
    return Item(row.id, title, row.why.rstrip("."), totals, seen_active=row.newest)


def _target(row: FileRow) -> FileTarget:
    parts = tuple(row.path.split("/"))
    if row.kind in ("tmp_pack", "opencode-next.db"):  # a file: its folder is walked
        parts = parts[:-1]
    return FileTarget(row.id, parts, row.newest, row.files)


def _sentence(items: Sequence[Item]) -> str:
    files = sum(item.totals.files for item in items)
    octets = size(sum(item.bytes for item in items))
    return f"{plural(files, 'file')} ({octets}) would be removed for good."


def _why_nothing(chosen: Sequence[FileRow]) -> str:
    if not chosen:
        return "Nothing to remove: there are no such files."
    largest = max(chosen, key=lambda row: row.bytes)
    more = "" if len(chosen) == 1 else f"{largest.title}: "
    why = largest.why if more else largest.why[:1].lower() + largest.why[1:]
    return f"Nothing to remove: {more}{why}"
