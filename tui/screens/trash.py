"""The trash: what was pruned, how big it is, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.getters import query_one
from textual.widget import Widget

from tui import format
from tui.desk import TrashBatch
from tui.forest import Forest
from tui.keys import bindings
from tui.narrowing import parse_narrowing
from tui.policy.plan import Plan
from tui.screens.confirm import ConfirmDialog, empty_question
from tui.screens.fresh import Fresh
from tui.screens.trash_rows import (
    BATCHES,
    TREES,
    Trees,
    batch_row,
    complaint_of,
    found_trees,
    trees_of,
)
from tui.widgets.filter_bar import FilterBar
from tui.widgets.filter_words import completed, hint_of
from tui.widgets.key_bar import Key
from tui.widgets.row_table import RowTable

OLD = timedelta(days=30)
"""What is emptied as old: a month is long enough to notice that something is missing."""


class TrashScreen(Fresh):
    """Restores with Enter; emptying always asks and wants the count typed.

    A line stands for a batch; while a filter is on, for a tree that it finds.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(("filter", "search", "restore", "empty", "empty_old", "empty_all")),
    ]

    table = query_one(RowTable)
    filter_bar = query_one(FilterBar)

    def __init__(self) -> None:
        super().__init__()
        self._batches: Sequence[TrashBatch] = ()
        self._trees = Trees(Forest.of(()), {})

    def body(self) -> Iterable[Widget]:
        """A line of summary and the filter, and the batches."""
        yield FilterBar("title, id, directory, size: idle: project:")
        yield RowTable()

    def on_mount(self) -> None:
        """Ready for the answer."""
        self.table.empty_text = "Reading the trash …"
        self.table.focus()

    def read(self) -> None:
        """Read the batches."""
        self.desk.ask(self.desk.read_trash, self._came, group="trash")

    def _came(self, batches: Sequence[TrashBatch]) -> None:
        if self.is_attached:
            self._batches, self._trees = batches, trees_of(batches)
            self._show()

    # showing

    def _show(self) -> None:
        needle, now, batches = self.filter_bar.needle, self.desk.now(), self._batches
        on_disk = format.size(sum(batch.file_bytes for batch in batches))
        if parse_narrowing(needle).restricts and batches:
            rows, similar = found_trees(self._trees, needle, now)
            search = f"{self.desk.keys['search']} searches what was said in it."
            self.table.empty_text = f"Nothing in the trash matches “{needle}”.\n{search}"
            self.table.show(TREES, rows)
            said = [
                format.plural(len(rows), "tree"),
                *(["similar titles"] if similar else []),
            ]
            self.filter_bar.say(" · ".join(said))
            return
        self.table.empty_text = (
            "The trash is empty.\nWhat you prune with {prune_tree} or {prune} comes here first."
        ).format_map(self.desk.keys)
        self.table.show(BATCHES, [batch_row(batch, now) for batch in batches])
        trees = sum(batch.trees for batch in batches)
        counts = format.plural(len(batches), "batch"), format.plural(trees, "tree")
        self.filter_bar.say(" · ".join([*counts, f"on disk {on_disk}"]))

    def keys(self) -> Iterable[Key]:
        """What can be done here, then the way out."""
        return (
            Key(self.desk.keys.sign("enter"), "Restore", "screen.restore"),
            *self.table_keys(("filter", "search")),
            *self.table_keys(("empty", "empty_old", "empty_all")),
            *self.table_keys(("undo", "show_sessions", "help", "quit")),
        )

    # filter

    def action_filter(self) -> None:
        """Type into the filter line."""
        self.filter_bar.open()

    def action_search(self) -> None:
        """Search what was said in the trash."""
        self.desk.search_trash()

    @on(FilterBar.Changed)
    def _filter(self, event: FilterBar.Changed) -> None:
        forest = self._trees.forest
        self.filter_bar.hint(complaint_of(event.needle) or hint_of(event.needle, forest))
        self._show()

    @on(FilterBar.Completing)
    def _complete(self, event: FilterBar.Completing) -> None:
        whole = completed(event.needle, self._trees.forest)
        if whole != event.needle:
            self.filter_bar.complete(whole)
        else:
            self.table.focus()

    @on(FilterBar.SearchWanted)
    def _search_wanted(self) -> None:
        self.action_search()

    @on(FilterBar.Closed)
    def _back_to_table(self) -> None:
        self.table.focus()

    async def action_back(self) -> None:
        """First the filter goes, then the screen."""
        if self.filter_bar.needle or self.filter_bar.has_class("-open"):
            self.filter_bar.clear()
            self.table.focus()
        else:
            await super().action_back()

    # deeds

    @on(RowTable.Chosen)
    def action_restore(self) -> None:
        """Bring the batch or the tree under the cursor back."""
        if (key := self.table.key) is not None:
            self._order(lambda: self.desk.plan_restore([key]), self._submit)

    def action_empty(self) -> None:
        """Delete the batch under the cursor for good."""
        if (key := self.table.key) is None:
            return
        if "/" in key:
            self.app.notify("A batch is emptied as a whole: Esc shows the batches.")
        else:
            self._order(lambda: self.desk.plan_empty([key], None), self._ask)

    def action_empty_old(self) -> None:
        """Delete batches older than a month for good."""
        self._order(lambda: self.desk.plan_empty(None, OLD), self._ask)

    def action_empty_all(self) -> None:
        """Delete every batch for good."""
        self._order(lambda: self.desk.plan_empty(None, None), self._ask)

    def _order(self, plan: Callable[[], Plan], then: Callable[[Plan], None]) -> None:
        self.desk.ask(plan, then, group="order")

    def _submit(self, plan: Plan) -> None:
        self.desk.submit(plan)

    def _ask(self, plan: Plan) -> None:
        if not plan.items:
            self._submit(plan)  # says why there is nothing
            return
        if not self.desk.may_change():
            return

        def answered(agreed: bool | None) -> None:
            if agreed:
                self._submit(plan)

        question = empty_question(plan, self.desk.keys)
        self.app.push_screen(ConfirmDialog(question), answered)
