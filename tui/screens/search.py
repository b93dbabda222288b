"""Search: what was said, in every conversation of the file, streaming in while it is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType

from tui.desk import Jobs
from tui.keys import bindings
from tui.records import Hit
from tui.screens.conversation import CHANGES
from tui.screens.elsewhere import Elsewhere
from tui.screens.seeking import Seeking, Step
from tui.widgets.hit_list import HitList, Talk
from tui.widgets.key_bar import Key


class SearchScreen(Seeking, Elsewhere):
    """Enter goes to the session in the tree, `o` reads on from the place itself.

    Where nothing was found, Enter looks for the same in the trash.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(("archive", "prune_tree", "delete", "pin", "copy_id", "open"))
    ]

    def __init__(self) -> None:
        super().__init__()
        self._known: set[str] = set()
        """Sessions that were there when they were found: with one of them its hits go."""
        self._changed = False
        """True once a job may have changed what was said since it was searched."""

    def on_mount(self) -> None:
        """Follow what deeds change."""
        self.watch(self.app, "forest", self._forest_changed, init=False)
        self.watch(self.app, "jobs", self._job_changed, init=False)

    # searching

    def look(self, needle: str, stop: Event) -> Iterator[Step]:
        """In every conversation of the file."""
        return self.desk.read_search(needle, None, stop)

    def begin(self) -> None:
        """What stood there before no longer counts."""
        self._changed, self._known = False, set()
        super().begin()

    def take(self, found: Sequence[Any]) -> None:
        """More hits."""
        super().take(found)
        self._known |= {hit.session_id for hit in found if hit.session_id in self.desk.forest}

    def hits_here(self) -> Sequence[Hit]:
        """Those whose session was not taken away meanwhile."""
        forest, known = self.desk.forest, self._known
        return [h for h in self.hits if h.session_id in forest or h.session_id not in known]

    def talks_of(self, hits: Sequence[Hit]) -> Mapping[str, Talk]:
        """As the tree has them."""
        forest = self.desk.forest
        rows = {h.session_id: forest.row(h.session_id) for h in hits if h.session_id in forest}
        return {id: Talk(row.title, row.project, bool(row.archived)) for id, row in rows.items()}

    # saying

    def nothing(self) -> str:
        """With the one place that is left to look at."""
        return (
            f"Nobody said “{self.needle}”, and no tool printed it.\n"
            "Enter looks for it in the trash."
        )

    def all_gone(self) -> str:
        """With the way back."""
        back = f"{self.desk.keys['undo']} brings back what was pruned"
        return f"What was found is gone from the database; {back}."

    def is_stale(self) -> bool:
        """A job may have changed it."""
        return self._changed

    def facts(self, hits: Sequence[Hit]) -> Sequence[str]:
        """And whether that is still so."""
        keys = self.desk.keys
        again = f"changed since: {keys['filter']} {keys.sign('enter')} searches again"
        return [*super().facts(hits), *([again] if self._changed else [])]

    def _forest_changed(self) -> None:
        if self.hits:
            self.show()

    def _job_changed(self, before: Jobs, after: Jobs) -> None:
        if before.running is None or after.running is not None or not self.needle:
            return
        if before.running.plan.verb in CHANGES:
            self._changed = True
            self.show()

    # from a hit

    def session_here(self) -> str | None:
        """The session of the hit under the cursor."""
        hit = self.list.here
        return hit.session_id if hit else None

    @on(HitList.Chosen)
    def _chosen(self, event: HitList.Chosen) -> None:
        self.desk.show_session(event.hit.session_id)

    @on(HitList.Missed)
    def _go_on(self) -> None:
        """What is not in the database may be in the trash."""
        if self._found_nothing():
            self.desk.search_trash(self.needle)

    def _found_nothing(self) -> bool:
        return self.share == 1 and self.stop is None and not self.hits

    def action_open(self) -> None:
        """Read the conversation, from this place on."""
        hit = self.list.here
        if hit is not None:
            self.desk.open_conversation(hit.session_id, hit.part_id, self.needle)

    def keys(self) -> Iterable[Key]:
        """What can be done with a hit."""
        yield self.way_out()
        if self._found_nothing():
            yield Key(self.desk.keys.sign("enter"), "Search the trash", "screen.choose")
        else:
            yield Key(self.desk.keys.sign("enter"), "Show in the tree", "screen.choose")
        yield from self.table_keys(("open", *self.DEEDS, "help", "quit"))
