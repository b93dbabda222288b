"""Reclaim: which heavy payloads go, how many bytes that is, and what can no longer be seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable
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
from tui.policy.reclaim import LEVELS, MALFORMED, ReclaimPolicy, plan_reclaim, unit_of
from tui.records import Payload
from tui.screens.dialog import Dialog
from tui.screens.prune import REASONS
from tui.widgets.line_list import Piece
from tui.widgets.plan_table import PlanTable
from tui.widgets.row_table import Column, Row, RowTable

COLUMNS = (
    Column("", 3),
    Column("bytes", format.SIZE_CELLS, right=True),
    Column("level", 12),
    Column("what it takes"),
)


class ReclaimDialog(Dialog[Plan]):
    """Returns the plan whose preview was shown."""

    heading = "Reclaim"
    safe = "Keep everything"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "turn", "Choose", show=False)]

    def __init__(
        self, levels: Iterable[str] = ("compacted",), ids: Collection[str] | None = None
    ) -> None:
        """`ids` restricts it to these sessions, with all protections but a run lifted."""
        super().__init__()
        self.levels = set(levels)
        self.ids = None if ids is None else frozenset(ids)
        self.payloads: list[Payload] | None = None
        self.plan = Plan("reclaim", ())
        self._stop = Event()

    def body(self) -> Iterable[Widget]:
        """Levels, loss, items."""
        table = RowTable(id="levels")
        yield table
        yield Static(id="loses", markup=False)
        yield PlanTable(id="items")
        yield Static(id="left-out", markup=False)

    def on_mount(self) -> None:
        """Show the levels, then count their bytes in a thread."""
        self._preview()
        desk = self.desk
        desk.ask(
            lambda: desk.read_payloads(list(LEVELS), self.ids, self._stop),
            self._came,
            group="reclaim",
        )

    def on_unmount(self) -> None:
        """Nobody waits for the answer any more."""
        self._stop.set()

    def _came(self, payloads: list[Payload]) -> None:
        if self.is_attached:
            self.payloads = payloads
            self._preview()

    @on(RowTable.Chosen, "#levels")
    def action_turn(self) -> None:
        """Take or leave the level under the cursor."""
        key = self.query_one("#levels", RowTable).key
        if key is not None:
            self.levels ^= {key}
            self._preview()

    def _preview(self) -> None:
        is_old = self.desk.generation == "v1"
        rows = [self._row(name) for name in LEVELS if not (is_old and name == "migrated")]
        self.query_one("#levels", RowTable).show(COLUMNS, rows)
        chosen = [level for name, level in LEVELS.items() if name in self.levels]
        self.query_one("#loses", Static).update(
            Content("\n").join([Content.styled(each.loses, "$text-warning") for each in chosen])
            or Content("")
        )
        if self.payloads is None:
            self.query_one("#items", PlanTable).empty_text = "Looking through the tool output …"
            self.offer("Reclaim", possible=False)
            return
        desk = self.desk
        policy = ReclaimPolicy(
            levels=tuple(name for name in LEVELS if name in self.levels), session_ids=self.ids
        )
        self.plan = plan = plan_reclaim(
            desk.forest, self.payloads, policy, desk.now(), desk.running
        )
        self.query_one("#items", PlanTable).show(plan)
        self.query_one("#left-out", Static).update(Content(left_out(plan)))
        amount = format.size(plan.predicted_bytes)
        outputs = format.plural(plan.totals.parts, unit_of(plan))
        self.offer(
            f"Reclaim {outputs} — {amount}" if plan.items else "Nothing to reclaim",
            possible=bool(plan.items),
        )

    def _row(self, name: str) -> Row:
        level = LEVELS[name]
        found = None
        if self.payloads is not None:
            found = sum(freeable(each) for each in self.payloads if each.level == name)
        tick: Piece = ("[✓]", "mark") if name in self.levels else ("[ ]", "muted")
        return Row(
            name,
            (tick, (format.size(found), "good" if found else "muted"), (name, ""),
             (level.takes, "muted")),
        )  # fmt: skip

    def answer(self) -> Plan:
        """The plan shown."""
        return self.plan


def left_out(plan: Plan) -> str:
    """Why payloads stay."""
    parts = [
        f"{format.count(number)} {REASONS.get(reason, reason)}"
        for reason, number in plan.excluded.items()
        if reason != MALFORMED
    ]
    if odd := plan.excluded.get(MALFORMED):
        parts.append(f"{format.plural(odd, 'row')} of an unknown shape")
    output = f"{format.size(plan.totals.bytes)} of output; the conversation stays, no undo"
    return f"{output} · left out: {', '.join(parts)}" if parts else output
