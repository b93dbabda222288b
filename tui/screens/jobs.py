"""Jobs: what runs, what waits, and everything ocdu ever changed in this database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.desk import Freed, Jobs, JournalLine
from tui.keys import bindings
from tui.policy.plan import Plan
from tui.screens.job import JobDialog
from tui.screens.page import Page
from tui.widgets.job_bar import DOING
from tui.widgets.key_bar import Key
from tui.widgets.line_list import Piece
from tui.widgets.row_table import Column, Row, RowTable

COLUMNS = (
    Column("when", format.AGE_CELLS, right=True),
    Column("job", 11),
    Column("", 12),
    Column("predicted", 9, right=True, from_width=90),
    Column("freed", format.SIZE_CELLS, right=True, from_width=60),
    Column("what"),
)

ROOMY = 60
"""Columns from which on the word stands beside the glyph of an ending."""

NARROW = (*COLUMNS[:2], Column("", 1), *COLUMNS[3:])

STATES: dict[str, Piece] = {
    "running": ("▶ running", "good"),
    "done": ("✓ done", "good"),
    "nothing": ("· nothing", "muted"),
    "partial": ("◐ partly", "warning"),
    "failed": ("✗ failed", "error"),
    "refused": ("✗ refused", "error"),
    "interrupted": ("✗ cut short", "warning"),
    "planned": ("◷ announced", "muted"),
    "undone": ("↶ undone", "muted"),
}
"""A glyph, a word and a look for every ending."""


class JobsScreen(Page):
    """The journal, with the queue on top."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(("withdraw",))]

    table = query_one(RowTable)

    _lines: Sequence[JournalLine] = ()

    def body(self) -> Iterable[Widget]:
        """A line of summary and the table."""
        yield Static(id="summary", classes="summary", markup=False)
        yield RowTable()
        yield Static(id="message", classes="summary", markup=False)

    def on_mount(self) -> None:
        """Follow the queue."""
        self.table.focus()
        self.watch(self.app, "jobs", self._job_changed, init=False)
        self.watch(self.table, "cursor", self._say_message, init=False)

    def on_screen_resume(self) -> None:
        """Look again whenever it is shown."""
        self.read()

    def _job_changed(self, before: Jobs, after: Jobs) -> None:
        if not self.is_current:
            return
        if (before.running is None) != (after.running is None):
            self.read()
        elif before.waiting != after.waiting:
            self._show()

    def read(self) -> None:
        """Read the journal."""
        desk = self.desk
        desk.ask(lambda: (desk.read_journal(), desk.read_freed()), self._came, group="journal")

    def _came(self, found: tuple[Sequence[JournalLine], Freed]) -> None:
        if not self.is_attached:
            return
        lines, freed = found
        self._lines = lines
        self.query_one("#summary", Static).update(
            Content.assemble(
                ("given back today ", "$foreground-muted"),
                (format.size(freed.today), "bold $text-success"),
                (" · ever ", "$foreground-muted"),
                (format.size(freed.ever), "bold $text-success"),
            )
        )
        self._show()

    def _show(self) -> None:
        self.table.empty_text = (
            "ocdu has not changed anything in this database yet.\n"
            "{show_dashboard} shows what is worth doing.".format_map(self.desk.keys)
        )
        roomy = self.size.width >= ROOMY
        rows = self._rows()
        self.table.show(*(COLUMNS, rows) if roomy else (NARROW, map(brief, rows)))
        self.show_keys()
        self._say_message()

    def on_resize(self) -> None:
        """Endings are told in full where there is room."""
        if self.table.columns:
            self._show()

    def _rows(self) -> Iterator[Row]:
        for number, plan in self.desk.jobs.waiting:
            yield waiting_row(number, plan)
        now = self.desk.now()
        for line in self._lines:
            yield journal_row(line, now)

    def _say_message(self) -> None:
        key = self.table.key or ""
        found = next((line for line in self._lines if f"entry:{line.id}" == key), None)
        text = format.clean(found.message) if found else ""
        self.query_one("#message", Static).update(Content.styled(text, "$foreground-muted"))

    @on(RowTable.Chosen)
    def _open(self) -> None:
        """All about the job under the cursor."""
        kind, _, number = (self.table.key or "").partition(":")
        line = next((each for each in self._lines if str(each.id) == number), None)
        if kind == "entry" and line is not None:
            self.app.push_screen(JobDialog(line))

    def action_withdraw(self) -> None:
        """Take the waiting job under the cursor out of the queue."""
        kind, _, number = (self.table.key or "").partition(":")
        if kind == "job":
            self.desk.cancel(int(number))

    def keys(self) -> Iterable[Key]:
        """What can be done here and now, then the way out."""
        jobs, newest = self.desk.jobs, next(iter(self._lines), None)
        now = {
            "undo": True,
            "redo": newest is not None and newest.verb == "undo",
            "pause": jobs.running is not None,
            "cancel": jobs.running is not None,
            "withdraw": bool(jobs.waiting),
        }
        return (
            *(key for id, works in now.items() if works for key in self.table_keys((id,))),
            *self.table_keys(("show_sessions", "help", "quit")),
        )


def brief(row: Row) -> Row:
    """The same line with the glyph of its ending alone; Enter tells the word."""
    (text, look), cells = row.cells[2], row.cells
    return row._replace(cells=(*cells[:2], (text[:1], look), *cells[3:]))


def waiting_row(number: int, plan: Plan) -> Row:
    """A job in the queue."""
    title = plan.items[0].title if len(plan.items) == 1 else format.plural(len(plan), "item")
    cells: tuple[Piece, ...] = (
        ("", ""),
        (plan.verb, ""),
        ("◷ waiting", "mark"),
        (format.size(plan.predicted_bytes), "muted"),
        ("", ""),
        (title, ""),
    )
    return Row(f"job:{number}", cells)


def journal_row(line: JournalLine, now: int) -> Row:
    """A job of the past, or the running one."""
    predicted = format.size(line.predicted_bytes) if line.predicted_bytes else format.UNKNOWN
    freed = format.size(line.freed_bytes) if line.freed_bytes else format.UNKNOWN
    cells: tuple[Piece, ...] = (
        (format.age(line.time, now), "muted"),
        (line.verb, ""),
        STATES.get(line.state, (line.state, "")),
        (predicted, "muted"),
        (freed, "strong" if line.freed_bytes else "muted"),
        (line.title or DOING.get(line.verb, line.verb), ""),
    )
    return Row(f"entry:{line.id}", cells)
