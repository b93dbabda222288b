"""Retention, decided: what the configuration's policies do today, as a row of plans.

Everything is off until configured, and a value of 0 or nothing is off as well. No tree that was
active within the last day is touched, whatever the policies say: its age is its newest activity
anywhere in it. Trees that go to the trash go whole; nothing is reclaimed from them first.
Pure: forest + policies + facts + now → Plans.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from tui.forest import Forest
from tui.format import day, plural, size
from tui.policy.archive import plan_archive
from tui.policy.plan import Item, Plan
from tui.policy.policies import SUBAGENTS, Policies, words
from tui.policy.prune import PrunePolicy, plan_prune
from tui.policy.reclaim import LEVELS, ReclaimPolicy, plan_reclaim
from tui.policy.vacuum import VacuumFacts, is_worthwhile, plan_vacuum
from tui.records import Payload, SessionRow, Usage


def plan_retention(
    forest: Forest,
    policies: Policies,
    now: int,
    *,
    running: frozenset[str] = frozenset(),
    payloads: Iterable[Payload] = (),
    files: Mapping[str, int] | None = None,
    facts: VacuumFacts | None = None,
    expired: Plan | None = None,
) -> tuple[Plan, ...]:
    """One plan for each policy that is on, in the order they are carried out.

    Archive, reclaim, subagents, prune, budget, trash (`expired`, planned by whoever knows the
    trash), and a vacuum where the pages free by then are worth it (`facts` of now).
    """
    filled = facts.sizes.filled_bytes if facts else 0
    prune = _Prune(policies, now, running, files, filled)
    aged = prune.plan(forest, policies.prune_after)
    rest = _without(forest, aged)
    branches = prune.plan(rest, policies.subagents_prune, children=True)
    rest = _without(rest, branches)
    reclaim = _Reclaim(forest, rest, policies, now, running, tuple(payloads))
    taken = reclaim.plan(policies.levels, None)
    children = reclaim.plan((SUBAGENTS,) if policies.subagents else (), policies.subagents)
    budget = prune.plan_budget(_slimmed(rest, (taken, children)))
    plans = [
        _plan_archive(rest, policies, now, running),
        taken, children, branches, aged, budget, expired,
    ]  # fmt: skip
    found = [plan for plan in plans if plan is not None]
    if policies.vacuum and facts is not None:
        found.append(vacuum_afterwards(_after(facts, found)))
    return tuple(found)


def proposal(facts: VacuumFacts, plans: Iterable[Plan] = ()) -> str:
    """A sentence that proposes a vacuum, where the pages free after these plans are worth one."""
    expected = _after(facts, plans)
    if not is_worthwhile(expected.sizes):
        return ""
    plan = plan_vacuum(replace(expected, asked_explicitly=False))
    gives = f"A vacuum would give back {size(plan.predicted_bytes)}"
    return f"{gives}: `ocdu vacuum`, or [retention] vacuum = true." if plan.items else ""


def vacuum_afterwards(facts: VacuumFacts) -> Plan:
    """The vacuum at the end, decided on what is free by now; nothing where it is not worth it."""
    return plan_vacuum(replace(facts, asked_explicitly=False))


def forest_of(rows: Sequence[SessionRow], usage: Mapping[str, Usage]) -> Forest:
    """The forest these policies judge."""
    return Forest.of(rows, usage)


@dataclass(frozen=True, slots=True)
class _Prune:
    """The policies that move trees to the trash."""

    policies: Policies
    now: int
    running: frozenset[str]
    files: Mapping[str, int] | None
    filled: int

    def plan(self, forest: Forest, limit: timedelta | None, children: bool = False) -> Plan | None:
        """Trees, or branches of trees, idle for longer than a limit."""
        if not limit:
            return None
        policy = PrunePolicy(
            older_than=limit if children else max(limit, self.policies.protect),
            keep=self.policies.keep,
            children=children,
        )
        plan = self._prune(forest, policy)
        return self._resting(forest, plan) if children else plan

    def plan_budget(self, forest: Forest) -> Plan | None:
        """The oldest idle trees, until what stays fits."""
        if not self.policies.budget:
            return None
        over = f"over the budget of {size(self.policies.budget)}"
        plan = self._prune(
            forest,
            PrunePolicy(
                older_than=self.policies.protect,
                keep=self.policies.keep,
                budget=self.policies.budget,
            ),
        )
        items = tuple(replace(item, reason=f"{over}, {item.reason}") for item in plan)
        return replace(plan, items=items)

    def _prune(self, forest: Forest, policy: PrunePolicy) -> Plan:
        return plan_prune(
            forest, policy, self.now, self.running, files=self.files, filled_bytes=self.filled
        )

    def _resting(self, forest: Forest, plan: Plan) -> Plan:
        """The same without branches of trees that somebody works in."""
        limit = _limit(self.policies, self.now)
        items = tuple(item for item in plan if forest.tree_of(item.id).active < limit)
        left = len(plan) - len(items)
        if not left:
            return plan
        # An estimate is scaled; a plan for each branch alone would not be more exact.
        kept = sum(item.bytes for item in items) / max(1, plan.totals.bytes)
        return replace(
            plan,
            items=items,
            excluded=_plus(plan.excluded, "recent", left),
            message=plan.message if items else "No finished subagent to prune in a tree at rest.",
            predicted_bytes=int(plan.predicted_bytes * kept),
        )


class _Reclaim:
    """The policies that drop payloads."""

    def __init__(
        self,
        whole: Forest,
        rest: Forest,
        policies: Policies,
        now: int,
        running: frozenset[str],
        payloads: Sequence[Payload],
    ) -> None:
        """`rest` are the sessions of `whole` that stay; payloads of the others are left alone."""
        self.rest, self.policies, self.now, self.running = rest, policies, now, running
        limit = _limit(policies, now)
        here = [each for each in payloads if each.session_id in rest]
        recent = {id for id in {each.session_id for each in here}
                  if rest.tree_of(id).active >= limit}  # fmt: skip
        # What belongs to no session at all is the business of the level that takes it.
        self.payloads = [
            each for each in payloads
            if each.session_id not in recent
            and (each.session_id in rest or each.session_id not in whole)
        ]  # fmt: skip
        self.by_level = Counter(
            level for level, _ in {(each.level, each.session_id) for each in here
                                   if each.session_id in recent}
        )  # fmt: skip

    def plan(self, levels: tuple[str, ...], idle: timedelta | None) -> Plan | None:
        """One plan for these levels; None where nobody asked."""
        if not levels:
            return None
        known = tuple(name for name in levels if name in LEVELS)
        if not known:
            return Plan("reclaim", (), message=f"This version cannot reclaim {', '.join(levels)}.")
        policy = ReclaimPolicy(known, idle, keep=self.policies.copies)
        plan = plan_reclaim(self.rest, self.payloads, policy, self.now, self.running)
        recent = sum(self.by_level[name] for name in known)
        if not recent:
            return plan
        return replace(plan, excluded=_plus(plan.excluded, "recent", recent))


def _plan_archive(
    forest: Forest, policies: Policies, now: int, running: Collection[str]
) -> Plan | None:
    if not policies.archive_after:
        return None
    limit = now - max(policies.archive_after, policies.protect) / timedelta(milliseconds=1)
    excluded: Counter[str] = Counter()
    ids: list[str] = []
    for tree in forest.trees():
        if tree.root.archived or tree.active >= limit:
            continue
        if any(row.pinned for row in tree.rows):
            excluded["pinned"] += 1
        elif any(row.id in running for row in tree.rows):
            excluded["running"] += 1
        else:
            ids.append(tree.root.id)
    plan = plan_archive(forest, ids, now)
    items = tuple(replace(item, reason=_idle_since(item)) for item in plan)
    trees = plural(len(items), "tree")
    message = f"{trees} idle for {words(policies.archive_after)} would be archived."
    nothing = f"No tree that is not archived was idle for {words(policies.archive_after)}."
    return replace(plan, items=items, excluded=excluded, message=message if items else nothing)


def _idle_since(item: Item) -> str:
    return f"idle since {day(item.seen_active)}, {plural(len(item.sessions), 'session')}"


def _after(facts: VacuumFacts, plans: Iterable[Plan]) -> VacuumFacts:
    """The facts as they will be once these plans are carried out."""
    sizes = facts.sizes
    freed = sum(plan.predicted_bytes for plan in plans if plan.verb in ("prune", "reclaim"))
    pages = min(sizes.page_count, sizes.free_pages + freed // max(1, sizes.page_size))
    return replace(facts, sizes=sizes._replace(free_pages=pages))


def _without(forest: Forest, plan: Plan | None) -> Forest:
    """The forest as it is once the plan's sessions are gone."""
    gone = {id for item in plan or () for id in item.sessions}
    if not gone:
        return forest
    return _forest([row for row in forest.rows if row.id not in gone], forest, {})


def _slimmed(forest: Forest, plans: Iterable[Plan | None]) -> Forest:
    """The forest with the sizes its sessions have once these reclaims are done."""
    taken: Counter[str] = Counter()
    for item in (item for plan in plans if plan for item in plan):
        taken[item.id] += item.bytes
    return _forest(forest.rows, forest, taken) if taken else forest


def _forest(rows: Sequence[SessionRow], sizes: Forest, less: Mapping[str, int]) -> Forest:
    usage: dict[str, Usage] = {}
    for row in rows:
        found = sizes.usage_of(row.id)
        if found is not None:
            usage[row.id] = found._replace(part_bytes=found.part_bytes - less.get(row.id, 0))
    return Forest.of(rows, usage)


def _limit(policies: Policies, now: int) -> float:
    return now - policies.protect / timedelta(milliseconds=1)


def _plus(excluded: Mapping[str, int], reason: str, more: int) -> dict[str, int]:
    return {**excluded, reason: excluded.get(reason, 0) + more}


__all__ = [
    "Policies",
    "forest_of",
    "plan_retention",
    "proposal",
    "vacuum_afterwards",
    "words",
]
