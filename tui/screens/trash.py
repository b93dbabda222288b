"""The trash: what was pruned, how big it is, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.desk import Jobs, TrashBatch
from tui.policy.plan import Plan
from tui.screens.confirm import ConfirmDialog, empty_question
from tui.screens.page import Page
from tui.widgets.key_bar import Key
from tui.widgets.row_table import Column, Row, RowTable

COLUMNS = (
    Column("size", format.SIZE_CELLS, right=True),
    Column("pruned", format.AGE_CELLS, right=True),
    Column("trees", 6, right=True, from_width=60),
    Column("sessions", 8, right=True, from_width=70),
    Column("what"),
)

OLD = timedelta(days=30)
"""What `o` empties: a month is long enough to notice that something is missing."""


class TrashScreen(Page):
    """Restores with Enter or `r`; emptying always asks and wants the count typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restore", "Restore", show=False),
        Binding("e", "empty", "Empty", show=False),
        Binding("o", "empty_old", "Empty old", show=False),
        Binding("E", "empty_all", "Empty all", show=False),
    ]

    table = query_one(RowTable)

    def body(self) -> Iterable[Widget]:
        """A line of summary and the batches."""
        yield Static(id="summary", classes="summary", markup=False)
        yield RowTable()

    def on_mount(self) -> None:
        """Follow the jobs: each may change the trash."""
        self.table.empty_text = "Reading the trash …"
        self.table.focus()
        self._batches: Sequence[TrashBatch] = ()
        self.watch(self.app, "jobs", self._job_changed, init=False)

    def on_screen_resume(self) -> None:
        """Look again whenever it is shown."""
        self.read()

    def _job_changed(self, before: Jobs, after: Jobs) -> None:
        if before.running is not None and after.running is None and self.is_current:
            self.read()

    def read(self) -> None:
        """Read the batches."""
        self.desk.ask(self.desk.read_trash, self._came, group="trash")

    def _came(self, batches: Sequence[TrashBatch]) -> None:
        if not self.is_attached:
            return
        self._batches = batches
        now = self.desk.now()
        self.table.empty_text = "The trash is empty.\nWhat you prune with d or p comes here first."
        self.table.show(COLUMNS, [batch_row(batch, now) for batch in batches])
        on_disk = sum(batch.file_bytes for batch in batches)
        trees = sum(batch.trees for batch in batches)
        self.query_one("#summary", Static).update(
            Content.assemble(
                (format.plural(len(batches), "batch"), "bold"),
                (f" · {format.plural(trees, 'tree')} · on disk ", "$foreground-muted"),
                (format.size(on_disk), "bold"),
            )
        )

    def keys(self) -> Iterable[Key]:
        """What can be done here, then the way out."""
        return (
            Key("↵", "Restore", "screen.restore"),
            Key("e", "Empty this batch", "screen.empty"),
            Key("o", "Empty older than 30 days", "screen.empty_old"),
            Key("E", "Empty all", "screen.empty_all"),
            *self.table_keys(("undo", "show_sessions", "help", "quit")),
        )

    @on(RowTable.Chosen)
    def action_restore(self) -> None:
        """Bring the batch under the cursor back."""
        if (key := self.table.key) is not None:
            self._order(lambda: self.desk.plan_restore([key]), self._submit)

    def action_empty(self) -> None:
        """Delete the batch under the cursor for good."""
        if (key := self.table.key) is not None:
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

        def answered(agreed: bool | None) -> None:
            if agreed:
                self._submit(plan)

        self.app.push_screen(ConfirmDialog(empty_question(plan)), answered)


def batch_row(batch: TrashBatch, now: int) -> Row:
    """One batch as a line."""
    titles = ", ".join(format.clean(title) or "(no title)" for title in batch.titles[:6])
    more = len(batch.titles) - 6
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
