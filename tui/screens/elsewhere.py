"""Deeds away from the tree: what keys do to the tree of the one session a screen is about."""

from __future__ import annotations

from tui import format
from tui.screens.deeds import Deeds


class Elsewhere(Deeds):
    """A page without a session tree, on which `a d D p r P y` act all the same."""

    DEEDS = ("archive", "prune_tree", "prune", "reclaim", "undo")
    """What the last line of such a page names of them."""

    def session_here(self) -> str | None:
        """Id of the session that is meant; None where there is none."""
        raise NotImplementedError

    def chosen_ids(self) -> list[str]:
        """The root of its tree: trees are archived and pruned, never branches."""
        id, forest = self.session_here(), self.desk.forest
        return [forest.tree_of(id).root.id] if id and id in forest else []

    def project_here(self) -> tuple[str, str] | None:
        """The project of that session."""
        id, forest = self.session_here(), self.desk.forest
        row = forest.row(id) if id and id in forest else None
        return (row.project_id, row.project) if row else None

    def tree_here(self) -> str | None:
        """That session."""
        return self.session_here()

    def ids_here(self) -> frozenset[str] | None:
        """There are no marks here."""
        return None

    def is_narrow(self) -> bool:
        """The page is about one session, so a reclaim begins with its tree."""
        return bool(self.chosen_ids())

    def is_whole_group(self) -> bool:
        """There are no groups here."""
        return False

    def unmark(self) -> None:
        """There are no marks here."""

    def action_copy_id(self) -> None:
        """The id, to the clipboard."""
        if id := self.session_here():
            self.app.copy_to_clipboard(id)
            self.app.notify(f"Copied {format.clean(id)}", markup=False, timeout=2)
