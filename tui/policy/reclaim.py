"""Reclaim, decided: which sessions give their heavy payloads back and keep their conversation.

Pure: records + policy + now → Plan. A further level is one more row in LEVELS.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from tui import format
from tui.errors import WrongCall
from tui.forest import Forest
from tui.policy.plan import Item, Plan, Totals
from tui.policy.reclaim_message import told
from tui.records import Payload, SessionRow


class Level(NamedTuple):
    """What a level means to the user."""

    name: str
    takes: str
    loses: str
    """What can no longer be seen afterwards."""
    automatic: bool
    """Carried out in the background unless the configuration says no; the default level."""
    idle: timedelta
    """How long a session must have rested before the level touches it, unless told otherwise."""
    least: timedelta | None = None
    """No wish makes it shorter than this; None: than `idle`."""
    spares_shared: bool = False
    """True when it leaves shared trees alone that nobody named."""
    keeps: bool = False
    """True when what it takes can be kept, and brought back by undo."""


LEVELS: dict[str, Level] = {
    level.name: level
    for level in (
        Level(
            "compacted",
            "Output and attachments of tool calls that opencode itself marked as compacted.",
            "These outputs cannot be read again; opencode no longer sends them to the model.",
            automatic=True,
            idle=timedelta(0),
            keeps=True,
        ),
        Level(
            "summarised",
            "Output and attachments of tool calls from before the last finished compaction.",
            "These outputs cannot be read again, nor by a revert to before the compaction.",
            automatic=False,
            idle=timedelta(hours=1),
            keeps=True,
        ),
        Level(
            "stale",
            "Old tool output of idle sessions: all but the last two turns and 40,000 tokens.",
            "These outputs cannot be read again; the model gets opencode's placeholder for them.",
            automatic=False,
            idle=timedelta(days=1),
            least=timedelta(hours=1),
            keeps=True,
        ),
        Level(
            "subagents",
            "Tool output of subagents idle for a week whose result their parent holds.",
            "How a subagent came to its result cannot be read again; the result stays.",
            automatic=False,
            idle=timedelta(days=7),
            least=timedelta(hours=1),
            spares_shared=True,
            keeps=True,
        ),
        Level(
            "diffs",
            "Text of the diffs beside user messages of idle sessions; files and counts stay.",
            "These diffs cannot be shown again; reverting still works, it uses snapshots.",
            automatic=False,
            idle=timedelta(hours=1),
            keeps=True,
        ),
    )
}

_SETS = {
    "conservative": ("compacted",),
    "aggressive": ("compacted", "summarised"),
    "rescue": ("orphans", "compacted", "summarised", "events", "diffs"),
}

SETS: dict[str, tuple[str, ...]] = {
    name: tuple(level for level in levels if level in LEVELS) for name, levels in _SETS.items()
}
"""Names for several levels at once; `rescue` takes nothing that a model could still be sent."""

OF_MESSAGES = ("diffs",)
"""Levels whose rows are messages, not parts."""

MALFORMED = "malformed"
"""Payload records of this level count rows that are left alone for their shape."""


@dataclass(frozen=True, slots=True)
class ReclaimPolicy:
    """Which levels, for whom."""

    levels: tuple[str, ...] = SETS["conservative"]
    idle: timedelta | None = None
    """Only sessions without activity for this long; None leaves it to each level."""
    session_ids: frozenset[str] | None = None
    """Only these, named by the user: neither pin nor recent activity protects them."""
    project: str | None = None
    """Only sessions of this project, by name or id."""
    keep: bool = False
    """Copy what goes into the trash first, so that undo brings it back."""


@dataclass(frozen=True, slots=True)
class ReclaimItem(Item):
    """One session and the levels it qualifies for; another level may have to wait."""

    levels: tuple[str, ...] = ()
    rowids: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Level -> where the search saw the rows: a hint for the deed, which judges them again."""


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


def plan_reclaim(
    forest: Forest,
    payloads: Iterable[Payload],
    policy: ReclaimPolicy,
    now_ms: int,
    running: frozenset[str] = frozenset(),
) -> Plan:
    """One item per session, the one with most bytes first; `totals.bytes` are payload octets.

    `running` are sessions being generated right now. Payloads of other levels, or of sessions the
    forest does not know, are in no plan; those of other levels serve the message.
    """
    found, excluded, elsewhere = _sorted_out(forest, payloads, policy)
    items: list[ReclaimItem] = []
    for session_id, levels in found.items():
        row = forest.row(session_id)
        root = forest.tree_of(session_id).root
        row = row._replace(
            pinned=row.pinned or root.pinned,
            shared=row.shared or root.shared,
            running=session_id in running,
        )
        taken, reasons = _judge(row, levels, policy, now_ms)
        excluded.update(reasons)
        if taken:
            items.append(_item(row, taken, policy))
    items.sort(key=lambda item: (-item.bytes, item.id))
    return Plan(
        "reclaim",
        tuple(items),
        excluded=dict(sorted(excluded.items())),
        options=policy,
        message=told(items, excluded, elsewhere, policy.levels),
        predicted_bytes=_pages(items, found),
    )


def _sorted_out(
    forest: Forest, payloads: Iterable[Payload], policy: ReclaimPolicy
) -> tuple[dict[str, dict[str, Payload]], Counter[str], Counter[str]]:
    """Session -> level -> payload; malformed rows; bytes at levels nobody asked for."""
    found: defaultdict[str, dict[str, Payload]] = defaultdict(dict)
    excluded: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    for payload in payloads:
        if payload.session_id not in forest or not _is_meant(forest, policy, payload.session_id):
            continue
        if payload.level == MALFORMED:
            excluded[MALFORMED] += payload.parts
        elif payload.level not in policy.levels:
            elsewhere[payload.level] += 0 if payload.reason else payload.bytes
        elif payload.reason:
            excluded[payload.reason] += 1
        else:
            found[payload.session_id][payload.level] = payload
    return found, excluded, elsewhere


def _is_meant(forest: Forest, policy: ReclaimPolicy, session_id: str) -> bool:
    if policy.session_ids is not None and session_id not in policy.session_ids:
        return False
    row = forest.row(session_id)
    return policy.project in (None, row.project, row.project_id)


def _judge(
    row: SessionRow,
    found: Mapping[str, Payload],
    policy: ReclaimPolicy,
    now_ms: int,
) -> tuple[list[Payload], set[str]]:
    """What may be taken from a session, and why the rest is left out.

    `row` says of pins and shares what holds for its whole tree.
    """
    taken: list[Payload] = []
    reasons: set[str] = set()
    for name in policy.levels:
        if name not in found:
            continue
        reason = _protection(row, LEVELS[name], policy, now_ms)
        if reason is None:
            taken.append(found[name])
        else:
            reasons.add(reason)
    return taken, reasons


def _item(row: SessionRow, taken: list[Payload], policy: ReclaimPolicy) -> ReclaimItem:
    counts = [f"{each.level}: {_words(each)}" for each in taken]
    waits_for_rest = policy.session_ids is None and any(LEVELS[p.level].idle for p in taken)
    return ReclaimItem(
        id=row.id,
        title=row.title,
        reason=", ".join(counts),
        totals=_totals(taken),
        sessions=(row.id,),
        seen_active=row.active if waits_for_rest else 0,
        project=row.project,
        levels=tuple(part.level for part in taken),
        rowids={part.level: _all_or_none(part) for part in taken},
    )


def _totals(taken: Iterable[Payload]) -> Totals:
    """What goes from one session."""
    found = list(taken)
    messages = sum(each.parts for each in found if each.level in OF_MESSAGES)
    return Totals(
        sessions=1,
        messages=messages,
        parts=sum(each.parts for each in found) - messages,
        bytes=sum(each.bytes for each in found),
    )


def _words(payload: Payload) -> str:
    totals = _totals([payload])
    return format.payloads(totals.parts, totals.messages)


def _all_or_none(payload: Payload) -> tuple[int, ...]:
    """The hint, unless the search remembered only some of the rows."""
    return payload.rowids if len(payload.rowids) == payload.parts else ()


def _pages(items: Iterable[ReclaimItem], found: Mapping[str, Mapping[str, Payload]]) -> int:
    """Bytes of pages expected to become free; the octets where nobody counted pages."""
    taken = (found[item.id][level] for item in items for level in item.levels)
    return sum(each.bytes if each.page_bytes is None else each.page_bytes for each in taken)


def _protection(row: SessionRow, level: Level, policy: ReclaimPolicy, now_ms: int) -> str | None:
    """Why this level must leave the session alone; None when it may go on."""
    rest = rest_of(level, policy)
    if policy.session_ids is None:
        if row.pinned:
            return "pinned"
        if level.idle and row.running:
            return "running"
        if level.spares_shared and row.shared:
            return "shared"
    if rest and now_ms - row.active < rest / timedelta(milliseconds=1):
        return "recent"
    return None


def rest_of(level: Level, policy: ReclaimPolicy) -> timedelta:
    """How long a session must have rested. Of sessions named by the user only what they said."""
    if policy.session_ids is not None:
        return policy.idle or timedelta(0)
    least = level.idle if level.least is None else level.least
    return max(least, level.idle if policy.idle is None else policy.idle)
