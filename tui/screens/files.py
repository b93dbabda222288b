"""The rest of the data directory: what it is, how much it takes, what may go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.desk import Jobs, Surveyed
from tui.keys import bindings
from tui.policy.files import plan_files
from tui.policy.plan import Plan
from tui.records import FileRow, FileSurvey
from tui.screens.confirm import ConfirmDialog, Question
from tui.screens.page import Page
from tui.widgets.file_tree import FileTree
from tui.widgets.key_bar import Key

STALE = 60_000
"""Milliseconds after which showing the screen counts anew: reading 600,000 files takes seconds."""

MOST_NAMED = 6
"""Places named in the question; the table behind it names them all."""


class FilesScreen(Page):
    """Removing always asks: nothing brings a file back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(("remove_files", "remove_all_files", "rescan")),
    ]

    table = query_one(FileTree)

    def body(self) -> Iterable[Widget]:
        """A line of summary, the tree, what the row under the cursor is."""
        yield Static(id="summary", classes="summary", markup=False)
        yield FileTree()
        yield Static(id="message", classes="summary", markup=False)

    def on_mount(self) -> None:
        """Follow the jobs: each may remove files."""
        self.table.empty_text = "Counting …"
        self.table.focus()
        self.watch(self.app, "jobs", self._job_changed, init=False)
        self.watch(self.app, "surveyed", self._show)

    def on_screen_resume(self) -> None:
        """Count when it is shown first, and when the numbers are old."""
        self.desk.survey(STALE)

    def on_screen_suspend(self) -> None:
        """Nobody looks any more."""
        if self.app.current_mode != "files":
            self.desk.stop_survey()

    def _job_changed(self, before: Jobs, after: Jobs) -> None:
        if before.running is not None and after.running is None and self.is_current:
            self.desk.survey(STALE)

    def action_rescan(self) -> None:
        """Count everything again."""
        self.desk.survey()

    # showing

    def _show(self, surveyed: Surveyed) -> None:
        if not self.is_attached or not surveyed.at:
            return
        survey = surveyed.survey
        if survey.done:
            self.table.empty_text = (
                "There is nothing beside the database.\n{show_dashboard} shows what is in it."
            ).format_map(self.desk.keys)
        self.table.show(survey.rows, self.desk.now())
        self.query_one("#summary", Static).update(summary_of(survey))
        self._say()

    @on(FileTree.Highlighted)
    def _say(self) -> None:
        row = self.table.row
        text = in_full(row) if row else ""
        self.query_one("#message", Static).update(
            Content.styled(format.clean(text), "$foreground-muted")
        )

    def keys(self) -> Iterable[Key]:
        """What can be done here, then the way out."""
        return (
            *self.table_keys(("remove_files", "remove_all_files")),
            Key(self.desk.keys.sign("enter"), "Fold", "screen.fold"),
            Key(self.desk.keys["rescan"], "Count again", "screen.rescan"),
            *self.table_keys(("show_sessions", "help", "quit")),
        )

    def action_fold(self) -> None:
        """Fold or unfold the row under the cursor."""
        self.table.action_fold()

    # removing

    def action_remove(self) -> None:
        """Remove what may go of the row under the cursor."""
        if (row := self.table.row) is not None:
            self._order([row.id], row)

    def action_remove_all(self) -> None:
        """Remove everything that may go."""
        self._order(None, None)

    def _order(self, ids: list[str] | None, row: FileRow | None) -> None:
        survey = self.desk.surveyed.survey
        if not survey.done:
            self.notify("Still counting: what may go is known in a moment.", markup=False)
            return
        plan = plan_files(survey.rows, (), self.desk.now(), ids=ids)
        if not plan.items:
            self.desk.submit(plan)  # says why there is nothing
            return
        if not self.desk.may_change():
            return

        def answered(agreed: bool | None) -> None:
            if agreed:
                self.desk.submit(plan)

        self.app.push_screen(ConfirmDialog(files_question(plan, row)), answered)


def in_full(row: FileRow) -> str:
    """What the row is and whether it may go: in the table it is cut where there is no room."""
    return f"{row.says} {row.why}" if row.parent and row.why != row.says else row.says


def summary_of(survey: FileSurvey) -> Content:
    """How much there is, how much may go, and whether it is still being counted."""
    safe = sum(row.safe_bytes for row in survey.rows if not row.parent)
    lost = f" · {format.plural(survey.errors, 'place')} could not be read"
    return Content.assemble(
        (format.size(survey.bytes), "bold"),
        (f" on disk in {format.plural(survey.files, 'file')} · may go ", "$foreground-muted"),
        (format.size(safe), "bold $text-success"),
        (lost if survey.errors else "", "$text-warning"),
        ("" if survey.done else " · counting …", "$foreground-muted"),
    )


def files_question(plan: Plan, row: FileRow | None) -> Question:
    """Before files go: they have no trash."""
    totals = plan.totals
    files = format.plural(totals.files, "file")
    what = f" of “{format.clip(format.clean(row.title), 40)}”" if row else ""
    reason = f"{plan.items[0].reason}." if len(plan) == 1 else ""
    return Question(
        "Remove files",
        (
            f"{files}{what} ({format.size(totals.bytes)}) would be removed. {reason}".strip(),
            *_lines(plan),
            "Files do not go to the trash: nothing brings them back.",
        ),
        f"Remove {files} — {format.size(totals.bytes)}",
        safe="Keep the files",
        destructive=True,
    )


def _lines(plan: Plan) -> Iterator[str]:
    """The largest places, when there are several."""
    if len(plan) < 2:
        return
    largest = sorted(plan, key=lambda item: -item.bytes)
    for item in largest[:MOST_NAMED]:
        name = format.clip(format.clean(item.title), 40)
        yield f"{format.fit(format.size(item.bytes), format.SIZE_CELLS, right=True)}  {name}"
    if len(plan) > MOST_NAMED:
        yield f"and {format.count(len(plan) - MOST_NAMED)} more"
