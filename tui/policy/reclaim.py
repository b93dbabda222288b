"""Reclaim, decided: which sessions give their heavy payloads back and keep their conversation.

Pure: records + policy + now → Plan. The levels stand in `reclaim_levels`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tui import format
from tui.forest import Forest
from tui.policy.plan import Item, Plan, Totals
from tui.policy.reclaim_levels import (
    LEVELS,
    MALFORMED,
    MIGRATED,
    NOBODY,
    OF_OUTPUT,
    ORPHANS,
    SETS,
    UNASKED,
    Level,
    gone_for_good,
    kept_levels,
    parse_levels,
)
from tui.policy.reclaim_words import counted, named, summary, told, totals_of
from tui.records import Payload, SessionRow


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
    kept_bytes: int = 0
    """Octets of it that undo could bring back from a copy."""


def plan_reclaim(
    forest: Forest,
    payloads: Iterable[Payload],
    policy: ReclaimPolicy,
    now_ms: int,
    running: frozenset[str] = frozenset(),
) -> Plan:
    """One item per session, the one with most bytes first; `totals.bytes` are payload octets.

    `running` are sessions being generated right now. Payloads of other levels, or of sessions the
    forest does not know, are in no plan; those of other levels serve the message. Only orphans
    come from sessions without a row.
    """
    found, excluded, elsewhere, left = _sorted_out(forest, payloads, policy)
    items: list[ReclaimItem] = []
    for session_id, levels in found.items():
        if session_id == NOBODY:
            items.append(_leftovers(levels[MIGRATED]))
            continue
        if session_id not in forest:
            if _is_recent(levels[ORPHANS], policy, now_ms):
                excluded["recent"] += 1
            else:
                items.append(_orphan(levels[ORPHANS]))
            continue
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
        message=_message(items, excluded, elsewhere, policy) + named(forest, left),
        predicted_bytes=_pages(items, found),
    )


def levels_of(plan: Iterable[Item]) -> list[str]:
    """The levels at which something of this plan, or of these items, goes."""
    taken = {name for item in plan if isinstance(item, ReclaimItem) for name in item.levels}
    return [name for name in LEVELS if name in taken]


def what_goes(plan: Plan) -> str:
    """ "12 tool outputs and 40 events": what the plan would take."""
    return told(plan.totals, levels_of(plan))


def kept_bytes(plan: Iterable[Item]) -> int:
    """Octets of which there will be a copy, where copies are wanted."""
    return sum(item.kept_bytes for item in plan if isinstance(item, ReclaimItem))


def way_back(plan: Plan, policy: ReclaimPolicy) -> str:
    """What undo brings back of this plan, from how large a copy; "" when it brings nothing back.

    Half a sentence that goes on after who does it: "brings … back".
    """
    levels = levels_of(plan)
    if not policy.keep or not kept_levels(levels):
        return ""
    lost = gone_for_good(levels)
    what = f"all but {', '.join(lost)}" if lost else "it all"
    return f"brings {what} back from a copy of about {format.size(kept_bytes(plan))}"


def _message(
    items: Sequence[ReclaimItem],
    excluded: Mapping[str, int],
    elsewhere: Mapping[str, int],
    policy: ReclaimPolicy,
) -> str:
    totals = sum((item.totals for item in items), Totals())
    return summary(totals, levels_of(items), excluded, elsewhere, policy.levels)


def _sorted_out(
    forest: Forest, payloads: Iterable[Payload], policy: ReclaimPolicy
) -> tuple[dict[str, dict[str, Payload]], Counter[str], Counter[str], list[Payload]]:
    """Session -> level -> payload; what is left out, counted; bytes at levels nobody asked for;
    what a level must leave."""
    found: defaultdict[str, dict[str, Payload]] = defaultdict(dict)
    excluded: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    left: list[Payload] = []
    for payload in payloads:
        if not _is_meant(forest, policy, payload):
            continue
        if payload.level == MALFORMED:
            excluded[MALFORMED] += payload.parts
        elif payload.level not in policy.levels:
            elsewhere[payload.level] += 0 if payload.reason else payload.bytes
        elif payload.reason:
            excluded[payload.reason] += 1
            left.append(payload)
        else:
            found[payload.session_id][payload.level] = payload
    return found, excluded, elsewhere, left


def _is_meant(forest: Forest, policy: ReclaimPolicy, payload: Payload) -> bool:
    """True when the plan is about the session of this payload."""
    id = payload.session_id
    if policy.session_ids is not None and id not in policy.session_ids:
        return False
    if id not in forest:
        of_nobody = payload.level == ORPHANS or id == NOBODY
        return of_nobody and policy.project is None
    row = forest.row(id)
    return policy.project in (None, row.project, row.project_id)


def _is_recent(orphan: Payload, policy: ReclaimPolicy, now_ms: int) -> bool:
    """True when something was written for a session that is gone; naming it changes nothing."""
    rest = max(LEVELS[ORPHANS].idle, policy.idle or timedelta(0))
    return bool(orphan.active) and now_ms - orphan.active < rest / timedelta(milliseconds=1)


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
    counts = [f"{each.level}: {counted(each)}" for each in taken]
    waits_for_rest = policy.session_ids is None and any(LEVELS[p.level].idle for p in taken)
    return ReclaimItem(
        id=row.id,
        title=row.title,
        reason=", ".join(counts),
        totals=sum(map(totals_of, taken), Totals(sessions=1)),
        sessions=(row.id,),
        seen_active=row.active if waits_for_rest else 0,
        project=row.project,
        levels=tuple(part.level for part in taken),
        rowids={part.level: _all_or_none(part) for part in taken},
        kept_bytes=sum(each.bytes for each in taken if LEVELS[each.level].keeps),
    )


def _orphan(payload: Payload) -> ReclaimItem:
    """What is left of a session that is gone."""
    return ReclaimItem(
        id=payload.session_id,
        title=payload.session_id,
        reason=f"{payload.level}: {counted(payload)}",
        totals=Totals(sessions=1) + totals_of(payload),
        sessions=(payload.session_id,),
        seen_active=payload.active,
        levels=(payload.level,),
    )


def _leftovers(payload: Payload) -> ReclaimItem:
    """What belongs to no session."""
    return ReclaimItem(
        id=NOBODY,
        title="What opencode 2.x keeps for no session",
        reason=f"{payload.level}: {counted(payload)}",
        totals=totals_of(payload),
        levels=(payload.level,),
    )


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
    if level.never_running and row.running:
        return "running"
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


__all__ = [
    "LEVELS",
    "MALFORMED",
    "MIGRATED",
    "NOBODY",
    "OF_OUTPUT",
    "ORPHANS",
    "SETS",
    "UNASKED",
    "Level",
    "ReclaimItem",
    "ReclaimPolicy",
    "gone_for_good",
    "kept_bytes",
    "kept_levels",
    "levels_of",
    "parse_levels",
    "plan_reclaim",
    "rest_of",
    "way_back",
    "what_goes",
]
