"""Reclaim, in words: what payloads hold, what a plan would take, and what must be left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui import format
from tui.forest import Forest
from tui.policy.plan import Item, Totals
from tui.records import Payload

MOST_NAMED = 3
"""Sessions left behind that a message names."""


def totals_of(payload: Payload) -> Totals:
    """What a payload holds, by what it counts."""
    counts = dict(payload.counts) or {"parts": payload.parts}
    known = {name: number for name, number in counts.items() if name in Totals.__slots__}
    return Totals(**known, bytes=payload.bytes)


def counted(payload: Payload) -> str:
    """ "12 tool outputs", "3 parts, 40 events"."""
    if not payload.counts:
        return format.plural(payload.parts, "tool output")
    nouns = (name.removesuffix("s") for name, _ in payload.counts)
    numbers = (number for _, number in payload.counts)
    return ", ".join(map(format.plural, numbers, nouns))


def summary(
    items: Sequence[Item],
    excluded: Mapping[str, int],
    elsewhere: Mapping[str, int],
    levels: Sequence[str],
) -> str:
    """One sentence: what would be reclaimed, or why there is nothing."""
    if items:
        octets = format.size(sum(item.bytes for item in items))
        totals = sum((item.totals for item in items), Totals())
        where = f"{told(totals)} of {format.plural(len(items), 'session')}"
        return f"{octets} in {where} can be reclaimed."
    if excluded:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(excluded.items()))
        return f"Nothing to reclaim now; left out: {reasons}."
    others = {level: octets for level, octets in elsewhere.items() if octets}
    more = "; ".join(f"the level {name} holds {format.size(n)}" for name, n in others.items())
    if tuple(levels) == ("compacted",):
        why = "No marked tool output is left (since 1.14.34 opencode marks none by default)"
        return f"{why}; {more}." if more else f"{why}; try the level summarised."
    return f"Nothing to reclaim at these levels; {more}." if more else _NOTHING


def told(totals: Totals) -> str:
    """ "12 tool outputs and 40 events": what these rows are called in a sentence."""
    nouns = (
        ("tool output", totals.parts),
        ("message", totals.messages),
        ("event", totals.events),
        ("file", totals.files),
    )
    several = [format.plural(number, noun) for noun, number in nouns if number]
    if not several[1:]:
        return "".join(several) or "0 rows"
    return f"{', '.join(several[:-1])} and {several[-1]}"


def named(forest: Forest, left: list[Payload]) -> str:
    """Which sessions are left as a whole; an owned one is where it belongs."""
    ids = [each.session_id for each in left if each.level != "owned"]
    if not ids:
        return ""
    titles = [f"“{forest.row(id).title}”" if id in forest else id for id in ids[:MOST_NAMED]]
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    why = "their rows do not hold the newest state"
    if any(each.level == "only_copy" for each in left):
        why = "their events may be the only copy"
    return f" Left as they are, because {why}: {', '.join(titles)}{more}."


_NOTHING = "Nothing to reclaim: no tool output is marked, or older than a finished compaction."
