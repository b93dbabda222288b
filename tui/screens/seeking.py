"""Looking for what was said: a line to type into, hits that stream in, and what stands around one.

Subclasses say where is searched and what may be done with a hit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any, ClassVar, Protocol

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
from tui.keys import bindings
from tui.records import Hit
from tui.screens.page import Page
from tui.widgets.hit_list import HitList, Talk, parts_of, told
from tui.widgets.key_bar import Key

MOST = 1_000
"""Hits after which the search ends by itself: nobody reads on."""

LEAST = 3
"""Letters from which on it searches while one types; Enter searches for fewer."""

REST = 0.35
"""Seconds without a letter after which it begins."""


class Step(Protocol):
    """How far a search is."""

    @property
    def hits(self) -> Sequence[Any]: ...
    @property
    def share(self) -> float: ...


class SearchField(Horizontal):
    """The line one types into."""

    DEFAULT_CSS = """
    SearchField { height: 1; color: $foreground-muted; }
    SearchField #what { width: auto; color: $text-accent; padding: 0 1; }
    SearchField Input { width: 1fr; min-width: 12; }
    SearchField #found { width: auto; max-width: 60%; padding: 0 1; text-wrap: nowrap;
        text-overflow: ellipsis; }
    """

    def __init__(self, what: str) -> None:
        """`what` is searched."""
        super().__init__()
        self.what = what

    def compose(self) -> ComposeResult:
        """Label, field, how far it is."""
        yield Static(self.what, id="what", markup=False)
        yield Input(compact=True, placeholder="what was said, typed, printed …", id="said")
        yield Static(id="found", markup=False)


class Seeking(Page):
    """Stops with Escape, and keeps what was found."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(("filter",)),
        Binding("escape", "leave", "Back", show=False),
    ]

    what = "search"
    """The label of the line."""
    invitation = "Type what was said; Enter searches at once."
    """What stands there at first."""
    begins_by_itself = True
    """Whether it searches while one types."""

    list = query_one(HitList)
    field = query_one("#said", Input)

    def __init__(self) -> None:
        super().__init__()
        self.hits: list[Hit] = []
        self.needle = ""
        """What the hits on show are of."""
        self.share: float | None = None
        """How much was looked at; None while nothing is searched for, 1 when all was."""
        self.stop: Event | None = None
        self._wanted = ""
        """What to search for once this is mounted."""
        self._telling = False
        self._resting: Timer | None = None

    # what subclasses say

    def look(self, needle: str, stop: Event) -> Iterator[Step]:
        """Blocking: search, growing."""
        raise NotImplementedError

    def take(self, found: Sequence[Any]) -> None:
        """More was found: add it to the hits."""
        self.hits += found

    def hits_here(self) -> Sequence[Hit]:
        """The hits that can still be acted on."""
        return self.hits

    def talks_of(self, hits: Sequence[Hit]) -> Mapping[str, Talk]:
        """What the lines say about their sessions, by session id."""
        raise NotImplementedError

    def nothing(self) -> str:
        """What is said where nothing was found."""
        raise NotImplementedError

    def is_stale(self) -> bool:
        """True when what was found may no longer be true."""
        return False

    # the frame

    def body(self) -> Iterable[Widget]:
        """Field, hits, and what stands around the one under the cursor."""
        yield SearchField(self.what)
        yield HitList()
        yield Static(id="around", markup=False)

    def on_mount(self) -> None:
        """Ready to type."""
        self.list.empty_text = self.invitation
        self._begin_anew()

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self.end()

    # typing

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if self._resting is not None:
            self._resting.stop()
        if event.value != self.needle:
            self.end()
            if self.begins_by_itself and len(event.value) >= LEAST:
                self._resting = self.set_timer(REST, self.begin)

    @on(Input.Submitted)
    def _entered(self) -> None:
        """Search now; the keys go to the hits."""
        if self.field.value != self.needle or self.share is None or self.is_stale():
            self.begin()
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

    def begin_anew(self, text: str = "") -> None:
        """Ready for another text, the hits stay until one is typed; or at once for this one."""
        self._wanted = text
        if self.is_mounted:  # else it begins with that
            self._begin_anew()

    def _begin_anew(self) -> None:
        self.field.focus()
        if text := self._wanted:
            self.field.value = text
            self.begin()
            self.list.focus()
        else:
            self.field.select_all()

    # searching

    def begin(self) -> None:
        """Search for what stands in the field."""
        if self._resting is not None:
            self._resting.stop()
        self.end()
        self.needle, self.hits, self.share = self.field.value, [], 0.0
        self.list.empty_text = f"Searching for “{self.needle}” …"
        if not self.needle:
            self.share = None
            self.list.empty_text = self.invitation
        if self.needle:
            needle, stop = self.needle, Event()
            self.stop = stop
            self.desk.ask(lambda: self._search(needle, stop), self._ended, group="search")
        self.show()

    def end(self) -> None:
        """Stop looking; what was found stays."""
        if self.stop is not None:
            self.stop.set()
            self.stop = None

    def _search(self, needle: str, stop: Event) -> tuple[Event, bool]:
        """In a thread: hand over what is found, as fast as it is drawn."""
        desk = self.desk
        self._telling = False
        waiting: list[Any] = []
        found = 0
        for step in self.look(needle, stop):
            waiting += step.hits
            found += len(step.hits)
            if not self._telling and not stop.is_set() and (waiting or step.share < 1):
                self._telling = True
                desk.hand_over(self._grew, stop, waiting, step.share)
                waiting = []
            if found >= MOST:
                break
        desk.hand_over(self._grew, stop, waiting, 1.0)
        return stop, found >= MOST

    def _grew(self, stop: Event, found: Sequence[Any], share: float) -> None:
        self._telling = False
        if self.is_attached and stop is self.stop and not stop.is_set():
            self.take(found)
            self.share = min(share, 0.999)
            self.show()

    def _ended(self, found: tuple[Event, bool]) -> None:
        stop, cut = found
        if self.is_attached and stop is self.stop:
            self.stop, self.share = None, None if cut else 1.0
            self.list.empty_text = self.nothing()
            self.show()

    # showing

    def show(self) -> None:
        """Draw the hits that are there."""
        hits = self.hits_here()
        if self.hits and not hits:
            self.list.empty_text = self.all_gone()
        self.list.show(hits, self.talks_of(hits), self.desk.now())
        self.query_one("#found", Static).update(Content(" · ".join(self.facts(hits))))
        self.show_keys()

    def all_gone(self) -> str:
        """What is said once nothing of what was found is left."""
        return "What was found is gone."

    def facts(self, hits: Sequence[Hit]) -> Sequence[str]:
        """How much was found, and how far it is."""
        if not self.needle:
            return ()
        sessions = len({hit.session_id for hit in hits})
        parts = [format.plural(len(hits), "hit"), format.plural(sessions, "session")]
        if self.stop is not None or (self.share is not None and self.share < 1):
            parts.append(f"{format.percent(self.share)} searched")
        elif self.share is None and hits:
            parts.append("and more")
        return parts

    @on(HitList.Moved)
    def _around(self) -> None:
        hit, text = self.list.here, Content("")
        if hit is not None:
            talk = self.list.talks.get(hit.session_id)
            name = f"{talk.project} · {format.titled(talk.title)}" if talk else "gone meanwhile"
            before, place, after = parts_of(hit)
            text = Content.assemble(
                (format.clean(f"{name} · {told(hit)}"), "bold"), "\n",
                (before, "$foreground-muted"), (place, "bold $text-accent"), after,
            )  # fmt: skip
        self.query_one("#around", Static).update(text)

    def action_leave(self) -> None:
        """First the search stops, then the screen goes."""
        if self.stop is not None:
            self.end()
            self.share = None
            self.show()
        else:
            self.desk.go_back()

    def action_choose(self) -> None:
        """What Enter does."""
        self.list.action_choose()

    def way_out(self) -> Key:
        """What Escape does now."""
        return Key("Esc", "Back" if self.stop is None else "Stop", "screen.leave")
