"""The largest single rows of the whole file: one message may weigh more than all the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.desk import this_thread
from tui.forest import Forest
from tui.records import LargeRow
from tui.screens.dialog import Dialog
from tui.widgets.row_table import Column, Row, RowTable

COLUMNS = (
    Column("size", format.SIZE_CELLS, right=True),
    Column("kind", 24),
    Column("project", 16, from_width=80),
    Column("session"),
)

NARROW = (COLUMNS[0], Column("kind", 14), *COLUMNS[2:])
ROOMY = 70
"""Cells of a terminal from which on the kind is shown whole."""

PREVIEW = 200
"""Characters of a row that are shown, at most."""

NONE = "No single row is over 1 MB: nothing stands out.\nEsc goes back; 2 tells where it all is."

Found = list[tuple[str, LargeRow]]


class LargestDialog(Dialog[str]):
    """Enter goes to the session of the row; the answer is its id."""

    heading = "Largest rows"
    safe = "Close"
    first = "RowTable"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("L", "refuse", "Close", show=False)]

    table = query_one(RowTable)

    def __init__(self) -> None:
        super().__init__()
        self._found: Found = []
        self._telling = False
        """True while rows are on their way from the thread to the screen."""

    def body(self) -> Iterable[Widget]:
        """How many there are, the rows, and the beginning of the one under the cursor."""
        yield Static(id="counts", markup=False)
        yield RowTable()
        yield Static(id="preview", markup=False)

    def on_mount(self) -> None:
        """Search, in a thread."""
        self.offer("Show the session", possible=False)
        self.table.empty_text = "Searching …"
        self._say_count(done=False)
        self.desk.ask(self._search, self._came, group="large")

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self.app.workers.cancel_group(self.app, "large")

    def _search(self) -> Found:
        desk, stop = self.desk, this_thread()
        found: Found = []
        for found in desk.read_large(stop):
            if not self._telling and not stop.is_set():
                self._telling = True
                desk.hand_over(self._grew, list(found))
        return found

    def _grew(self, found: Found) -> None:
        self._telling = False
        self._show(found, done=False)

    def _came(self, found: Found) -> None:
        if self.is_attached:
            self.table.empty_text = NONE
            self._show(found, done=True)

    def _show(self, found: Found, done: bool) -> None:
        if not self.is_attached:
            return
        before, at_top = self.table.key, self.table.cursor == 0
        self._found = found
        forest = self.desk.forest
        columns = COLUMNS if self.app.size.width >= ROOMY else NARROW
        self.table.show(columns, [large_row(id, row, forest) for id, row in found])
        if at_top:  # who has not moved yet looks at the largest
            self.table.cursor = 0
        self._say_count(done)
        if self.table.key != before:
            self._look()
        self.offer("Show the session", possible=bool(found))

    def _say_count(self, done: bool) -> None:
        octets = sum(row.bytes for _, row in self._found)
        self.query_one("#counts", Static).update(
            Content.assemble(
                (format.plural(len(self._found), "row"), "bold"),
                " over 1 MB · ",
                (format.size(octets), "bold"),
                "" if done else " · searching …",
            )
        )

    @on(RowTable.Moved)
    def _look(self) -> None:
        """The beginning of the row under the cursor."""
        found = self._here()
        if found is not None:
            desk, row = self.desk, found[1]
            desk.ask(lambda: (row.id, desk.read_preview(row)), self._preview_came, group="preview")

    def _preview_came(self, found: tuple[str, str]) -> None:
        here = self._here() if self.is_attached else None
        if here is not None and here[1].id == found[0]:
            text = format.clean(found[1][:PREVIEW])
            self.query_one("#preview", Static).update(Content.styled(text, "$foreground-muted"))

    def _here(self) -> tuple[str, LargeRow] | None:
        at = self.table.cursor
        return self._found[at] if at < len(self._found) else None

    @on(RowTable.Chosen)
    def _chosen(self) -> None:
        self.action_agree()

    def answer(self) -> str | None:
        """The session of the row under the cursor."""
        here = self._here()
        return here[0] if here else None


def large_row(id: str, row: LargeRow, forest: Forest) -> Row:
    """One row as a line."""
    session = forest.row(id) if id in forest else None
    return Row(
        f"{row.table}/{row.id}",
        (
            (format.size(row.bytes), "strong"),
            (row.kind if row.table != "event" else f"event {row.kind}", ""),
            (session.project if session else "", "muted"),
            ((session.title or "(no title)") if session else id, ""),
        ),
    )
