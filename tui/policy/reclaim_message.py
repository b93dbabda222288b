"""What a reclaim plan says in one sentence: what there is to get, or why there is nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui import format
from tui.policy.plan import Item, Totals

_NOTHING = "Nothing to reclaim: no level is chosen."


def told(
    items: Sequence[Item],
    excluded: Mapping[str, int],
    elsewhere: Mapping[str, int],
    levels: Sequence[str],
) -> str:
    """The sentence; `elsewhere` are bytes at levels nobody asked for, `levels` those asked for."""
    if items:
        totals = sum((item.totals for item in items), Totals())
        what = format.payloads(totals.parts, totals.messages)
        sessions = format.plural(len(items), "session")
        return f"{format.size(totals.bytes)} in {what} of {sessions} can be reclaimed."
    if excluded:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(excluded.items()))
        return f"Nothing to reclaim now; left out: {reasons}."
    others = {level: octets for level, octets in elsewhere.items() if octets}
    more = "; ".join(f"the level {name} holds {format.size(n)}" for name, n in others.items())
    if tuple(levels) == ("compacted",):
        why = "No marked tool output is left (since 1.14.34 opencode marks none by default)"
        return f"{why}; {more}." if more else f"{why}; try the level summarised."
    if more:
        return f"Nothing to reclaim at these levels; {more}."
    return f"Nothing to reclaim at the level {', '.join(levels)}." if levels else _NOTHING
