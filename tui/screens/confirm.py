"""A question before something that cannot be undone, or that touches work in progress."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui import format
from tui.keys import Keys
from tui.policy.plan import Plan
from tui.policy.prune import UNREAD, without_history
from tui.records import Payload
from tui.screens.dialog import Dialog
from tui.widgets.plan_table import PlanTable


class Question(NamedTuple):
    """What is asked, in sentences for the user; the verb and the count stand on the button."""

    heading: str
    sentences: tuple[str, ...]
    verb: str
    safe: str = "Keep everything"
    typed: str = ""
    """What has to be typed before the button works, e.g. the count."""
    destructive: bool = False
    plan: Plan | None = None
    """Shown as a table when it has more than one item."""


class ConfirmDialog(Dialog[bool]):
    """True when the button with the verb was pressed."""

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question
        self.heading = question.heading
        self.safe = question.safe
        self.first = "#typed" if question.typed else "#safe"

    def body(self) -> Iterable[Widget]:
        """The sentences, the items, the field for the count."""
        question = self.question
        text = "\n".join(format.clean(sentence) for sentence in question.sentences)
        yield Static(Content(text), id="sentences", markup=False)
        if question.plan is not None and len(question.plan) > 1:
            yield PlanTable()
        if question.typed:
            yield Static(
                Content.assemble("Type ", (question.typed, "bold"), " to go on:"), markup=False
            )
            yield Input(compact=True, id="typed", restrict=r"[0-9]*", max_length=9)

    def on_mount(self) -> None:
        """Table and button."""
        question = self.question
        for table in self.query(PlanTable):
            plan = question.plan or Plan("", ())
            table.show(plan)
            room = max(1, self.app.size.height - 16)  # the buttons stay on the screen
            table.styles.height = 1 + min(8, room, len(plan))
        self.offer(question.verb, possible=not question.typed, destructive=question.destructive)

    @on(Input.Changed, "#typed")
    def _typed(self, event: Input.Changed) -> None:
        question = self.question
        fits = event.value.strip() == question.typed
        self.offer(question.verb, possible=fits, destructive=question.destructive)

    @on(Input.Submitted, "#typed")
    def _submitted(self) -> None:
        if self.query_one("#act").disabled:
            self.app.notify("That is not the number asked for: nothing happens until it is.")
        else:
            self.query_one("#act").focus()

    def answer(self) -> bool:
        """Pressed."""
        return True


def prune_question(plan: Plan, keys: Keys, reason: str = "") -> Question:
    """Before trees go to the trash that somebody may still need."""
    totals = plan.totals
    back = f"{keys['undo']} brings it back"
    return Question(
        "Move to trash",
        tuple(
            sentence
            for sentence in (
                reason,
                f"{_named(plan)} would move to the trash; {back}{_without_history(plan)}.",
                "The public page of a shared session stays on line." if "shared" in reason else "",
            )
            if sentence
        ),
        f"Move {format.plural(totals.sessions, 'session')} to trash — {format.size(totals.bytes)}",
        plan=plan,
    )


def _without_history(plan: Plan) -> str:
    policy = plan.options
    return "" if getattr(policy, "events", True) else without_history(plan.items, UNREAD)


def delete_question(plan: Plan, keys: Keys) -> Question:
    """Before trees go for good: the number of sessions has to be typed."""
    totals = plan.totals
    return Question(
        "Delete for good",
        (
            f"{_named(plan)} would be deleted without a copy in the trash.",
            f"Nothing brings it back: {keys['undo']} cannot undo this.",
        ),
        f"Delete {format.plural(totals.sessions, 'session')} — {format.size(totals.bytes)}",
        typed=str(totals.sessions),
        destructive=True,
        plan=plan,
    )


def empty_question(plan: Plan, keys: Keys) -> Question:
    """Before batches of the trash go for good."""
    totals = plan.totals
    sessions = format.plural(totals.sessions, "session")
    return Question(
        "Empty trash",
        (
            f"{sessions} in the trash would be gone for good.",
            f"Nothing brings them back: {keys['undo']} cannot undo this.",
        ),
        f"Delete {sessions} from the trash — {format.size(totals.bytes)}",
        safe="Keep the trash",
        typed=str(totals.sessions),
        destructive=True,
        plan=plan,
    )


def remove_project_question(plan: Plan) -> Question:
    """Before an empty project goes."""
    return Question(
        "Remove project",
        (f"“{format.clip(format.titled(plan.items[0].title), 50)}” has no session.", plan.message),
        f"Remove {format.plural(len(plan), 'project')}",
        safe="Keep it",
    )


def consent_question(payloads: Iterable[Payload], given: bool = False) -> Question:
    """Whether to reclaim in the background; `given` when that was agreed to before."""
    found = list(payloads)
    parts, octets = sum(each.parts for each in found), sum(each.bytes for each in found)
    what = f"{format.plural(parts, 'tool output')} ({format.size(octets)})"
    marked = (
        f"opencode has marked {what} as compacted: it no longer sends them to the model, "
        "but keeps them in the database."
        if found
        else "opencode marks old tool output as compacted: it no longer sends it to the model, "
        "but keeps it in the database. Nothing is marked at present."
    )
    does = "clears" if given else "can clear"
    return Question(
        "Reclaim in the background",
        (
            marked,
            f"While ocdu is open it {does} such output by itself, a little at a time. The "
            "conversation stays; the cleared output cannot be read again.",
            "The answer is kept for this database; the same key changes it at any time.",
        ),
        "Stop doing so" if given else f"Reclaim by itself — {format.size(octets)} now",
        safe="Go on" if given else "Not now",
    )


def _named(plan: Plan) -> str:
    sessions = format.plural(plan.totals.sessions, "session")
    if len(plan.items) == 1:
        return f"“{format.clip(format.titled(plan.items[0].title), 50)}” with {sessions}"
    return f"{format.plural(len(plan.items), 'tree')} with {sessions}"
