"""The levels of reclaim: what each takes, what is lost with it, and when it may be carried out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from tui.errors import WrongCall

HOUR = timedelta(hours=1)


class Level(NamedTuple):
    """What a level means to the user."""

    name: str
    takes: str
    loses: str
    """What can no longer be seen afterwards."""
    idle: timedelta = HOUR
    """How long a session must have rested before the level touches it, unless told otherwise."""
    least: timedelta | None = None
    """No wish makes it shorter than this; None: than `idle`."""
    automatic: bool = False
    """Carried out in the background unless the configuration says no; the default level."""
    spares_shared: bool = False
    """True when it leaves shared trees alone that nobody named."""
    never_running: bool = False
    """Not even a session that the user named is touched while opencode works on it."""
    keeps: bool = True
    """True when what it takes can be kept, and brought back by undo: rows stay and are edited."""
    costly: bool = False
    """Looking for it parses nearly every tool part: nobody counts it who was not asked to."""


LEVELS: dict[str, Level] = {
    level.name: level
    for level in (
        Level(
            "compacted",
            "Output and attachments of tool calls that opencode itself marked as compacted.",
            "These outputs cannot be read again; opencode no longer sends them to the model.",
            idle=timedelta(0),
            automatic=True,
        ),
        Level(
            "summarised",
            "Output and attachments of tool calls from before the last finished compaction.",
            "These outputs cannot be read again, nor by a revert to before the compaction.",
        ),
        Level(
            "stale",
            "Old tool output of idle sessions: all but the last two turns and 40,000 tokens.",
            "These outputs cannot be read again; the model gets opencode's placeholder for them.",
            idle=timedelta(days=1),
            least=HOUR,
            costly=True,
        ),
        Level(
            "subagents",
            "Tool output of subagents idle for a week whose result their parent holds.",
            "How a subagent came to its result cannot be read again; the result stays.",
            idle=timedelta(days=7),
            least=HOUR,
            spares_shared=True,
            costly=True,
        ),
        Level(
            "events",
            "Superseded history: older snapshots of messages and parts whose newest state is kept.",
            "Nothing opencode reads: only older states of messages and parts that are all there.",
            never_running=True,
            keeps=False,
        ),
        Level(
            "diffs",
            "Text of the diffs beside user messages of idle sessions; files and counts stay.",
            "These diffs cannot be shown again; reverting still works, it uses snapshots.",
        ),
        Level(
            "orphans",
            "Rows and diff files of sessions that are gone.",
            "Nothing opencode shows: what is left of sessions that were deleted.",
            never_running=True,
            keeps=False,
        ),
        Level(
            "migrated",
            "Rows of 1.x that opencode 2.x has copied or deleted; outputs it copied twice; caches.",
            "Going back to 1.x shows these sessions no more. Of 1.x alone and not in 2.x: to-do "
            "lists, share secrets, diffs of questions, subtask messages, links to attachments and "
            "the text of outputs that 1.x had cleared.",
            never_running=True,
            keeps=False,
        ),
    )
}

UNASKED: tuple[str, ...] = tuple(name for name, level in LEVELS.items() if not level.costly)
"""Levels that are counted where nobody asked for one."""

SETS: dict[str, tuple[str, ...]] = {
    "conservative": ("compacted",),
    "aggressive": ("compacted", "summarised"),
    "rescue": ("orphans", "compacted", "summarised", "events", "diffs"),
}
"""Names for several levels at once; `rescue` takes nothing that a model could still be sent, what
nobody can miss first."""

OF_OUTPUT = ("compacted", "summarised", "stale", "subagents")
"""Levels that drop tool output. A part that several of them want counts for the first."""

ORPHANS = "orphans"
"""The level whose sessions no forest knows."""

MIGRATED = "migrated"
"""The level of files that 2.x uses; in others it finds nothing."""

NOBODY = "ocdu:nobody"
"""Stands where a session's id would, for what belongs to none; opencode calls no session that."""

MALFORMED = "malformed"
"""Payload records of this level count rows that are left alone for their shape."""


def parse_levels(text: str) -> tuple[str, ...]:
    """ "aggressive" or "compacted,summarised" as level names, in the order of LEVELS.

    Raises WrongCall for an unknown or missing name.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    known = ", ".join((*LEVELS, *SETS))
    unknown = [name for name in names if name not in LEVELS and name not in SETS]
    if unknown:
        raise WrongCall(f"There is no reclaim level “{unknown[0]}”: choose from {known}.")
    if not names:
        raise WrongCall(f"Name at least one reclaim level: {known}.")
    chosen = {level for name in names for level in SETS.get(name, (name,))}
    return tuple(level for level in LEVELS if level in chosen)


def kept_levels(levels: Iterable[str]) -> list[str]:
    """Those of these levels that leave a copy behind, where copies are wanted."""
    return [name for name in levels if LEVELS[name].keeps]


def gone_for_good(levels: Iterable[str]) -> list[str]:
    """Those of these levels that nothing brings back."""
    return [name for name in levels if not LEVELS[name].keeps]
