"""Sums for the dashboard: by project, by age, the largest trees, growth. Pure arithmetic.

Bytes are octets of payload, times milliseconds UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tui import format
from tui.desk import Live
from tui.forest import Forest
from tui.format import DAY, HOUR
from tui.widgets.composition_bar import Portion

BANDS = (
    (DAY, "today"),
    (7 * DAY, "this week"),
    (30 * DAY, "this month"),
    (90 * DAY, "90 days"),
    (365 * DAY, "this year"),
)
OLDER = "older"

PORTIONS = (
    ("conversation", ("text", "reasoning", "messages"), "$success", "█"),
    ("tool output", ("tool_output", "metadata"), "$primary", "█"),
    ("tool input", ("tool_input",), "$primary-darken-2", "▒"),
    ("attachments", ("attachments",), "$primary-lighten-3", "▓"),
    ("diffs", ("diffs",), "$secondary", "▓"),
    ("event history", ("events",), "$warning", "█"),
    ("superseded events", ("superseded_events",), "$error", "▓"),
)
"""Label, kinds of bytes, colour and glyph; "other" goes with the indices."""

TABLES = {
    "part": ("tool output and text", "$primary", "█"),
    "message": ("messages", "$success", "█"),
    "event": ("event history", "$warning", "█"),
}
"""What stands for a table while the kinds are not counted yet."""


SAID = {
    "attachments": "are attachments",
    "diffs": "are diffs",
    "free pages": "are free pages",
    "log": "is the write-ahead log",
    "files outside": "lies outside the database",
}
"""How a sentence goes on for a portion, where that is not "is …"."""


class Share(NamedTuple):
    """A name with its bytes."""

    name: str
    bytes: int
    key: str = ""


def by_project(forest: Forest, most: int = 8) -> list[Share]:
    """The projects with most bytes."""
    sums: Counter[str] = Counter()
    for root in forest.shape.roots:
        sums[forest.rows[root].project] += forest.subtree_bytes(root)
    return [Share(name, octets) for name, octets in sums.most_common(most)]


def by_age(forest: Forest, now: int) -> list[Share]:
    """Bytes of trees by their last activity, the youngest first."""
    sums = dict.fromkeys([*(label for _, label in BANDS), OLDER], 0)
    for root in forest.shape.roots:
        sums[_band(now - forest.active[root])] += forest.subtree_bytes(root)
    return [Share(label, octets) for label, octets in sums.items()]


def _band(idle: int) -> str:
    return next((label for limit, label in BANDS if idle < limit), OLDER)


def largest_trees(forest: Forest, most: int = 8) -> list[Share]:
    """The trees with most bytes."""
    roots = sorted(forest.shape.roots, key=forest.subtree_bytes, reverse=True)[:most]
    rows = forest.rows
    return [Share(rows[root].title, forest.subtree_bytes(root), rows[root].id) for root in roots]


def composition(
    kinds: Mapping[str, int],
    tables: Mapping[str, int],
    live: Live | None,
    outside: int | None = None,
) -> tuple[Portion, ...]:
    """Everything on disk: payload by kind (or by table), indices, free pages, log, files.

    `outside` are the files outside the database; None while nothing of them is counted.
    """
    if kinds:
        portions = [
            Portion(label, sum(kinds.get(kind, 0) for kind in of), style, glyph)
            for label, of, style, glyph in PORTIONS
        ]
        missing = sum(tables.values()) - sum(kinds.values())
        portions.append(
            Portion("not looked into yet", max(0, missing), "$foreground-disabled", "░")
        )
    else:
        portions = [
            Portion(label, tables.get(table, 0), style, glyph)
            for table, (label, style, glyph) in TABLES.items()
        ]
    if live is not None:
        rest = max(0, live.sizes.used_bytes - sum(portion.bytes for portion in portions))
        known = "indices and the rest" if kinds or tables else "not measured yet"
        portions += [
            Portion(known, rest, "$foreground-disabled", "▒"),
            Portion("free pages", live.sizes.free_bytes, "$text-success", "░"),
            Portion("log", live.sizes.wal_bytes, "$text-warning", "▒"),
        ]
    if outside is not None:
        portions.append(Portion("files outside", outside, "$success-lighten-2", "▒"))
    return tuple(portions)


def verdict(portions: Sequence[Portion], free: int) -> str:
    """One sentence that says where most of it is, and what a vacuum alone would give.

    `free` are octets of free pages.
    """
    sums = {portion.label: portion.bytes for portion in portions}
    total = sum(sums.values())
    if not total or "not measured yet" in sums:
        return "Counting what the bytes are …"
    old = sums.pop("superseded events", 0)
    if old:
        sums["event history"] += old
    label = max(sums, key=lambda each: sums[each])
    text = f"{format.size(sums[label])} of {format.size(total)} {SAID.get(label, f'is {label}')}"
    if label == "event history" and old:
        text += f", {format.size(old)} of it superseded"
    return f"{text}; a vacuum now frees {format.size(free)}."


SPARKS = "▁▂▃▄▅▆▇█"


def sparkline(history: Sequence[tuple[int, int]], cells: int) -> str:
    """Sizes over time, one cell for each stretch of equal length; "" for less than two."""
    if len(history) < 2 or cells < 1:
        return ""
    first, last = history[0][0], history[-1][0]
    length = max(1, last - first)
    buckets: list[int | None] = [None] * cells
    for time, octets in history:
        buckets[min(cells - 1, (time - first) * cells // length)] = octets
    filled: list[int] = []
    for octets_or_none in buckets:
        filled.append(octets_or_none if octets_or_none is not None else filled[-1])
    least, most = min(filled), max(filled)
    # From zero upwards a gigabyte more on nine is invisible; from the least it is a cliff.
    base = least - (most - least) // 4
    span = max(1, most - base)
    return "".join(SPARKS[min(7, (octets - base) * 8 // span)] for octets in filled)


def growth(history: Sequence[tuple[int, int]], free_disk: int | None) -> str:
    """ "+1.1 GB a day over 14 days; the disk is full in 37 days", as far as it can be said."""
    if len(history) < 2 or history[-1][0] - history[0][0] < HOUR:
        return "growth is shown once ocdu has watched for an hour"
    (first, before), (last, after) = history[0], history[-1]
    days = (last - first) / DAY
    rate = (after - before) / days
    sign = "+" if rate >= 0 else ""
    over = f"{format.duration((last - first) / 1000)}"
    text = f"{sign}{format.size(int(rate))} a day over {over}"
    if rate > 0 and free_disk is not None and free_disk / rate < 365:
        text += f"; the disk is full in {format.plural(int(free_disk / rate), 'day')}"
    return text
