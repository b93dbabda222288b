"""Vacuum: what it would give, what it needs, who is in the way, and how it would go about it."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.desk import Live
from tui.keys import Keys
from tui.policy.plan import Plan
from tui.policy.vacuum import VacuumDecision
from tui.screens.dialog import Dialog
from tui.widgets.choice import Choice

AFTERWARDS = (
    ("the file as it is", False),
    ("pages go back in slices", True),
)
"""Whether the file is made incremental: a property of the file, so nobody does that unasked."""


class VacuumDialog(Dialog[Plan]):
    """Returns the plan whose decision was shown."""

    heading = "Vacuum"
    safe = "Not now"
    DEFAULT_CSS = "VacuumDialog Choice { margin-top: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.plan: Plan | None = None

    def body(self) -> Iterable[Widget]:
        """The facts, and one choice."""
        yield Static(
            Content.styled("Looking at database and disk …", "$foreground-muted"), id="facts"
        )
        yield Choice("afterwards", AFTERWARDS, id="afterwards")

    def on_mount(self) -> None:
        """Decide in a thread: the disk's speed is measured once."""
        self.look()

    @on(Choice.Changed)
    def look(self) -> None:
        """What a vacuum would do now, as chosen."""
        self.offer("Vacuum", possible=False)
        desk, chosen = self.desk, bool(self.query_one(Choice).value)
        desk.ask(lambda: desk.plan_vacuum(chosen), self.show_plan, group="vacuum")

    def show_plan(self, plan: Plan) -> None:
        """Facts and the button that fits the way."""
        if not self.is_attached:
            return
        self.plan = plan
        decision: VacuumDecision = plan.options
        self.query_one("#facts", Static).update(facts(decision, self.desk.live, self.desk.keys))
        self.query_one(Choice).display = decision.way not in ("incremental", "refused")
        self.offer(verb(decision), possible=bool(plan.items))

    def answer(self) -> Plan | None:
        """The plan shown."""
        return self.plan


def verb(decision: VacuumDecision) -> str:
    """The button: what it does and what it gives."""
    amount = format.size(decision.frees_bytes)
    if decision.converts and decision.way == "copy_back":
        return f"Vacuum and make it incremental — {amount}"
    return {
        "wait": f"Vacuum when nobody uses it — {amount}",
        "checkpoint": f"Fold the log in — {amount}",
        "nothing": "Nothing to give back",
        "refused": "Not possible",
    }.get(decision.way, f"Vacuum now — {amount}")


def facts(decision: VacuumDecision, live: Live | None, keys: Keys) -> Content:
    """The facts as aligned lines, the sentence last."""
    lines: list[Content] = []
    if live is not None:
        sizes = live.sizes
        on_disk = format.size(live.on_disk)
        lines.append(
            _line("free pages", f"{format.size(sizes.free_bytes)} of {format.size(sizes.bytes)}")
        )
        if sizes.wal_bytes:
            lines.append(_line("write-ahead log", format.size(sizes.wal_bytes)))
        if decision.way not in ("nothing", "refused"):
            after = format.size(decision.file_after)
            lines.append(_line("on disk", f"{on_disk} now, {after} afterwards"))
        lines.append(_disk(decision, live))
        names = ", ".join(f"{format.clean(who.name)} {who.pid}" for who in live.holders[:4])
        lines.append(_line("held by", names or "nobody"))
    if decision.lock_seconds:
        lines.append(_line("locked for", f"about {format.duration(decision.lock_seconds)}"))
    look = {"refused": "$text-error", "wait": "$text-warning", "nothing": "$foreground-muted"}
    said = format.clean(decision.message)
    if decision.way == "nothing":
        said += " {rescue}, {reclaim} or {prune_tree} make pages free first.".format_map(keys)
    sentence = Content.styled(said, look.get(decision.way, ""))
    return Content("\n").join([*lines, Content(""), sentence])


def _disk(decision: VacuumDecision, live: Live) -> Content:
    if not decision.needs_bytes:
        return _line("free disk", format.size(live.free_disk))
    enough = not decision.short_bytes
    return Content.assemble(
        _line("needs", f"{format.size(decision.needs_bytes)} for a moment; "),
        f"{format.size(live.free_disk)} free ",
        ("✓", "$text-success") if enough else ("✗ too little", "$text-error"),
    )


def _line(label: str, value: str) -> Content:
    return Content.assemble((format.fit(label, 18), "$foreground-muted"), (value, "bold"))
