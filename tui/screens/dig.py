"""Search in the trash: what was said in sessions that were pruned, and the way back for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any

from textual import on

from tui.desk import TrashBatch
from tui.places import Buried, Dug
from tui.policy.plan import Plan
from tui.records import Hit
from tui.screens.fresh import Fresh
from tui.screens.seeking import Seeking, Step
from tui.widgets.hit_list import HitList, Talk
from tui.widgets.key_bar import Key


class DigScreen(Fresh, Seeking):
    """Enter restores the tree of the hit. It searches when told to, not while one types: each
    batch is unpacked for it."""

    what = "in the trash"
    invitation = "Type what was said in a session that was pruned, then Enter."
    begins_by_itself = False

    def __init__(self) -> None:
        super().__init__()
        self._graves: dict[Hit, Buried] = {}
        self._there: set[tuple[str, str]] | None = None
        """(batch, root) of what is in the trash now; None before that was looked at."""
        self._left_out: tuple[str, ...] = ()

    # searching

    def look(self, needle: str, stop: Event) -> Iterator[Step]:
        """In every batch, the newest first."""
        desk = self.desk
        step: Dug
        for step in desk.read_dug(needle, stop):
            if step.left_out:
                desk.hand_over(self._say_left_out, stop, step.left_out)
            yield step

    def begin(self) -> None:
        """What stood there before no longer counts."""
        self._graves, self._left_out = {}, ()
        super().begin()

    def take(self, found: Sequence[Any]) -> None:
        """More hits, each with where it lies."""
        more: Sequence[Buried] = found
        for each in more:
            if each.hit not in self._graves:  # else an older copy of what was found already
                self._graves[each.hit] = each
                super().take([each.hit])

    def _say_left_out(self, stop: Event, sentences: tuple[str, ...]) -> None:
        if stop is self.stop:
            self._left_out = sentences

    # what is still there

    def read(self) -> None:
        """Look what is in the trash."""
        self.desk.ask(self.desk.read_trash, self._came, group="trash")

    def _came(self, batches: Sequence[TrashBatch]) -> None:
        self._there = {(batch.id, tree.root) for batch in batches for tree in batch.forest}
        if self.is_attached and self.hits:
            self.show()

    def hits_here(self) -> Sequence[Hit]:
        """Those whose tree is still in the trash."""
        there = self._there
        if there is None:
            return self.hits
        graves = ((hit, self._graves[hit]) for hit in self.hits)
        return [hit for hit, grave in graves if (grave.batch, grave.root) in there]

    # saying

    def talks_of(self, hits: Sequence[Hit]) -> Mapping[str, Talk]:
        """As the batches have them."""
        graves = (self._graves[hit] for hit in hits)
        return {each.hit.session_id: Talk(each.title, each.project, False) for each in graves}

    def nothing(self) -> str:
        """Also what was not searched."""
        said = f"Nobody said “{self.needle}” in what is in the trash."
        return "\n".join([said, *self._left_out])

    def all_gone(self) -> str:
        """Restored, or emptied."""
        where = f"{self.desk.keys['search']} searches the sessions that are there"
        return f"What was found is no longer in the trash; {where}."

    def facts(self, hits: Sequence[Hit]) -> Sequence[str]:
        """And that something was left out."""
        said = super().facts(hits)
        return [*said, *(["some batches cannot be read"] if self._left_out else [])]

    # from a hit

    @on(HitList.Chosen)
    def _restore(self, event: HitList.Chosen) -> None:
        grave, desk = self._graves[event.hit], self.desk
        name = f"{grave.batch}/{grave.root}"
        desk.ask(lambda: desk.plan_restore([name]), self._submit, group="order")

    def _submit(self, plan: Plan) -> None:
        self.desk.submit(plan)

    def keys(self) -> Iterable[Key]:
        """What can be done with a hit."""
        yield self.way_out()
        yield Key(self.desk.keys.sign("enter"), "Restore its tree", "screen.choose")
        yield from self.table_keys(
            ("filter", "search", "undo", "show_sessions", "show_trash", "help", "quit")
        )
