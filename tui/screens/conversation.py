"""A conversation, read without opencode: lazy, bounded, and with the keys of the tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Event
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui import format
from tui.desk import Jobs
from tui.forest import Forest
from tui.keys import bindings
from tui.policy.plan import Plan
from tui.records import Body, Entry, Spoken
from tui.screens.within import Within
from tui.widgets.conversation import Conversation
from tui.widgets.key_bar import Key

CHANGES = ("reclaim", "rescue", "undo", "redo")
"""Jobs after which a conversation may say something else."""


class ConversationScreen(Within):
    """`read` opens a session; Escape goes back to where one came from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(("archive", "prune_tree", "delete", "pin", "copy_id", "filter")),
        *bindings(("next_hit", "hit_before", "next_largest", "export", "show_in_tree")),
        Binding("escape", "leave", "Back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.share = 0.0
        self._goal: str | None = None
        """Part or message to go to once it is read."""
        self._text = ""
        """What is looked for in it."""
        self._asked: tuple[str, ...] = ()
        self._largest = 0
        self._taken = False
        """True once this session was ordered away from here: then nothing is left to read."""

    def body(self) -> Iterable[Widget]:
        """What it is, the conversation, the line to search in it."""
        yield Static(id="talk-head", markup=False)
        yield Conversation()
        yield Input(compact=True, id="within", placeholder="search in this conversation")

    def on_mount(self) -> None:
        """Read what was asked for meanwhile."""
        self.talk.focus()
        self.watch(self.app, "forest", self._forest_changed, init=False)
        self.watch(self.app, "jobs", self._job_changed, init=False)
        if self.session_id:
            self._begin()

    def on_unmount(self) -> None:
        """Nobody reads any more."""
        self.stop.set()

    def read(self, session_id: str, part_id: str | None = None, text: str = "") -> None:
        """Open a session; with a part (or message) at its place, and at a text in it."""
        again = session_id == self.session_id and self.share == 1
        self.session_id, self._goal, self._text = session_id, part_id, text
        self._taken = False
        if not self.is_mounted:
            return
        self.talk.focus()
        if again and part_id:
            self._go()
        else:
            self._begin()

    def session_here(self) -> str | None:
        """The session one reads."""
        return self.session_id or None

    # reading

    def _begin(self) -> None:
        self.stop.set()
        self.stop, self.share, self._largest = Event(), 0.0, 0
        self._asked = ()
        self.forget_search()
        self.talk.empty_text = "Reading …"
        self.talk.begin(self.desk.now())
        self.say_head()
        id, stop = self.session_id, self.stop
        self.desk.ask(lambda: self._outline(id, stop), self._outlined, group="outline")

    def _outline(self, id: str, stop: Event) -> Event:
        desk = self.desk
        for found in desk.read_outline(id, stop):
            if stop.is_set():
                break
            desk.hand_over(self._grew, stop, found)
        return stop

    def _grew(self, stop: Event, found: Spoken) -> None:
        if self.is_attached and stop is self.stop:
            self.share = min(found.share, 0.99)
            self.talk.grow(found.entries)
            self.say_head()
            if self._goal is not None:
                self._go()

    def _outlined(self, stop: Event) -> None:
        if self.is_attached and stop is self.stop:
            self.share = 1.0
            self.talk.empty_text = "Nothing was said in this session."
            self.talk.redraw()
            self._goal = None
            self.say_head()

    def _go(self) -> None:
        """To the part that was asked for, if it was read already."""
        goal = self._goal
        key = goal and next((key for key in (goal, f"{goal}!", f"{goal}>")
                             if self.talk.select(key)), None)  # fmt: skip
        if key:
            self._goal = None
            if self._text:
                self.search_for(self._text, key)

    # what deeds change

    def _submit(self, plan: Plan) -> None:
        """Who sends the session away reads on where they came from, once it is gone."""
        super()._submit(plan)
        self._taken = plan.verb == "prune"

    def _forest_changed(self, forest: Forest) -> None:
        self.say_head()
        if self._taken and self.session_id not in forest and self.is_current:
            self._taken = False
            self.desk.go_back()

    def _job_changed(self, before: Jobs, after: Jobs) -> None:
        """What a job took out of this session, or put back, is read again, from the same place."""
        if before.running is None or after.running is not None or not self.session_id:
            return
        plan = before.running.plan
        whole = plan.verb != "reclaim"
        if plan.verb in CHANGES and (whole or self.session_id in sessions_of(plan)):
            here = self.talk.here
            self._goal = here.key if here else None
            self._begin()

    @on(Conversation.Wanted)
    def _wanted(self, event: Conversation.Wanted) -> None:
        keys = tuple(entry.key for entry in event.entries)
        if keys != self._asked:
            self._asked = keys
            self.read_bodies([(entry, 0) for entry in event.entries], "bodies")

    @on(Conversation.More)
    def _more(self, event: Conversation.More) -> None:
        self.read_bodies([(event.entry, event.at)], "more")

    def read_bodies(self, wanted: Sequence[tuple[Entry, int]], group: str) -> None:
        """Ask for pieces of what entries say."""
        desk, stop = self.desk, self.stop

        def read() -> tuple[Event, list[tuple[str, Body]]]:
            return stop, [(entry.key, desk.read_body(entry, at)) for entry, at in wanted]

        desk.ask(read, self._bodies_came, group=group)

    def _bodies_came(self, found: tuple[Event, list[tuple[str, Body]]]) -> None:
        stop, bodies = found
        if self.is_attached and stop is self.stop:
            self._asked = ()
            self.talk.fill(bodies)
            self.sought(key for key, _ in bodies)

    # saying

    def say_head(self, forest: Forest | None = None) -> None:
        """What one reads, and how far it was read."""
        forest = self.desk.forest
        head = self.query_one("#talk-head", Static)
        if self.session_id not in forest:
            back = f"{self.desk.keys['undo']} brings back what was pruned"
            words = f"This session is gone from the database; {back}."
            head.update(Content.styled(words, "$text-warning"))
            return
        row = forest.row(self.session_id)
        usage = forest.usage_of(self.session_id)
        facts = [row.project, format.size(usage.bytes if usage else None)]
        facts.append(format.plural(usage.messages, "message") if usage else "")
        facts += [word for word, held in (("archived", row.archived), ("pinned", row.pinned),
                                          ("running", row.running)) if held]  # fmt: skip
        if self.share < 1:
            facts.append(f"{format.percent(self.share)} read")
        facts.append(self.hits_told())
        title = format.titled(row.title)
        told = " · ".join(format.clean(fact) for fact in facts if fact)
        head.update(Content.assemble((title, "bold"), "  ", (told, "$foreground-muted")))

    def keys(self) -> Iterable[Key]:
        """What can be done here."""
        yield Key("Esc", "Back", "screen.leave")
        keys = self.desk.keys
        yield Key(keys["mark"], "Unfold", "screen.turn_over")
        yield Key(keys["next_question"], "Next question", "screen.question")
        yield Key(keys["filter"], "Search here", "screen.filter")
        yield Key(keys["next_largest"], "Largest", "screen.next_largest")
        yield Key(keys["export"], "Export", "screen.export")
        yield from self.table_keys((*self.DEEDS, "help", "quit"))

    # keys

    def action_turn_over(self) -> None:
        """Fold or unfold what is under the cursor."""
        self.talk.action_turn_over()

    def action_question(self) -> None:
        """To the next question."""
        self.talk.action_turn(1)

    def action_show(self) -> None:
        """Go to this session in the tree."""
        self.desk.show_session(self.session_id)

    def action_leave(self) -> None:
        """First the search goes, then the screen; who came with a text goes back with it."""
        if self.field.display and not self._text:
            self.end_search()
        else:
            self.desk.go_back()

    def action_next_largest(self) -> None:
        """The largest part; pressed again, the next largest."""
        parts = sorted((entry for entry in self.talk.entries if entry.table),
                       key=lambda entry: -entry.bytes)  # fmt: skip
        if parts:
            entry = parts[self._largest % len(parts)]
            self._largest += 1
            self.talk.select(entry.key)

    def exported_ids(self) -> Sequence[str]:
        """The conversation one reads, and none of its tree."""
        return [self.session_id] if self.session_id in self.desk.forest else []


def sessions_of(plan: Plan) -> set[str]:
    """Ids of the sessions a plan is about."""
    return {id for item in plan for id in item.sessions or (item.id,)}
