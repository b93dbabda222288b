"""Projects: what each takes, whether its folder is still there, and what to do when it is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.forest import Forest
from tui.keys import bindings
from tui.places import ProjectRow
from tui.policy.plan import Plan
from tui.policy.projects import plan_remove
from tui.screens.confirm import ConfirmDialog, remove_project_question
from tui.screens.fresh import Fresh
from tui.screens.relink import RelinkDialog
from tui.widgets.key_bar import Key
from tui.widgets.row_table import Column, Row, RowTable

COLUMNS = (
    Column("size", format.SIZE_CELLS, right=True),
    Column("sessions", 8, right=True, from_width=50),
    Column("active", format.AGE_CELLS, right=True, from_width=60),
    Column("project", 20),
    Column("folder", path=True),
)


class Share(NamedTuple):
    """What one project takes of the forest."""

    bytes: int = 0
    active: int = 0
    """Newest activity, milliseconds; 0 for no session."""
    newest: str = ""
    """Id of the session that was active last."""


class ProjectsScreen(Fresh):
    """Enter shows a project's newest session; one that moved is relinked, an empty one removed."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(("relink", "remove_project"))]

    table = query_one(RowTable)

    def body(self) -> Iterable[Widget]:
        """A line of summary and the projects."""
        yield Static(id="summary", classes="summary", markup=False)
        yield RowTable()

    def on_mount(self) -> None:
        """Follow the sessions: their sizes are the projects' sizes."""
        self._rows: Sequence[ProjectRow] = ()
        self.table.empty_text = "Reading the projects …"
        self.table.focus()
        self.watch(self.app, "forest", self._show, init=False)

    def read(self) -> None:
        """Read the projects, and look whether their folders exist."""
        self.desk.ask(self.desk.read_projects, self._came, group="projects")

    def _came(self, rows: Sequence[ProjectRow]) -> None:
        self._rows = rows
        self._show()

    def _show(self) -> None:
        if not self.is_attached:
            return
        shares = shares_of(self.desk.forest)
        rows = sorted(self._rows, key=lambda row: -shares.get(row.id, Share()).bytes)
        now = self.desk.now()
        self.table.empty_text = (
            "opencode knows no project yet.\nIt makes one for each folder it is started in."
        )
        self.table.show(COLUMNS, [project_row(r, shares.get(r.id, Share()), now) for r in rows])
        gone = sum(row.missing for row in rows)
        parts: list[tuple[str, str]] = [(format.plural(len(rows), "project"), "bold")]
        if gone:
            key = self.desk.keys["relink"]
            folders = "the folder of 1 is" if gone == 1 else f"the folders of {gone} are"
            said = f" · ⚠ {folders} gone: {key} relinks one that moved"
            parts.append((said, "$text-warning"))
        self.query_one("#summary", Static).update(Content.assemble(*parts))

    def keys(self) -> Iterable[Key]:
        """What can be done here, then the way out."""
        return (
            Key(self.desk.keys.sign("enter"), "Show its newest session", "screen.open"),
            *self.table_keys(("relink", "remove_project")),
            *self.table_keys(("undo", "show_sessions", "help", "quit")),
        )

    @property
    def here(self) -> ProjectRow | None:
        """The project under the cursor."""
        return next((row for row in self._rows if row.id == self.table.key), None)

    @on(RowTable.Chosen)
    def action_open(self) -> None:
        """Go to the session that was active last."""
        share = shares_of(self.desk.forest).get(self.table.key or "", Share())
        if share.newest:
            self.desk.show_session(share.newest)
        else:
            self.app.notify("This project has no session.")

    def action_relink(self) -> None:
        """Ask where the folder is now."""
        if (row := self.here) is not None and self.desk.may_change():
            self.app.push_screen(RelinkDialog(row), self._submit)

    def action_remove(self) -> None:
        """Remove the project, if it is empty."""
        if (row := self.here) is None:
            return
        plan = plan_remove(self._rows, [row.id])
        if plan.refused:
            self._submit(plan)  # says why not
            return
        if not self.desk.may_change():
            return

        def answered(agreed: bool | None) -> None:
            if agreed:
                self._submit(plan)

        self.app.push_screen(ConfirmDialog(remove_project_question(plan)), answered)

    def _submit(self, plan: Plan | None) -> None:
        if plan is not None:
            self.desk.submit(plan)


def shares_of(forest: Forest) -> dict[str, Share]:
    """Project id -> what its sessions take, from what is measured by now."""
    found: dict[str, Share] = {}
    for row in forest.rows:
        share = found.get(row.project_id, Share())
        usage = forest.usage_of(row.id)
        octets = share.bytes + (usage.bytes if usage else 0)
        newer = row.active > share.active or not share.newest
        found[row.project_id] = Share(
            octets, max(share.active, row.active), row.id if newer else share.newest
        )
    return found


def project_row(row: ProjectRow, share: Share, now: int) -> Row:
    """One project as a line."""
    folder = f"{row.worktree} ⚠ gone" if row.missing else row.worktree
    return Row(
        row.id,
        (
            (format.size(share.bytes), "strong" if share.bytes else "muted"),
            (format.count(row.sessions), "" if row.sessions else "muted"),
            (format.age(share.active, now) if share.active else format.UNKNOWN, "muted"),
            (row.name, ""),
            (folder, "warning" if row.missing else "muted"),
        ),
    )
