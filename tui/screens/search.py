"""Search: what was said, in every conversation of the file, streaming in while it is found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Event
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.getters import query_one
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from tui import format
from tui.actions import bindings
from tui.desk import Jobs
from tui.forest import Forest
from tui.records import Hit, Searched
from tui.screens.conversation import CHANGES
from tui.screens.elsewhere import Elsewhere
from tui.widgets.hit_list import HitList, Talk, parts_of, told
from tui.widgets.key_bar import Key

MOST = 1_000
"""Hits after which the search ends by itself: nobody reads on."""

LEAST = 3
"""Letters from which on it searches while one types; Enter searches for fewer."""

REST = 0.35
"""Seconds without a letter after which it begins."""


class SearchField(Horizontal):
    """The line one types into."""

    DEFAULT_CSS = """
    SearchField { height: 1; color: $foreground-muted; }
    SearchField #what { width: auto; color: $text-accent; padding: 0 1; }
    SearchField Input { width: 1fr; min-width: 12; }
    SearchField #found { width: auto; max-width: 60%; padding: 0 1; text-wrap: nowrap; }
    """

    def compose(self) -> ComposeResult:
        """Label, field, how far it is."""
        yield Static("search", id="what", markup=False)
        yield Input(compact=True, placeholder="what was said, typed, printed …", id="said")
        yield Static(id="found", markup=False)


class SearchScreen(Elsewhere):
    """Enter goes to the session in the tree, `o` reads on from the place itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(("archive", "prune_tree", "delete", "pin", "copy_id", "open", "filter")),
        Binding("escape", "leave", "Back", show=False),
    ]

    list = query_one(HitList)
    field = query_one("#said", Input)

    def __init__(self) -> None:
        super().__init__()
        self.hits: list[Hit] = []
        self.needle = ""
        """What the hits on show are of."""
        self._known: set[str] = set()
        """Sessions that were there when they were found: with one of them its hits go."""
        self._changed = False
        """True once a job may have changed what was said since it was searched."""
        self.share: float | None = None
        """How much was looked at; None while nothing is searched for, 1 when all was."""
        self.stop: Event | None = None
        self._telling = False
        self._resting: Timer | None = None

    def body(self) -> Iterable[Widget]:
        """Field, hits, and what stands around the one under the cursor."""
        yield SearchField()
        yield HitList()
        yield Static(id="around", markup=False)

    def on_mount(self) -> None:
        """Ready to type."""
        self.list.empty_text = "Type what was said; Enter searches at once."
        self.watch(self.app, "forest", self._forest_changed, init=False)
        self.watch(self.app, "jobs", self._job_changed, init=False)
        self.field.focus()

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._end()

    # typing

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if self._resting is not None:
            self._resting.stop()
        if event.value != self.needle:
            self._end()
            if len(event.value) >= LEAST:
                self._resting = self.set_timer(REST, self._begin)

    @on(Input.Submitted)
    def _entered(self) -> None:
        """Search now; the keys go to the hits."""
        if self.field.value != self.needle or self.share is None or self._changed:
            self._begin()
        if self.field.value:
            self.list.focus()

    def on_key(self, event: events.Key) -> None:
        """The arrow down walks into the hits; who types ahead of the field loses nothing."""
        if event.is_printable and event.character and self.focused in (None, self.field):
            # A letter that the field did not take was on its way before the field stood there.
            event.stop()
            event.prevent_default()
            self.field.insert_text_at_cursor(event.character)
        if self.field.has_focus and event.key in ("down", "tab"):
            event.stop()
            event.prevent_default()
            self.list.focus()

    def action_filter(self) -> None:
        """Type again."""
        self.field.focus()

    def begin_anew(self) -> None:
        """Ready for another text; the hits stay until one is typed."""
        if self.is_mounted:
            self.field.focus()
            self.field.select_all()

    # searching

    def _begin(self) -> None:
        if self._resting is not None:
            self._resting.stop()
        self._end()
        self.needle, self.hits, self.share = self.field.value, [], 0.0
        self._changed = False
        self.list.empty_text = f"Searching for “{self.needle}” …"
        if not self.needle:
            self.share = None
            self.list.empty_text = "Type what was said; Enter searches at once."
        if self.needle:
            needle, stop = self.needle, Event()
            self.stop = stop
            self.desk.ask(lambda: self._search(needle, stop), self._ended, group="search")
        self._show()

    def _end(self) -> None:
        """Stop looking; what was found stays."""
        if self.stop is not None:
            self.stop.set()
            self.stop = None

    def _search(self, needle: str, stop: Event) -> tuple[Event, bool]:
        """In a thread: hand over what is found, as fast as it is drawn."""
        desk = self.desk
        self._telling = False
        waiting: list[Hit] = []
        found = 0
        for step in desk.read_search(needle, None, stop):
            waiting += step.hits
            found += len(step.hits)
            if not self._telling and not stop.is_set() and (waiting or not step.done):
                self._telling = True
                desk.hand_over(self._grew, stop, Searched(tuple(waiting), step.share, step.done))
                waiting = []
            if found >= MOST:
                break
        desk.hand_over(self._grew, stop, Searched(tuple(waiting), 1.0, True))
        return stop, found >= MOST

    def _grew(self, stop: Event, step: Searched) -> None:
        self._telling = False
        if self.is_attached and stop is self.stop and not stop.is_set():
            self.hits += step.hits
            forest = self.desk.forest
            self._known |= {hit.session_id for hit in step.hits if hit.session_id in forest}
            self.share = min(step.share, 0.999)
            self._show()

    def _ended(self, found: tuple[Event, bool]) -> None:
        stop, cut = found
        if self.is_attached and stop is self.stop:
            self.stop, self.share = None, None if cut else 1.0
            self.list.empty_text = (
                f"Nobody said “{self.needle}”, and no tool printed it.\n"
                "The trash is not searched: 4 lists what is in it, Enter there restores."
            )
            self._show()

    def _show(self) -> None:
        hits = self.hits_here()
        if self.hits and not hits:
            back = f"{self.desk.keys['undo']} brings back what was pruned"
            self.list.empty_text = f"What was found is gone from the database; {back}."
        self.list.show(hits, talks_of(hits, self.desk.forest), self.desk.now())
        self.query_one("#found", Static).update(Content(self._say()))
        self.show_keys()

    def hits_here(self) -> Sequence[Hit]:
        """Those whose session was not taken away meanwhile."""
        forest, known = self.desk.forest, self._known
        return [h for h in self.hits if h.session_id in forest or h.session_id not in known]

    def _say(self) -> str:
        hits = self.hits_here()
        sessions = len({hit.session_id for hit in hits})
        parts = [format.plural(len(hits), "hit"), format.plural(sessions, "session")]
        if self._changed:
            parts.append(f"changed since: {self.desk.keys['filter']} ↵ searches again")
        if self.stop is not None or (self.share is not None and self.share < 1):
            parts.append(f"{format.percent(self.share)} searched")
        elif self.share is None and self.hits:
            parts.append("and more")
        return " · ".join(parts) if self.needle else ""

    def _forest_changed(self, forest: Forest) -> None:
        if self.hits:
            self._show()

    def _job_changed(self, before: Jobs, after: Jobs) -> None:
        ended = before.running is not None and after.running is None
        if ended and self.needle and before.running and before.running.plan.verb in CHANGES:
            self._changed = True
            self._show()

    # from a hit

    @on(HitList.Moved)
    def _around(self) -> None:
        hit, forest = self.list.here, self.desk.forest
        text = Content("")
        if hit is not None:
            row = forest.row(hit.session_id) if hit.session_id in forest else None
            name = f"{row.project} · {row.title or '(no title)'}" if row else "gone meanwhile"
            before, place, after = parts_of(hit)
            text = Content.assemble(
                (format.clean(f"{name} · {told(hit)}"), "bold"), "\n",
                (before, "$foreground-muted"), (place, "bold $text-accent"), after,
            )  # fmt: skip
        self.query_one("#around", Static).update(text)

    def session_here(self) -> str | None:
        """The session of the hit under the cursor."""
        hit = self.list.here
        return hit.session_id if hit else None

    @on(HitList.Chosen)
    def _chosen(self, event: HitList.Chosen) -> None:
        self.desk.show_session(event.hit.session_id)

    def action_open(self) -> None:
        """Read the conversation, from this place on."""
        hit = self.list.here
        if hit is not None:
            self.desk.open_conversation(hit.session_id, hit.part_id, self.needle)

    def action_leave(self) -> None:
        """First the search stops, then the screen goes."""
        if self.stop is not None:
            self._end()
            self.share = None
            self._show()
        else:
            self.desk.go_back()

    def keys(self) -> Iterable[Key]:
        """What can be done with a hit."""
        if self.stop is not None:
            yield Key("Esc", "Stop", "screen.leave")
        else:
            yield Key("Esc", "Back", "screen.leave")
        yield Key("↵", "Show in the tree", "screen.choose")
        yield from self.table_keys(("open", *self.DEEDS, "help", "quit"))

    def action_choose(self) -> None:
        """Show the session in the tree."""
        self.list.action_choose()


def talks_of(hits: Iterable[Hit], forest: Forest) -> dict[str, Talk]:
    """What the lines say about their sessions."""
    rows = {hit.session_id: forest.row(hit.session_id) for hit in hits if hit.session_id in forest}
    return {id: Talk(row.title, row.project, bool(row.archived)) for id, row in rows.items()}
