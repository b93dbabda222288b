"""For whom a reclaim counts: the marked trees, the tree under the cursor, its project, or all."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from tui import format
from tui.forest import Forest
from tui.records import Payload

TITLE_CELLS = 28
"""Cells of a title or project in the choice."""


class Scope(NamedTuple):
    """Some of the sessions, by name."""

    label: str
    ids: frozenset[str] | None = None
    """Named by the user: neither pin nor recent activity protects them. None: all."""
    project: str | None = None
    """Id of the project; everything in it keeps its protections."""

    def sessions(self, forest: Forest) -> frozenset[str] | None:
        """Ids of those it counts for; None for all."""
        if self.ids is None and self.project is not None:
            return frozenset(row.id for row in forest.rows if row.project_id == self.project)
        return self.ids

    def holds(self, payload: Payload, forest: Forest) -> bool:
        """True when the payload is one of these sessions'."""
        if self.ids is not None:
            return payload.session_id in self.ids
        if payload.session_id not in forest:  # what belongs to nobody is in no project
            return self.project is None
        return self.project in (None, forest.row(payload.session_id).project_id)


ALL = Scope("all sessions")


def scopes(
    forest: Forest,
    marked: Collection[str] | None = None,
    tree: str | None = None,
    project: tuple[str, str] | None = None,
) -> list[Scope]:
    """What there is to choose from, all at last; `tree` is any session of it."""
    found: list[Scope] = []
    if marked:
        roots = {forest.tree_of(id).root.id for id in marked if id in forest}
        found.append(Scope(f"{format.plural(len(roots), 'marked tree')}", frozenset(marked)))
    if tree is not None and tree in forest:
        whole = forest.tree_of(tree)
        title = format.clip(format.clean(whole.root.title) or whole.root.id, TITLE_CELLS)
        found.append(Scope(f"this tree: {title}", frozenset(whole.ids)))
    if project is not None:
        id, name = project
        found.append(Scope(f"project {format.clip(format.clean(name), TITLE_CELLS)}", project=id))
    return [*found, ALL]
