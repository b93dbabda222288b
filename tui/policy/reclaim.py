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
    unit: str = "tool output"
    """What it counts."""


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
            "migrated",
            "Rows of 1.x that opencode 2.x has copied or deleted; outputs it copied twice; caches.",
            "Going back to 1.x shows these sessions no more. Of 1.x alone and not in 2.x: to-do "
            "lists, share secrets, diffs of questions, subtask messages, links to attachments and "
            "the text of outputs that 1.x had cleared.",
            automatic=False,
            idle=timedelta(hours=1),
            unit="row",
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

WITHHELD = ("diverged", "only_copy", "kept")
"""Payload records of these levels count sessions whose rows `migrated` must leave."""

NOBODY = ""
"""Session id of a payload that belongs to none."""


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
    forest does not know, are in no plan; those of other levels serve the message.
    """
    found, excluded, elsewhere = _sorted_out(forest, payloads, policy)
    items: list[ReclaimItem] = []
    for session_id, levels in found.items():
        if session_id == NOBODY:
            items.append(_leftovers(list(levels.values())))
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
        message=_message(items, excluded, elsewhere, policy),
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
        named = policy.session_ids is None or payload.session_id in policy.session_ids
        if not named or not (payload.session_id in forest or payload.session_id == NOBODY):
            continue
        if payload.level in WITHHELD:
            if "migrated" in policy.levels:
                excluded[payload.level] += payload.parts
            continue
        if payload.level == MALFORMED:
            excluded[MALFORMED] += payload.parts
        elif payload.level in policy.levels:
            found[payload.session_id][payload.level] = payload
        else:
            elsewhere[payload.level] += payload.bytes
    return found, excluded, elsewhere


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
    counts = [
        f"{part.level}: {format.plural(part.parts, LEVELS[part.level].unit)}" for part in taken
    ]
    waits_for_rest = policy.session_ids is None and any(LEVELS[p.level].idle for p in taken)
    return ReclaimItem(
        id=row.id,
        title=row.title,
        reason=", ".join(counts),
        totals=Totals(
            sessions=1,
            parts=sum(part.parts for part in taken),
            bytes=sum(part.bytes for part in taken),
        ),
        sessions=(row.id,),
        seen_active=row.active if waits_for_rest else 0,
        project=row.project,
        levels=tuple(part.level for part in taken),
        rowids={part.level: _all_or_none(part) for part in taken},
    )


def _leftovers(taken: list[Payload]) -> ReclaimItem:
    """What belongs to no session."""
    rows = sum(part.parts for part in taken)
    return ReclaimItem(
        id=NOBODY,
        title="What opencode 2.x keeps for no session",
        reason=f"migrated: {format.plural(rows, 'row')}",
        totals=Totals(parts=rows, bytes=sum(part.bytes for part in taken)),
        levels=tuple(part.level for part in taken),
    )


def unit_of(plan: Plan) -> str:
    """What the parts of a plan are called: "tool output", or "row" where it is not only those."""
    items = [item for item in plan if isinstance(item, ReclaimItem)]
    units = {LEVELS[level].unit for item in items for level in item.levels}
    return units.pop() if len(units) == 1 else "row" if units else "tool output"


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
    if policy.session_ids is not None:
        return "running" if is_running and level.name == "migrated" else None
    if pinned:
        return "pinned"
    if level.idle and is_running:
        return "running"
    rest = max(level.idle, policy.idle or timedelta(0))
    if rest and now_ms - row.active < rest / timedelta(milliseconds=1):
        return "recent"
    return None


def _message(
    items: list[ReclaimItem],
    excluded: Mapping[str, int],
    elsewhere: Mapping[str, int],
    policy: ReclaimPolicy,
) -> str:
    """One sentence: what would be reclaimed, or why there is nothing."""
    if items:
        octets = format.size(sum(item.bytes for item in items))
        unit = unit_of(Plan("reclaim", tuple(items)))
        parts = format.plural(sum(item.totals.parts for item in items), unit)
        sessions = format.plural(sum(item.totals.sessions for item in items), "session")
        left = "".join(
            f" {excluded[reason]} {_STAY[reason]}." for reason in _STAY if excluded.get(reason)
        )
        return f"{octets} in {parts} of {sessions} can be reclaimed.{left}"
    if excluded:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(excluded.items()))
        return f"Nothing to reclaim now; left out: {reasons}."
    others = {level: octets for level, octets in elsewhere.items() if octets}
    more = "; ".join(f"the level {name} holds {format.size(n)}" for name, n in others.items())
    if policy.levels == ("compacted",):
        why = "No marked tool output is left (since 1.14.34 opencode marks none by default)"
        return f"{why}; {more}." if more else f"{why}; try the level summarised."
    return f"Nothing to reclaim at these levels; {more}." if more else _NOTHING


_STAY = {
    "diverged": "went on in 1.x after the import and stay",
    "only_copy": "are in 1.x alone, or not proven to be in 2.x, and stay",
}
"""Why `migrated` leaves rows of 1.x, after the number of their sessions."""

_NOTHING = "Nothing to reclaim: no tool output is marked, or older than a finished compaction."
