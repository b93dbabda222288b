"""Relink: where is the folder of this project now? Every path that would change stands below."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui import format
from tui.errors import WrongCall
from tui.places import ProjectRow
from tui.policy.plan import Plan
from tui.screens.dialog import Dialog
from tui.widgets.plan_table import PlanTable

WAITING = "Type the folder where it lies now."

EMPTY = Plan("relink", (), message="Here stands every path that would change.")


class RelinkDialog(Dialog[Plan]):
    """Returns the plan whose rows were shown."""

    heading = "Relink a moved project"
    safe = "Leave it"
    first = "#new"

    def __init__(self, project: ProjectRow) -> None:
        super().__init__()
        self.project = project
        self.plan = Plan("relink", ())

    def body(self) -> Iterable[Widget]:
        """The old folder, the field for the new one, and the rows."""
        yield Static(Content(f"stored  {format.clean(self.project.worktree)}"), markup=False)
        yield Input(self.project.worktree, compact=True, id="new", placeholder="folder of today")
        yield Static(WAITING, id="verdict", markup=False)
        yield PlanTable(id="items")

    def on_mount(self) -> None:
        """Nothing is chosen yet."""
        self.query_one(PlanTable).show(EMPTY)
        self.offer("Relink", possible=False)

    @on(Input.Changed, "#new")
    def _typed(self, event: Input.Changed) -> None:
        desk, old, new = self.desk, self.project.worktree, event.value.strip()
        if new == old:  # nothing was typed yet: no complaint
            self._came(Plan("relink", (), message=WAITING))
            return

        def question() -> Plan:
            try:
                return desk.plan_relink(old, new)
            except WrongCall as error:
                return Plan("relink", (), message=str(error))

        desk.ask(question, self._came, group="relink")

    def _came(self, plan: Plan) -> None:
        if not self.is_attached:
            return
        self.plan = plan
        possible = bool(plan.items) and not plan.refused
        look = "$text-warning" if plan.refused else "$foreground-muted"
        undo = f" What was said keeps the old paths; {self.desk.keys['undo']} undoes."
        said = plan.message + (undo if possible else "")
        self.query_one("#verdict", Static).update(Content.styled(format.clean(said), look))
        self.query_one(PlanTable).show(plan if plan.items else EMPTY)
        sessions = format.plural(plan.totals.sessions, "session")
        self.offer(f"Relink {sessions}" if possible else "Relink", possible=possible)

    @on(Input.Submitted, "#new")
    def _submitted(self) -> None:
        if not self.query_one("#act").disabled:
            self.query_one("#act").focus()

    def answer(self) -> Plan:
        """The plan shown."""
        return self.plan
