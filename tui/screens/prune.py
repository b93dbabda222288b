"""Prune by policy: five choices, and below them at once what would go and what stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from textual import on
from textual.containers import Grid
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.forest import Forest
from tui.keys import Keys
from tui.policy.giving_back import announced
from tui.policy.plan import Plan
from tui.policy.prune import UNREAD, PrunePolicy, plan_prune, without_history
from tui.quantity import parse_age
from tui.screens.dialog import Dialog
from tui.widgets.choice import Choice
from tui.widgets.composition_bar import CompositionBar, Portion
from tui.widgets.plan_table import PlanTable

IDLE_DAYS = (1, 3, 7, 14, 30, 60, 90, 180, 365)
"""Offered ages; the configured one is added."""

KEEP = (0, 1, 3, 5, 10, 20)
LARGER = (0, 1_000_000, 10_000_000, 50_000_000, 100_000_000, 500_000_000)

REASONS = {
    "running": "at work",
    "pinned": "pinned",
    "shared": "shared",
    "recent": "active in the last hour",
    "kept": "newest of their project",
    "owned": "owned by a workspace",
    "diverged": "whose rows differ from their newest events",
    "only_copy": "that are the only copy",
}
"""Why trees are left out, in the user's words."""


class PruneDialog(Dialog[Plan]):
    """Returns the very plan whose preview was shown."""

    heading = "Prune by policy"
    safe = "Keep everything"

    def __init__(self, project: tuple[str, str] | None = None) -> None:
        """`project` is (id, name) of the one the cursor is in."""
        super().__init__()
        self.project = project
        self.plan = Plan("prune", ())

    def body(self) -> Iterable[Widget]:
        """Choices, bar, counts, items, what is left out."""
        ages, place = idle_choices(parse_age(self.desk.config.prune.older_than))
        scopes: list[tuple[str, Any]] = [("all projects", None)]
        if self.project:
            scopes.append((format.clip(format.clean(self.project[1]), 24), self.project[0]))
        keep = self.desk.config.prune.keep
        keeps = sorted({*KEEP, keep})
        yield Grid(
            Choice("idle for   ", ages, place=place, id="idle"),
            Choice("scope      ", scopes, id="scope"),
            Choice("which      ", ARCHIVED, id="archived"),
            Choice(
                "keep newest",
                [(str(n), n) for n in keeps],
                place=keeps.index(keep),
                id="keep",
            ),
            Choice(
                "larger than",
                [(format.size(n) if n else "any size", n) for n in LARGER],
                id="larger",
            ),
            Choice("goes       ", [("to trash", False), ("for good", True)], id="permanent"),
            id="choices",
        )
        yield CompositionBar(id="verdict")
        yield Static(id="counts", markup=False)
        yield PlanTable(id="items")
        yield Static(id="left-out", markup=False)
        yield Static(id="fate", markup=False)

    def on_mount(self) -> None:
        """The first preview."""
        self.watch(self.app, "forest", self.preview)

    @on(Choice.Changed)
    def preview(self) -> None:
        """Plan anew and show it."""
        desk = self.desk
        policy = self.policy()
        used = desk.live.sizes.filled_bytes if desk.live else 0
        self.plan = plan = plan_prune(
            desk.forest, policy, desk.now(), desk.running, filled_bytes=used
        )
        self.query_one("#verdict", CompositionBar).portions = verdict(
            plan, protected_bytes(desk.forest, policy, plan, desk.now()), desk.forest.bytes
        )
        self.query_one("#counts", Static).update(Content(counts(plan)))
        self.query_one("#items", PlanTable).show(plan)
        self.query_one("#left-out", Static).update(Content(left_out(plan.excluded)))
        then = announced(plan, desk.live.sizes) if desk.live else ""
        ends = "\n".join(filter(None, (fate(plan, self.desk.keys), then)))
        self.query_one("#fate", Static).update(Content(ends))
        totals = plan.totals
        sessions = format.plural(totals.sessions, "session")
        verb = f"Delete {sessions} for good" if policy.permanent else f"Move {sessions} to trash"
        self.offer(
            f"{verb} — {format.size(totals.bytes)}" if plan.items else "Nothing to prune",
            possible=bool(plan.items),
            destructive=policy.permanent,
        )

    def policy(self) -> PrunePolicy:
        """What the choices say."""
        chosen = {choice.id: choice.value for choice in self.query(Choice)}
        return PrunePolicy(
            older_than=chosen["idle"],
            project=chosen["scope"],
            archived=chosen["archived"] == "archived",
            missing=chosen["archived"] == "missing",
            children=chosen["archived"] == "children",
            keep=chosen["keep"],
            larger_than=chosen["larger"],
            permanent=chosen["permanent"],
            events=self.desk.config.trash.events,
        )

    def answer(self) -> Plan:
        """The plan shown."""
        return self.plan


ARCHIVED = (
    ("any tree", ""),
    ("archived trees", "archived"),
    ("trees whose folder is gone", "missing"),
    ("finished subagents", "children"),
)


def idle_choices(configured: timedelta) -> tuple[list[tuple[str, timedelta | None]], int]:
    """The ages offered with the configured one among them, and its place."""
    ages = sorted({*(timedelta(days=n) for n in IDLE_DAYS), configured})
    shown: list[tuple[str, timedelta | None]] = [("any time", None)]
    shown += [(_span(each), each) for each in ages]
    return shown, ages.index(configured) + 1


def _span(age: timedelta) -> str:
    if age % timedelta(days=1):
        return f"{age / timedelta(hours=1):g} hours"
    return format.plural(age.days, "day")


def protected_bytes(forest: Forest, policy: PrunePolicy, plan: Plan, now: int) -> int:
    """Octets of trees that match the choices and stay all the same; see `plan.excluded`."""
    if not plan.excluded or policy.children:
        return 0
    going = {item.id for item in plan}
    limit = now - (policy.older_than or timedelta(0)) / timedelta(milliseconds=1)
    return sum(
        tree.bytes
        for tree in forest.trees()
        if tree.root.id not in going
        and tree.active < limit
        and policy.project in (None, tree.root.project_id)
        and (tree.root.archived or not policy.archived)
        and (tree.root.missing or not policy.missing)
        and tree.bytes >= policy.larger_than
    )


def verdict(plan: Plan, protected: int, total: int) -> tuple[Portion, ...]:
    """Goes, could go but is protected, stays."""
    goes = plan.totals.bytes
    return (
        Portion("goes", goes, "$warning", "█"),
        Portion("protected", protected, "$secondary", "▓"),
        Portion("stays", max(0, total - goes - protected), "$foreground-disabled", "░"),
    )


def counts(plan: Plan) -> str:
    """What the plan names, or why nothing."""
    if not plan.items:
        return format.clean(plan.message)
    totals = plan.totals
    named = [
        format.plural(number, noun)
        for number, noun in (
            (totals.trees, "tree"),
            (totals.sessions, "session"),
            (totals.messages, "message"),
            (totals.parts, "part"),
            (totals.events, "event"),
            (totals.files, "file"),
        )
        if number
    ]
    if plan.predicted_bytes:
        named.append(f"frees about {format.size(plan.predicted_bytes)}")
    return " · ".join(named)


def fate(plan: Plan, keys: Keys) -> str:
    """What becomes of the trees that go, and whether there is a way back."""
    policy = plan.options
    if not plan.items or not isinstance(policy, PrunePolicy):
        return ""
    if policy.permanent:
        return "deleted for good: nothing undoes this"
    without = "" if policy.events else without_history(plan.items, UNREAD)
    return f"moves to trash, {keys['undo']} undoes it{without}"


def left_out(excluded: Mapping[str, int]) -> str:
    """Why matching trees stay, e.g. "left out: 3 shared, 2 pinned"."""
    if not excluded:
        return "nothing is left out"
    return "left out: " + ", ".join(
        f"{format.count(number)} {REASONS.get(reason, reason)}"
        for reason, number in sorted(excluded.items(), key=lambda each: -each[1])
    )
