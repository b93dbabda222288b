"""Rescue, decided: as much space as possible, and not one session or message less.

A chain of reclaims with a vacuum at its end. What two steps could take counts for the first; each
step is planned anew when its turn comes, so the plan here is the preview and the promise.
Pure: records + facts + now → Plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from tui.errors import WrongCall
from tui.forest import Forest
from tui.format import plural, size
from tui.policy.packed import packed_bytes
from tui.policy.plan import Item, Plan, Totals
from tui.policy.reclaim import LEVELS, SETS, ReclaimPolicy, gone_for_good, kept_levels, plan_reclaim
from tui.policy.vacuum import (
    INCREMENTAL,
    VacuumDecision,
    VacuumFacts,
    decide_vacuum,
    plan_vacuum,
)
from tui.records import Payload, SessionRow
from tui.sizes import Cells, FileSizes, Promise

ORDER = SETS["rescue"]
"""Reclaim levels in the order of the chain: what nobody can miss first."""

VACUUM = "vacuum"
"""The last step: without it the space stays inside the file."""


LEAF_REST = 900
"""Octets of its leaf page that a long row leaves unused, and that a vacuum packs once it is short
(measured: 730 to 1,050 a row for outputs of 5 to 200 kB, 1,370 for 3 kB)."""


INDEX_OCTETS = 155
"""Of the entries that a row has in the indices of its table: of an event or a part."""

LEAF_FILL = 0.86
"""Share of the leaves that is in use in a file that has grown (measured with dbstat), where nobody
looked: before the first dialog, and in files too large for a look."""

SHORTENED = ("compacted", "summarised")
"""Levels that leave such rows behind."""


@dataclass(frozen=True, slots=True)
class RescueOptions:
    """What the engine needs beside the items."""

    levels: tuple[str, ...] = ()
    """Levels that were asked for, in the order of the chain."""
    vacuum: VacuumDecision | None = None
    """What a vacuum after the reclaims is expected to be; None when it was switched off."""
    now_ms: int = 0
    """When it was planned: who was active since then counts as at work."""
    keep: bool = False
    """Copy what the steps take into the trash first, where the rows of a level stay."""


def promise(
    forest: Forest,
    payloads: Iterable[Payload],
    facts: VacuumFacts,
    now_ms: int,
    running: frozenset[str] = frozenset(),
) -> Promise:
    """What a rescue with every step would give back, by its own plan."""
    plan = plan_rescue(forest, payloads, facts, now_ms, running)
    exact = bool(facts.trees) or facts.auto_vacuum == INCREMENTAL
    return Promise(plan.predicted_bytes, exact)


def rescue_levels() -> tuple[str, ...]:
    """The reclaim levels of the chain."""
    return ORDER


def rescue_steps() -> tuple[str, ...]:
    """Every step of the chain."""
    return (*rescue_levels(), VACUUM)


def parse_steps(text: str) -> frozenset[str]:
    """ "diffs,vacuum" as names of steps. Raises WrongCall for an unknown one."""
    names = frozenset(name.strip().lower() for name in text.split(",") if name.strip())
    if unknown := sorted(names - set(rescue_steps())):
        known = ", ".join(rescue_steps())
        raise WrongCall(f"A rescue has no step “{unknown[0]}”: choose from {known}.")
    return names


def plan_rescue(
    forest: Forest,
    payloads: Iterable[Payload],
    facts: VacuumFacts,
    now_ms: int,
    running: frozenset[str] = frozenset(),
    without: Collection[str] = (),
    *,
    keep: bool = False,
) -> Plan:
    """One item per step that gives something; its bytes are bytes on the disk (pages, log).

    `payloads` come from one search for all `rescue_levels()`, where a part counts once. `without`
    names steps to leave out, `keep` asks for copies. With the vacuum, `predicted_bytes` is what
    database and log shrink by together; without it, what becomes free inside the file.
    """
    found = list(payloads)
    steps: list[_Step] = []
    excluded: Counter[str] = Counter()
    levels = tuple(name for name in rescue_levels() if name not in without)
    for name in levels:
        plan = plan_level(forest.rows, found, name, now_ms, running, forest=forest, keep=keep)
        excluded.update(plan.excluded)
        if plan.items:
            steps.append(_Step(name, plan, _cells(plan, found, name)))
    decision = None
    items = [_level_item(step, step.page_bytes) for step in steps]
    if VACUUM not in without:
        decision, packed = _with_vacuum(steps, facts)
        items = packed if _gives(decision) else items
    return Plan(
        "rescue",
        tuple(items),
        excluded=dict(excluded),
        options=RescueOptions(levels, decision, now_ms, keep),
        message=_message(items, decision),
        predicted_bytes=sum(item.bytes for item in items),
    )


def plan_level(
    rows: Sequence[SessionRow],
    payloads: Iterable[Payload],
    level: str,
    now_ms: int,
    running: frozenset[str] = frozenset(),
    *,
    forest: Forest | None = None,
    keep: bool = False,
) -> Plan:
    """One step of the chain as the reclaim it is."""
    policy = ReclaimPolicy(levels=(level,), keep=keep)
    known = Forest.of(rows) if forest is None else forest
    return plan_reclaim(known, payloads, policy, now_ms, running)


def way_back(plan: Plan, undo: str) -> str:
    """A sentence: what of this rescue can be undone; "" when it takes nothing away.

    `undo` is what brings it back, as it is called where this is read: a key or a command.
    """
    levels = [item.id for item in plan if item.id in LEVELS]
    kept = (
        kept_levels(levels) if isinstance(plan.options, RescueOptions) and plan.options.keep else []
    )
    if not levels:
        return ""
    if not kept:
        return "What the steps take cannot be read again; nothing brings it back."
    copies = size(sum(item.bytes for item in plan if item.id in kept))
    said = f"{undo} brings back {', '.join(kept)}, each for itself, from copies of about {copies}"
    lost = gone_for_good(levels)
    return f"{said}; not {', '.join(lost)}." if lost else f"{said}."


def plan_giving_back(facts: VacuumFacts) -> Plan:
    """The last step, decided on what the steps before it really left."""
    return plan_vacuum(facts)


@dataclass(frozen=True, slots=True)
class _Step:
    """One level of the chain that takes something."""

    name: str
    plan: Plan
    cells: tuple[Cells, ...]
    """What leaves the b-trees with it; () where that is not known."""

    @property
    def page_bytes(self) -> int:
        """Bytes of pages that become free."""
        return self.plan.predicted_bytes or self.plan.totals.bytes

    @property
    def octets(self) -> int:
        """At least so much a vacuum gives back for it, whatever the pages are like."""
        plan, in_leaves, beyond = self.plan, 0, 0
        rest = LEAF_REST * plan.totals.parts if self.name in SHORTENED else 0
        for each in self.cells:
            in_leaves += each.octets + each.rows * INDEX_OCTETS
            beyond += each.overflow_bytes
        known = beyond + int(in_leaves / LEAF_FILL)
        return max(self.page_bytes, plan.totals.bytes + rest, known)


def _cells(plan: Plan, payloads: Iterable[Payload], level: str) -> tuple[Cells, ...]:
    """What leaves the b-trees with this step."""
    taken = {item.id for item in plan}
    of_level = (each for each in payloads if each.level == level and not each.reason)
    return tuple(cells for each in of_level if each.session_id in taken for cells in each.cells)


def _with_vacuum(steps: Sequence[_Step], facts: VacuumFacts) -> tuple[VacuumDecision, list[Item]]:
    """The vacuum after these steps, and all items with what each gives back on the disk.

    A step gives what the packed file would be smaller with it than without it; to the vacuum are
    counted the log, the pages that are free today and those that are not full.
    """
    sizes = facts.sizes
    if facts.auto_vacuum == INCREMENTAL:  # nothing is packed then
        given = [step.page_bytes for step in steps]
    elif steps and facts.trees and all(step.cells for step in steps):
        gone: list[Cells] = []
        left = [packed_bytes(facts.trees, gone, sizes.page_size)]
        for step in steps:
            gone += step.cells
            left.append(packed_bytes(facts.trees, gone, sizes.page_size))
        given = [max(0, left[at] - left[at + 1]) for at in range(len(steps))]
        slack = max(0, sizes.used_bytes - left[0])
        sizes = sizes._replace(free_pages=sizes.free_pages + slack // max(1, sizes.page_size))
    else:
        given = [step.octets for step in steps]
    freed = sum(given)
    decision = decide_vacuum(replace(facts, sizes=_expected(sizes, freed)))
    items = [_level_item(*each) for each in zip(steps, given, strict=True)]
    if _gives(decision):
        rest = max(0, decision.frees_bytes - freed)
        items.append(Item(VACUUM, VACUUM, decision.message, Totals(files=1, bytes=rest)))
    return decision, items


def _level_item(step: _Step, octets: int) -> Item:
    """A step that gives back so many bytes."""
    return Item(
        step.name,
        step.name,
        LEVELS[step.name].loses,
        replace(step.plan.totals, sessions=0, bytes=octets),
        sessions=tuple(item.id for item in step.plan),
    )


def _expected(sizes: FileSizes, freed: int) -> FileSizes:
    """The file as it will be once so many bytes of pages more are free."""
    pages = sizes.free_pages + freed // max(1, sizes.page_size)
    return sizes._replace(free_pages=min(sizes.page_count, pages))


def _gives(decision: VacuumDecision | None) -> bool:
    return decision is not None and decision.way not in ("nothing", "refused")


def _message(items: Sequence[Item], decision: VacuumDecision | None) -> str:
    octets = size(sum(item.bytes for item in items))
    if not items:
        why = decision.message if decision is not None and decision.way == "refused" else ""
        return f"Nothing to get back without deleting a session. {why}".rstrip()
    if _gives(decision):
        steps = plural(len(items), "step")
        return f"{octets} can be got back in {steps}; no session and no message goes."
    why = decision.message if decision is not None else "The vacuum was left out."
    return f"{octets} become free inside the file, which keeps its size. {why}"


__all__ = [
    "INCREMENTAL",
    "ORDER",
    "VACUUM",
    "RescueOptions",
    "VacuumFacts",
    "parse_steps",
    "plan_giving_back",
    "plan_level",
    "plan_rescue",
    "promise",
    "rescue_levels",
    "rescue_steps",
    "way_back",
]
