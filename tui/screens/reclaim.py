"""Reclaim: which heavy payloads go, of whom, how many bytes, and what can no longer be seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from threading import Event
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.desk import freeable
from tui.keys import Keys, bindings
from tui.policy.giving_back import announced
from tui.policy.plan import Plan
from tui.policy.reclaim import (
    LEVELS,
    MALFORMED,
    MIGRATED,
    OF_OUTPUT,
    UNASKED,
    ReclaimPolicy,
    plan_reclaim,
    way_back,
    what_goes,
)
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

WHY = {**REASONS, "recent": "active too recently"}
"""Why sessions are left out, in the user's words."""


class ReclaimDialog(Dialog[Plan]):
    """Returns the plan whose preview was shown."""

    heading = "Reclaim"
    safe = "Keep everything"
    hint = "{up} to the levels · {mark} takes one · {scope} for whom"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "turn", "Choose", id="mark", show=False),
        *bindings(("scope",)),
    ]

    def __init__(
        self,
        levels: Iterable[str] = ("compacted",),
        scopes: Sequence[Scope] = (ALL,),
        first: int = 0,
    ) -> None:
        """`scopes` are the choices for whom it counts; `first` is the place of the one at first."""
        super().__init__()
        self.levels = set(levels)
        self.scopes, self.first_scope = tuple(scopes), first
        self.found: dict[Scope, list[Payload]] = {}
        """What was counted so far."""
        self.whole: set[Scope] = set()
        """Those for which also the costly levels are counted."""
        self.plan = Plan("reclaim", ())
        self._stop = Event()

    def body(self) -> Iterable[Widget]:
        """For whom, the levels, the sentences of one, the items."""
        yield Choice(
            "for", [(each.label, each) for each in self.scopes], place=self.first_scope, id="scope"
        )
        yield RowTable(id="levels")
        yield Static(id="sentence", markup=False)
        yield PlanTable(id="items")
        yield Static(id="left-out", markup=False)

    def on_mount(self) -> None:
        """Show the levels, the asked one under the cursor, then count their bytes in a thread."""
        self._look()
        table = self.query_one("#levels", RowTable)
        asked = (at for at, row in enumerate(table.rows) if row.key in self.levels)
        table.cursor = next(asked, 0)

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
        scope = self._counted()
        if scope is None:
            return None
        return [each for each in self.found[scope] if self.scope.holds(each, self.desk.forest)]

    def _counted(self) -> Scope | None:
        """The scope whose counts hold the chosen one; all of them before some of them."""
        both = [scope for scope in (self.scope, ALL) if scope in self.found]
        return next((scope for scope in both if scope in self.whole), both[0] if both else None)

    @on(Choice.Changed, "#scope")
    def _look(self) -> None:
        """Count for these, unless that is known."""
        self._preview()
        if self._counted() not in self.whole:
            desk, scope = self.desk, self.scope
            ids = scope.sessions(desk.forest)
            desk.ask(lambda: self._count(scope, ids), self._all_came, group="reclaim")

    def _count(self, scope: Scope, ids: Collection[str] | None) -> tuple[Scope, list[Payload]]:
        """In a thread: what is found soon is shown at once, then comes what takes long."""
        desk = self.desk
        soon = self.found.get(scope)
        if soon is None:
            soon = desk.read_payloads(UNASKED, ids, self._stop)
            desk.hand_over(self._some_came, scope, soon)
        # Together, for a part that several levels want counts for the first of them.
        late = desk.read_payloads(OF_OUTPUT, ids, self._stop)
        return scope, [
            *(each for each in soon if each.level not in OF_OUTPUT),
            *(each for each in late if each.level in OF_OUTPUT),
        ]

    def _some_came(self, scope: Scope, found: list[Payload]) -> None:
        if self.is_attached:
            self.found[scope] = found
            self._preview()

    def _all_came(self, answer: tuple[Scope, list[Payload]]) -> None:
        if self.is_attached:
            scope, self.found[scope] = answer
            self.whole.add(scope)
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
        is_old = self.desk.generation == "v1"
        rows = [self._row(name) for name in LEVELS if not (is_old and name == MIGRATED)]
        self.query_one("#levels", RowTable).show(COLUMNS, rows)
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
        then = announced(plan, desk.live.sizes) if desk.live else ""
        said = f"{left_out(plan, policy, desk.keys)} {then}".rstrip()
        self.query_one("#left-out", Static).update(Content(said))
        amount = format.size(plan.predicted_bytes)
        self.offer(
            f"Reclaim {what_goes(plan)} — {amount}" if plan.items else "Nothing to reclaim",
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
        is_counted = name in UNASKED or self._counted() in self.whole
        if self.payloads is not None and is_counted:
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


def left_out(plan: Plan, policy: ReclaimPolicy, keys: Keys) -> str:
    """Whether there is a way back, and why payloads stay."""
    parts = [
        f"{format.count(number)} {WHY.get(reason, reason)}"
        for reason, number in plan.excluded.items()
        if reason != MALFORMED
    ]
    if odd := plan.excluded.get(MALFORMED):
        parts.append(f"{format.plural(odd, 'row')} of an unknown shape")
    back = way_back(plan, policy)
    lost = f"what goes ({format.size(plan.totals.bytes)}) cannot be undone"
    said = f"The conversation stays; {keys['undo'] + ' ' + back if back else lost}."
    if not plan.items:
        said = "Nothing goes yet."
    return f"{said} Left out: {', '.join(parts)}." if parts else said
