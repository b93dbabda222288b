"""Reclaim: which heavy payloads go, of whom, how many bytes, and what can no longer be seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Event
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.desk import freeable
from tui.policy.plan import Plan
from tui.policy.reclaim import LEVELS, MALFORMED, ReclaimPolicy, plan_reclaim
from tui.records import Payload
from tui.screens.dialog import Dialog
from tui.screens.prune import REASONS
from tui.screens.scope import ALL, Scope
from tui.widgets.choice import Choice
from tui.widgets.line_list import Piece
from tui.widgets.plan_table import PlanTable
from tui.widgets.row_table import Column, Row, RowTable

COLUMNS = (
    Column("", 3),
    Column("bytes", format.SIZE_CELLS, right=True),
    Column("level", 10),
    Column("what it takes"),
)

WHY = {**REASONS, "recent": "active too recently", "only_copy": "whose result nobody else holds"}
"""Why sessions are left out, in the user's words."""


class ReclaimDialog(Dialog[Plan]):
    """Returns the plan whose preview was shown."""

    heading = "Reclaim"
    safe = "Keep everything"
    hint = "↑ to the levels · space takes one · s for whom"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "turn", "Choose", show=False),
        Binding("s", "scope", "For whom", show=False),
    ]

    def __init__(
        self, levels: Iterable[str] = ("compacted",), scopes: Sequence[Scope] = (ALL,)
    ) -> None:
        """`scopes` are the choices for whom it counts; marks come first and are taken at once."""
        super().__init__()
        self.levels = set(levels)
        self.scopes = tuple(scopes)
        self.found: dict[Scope, list[Payload]] = {}
        """What was counted so far."""
        self.plan = Plan("reclaim", ())
        self._stop = Event()

    def body(self) -> Iterable[Widget]:
        """For whom, the levels, the sentences of one, the items."""
        yield Choice(
            "for", [(each.label, each) for each in self.scopes], place=self._first(), id="scope"
        )
        yield RowTable(id="levels")
        yield Static(id="sentence", markup=False)
        yield PlanTable(id="items")
        yield Static(id="left-out", markup=False)

    def _first(self) -> int:
        """The marked trees where there are any, else everything."""
        return (
            0 if self.scopes[0].ids and "marked" in self.scopes[0].label else len(self.scopes) - 1
        )

    def on_mount(self) -> None:
        """Show the levels, then count their bytes in a thread."""
        self._look()

    def on_unmount(self) -> None:
        """Nobody waits for the answer any more."""
        self._stop.set()

    @property
    def scope(self) -> Scope:
        """For whom it counts now."""
        chosen: Scope = self.query_one("#scope", Choice).value
        return chosen

    @property
    def payloads(self) -> list[Payload] | None:
        """What there is of these; None while it is counted."""
        known = self.found.get(self.scope, self.found.get(ALL))
        if known is None:
            return None
        return [each for each in known if self.scope.holds(each, self.desk.forest)]

    @on(Choice.Changed, "#scope")
    def _look(self) -> None:
        """Count for these, unless that is known."""
        self._preview()
        if self.payloads is None:
            desk, scope = self.desk, self.scope
            ids = scope.sessions(desk.forest)
            desk.ask(
                lambda: (scope, desk.read_payloads(list(LEVELS), ids, self._stop)),
                self._came,
                group="reclaim",
            )

    def _came(self, answer: tuple[Scope, list[Payload]]) -> None:
        if self.is_attached:
            scope, self.found[scope] = answer[0], answer[1]
            self._preview()

    def action_scope(self) -> None:
        """The next choice of for whom."""
        self.query_one("#scope", Choice).action_turn(1)

    @on(RowTable.Chosen, "#levels")
    def action_turn(self) -> None:
        """Take or leave the level under the cursor."""
        key = self.query_one("#levels", RowTable).key
        if key is not None:
            self.levels ^= {key}
            self._preview()

    @on(RowTable.Moved)
    def _tell_level(self) -> None:
        """The level under the cursor in full: what it takes, and what is lost."""
        key = self.query_one("#levels", RowTable).key
        if key is not None:
            level = LEVELS[key]
            text = Content.assemble(level.takes, "\n", (level.loses, "$text-warning"))
            self.query_one("#sentence", Static).update(text)

    def _preview(self) -> None:
        self.query_one("#levels", RowTable).show(COLUMNS, [self._row(name) for name in LEVELS])
        self._tell_level()
        payloads, table = self.payloads, self.query_one("#items", PlanTable)
        if payloads is None:
            table.empty_text = "Looking through the tool output …"
            table.show(Plan("reclaim", (), message=table.empty_text))
            self.offer("Reclaim", possible=False)
            return
        desk, policy = self.desk, self.policy()
        self.plan = plan = plan_reclaim(desk.forest, payloads, policy, desk.now(), desk.running)
        table.show(plan)
        self.query_one("#left-out", Static).update(Content(left_out(plan, policy)))
        totals = plan.totals
        what = format.payloads(totals.parts, totals.messages)
        amount = format.size(plan.predicted_bytes)
        self.offer(
            f"Reclaim {what} — {amount}" if plan.items else "Nothing to reclaim",
            possible=bool(plan.items),
        )

    def policy(self) -> ReclaimPolicy:
        """What is chosen."""
        return ReclaimPolicy(
            levels=tuple(name for name in LEVELS if name in self.levels),
            session_ids=self.scope.ids,
            project=self.scope.project,
            keep=self.desk.config.reclaim.keep,
        )

    def _row(self, name: str) -> Row:
        found = None
        if self.payloads is not None:
            found = sum(freeable(each) for each in self.payloads if each.level == name)
        tick: Piece = ("[✓]", "mark") if name in self.levels else ("[ ]", "muted")
        return Row(
            name,
            (tick, (format.size(found), "good" if found else "muted"), (name, ""),
             (LEVELS[name].takes, "muted")),
        )  # fmt: skip

    def answer(self) -> Plan:
        """The plan shown."""
        return self.plan


def left_out(plan: Plan, policy: ReclaimPolicy) -> str:
    """Whether there is a way back, and why payloads stay."""
    parts = [
        f"{format.count(number)} {WHY.get(reason, reason)}"
        for reason, number in plan.excluded.items()
        if reason != MALFORMED
    ]
    if odd := plan.excluded.get(MALFORMED):
        parts.append(f"{format.plural(odd, 'row')} of an unknown shape")
    said = f"The conversation stays; {way_back(plan, policy)}."
    return f"{said} Left out: {', '.join(parts)}." if parts else said


def way_back(plan: Plan, policy: ReclaimPolicy) -> str:
    """What `u` brings back, and how large the copy gets; or that it brings nothing back."""
    kept = [level for level in policy.levels if LEVELS[level].keeps]
    if not policy.keep or not kept:
        return f"what goes ({format.size(plan.totals.bytes)}) cannot be undone"
    lost = [level for level in policy.levels if level not in kept]
    but = f" all but {', '.join(lost)}" if lost else " it all"
    return f"u brings{but} back from a copy of about {format.size(plan.totals.bytes)}"
