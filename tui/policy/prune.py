"""Which trees a prune takes, and why each of the others stays.

The age of a tree is its last activity: the newest `time_updated` and message over the root and all
its descendants, never its creation. Judging by creation or by the root alone is how other tools
deleted work that was used the same day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from tui.forest import Forest, Tree
from tui.format import age, count, day, plural, size, titled
from tui.policy.plan import Item, Plan, Totals
from tui.records import NOTHING

RECENT = timedelta(hours=1)
"""A tree active within the last hour may still be at work, or be what the user wants next."""


ROW_OVERHEAD = 500
"""Octets a row takes beside its payload while the file is not measured: other columns, index
entries, unfilled pages. 390 to 530 were measured on files of 79 and 771 MB."""


@dataclass(frozen=True, slots=True)
class PrunePolicy:
    """What may go. All conditions hold together; the defaults choose nothing by themselves."""

    older_than: timedelta | None = None
    """Idle for longer than this; None means the age does not matter."""
    project: str | None = None
    """Only trees of this project (its id, or its name as shown)."""
    directory: str | None = None
    """Only trees whose root works in this directory or below it."""
    archived: bool = False
    """Only archived trees."""
    missing: bool = False
    """Only trees whose directory no longer exists."""
    larger_than: int = 0
    """Only trees of at least so many payload octets."""
    keep: int = 0
    """The newest so many trees of every project stay."""
    children: bool = False
    """Only finished subagents: idle branches of roots that stay."""
    budget: int = 0
    """Stop, oldest first, once what stays is at most so many octets; 0 means off, not nothing."""
    permanent: bool = False
    """Do not keep a copy in the trash."""
    events: bool = False
    """Keep event rows in the trash as well: the history that opencode does not read by itself."""
    ids: frozenset[str] = frozenset()
    """Trees named by hand: the protections do not apply to them."""


def plan_prune(
    forest: Forest,
    policy: PrunePolicy,
    now: int,
    running: Collection[str] = (),
    *,
    files: Mapping[str, int] | None = None,
    filled_bytes: int = 0,
) -> Plan:
    """Trees that go, idle longest first.

    `now` in milliseconds; `running` are ids of sessions at work; `files` says how many files
    outside the database a session owns; `filled_bytes` are the file's pages that hold rows
    (`FileSizes.filled_bytes`), from which the space that becomes free is predicted.
    """
    candidates = sorted(
        _candidates(forest, policy, now), key=lambda tree: (tree.active, tree.root.id)
    )
    excluded: Counter[str] = Counter()
    newest = _newest(forest, policy.keep)
    going: list[Tree] = []
    for tree in candidates:
        whole = forest.tree_of(tree.root.id) if policy.children else tree
        reason = None if policy.ids else _protection(tree, now, running, whole)
        if reason is None and whole.root.id in newest:
            reason = "kept"
        if reason:
            excluded[reason] += 1
        else:
            going.append(tree)
    if policy.budget:
        going = list(_over_budget(forest, going, policy.budget))
    items = tuple(_item(tree, policy, files or {}) for tree in going)
    return Plan(
        "prune",
        items,
        excluded=dict(excluded),
        options=policy,
        message=_sentence(items, policy) if items else _why_nothing(forest, policy, excluded, now),
        predicted_bytes=_freed(forest, items, filled_bytes),
    )


MANY = 20
"""Trees that one key takes at most without asking: so many are seen at a glance."""


def needs_asking(
    forest: Forest, ids: Iterable[str], now: int, running: Collection[str] = ()
) -> str | None:
    """Why pruning these at one key must ask first, as a sentence; None when it need not."""
    sentences = {
        "running": "is at work right now",
        "pinned": "is pinned",
        "shared": "is shared, and its public page stays on line",
        "recent": "was active within the last hour",
    }
    trees = {tree.root.id: tree for tree in map(forest.tree_of, ids)}
    for tree in trees.values():
        reason = _protection(tree, now, running)
        if reason:
            return f"“{titled(tree.root.title)}” {sentences[reason]}."
    sessions = sum(len(tree.rows) for tree in trees.values())
    if len(trees) > MANY:
        return f"These are more than {MANY} trees: {count(len(trees))}."
    if len(trees) > 1 and sessions * 2 > len(forest):
        return f"This is more than half of all sessions: {count(sessions)} of {count(len(forest))}."
    return None


def _candidates(forest: Forest, policy: PrunePolicy, now: int) -> Iterator[Tree]:
    if policy.ids:
        found = {tree.root.id: tree for tree in map(forest.tree_of, policy.ids)}
        yield from found.values()
        return
    for tree in forest.trees():
        if not _in_scope(tree, policy):
            continue
        if policy.children:
            yield from _idle_branches(forest, tree, policy, now)
        elif _is_idle(tree, policy, now) and tree.bytes >= policy.larger_than:
            yield tree


def _idle_branches(forest: Forest, tree: Tree, policy: PrunePolicy, now: int) -> Iterator[Tree]:
    """The topmost branches below the root in which everything is idle."""
    taken: set[str] = set()
    for row in tree.rows[1:]:
        if row.parent_id in taken:
            taken.add(row.id)
            continue
        branch = forest.branch_of(row.id)
        if _is_idle(branch, policy, now) and branch.bytes >= policy.larger_than:
            taken.add(row.id)
            yield branch


def _in_scope(tree: Tree, policy: PrunePolicy) -> bool:
    root = tree.root
    if policy.project is not None and policy.project not in (root.project_id, root.project):
        return False
    if policy.directory is not None:
        folder = policy.directory.rstrip("/\\")
        inside = root.directory.startswith((folder + "/", folder + "\\"))
        if root.directory != folder and not inside:
            return False
    if policy.archived and not root.archived:
        return False
    return root.missing or not policy.missing


def _is_idle(tree: Tree, policy: PrunePolicy, now: int) -> bool:
    if policy.older_than is None:
        return True
    return tree.active < now - policy.older_than / timedelta(milliseconds=1)


def _protection(
    tree: Tree, now: int, running: Collection[str], whole: Tree | None = None
) -> str | None:
    """Why a tree stays. `whole` is the tree a branch hangs on: what protects one protects both."""
    rows = (whole or tree).rows
    if any(row.id in running for row in rows):
        return "running"
    if any(row.pinned for row in rows):
        return "pinned"
    if any(row.shared for row in rows):
        return "shared"
    if tree.active > now - RECENT / timedelta(milliseconds=1):
        return "recent"
    return None


def _newest(forest: Forest, keep: int) -> frozenset[str]:
    seen: Counter[str] = Counter()
    kept: set[str] = set()
    for tree in forest.trees() if keep > 0 else ():
        seen[tree.root.project_id] += 1
        if seen[tree.root.project_id] <= keep:
            kept.add(tree.root.id)
    return frozenset(kept)


def _over_budget(forest: Forest, going: list[Tree], budget: int) -> Iterator[Tree]:
    left = forest.bytes
    for tree in going:
        if left <= budget:
            return
        left -= tree.bytes
        yield tree


def _item(tree: Tree, policy: PrunePolicy, files: Mapping[str, int]) -> Item:
    usage = tree.usage
    return Item(
        id=tree.root.id,
        title=tree.root.title,
        reason="named" if policy.ids else f"idle since {day(tree.active)}",
        totals=Totals(
            trees=0 if policy.children else 1,
            sessions=len(tree.rows),
            messages=usage.messages,
            parts=usage.parts,
            events=usage.events,
            files=sum(files.get(id, 0) for id in tree.ids),
            bytes=usage.bytes,
        ),
        sessions=tree.ids,
        seen_active=tree.active,
        project=tree.root.project,
        history=usage.event_bytes,
    )


def _freed(forest: Forest, items: tuple[Item, ...], filled_bytes: int) -> int:
    """Bytes of pages that become free: the payload, and for each row what a row of this file takes
    beside it (measured from the whole file once all of it is known)."""
    payload = sum(item.bytes for item in items)
    rows = sum(item.totals.messages + item.totals.parts + item.totals.events for item in items)
    overhead = float(ROW_OVERHEAD)
    if filled_bytes and forest.measured == len(forest):
        usages = [forest.usage_of(row.id) or NOTHING for row in forest.rows]
        all_rows = sum(usage.messages + usage.parts + usage.events for usage in usages)
        overhead = max(0.0, (filled_bytes - forest.bytes) / max(1, all_rows))
    return int(payload + rows * overhead)


def _sentence(items: tuple[Item, ...], policy: PrunePolicy) -> str:
    sessions = sum(item.totals.sessions for item in items)
    what = plural(len(items), "branch" if policy.children else "tree")
    octets = size(sum(item.bytes for item in items))
    where = "deleted for good; nothing undoes that" if policy.permanent else "moved to the trash"
    keeps_all = policy.permanent or policy.events
    history = "" if keeps_all else without_history(items, " ([trash] events = true keeps it)")
    return f"{what} with {plural(sessions, 'session')} ({octets}) would be {where}{history}."


UNREAD = " (opencode does not read it)"
"""Why it is no loss that the trash does without."""


def without_history(items: Iterable[Item], note: str = "") -> str:
    """What the trash does not keep, as the end of a sentence; "" when there is nothing of it."""
    octets = sum(item.history for item in items)
    return f", but for {size(octets)} of event history{note}" if octets else ""


def _why_nothing(forest: Forest, policy: PrunePolicy, excluded: Counter[str], now: int) -> str:
    if excluded:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(excluded.items()))
        return f"Nothing to prune: all that would match is protected ({reasons})."
    scoped = [tree for tree in forest.trees() if _in_scope(tree, policy)]
    if not scoped:
        return "Nothing to prune: no tree matches."
    if policy.older_than is not None and not any(_is_idle(each, policy, now) for each in scoped):
        oldest = min(tree.active for tree in scoped)
        days = policy.older_than / timedelta(days=1)
        ago = age(oldest, now)
        when = ago if ago == "now" else f"{ago} ago"
        return (
            f"Nothing to prune: the tree idle longest was active {when}, "
            f"the limit is {days:g} {'day' if days == 1 else 'days'}."
        )
    if policy.budget:
        return f"Nothing to prune: {size(forest.bytes)} is within {size(policy.budget)}."
    return "Nothing to prune: no tree matches."
