"""The lines of the trash: batches, or the trees in them that a filter finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tui import format
from tui.desk import TrashBatch
from tui.forest import Forest
from tui.narrowing import parse_narrowing
from tui.places import BuriedTree
from tui.records import SessionRow, Usage
from tui.sieve import found_in
from tui.widgets.row_table import Column, Row

BATCHES = (
    Column("size", format.SIZE_CELLS, right=True),
    Column("pruned", format.AGE_CELLS, right=True),
    Column("trees", 6, right=True, from_width=60),
    Column("sessions", 8, right=True, from_width=70),
    Column("what"),
)

TREES = (
    *BATCHES[:2],
    Column("sessions", 8, right=True, from_width=60),
    Column("project", 16, from_width=80),
    Column("tree"),
)

MOST_NAMED = 6
"""Titles of a batch on its line."""

NOT_HERE = ("is:", "gen:")
"""Words of the filter that say something about sessions in the database alone."""


class Trees(NamedTuple):
    """The trees of all batches, to be filtered like those of the database."""

    forest: Forest
    """A row for every session, by BATCH/ID; a batch knows titles of roots alone. Last activity is
    the time of the prune."""
    trees: Mapping[str, tuple[TrashBatch, BuriedTree]]
    """By BATCH/ROOT."""


def trees_of(batches: Sequence[TrashBatch]) -> Trees:
    """What there is to look through."""
    rows: list[SessionRow] = []
    sizes: dict[str, Usage] = {}
    trees: dict[str, tuple[TrashBatch, BuriedTree]] = {}
    for batch in batches:
        for tree in batch.forest:
            root = f"{batch.id}/{tree.root}"
            trees[root] = batch, tree
            sizes[root] = Usage(part_bytes=tree.bytes)
            rows.append(_row(root, None, tree, tree.title, batch.created))
            for member in dict.fromkeys(tree.members):
                if member != tree.root:
                    id = f"{batch.id}/{member}"
                    sizes[id] = Usage()
                    rows.append(_row(id, root, tree, "", batch.created))
    return Trees(Forest.of(rows, sizes), trees)


def _row(id: str, parent: str | None, tree: BuriedTree, title: str, pruned: int) -> SessionRow:
    return SessionRow(
        id, parent, tree.project, tree.project, title, tree.directory, pruned, pruned, None
    )


def found_trees(trees: Trees, needle: str, now: int) -> tuple[list[Row], bool]:
    """Lines of the trees that the needle finds, newest batch first; True when only similar ones."""
    found = found_in(trees.forest, parse_narrowing(needle), now)
    forest = trees.forest
    roots = {forest.tree_of(forest.rows[i].id).root.id for i in found.places}
    wanted = [(root, *trees.trees[root]) for root in trees.trees if root in roots]
    return [
        tree_row(root, batch, tree, now) for root, batch, tree in wanted
    ], found.similar and bool(wanted)


def complaint_of(needle: str) -> str:
    """A sentence about words that mean nothing here; "" for none."""
    words = [each.word.lstrip("-") for each in parse_narrowing(needle).conditions]
    odd = next((each for each in words if each.startswith(NOT_HERE)), None)
    return f"{odd} says nothing about the trash: size: idle: project: dir: do." if odd else ""


def batch_row(batch: TrashBatch, now: int) -> Row:
    """One batch as a line."""
    titles = ", ".join(format.titled(title) for title in batch.titles[:MOST_NAMED])
    more = len(batch.titles) - MOST_NAMED
    return Row(
        batch.id,
        (
            (format.size(batch.bytes), "strong"),
            (format.age(batch.created, now), "muted"),
            (format.count(batch.trees), ""),
            (format.count(batch.sessions), ""),
            (titles + (f" and {more} more" if more > 0 else ""), ""),
        ),
    )


def tree_row(key: str, batch: TrashBatch, tree: BuriedTree, now: int) -> Row:
    """One tree of a batch as a line."""
    return Row(
        key,
        (
            (format.size(tree.bytes), "strong"),
            (format.age(batch.created, now), "muted"),
            (format.count(tree.sessions), ""),
            (tree.project, "muted"),
            (format.titled(tree.title), ""),
        ),
    )
