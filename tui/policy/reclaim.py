"""Reclaim, decided: which sessions give their heavy payloads back and keep their conversation.

Pure: records + policy + now → Plan. A further level is one more row in LEVELS.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from tui.errors import WrongCall
from tui.forest import Forest
from tui.policy.plan import Item, Plan, Totals
from tui.policy.reclaim_words import counted, named, summary, totals_of
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
    """How long a session must have rested before the level touches it."""
    never_running: bool = False
    """Not even a session that the user named is touched while opencode works on it."""


LEVELS: dict[str, Level] = {
    level.name: level
    for level in (
        Level(
            "compacted",
            "Output and attachments of tool calls that opencode itself marked as compacted.",
            "These outputs cannot be read again; opencode no longer sends them to the model.",
            automatic=True,
            idle=timedelta(0),
        ),
        Level(
            "summarised",
            "Output and attachments of tool calls from before the last finished compaction.",
            "These outputs cannot be read again, nor by a revert to before the compaction.",
            automatic=False,
            idle=timedelta(hours=1),
        ),
        Level(
            "events",
            "Superseded history: older snapshots of messages and parts whose newest state is kept.",
            "Nothing opencode reads: only older states of messages and parts that are all there.",
            automatic=False,
            idle=timedelta(hours=1),
            never_running=True,
        ),
        Level(
            "orphans",
            "Rows and diff files of sessions that are gone.",
            "Nothing opencode shows: what is left of sessions that were deleted.",
            automatic=False,
            idle=timedelta(hours=1),
            never_running=True,
        ),
    )
}

SETS: dict[str, tuple[str, ...]] = {
    "conservative": ("compacted",),
    "aggressive": ("compacted", "summarised"),
}
"""Names for several levels at once."""

MALFORMED = "malformed"
"""Payload records of this level count rows that are left alone for their shape."""

LEFT = {"owned": "events", "diverged": "events", "only_copy": "orphans"}
"""Payload records of these levels name a session that must be left, and the level that leaves it:
another machine may read its events; its rows do not hold the newest state; its row is gone and
nothing but the events could bring it back."""

ORPHANS = "orphans"
"""The level whose sessions no forest knows."""


@dataclass(frozen=True, slots=True)
class ReclaimPolicy:
    """Which levels, for whom."""

    levels: tuple[str, ...] = SETS["conservative"]
    idle: timedelta | None = None
    """Only sessions without activity for this long; None leaves it to each level."""
    session_ids: frozenset[str] | None = None
    """Only these, named by the user: neither pin nor recent activity protects them."""


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
    forest does not know, are in no plan; those of other levels serve the message. Only orphans
    come from sessions without a row.
    """
    found, excluded, elsewhere, left = _sorted_out(forest, payloads, policy)
    items: list[ReclaimItem] = []
    for session_id, levels in found.items():
        if session_id not in forest:
            payload, rest = levels[ORPHANS], LEVELS[ORPHANS].idle / timedelta(milliseconds=1)
            if payload.active and now_ms - payload.active < rest:
                excluded["recent"] += 1
            else:
                items.append(_orphan(payload))
            continue
        row = forest.row(session_id)
        pinned = row.pinned or forest.tree_of(session_id).root.pinned
        taken, reasons = _judge(row, levels, policy, now_ms, pinned, session_id in running)
        excluded.update(reasons)
        if taken:
            items.append(_item(row, taken, policy))
    items.sort(key=lambda item: (-item.bytes, item.id))
    return Plan(
        "reclaim",
        tuple(items),
        excluded=dict(sorted(excluded.items())),
        options=policy,
        message=summary(items, excluded, elsewhere, policy.levels) + named(forest, left),
        predicted_bytes=_pages(items, found),
    )


def _sorted_out(
    forest: Forest, payloads: Iterable[Payload], policy: ReclaimPolicy
) -> tuple[dict[str, dict[str, Payload]], Counter[str], Counter[str], list[Payload]]:
    """Session -> level -> payload; left out, counted; bytes at levels nobody asked for; who is
    left as a whole."""
    found: defaultdict[str, dict[str, Payload]] = defaultdict(dict)
    excluded: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    left: list[Payload] = []
    for payload in payloads:
        named = policy.session_ids is None or payload.session_id in policy.session_ids
        level = LEFT.get(payload.level, payload.level)
        if not named or (payload.session_id not in forest and level != ORPHANS):
            continue
        if payload.level == MALFORMED:
            excluded[MALFORMED] += payload.parts
        elif payload.level in LEFT:
            if level in policy.levels:
                excluded[payload.level] += 1
                left.append(payload)
        elif payload.level in policy.levels:
            found[payload.session_id][payload.level] = payload
        else:
            elsewhere[payload.level] += payload.bytes
    return found, excluded, elsewhere, left


def _judge(
    row: SessionRow,
    found: Mapping[str, Payload],
    policy: ReclaimPolicy,
    now_ms: int,
    pinned: bool,
    is_running: bool,
) -> tuple[list[Payload], set[str]]:
    """What may be taken from a session, and why the rest is left out."""
    taken: list[Payload] = []
    reasons: set[str] = set()
    for name in policy.levels:
        if name not in found:
            continue
        reason = _protection(row, LEVELS[name], policy, now_ms, pinned, is_running)
        if reason is None:
            taken.append(found[name])
        else:
            reasons.add(reason)
    return taken, reasons


def _item(row: SessionRow, taken: list[Payload], policy: ReclaimPolicy) -> ReclaimItem:
    counts = [f"{part.level}: {counted(part)}" for part in taken]
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


def _all_or_none(payload: Payload) -> tuple[int, ...]:
    """The hint, unless the search remembered only some of the rows."""
    return payload.rowids if len(payload.rowids) == payload.parts else ()


def _pages(items: Iterable[ReclaimItem], found: Mapping[str, Mapping[str, Payload]]) -> int:
    """Bytes of pages expected to become free; the octets where nobody counted pages."""
    taken = (found[item.id][level] for item in items for level in item.levels)
    return sum(each.bytes if each.page_bytes is None else each.page_bytes for each in taken)


def _protection(
    row: SessionRow,
    level: Level,
    policy: ReclaimPolicy,
    now_ms: int,
    pinned: bool,
    is_running: bool,
) -> str | None:
    """Why this level must leave the session alone; None when it may go on."""
    if is_running and level.never_running:
        return "running"
    if policy.session_ids is not None:
        return None
    if pinned:
        return "pinned"
    if level.idle and is_running:
        return "running"
    rest = max(level.idle, policy.idle or timedelta(0))
    if rest and now_ms - row.active < rest / timedelta(milliseconds=1):
        return "recent"
    return None
