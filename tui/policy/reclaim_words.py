"""Reclaim, in words: what payloads hold, what a plan would take, and what must be left."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tui import format
from tui.forest import Forest
from tui.policy.plan import Totals
from tui.policy.reclaim_levels import MIGRATED, ORPHANS
from tui.records import Payload

MOST_NAMED = 3
"""Sessions left behind that a message names."""

LEFT = {
    ("events", "diverged"): "their rows do not hold the newest state",
    ("orphans", "only_copy"): "their events may be the only copy",
    (MIGRATED, "diverged"): "1.x went on with them after the import",
    (MIGRATED, "only_copy"): "they are in 1.x alone, or not proven to be in 2.x",
}
"""Level and reason of sessions left as a whole that a message names: something is wrong there."""


def totals_of(payload: Payload) -> Totals:
    """What a payload holds, by what it counts."""
    counts = dict(payload.counts) or {"parts": payload.parts}
    known = {name: number for name, number in counts.items() if name in Totals.__slots__}
    return Totals(**known, bytes=payload.bytes)


def counted(payload: Payload) -> str:
    """ "12 tool outputs", "40 events"; all kinds of rows that orphans are: "3 parts, 1 row"."""
    if payload.level != ORPHANS:
        return told(totals_of(payload), (payload.level,))
    return ", ".join(format.plural(n, name.removesuffix("s")) for name, n in payload.counts)


def told(totals: Totals, levels: Collection[str]) -> str:
    """ "12 tool outputs, the diffs of 3 messages and 40 events": what these levels take.

    Orphaned parts and messages go as a whole; with them among the rest, rows are called rows, as
    with what 1.x left behind.
    """
    whole = ORPHANS in levels
    part = "part" if whole else "row" if MIGRATED in levels else "tool output"
    several = [format.plural(totals.parts, part)]
    messages = format.plural(totals.messages, "message")
    several.append(messages if whole else f"the diffs of {messages}")
    several += [format.plural(totals.events, "event"), format.plural(totals.files, "file")]
    numbers = (totals.parts, totals.messages, totals.events, totals.files)
    said = [words for words, number in zip(several, numbers, strict=True) if number]
    if not said[1:]:
        return "".join(said) or "0 rows"
    return f"{', '.join(said[:-1])} and {said[-1]}"


def summary(
    totals: Totals,
    taken: Collection[str],
    excluded: Mapping[str, int],
    elsewhere: Mapping[str, int],
    asked: Sequence[str],
) -> str:
    """One sentence: what would be taken at which levels, or why there is nothing.

    `elsewhere` are bytes at levels nobody asked for.
    """
    if totals.sessions or totals.parts:
        where = told(totals, taken)
        if totals.sessions:
            where += f" of {format.plural(totals.sessions, 'session')}"
        return f"{format.size(totals.bytes)} in {where} can be reclaimed."
    if excluded:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(excluded.items()))
        return f"Nothing to reclaim now; left out: {reasons}."
    others = {level: octets for level, octets in elsewhere.items() if octets}
    more = "; ".join(f"the level {name} holds {format.size(n)}" for name, n in others.items())
    if tuple(asked) == ("compacted",):
        why = "No marked tool output is left (since 1.14.34 opencode marks none by default)"
        return f"{why}; {more}." if more else f"{why}; try the level summarised."
    if more:
        return f"Nothing to reclaim at these levels; {more}."
    if asked:
        return f"Nothing to reclaim at the level {', '.join(asked)}."
    return "Nothing to reclaim: no level is chosen."


def named(forest: Forest, left: Sequence[Payload]) -> str:
    """Which sessions are left as a whole, and why; an owned one is where it belongs."""
    said = ""
    for cause, why in LEFT.items():
        ids = [each.session_id for each in left if (each.level, each.reason) == cause]
        titles = [
            f"“{format.titled(forest.row(id).title)}”" if id in forest else id
            for id in ids[:MOST_NAMED]
        ]
        more = f" and {format.count(len(ids) - MOST_NAMED)} more" if len(ids) > MOST_NAMED else ""
        if ids:
            said += f" Left as they are, because {why}: {', '.join(titles)}{more}."
    return said
