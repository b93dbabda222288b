"""What keys do to the trees that are marked, or to the one under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.getters import query_one

from tui.ordering import Grouping
from tui.policy.archive import plan_archive, plan_unarchive
from tui.policy.giving_back import announced
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, needs_asking, plan_prune
from tui.screens.page import Page
from tui.widgets.session_tree import SessionTree

if TYPE_CHECKING:  # dialogs are imported when they open: the first picture comes sooner
    from tui.screens.confirm import Question
    from tui.screens.export import Wish


class Deeds(Page):
    """A page with a session tree; every deed is a plan handed to the app."""

    sessions = query_one(SessionTree)
    grouping: Grouping

    def chosen_ids(self) -> list[str]:
        """Roots of the marked trees, or of the one under the cursor (a group: all of its own)."""
        tree, forest = self.sessions, self.desk.forest
        ids: Sequence[str] = tree.marked_ids()
        if not ids and tree.cursor_id is not None:
            ids = [tree.cursor_id]
        if not ids and tree.cursor_group and tree.outline:
            position = tree.outline.position(tree.cursor_group.key)
            ids = [] if position is None else tree.outline.targets(position)
        return list({forest.tree_of(id).root.id: None for id in ids if id in forest})

    def project_here(self) -> tuple[str, str] | None:
        """The project of the session or group under the cursor."""
        forest, group = self.desk.forest, self.sessions.cursor_group
        id = self.sessions.cursor_id
        row = forest.row(id) if id is not None and id in forest else None
        if row is None and group is not None and self.grouping == "project":
            row = forest.rows[group.roots[0]] if group.roots[0] < len(forest) else None
        return (row.project_id, row.project) if row else None

    def tree_here(self) -> str | None:
        """The session under the cursor."""
        return self.sessions.cursor_id

    def ids_here(self) -> frozenset[str] | None:
        """Sessions of the marked trees; None when nothing is marked."""
        if not self.sessions.marks:
            return None
        forest = self.desk.forest
        return frozenset(id for root in self.chosen_ids() for id in forest.tree_of(root).ids)

    def is_narrow(self) -> bool:
        """Marks are meant before everything."""
        return self.ids_here() is not None

    def exported_ids(self) -> Sequence[str]:
        """Sessions that are written when this is ordered: the marked ones, or that one."""
        here = self.sessions.cursor_id
        return self.sessions.marked_ids() or ([here] if here is not None else [])

    def action_export(self) -> None:
        """Write conversations to files: which kind, and where, is asked."""
        if ids := self.exported_ids():
            from tui.screens.export import ExportDialog

            self.app.push_screen(ExportDialog(ids), self._export)
        else:
            self.app.notify("Mark what is to be exported, or go to a session.")

    def _export(self, wish: Wish | None) -> None:
        if wish is not None:
            self.desk.export(wish.ids, wish.format, wish.target, wish.octets)

    def action_archive(self) -> None:
        """Archive at once; where all are archived already, bring them back."""
        ids, forest = self.chosen_ids(), self.desk.forest
        if not ids:
            return
        archived = all(forest.row(id).archived for id in ids)
        plan = (
            plan_unarchive(forest, ids) if archived else plan_archive(forest, ids, self.desk.now())
        )
        self._submit(plan)

    def action_prune_tree(self) -> None:
        """To the trash at once, unless somebody may still need one of them."""
        ids, desk = self.chosen_ids(), self.desk
        if not ids:
            return
        plan = self._prune_plan(ids)
        reason = needs_asking(desk.forest, ids, desk.now(), desk.running)
        if reason is None and self.is_whole_group():
            reason = "Nothing is marked: this is every tree of the group."
        if reason is None:
            self._submit(plan)
            return
        from tui.screens.confirm import prune_question

        self._ask(prune_question(plan, desk.keys, reason), plan)

    def action_delete(self) -> None:
        """Without trash: always asks, and wants the count typed."""
        if ids := self.chosen_ids():
            from tui.screens.confirm import delete_question

            plan = self._prune_plan(ids, permanent=True)
            self._ask(delete_question(plan, self.desk.keys), plan)

    def _prune_plan(self, ids: Iterable[str], permanent: bool = False) -> Plan:
        desk = self.desk
        policy = PrunePolicy(
            ids=frozenset(ids), permanent=permanent, events=desk.config.trash.events
        )
        used = desk.live.sizes.filled_bytes if desk.live else 0
        return plan_prune(desk.forest, policy, desk.now(), desk.running, filled_bytes=used)

    def _ask(self, question: Question, plan: Plan) -> None:
        from tui.screens.confirm import ConfirmDialog

        if not self.desk.may_change():
            return
        if then := announced(plan, self.desk.live.sizes) if self.desk.live else "":
            question = question._replace(sentences=(*question.sentences, then))

        def answered(agreed: bool | None) -> None:
            if agreed:
                self._submit(plan)

        self.app.push_screen(ConfirmDialog(question), answered)

    def _submit(self, plan: Plan) -> None:
        if self.desk.submit(plan) is not None:
            self.unmark()

    def is_whole_group(self) -> bool:
        """True when the cursor alone chooses, and stands on a group."""
        return not self.sessions.marks and self.sessions.cursor_group is not None

    def unmark(self) -> None:
        """What was marked is ordered now."""
        self.sessions.action_unmark_all()

    def action_pin(self) -> None:
        """Pin the chosen trees; where all are pinned, let them go."""
        ids, forest = self.chosen_ids(), self.desk.forest
        if ids:
            self.desk.set_pins(ids, not all(forest.row(id).pinned for id in ids))
