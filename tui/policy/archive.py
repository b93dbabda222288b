"""Which sessions an archive or unarchive stamps.

Archiving sets one common time on the tree, so that unarchiving can tell its own stamp from that of
a child archived earlier on its own, which stays archived. It frees no space.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tui.forest import Forest, Tree
from tui.format import plural
from tui.policy.plan import Item, Plan, Totals
from tui.records import SessionRow


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """`stamps`: session id -> the time (ms) to set, or the time that must be there to clear."""

    stamps: dict[str, int]


def plan_archive(forest: Forest, ids: Iterable[str], now: int) -> Plan:
    """Archive the trees these sessions belong to; sessions archived before keep their time."""
    trees = _trees(forest, ids)
    chosen = [(tree, [row for row in tree.rows if not row.archived]) for tree in trees]
    items = [_item(tree, rows, "chosen") for tree, rows in chosen if rows]
    message = "" if items else "Every session chosen is archived already."
    stamps = {id: now for item in items for id in item.sessions}
    return Plan("archive", tuple(items), options=ArchiveOptions(stamps), message=message)


def plan_unarchive(forest: Forest, ids: Iterable[str]) -> Plan:
    """Take back the archive stamp of these trees, from the sessions that carry the same one."""
    chosen: dict[str, tuple[Tree, list[SessionRow]]] = {}
    for id in ids:
        tree = forest.tree_of(id)
        if not tree.root.archived:
            tree = forest.branch_of(id)  # a child archived on its own, under a root that is not
        stamp = tree.root.archived
        rows = [row for row in tree.rows if row.archived and row.archived == stamp]
        chosen[tree.root.id] = (tree, rows)
    items = [_item(tree, rows, "archived") for tree, rows in chosen.values() if rows]
    message = "" if items else "None of the sessions chosen is archived."
    stamps = {row.id: row.archived or 0 for _, rows in chosen.values() for row in rows}
    return Plan("unarchive", tuple(items), options=ArchiveOptions(stamps), message=message)


def _trees(forest: Forest, ids: Iterable[str]) -> list[Tree]:
    found = {tree.root.id: tree for tree in map(forest.tree_of, ids)}
    return list(found.values())


def _item(tree: Tree, rows: list[SessionRow], reason: str) -> Item:
    return Item(
        id=tree.root.id,
        title=tree.root.title,
        reason=f"{reason}, {plural(len(rows), 'session')}",
        totals=Totals(trees=1, sessions=len(rows), bytes=tree.bytes),
        sessions=tuple(row.id for row in rows),
        seen_active=tree.active,
        project=tree.root.project,
    )
