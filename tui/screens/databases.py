"""Databases: which exist, what they hold, and why a session may be hidden; Enter opens one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.paths import told_apart
from tui.places import Whereabouts
from tui.policy.whereabouts import explanations
from tui.screens.dialog import Dialog
from tui.widgets.row_table import Column, Row, RowTable

COLUMNS = (
    Column("size", format.SIZE_CELLS, right=True),
    Column("kind", 5),
    Column("sessions", 8, right=True),
    Column("active", format.AGE_CELLS, right=True, from_width=60),
    Column("file"),
)


class Known(NamedTuple):
    """What was found on this machine."""

    rows: Sequence[Whereabouts]
    json_sessions: int
    never_imported: int


class DatabasesDialog(Dialog[Path]):
    """Returns the database to open."""

    heading = "Databases"
    safe = "Stay"
    first = "RowTable"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("O", "refuse", "Close", id="databases", show=False)
    ]

    table = query_one(RowTable)

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[Whereabouts] = ()
        self._names: dict[Path, str] = {}

    def body(self) -> Iterable[Widget]:
        """The files, then where a history can be."""
        yield RowTable()
        yield Static(id="hints", markup=False)

    def on_mount(self) -> None:
        """Ask every database, in a thread."""
        self.table.empty_text = "Asking every database …"
        self.offer("Open", possible=False)
        self.desk.ask(self.desk.read_databases, self._came, group="databases")

    def _came(self, found: tuple[Sequence[Whereabouts], int, int]) -> None:
        if not self.is_attached:
            return
        known = Known(*found)
        here, now = self.desk.database, self.desk.now()
        self._rows = known.rows
        self._names = told_apart([row.path for row in known.rows])
        rows = [database_row(row, self._names[row.path], here, now) for row in known.rows]
        self.table.show(COLUMNS, rows)
        hints = explanations(known.rows, known.json_sessions, known.never_imported, here)
        text = "\n".join(f"· {format.clean(hint)}" for hint in hints)
        self.query_one("#hints", Static).update(
            Content.styled(text or "No session is hidden anywhere else.", "$foreground-muted")
        )
        self._moved()

    @on(RowTable.Moved)
    def _moved(self) -> None:
        row = self._here()
        is_other = row is not None and row.path != self.desk.database and not row.note
        self.offer(
            f"Open {self._names[row.path]}" if row and is_other else "Open", possible=is_other
        )

    def _here(self) -> Whereabouts | None:
        return next((row for row in self._rows if str(row.path) == self.table.key), None)

    @on(RowTable.Chosen)
    def _chosen(self) -> None:
        if not self.query_one("#act").disabled:
            self.action_agree()

    def answer(self) -> Path | None:
        """The database under the cursor."""
        row = self._here()
        return row.path if row else None


def database_row(row: Whereabouts, called: str, here: Path, now: int) -> Row:
    """One database as a line; the open one is marked."""
    kind = {"v1": "V1", "v2": "V2", "both": "V1+V2"}.get(row.generation, "?")
    mark = "● " if row.path == here else "  "
    name = f"{mark}{called}" + (f": {row.note}" if row.note else "")
    return Row(
        str(row.path),
        (
            (format.size(row.bytes + row.wal_bytes), "strong"),
            (kind, ""),
            (format.count(row.sessions), "" if row.sessions else "muted"),
            (format.age(row.newest, now) if row.newest else format.UNKNOWN, "muted"),
            (name, "warning" if row.note else ""),
        ),
    )
