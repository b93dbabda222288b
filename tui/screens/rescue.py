"""Rescue: every step with its bytes and what is lost, the total, and one button."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Event
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.keys import Keys
from tui.policy.plan import Item, Plan
from tui.policy.reclaim import LEVELS
from tui.policy.rescue import VACUUM, RescueOptions, plan_rescue, rescue_steps, way_back
from tui.policy.vacuum import VacuumFacts
from tui.records import Payload
from tui.screens.dialog import Dialog
from tui.screens.prune import left_out
from tui.widgets.line_list import Piece
from tui.widgets.row_table import Column, Row, RowTable

COLUMNS = (
    Column("", 3),
    Column("bytes", format.SIZE_CELLS, right=True),
    Column("step", 12),
    Column("what you lose"),
)

TAKES = "Gives free pages and the write-ahead log back to the disk, into the same file."


class RescueDialog(Dialog[Plan]):
    """Returns the plan whose preview was shown."""

    heading = "Get space back, keep every session"
    safe = "Keep everything"
    hint = "{up} to the steps · {mark} switches one"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "turn", "Choose", id="mark", show=False)
    ]

    def __init__(self) -> None:
        super().__init__()
        self.without: set[str] = set()
        self.payloads: list[Payload] = []
        self.vacuum: VacuumFacts | None = None
        """None while it is being looked at."""
        self.plan = Plan("rescue", ())
        self._whole = self.plan
        """With every step, for the bytes of those switched off."""
        self._stop = Event()

    def body(self) -> Iterable[Widget]:
        """The steps, what the one under the cursor takes, what comes of it."""
        yield RowTable(id="steps")
        yield Static(id="takes", markup=False)
        yield Static(id="verdict", markup=False)
        yield Static(id="left-out", markup=False)

    def on_mount(self) -> None:
        """Show the steps, then look in a thread."""
        self.query_one("#steps").styles.height = 1 + len(rescue_steps())
        self._preview()
        desk = self.desk
        desk.ask(lambda: desk.read_rescue(self._stop), self._came, group="rescue")

    def on_unmount(self) -> None:
        """Nobody waits for the answer any more."""
        self._stop.set()

    def _came(self, found: tuple[list[Payload], VacuumFacts]) -> None:
        if self.is_attached:
            self.payloads, self.vacuum = found
            self._whole = self._planned(frozenset())
            self.desk.looked_into(*found)
            self._preview()

    def _planned(self, without: Iterable[str]) -> Plan:
        assert self.vacuum is not None
        desk = self.desk
        return plan_rescue(
            desk.forest, self.payloads, self.vacuum, desk.now(), desk.running, frozenset(without),
            keep=desk.config.reclaim.keep,
        )  # fmt: skip

    @on(RowTable.Chosen, "#steps")
    def action_turn(self) -> None:
        """Take or leave the step under the cursor."""
        key = self.query_one("#steps", RowTable).key
        if key is not None and self.vacuum is not None:
            self.without ^= {key}
            self._preview()

    @on(RowTable.Moved)
    def _show_step(self) -> None:
        """What the step under the cursor takes and what is lost, at full length."""
        key = self.query_one("#steps", RowTable).key or ""
        item = self._item(key)
        text = LEVELS[key].takes if key in LEVELS else TAKES
        if key == VACUUM and item:
            text += f" {item.reason}"
        takes = Content.styled(format.clean(text), "$foreground-muted")
        loses = Content.styled(LEVELS[key].loses if key in LEVELS else "", "$text-warning")
        both = self.app.size.width >= 60 or key not in LEVELS
        self.query_one("#takes", Static).update(
            Content.assemble(takes, "\n", loses) if both else loses
        )

    def _preview(self) -> None:
        if self.vacuum is None:
            self.query_one("#verdict", Static).update(
                Content.styled("Looking through the database …", "$foreground-muted")
            )
            self.offer("Get it back", possible=False)
        else:
            self.plan = plan = self._planned(self.without)
            live = self.desk.live
            self.query_one("#verdict", Static).update(
                verdict(plan, live.on_disk if live else 0, self.desk.keys)
            )
            self.query_one("#left-out", Static).update(Content(left_out(plan.excluded)))
            amount = format.size(plan.predicted_bytes)
            some = bool(plan.items)
            self.offer(f"Get {amount} back" if some else "Nothing to get back", possible=some)
        self.query_one("#steps", RowTable).show(COLUMNS, [self._row(n) for n in rescue_steps()])
        self._show_step()

    def _item(self, step: str) -> Item | None:
        plans = (self.plan, self._whole)
        return next((item for plan in plans for item in plan if item.id == step), None)

    def _row(self, step: str) -> Row:
        item = self._item(step)
        octets = None if self.vacuum is None else item.bytes if item else 0
        off = step in self.without
        tick: Piece = ("[ ]", "muted") if off else ("[✓]", "mark")
        look = "good" if octets and not off else "muted"
        loses = LEVELS[step].loses if step in LEVELS else "Nothing."
        return Row(step, (tick, (format.size(octets), look), (step, ""), (loses, "muted")))

    def answer(self) -> Plan:
        """The plan shown."""
        return self.plan


def verdict(plan: Plan, on_disk: int, keys: Keys) -> Content:
    """The total, and what a vacuum at the end means for a running opencode."""
    lines = [Content.styled(format.clean(plan.message), "bold")]
    decision = plan.options.vacuum if isinstance(plan.options, RescueOptions) else None
    if decision is not None and any(item.id == VACUUM for item in plan):
        after = format.size(max(0, on_disk - plan.predicted_bytes))
        lines.append(Content(f"On disk {format.size(on_disk)} now, {after} afterwards."))
        lock = decision.lock_seconds
        spell = f"about {format.duration(lock)}" if lock >= 0.1 else "a moment"
        who = ", once nobody uses it any more" if decision.way == "wait" else ""
        lines.append(Content(f"The vacuum locks the database for {spell}{who}."))
    if back := way_back(plan, keys["undo"]):
        lines.append(Content(back))
    return Content("\n").join(lines)
