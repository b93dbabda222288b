"""The largest single rows of the whole file: one message may weigh more than all the others."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Event
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.forest import Forest
from tui.keys import bindings
from tui.policy.plan import Plan
from tui.records import LargeRow
from tui.screens.elsewhere import Elsewhere
from tui.screens.fresh import Fresh
from tui.widgets.key_bar import Key
from tui.widgets.row_table import Column, Row, RowTable
from tui.widgets.session_detail import what_is

COLUMNS = (
    Column("size", format.SIZE_CELLS, right=True),
    Column("kind", 26),
    Column("project", 16, from_width=80),
    Column("session"),
)

NARROW = (COLUMNS[0], Column("kind", 14), *COLUMNS[2:])
ROOMY = 70
"""Cells of a terminal from which on the kind is shown whole."""

LEVEL_OF = {"event": "events", "message": "diffs"}
"""Level that a reclaim begins with, by the table of the row: what makes it large."""

PREVIEW = 200
"""Characters of a row that are shown, at most."""

NONE = (
    "No single row is over 1 MB: nothing stands out.\n"
    "Esc goes back; {show_dashboard} tells where it all is."
)

Found = list[tuple[str, LargeRow]]


class LargestScreen(Fresh, Elsewhere):
    """Enter goes to the session of the row, `o` reads it; deeds act on its tree."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(("archive", "prune_tree", "delete", "pin", "copy_id", "open", "largest")),
        Binding("escape", "leave", "Back", show=False),
    ]

    table = query_one(RowTable)

    def __init__(self) -> None:
        super().__init__()
        self._found: Found = []
        self._known: set[str] = set()
        """Sessions that were there when their rows were found: with one of them its rows go."""
        self._stale = True
        """True when rows may have changed since they were looked for."""
        self._whole = False
        """True once all of the file was searched: from then on the rows stay while it is again."""
        self._stop = Event()
        self._telling = False
        """True while rows are on their way from the thread to the screen."""

    def body(self) -> Iterable[Widget]:
        """How many there are, the rows, and the beginning of the one under the cursor."""
        yield Static(id="summary", classes="summary", markup=False)
        yield RowTable()
        yield Static(id="preview", markup=False)

    def on_mount(self) -> None:
        """Follow the sessions: with one its rows go."""
        self.table.empty_text = "Searching …"
        self.table.focus()
        self.watch(self.app, "forest", self._forest_changed, init=False)

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._stop.set()

    def on_screen_suspend(self) -> None:
        """Nor on another screen; a dialog lies only above this one."""
        if self.app.current_mode != "largest" and not self._stop.is_set():
            self._stop.set()
            self._stale = True

    # searching

    def read(self) -> None:
        """Search, in a thread, unless that was done."""
        if self._stale:
            self._stale = not len(self.desk.forest)  # before the first reading: once more
            self._stop.set()
            self._stop = stop = Event()
            self._telling = False
            self.desk.ask(lambda: self._search(stop), self._came, group="large")
            self._say_count()

    def job_ended(self, plan: Plan) -> None:
        """Rows may have gone, come back or shrunk; whose, the next reading of the sessions says."""
        self._stale = True

    def _forest_changed(self) -> None:
        self._show()
        if self.is_current:
            self.read()

    def action_rescan(self) -> None:
        """Search all of the file again."""
        self._stale = True
        self.read()

    def _search(self, stop: Event) -> tuple[Event, Found]:
        desk = self.desk
        found: Found = []
        for found in desk.read_large(stop):
            if not self._telling and not self._whole and not stop.is_set():
                self._telling = True
                desk.hand_over(self._grew, stop, list(found))
        return stop, found

    def _grew(self, stop: Event, found: Found) -> None:
        if stop is self._stop and not self._whole:
            self._telling = False
            self._take(found)

    def _came(self, answer: tuple[Event, Found]) -> None:
        stop, found = answer
        if stop is self._stop and not stop.is_set() and self.is_attached:
            self._whole = True
            stop.set()
            self.table.empty_text = NONE.format_map(self.desk.keys)
            self._take(found)

    def _take(self, found: Found) -> None:
        self._found = found
        self._known = {id for id, _ in found if id in self.desk.forest}
        self._show()

    # showing

    def _rows(self) -> Found:
        """Those whose session was not taken away meanwhile."""
        forest = self.desk.forest
        return [each for each in self._found if each[0] in forest or each[0] not in self._known]

    def _show(self) -> None:
        if not self.is_attached:
            return
        before, at_top = self.table.key, self.table.cursor == 0
        forest = self.desk.forest
        columns = COLUMNS if self.app.size.width >= ROOMY else NARROW
        self.table.show(columns, [large_row(id, row, forest) for id, row in self._rows()])
        if at_top:  # who has not moved yet looks at the largest
            self.table.cursor = 0
        self._say_count()
        if self.table.key != before:
            self._look()

    def _say_count(self) -> None:
        rows = self._rows()
        octets = sum(row.bytes for _, row in rows)
        self.query_one("#summary", Static).update(
            Content.assemble(
                (format.plural(len(rows), "row"), "bold"),
                " over 1 MB · ",
                (format.size(octets), "bold"),
                "" if self._stop.is_set() else " · searching …",
            )
        )

    @on(RowTable.Moved)
    def _look(self) -> None:
        """The beginning of the row under the cursor."""
        found = self._here()
        if found is None:
            self.query_one("#preview", Static).update("")
        else:
            desk, row = self.desk, found[1]
            desk.ask(lambda: (row.id, desk.read_preview(row)), self._preview_came, group="preview")

    def _preview_came(self, found: tuple[str, str]) -> None:
        here = self._here() if self.is_attached else None
        if here is not None and here[1].id == found[0]:
            text = format.clean(found[1][:PREVIEW])
            self.query_one("#preview", Static).update(Content.styled(text, "$foreground-muted"))

    # from a row

    def _here(self) -> tuple[str, LargeRow] | None:
        at, rows = self.table.cursor, self._rows()
        return rows[at] if at < len(rows) else None

    def session_here(self) -> str | None:
        """The session of the row under the cursor."""
        here = self._here()
        return here[0] if here else None

    def level_here(self) -> str:
        """The one that takes most of such a row."""
        here = self._here()
        return LEVEL_OF.get(here[1].table, "compacted") if here else "compacted"

    @on(RowTable.Chosen)
    def action_choose(self) -> None:
        """Show its session in the tree."""
        if (id := self.session_here()) is not None:
            self.desk.show_session(id)

    def action_open(self) -> None:
        """Read the conversation, from this row on."""
        here = self._here()
        if here is not None:
            id, row = here
            self.desk.open_conversation(id, None if row.table == "event" else row.id)

    def action_leave(self) -> None:
        """Back to where one came from."""
        self.desk.go_back()

    action_largest = action_leave  # the key that opened it closes it

    def keys(self) -> Iterable[Key]:
        """What can be done with a row."""
        yield Key("Esc", "Back", "screen.leave")
        yield Key(self.desk.keys.sign("enter"), "Show in the tree", "screen.choose")
        yield from self.table_keys(("open", *self.DEEDS, "help", "quit"))


def large_row(id: str, row: LargeRow, forest: Forest) -> Row:
    """One row as a line."""
    session = forest.row(id) if id in forest else None
    return Row(
        f"{row.table}/{row.id}",
        (
            (format.size(row.bytes), "strong"),
            (what_is(row), ""),
            (session.project if session else "", "muted"),
            (format.titled(session.title) if session else id, ""),
        ),
    )
