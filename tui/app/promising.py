"""What can be got back without deleting a session: one number for header, dashboard and rescue."""

from __future__ import annotations

from collections.abc import Sequence

from textual.reactive import var

from tui.app.loading import Loading
from tui.desk import Jobs, Promise
from tui.policy.vacuum import VacuumFacts
from tui.records import Payload

SETTLE = 0.2
"""Seconds to wait for other facts that change together with this one."""


class Promising(Loading):
    """Plans a rescue, in a thread, whenever what it depends on has changed."""

    jobs: var[Jobs] = var(Jobs(), init=False)
    promise: var[Promise | None] = var(None, init=False)
    """None while it is being counted."""

    def __init__(self) -> None:
        super().__init__()
        self._promised: tuple[object, ...] = ()
        """What the promise was made of."""
        self._will_promise = False

    def on_mount(self) -> None:
        """Follow the facts."""
        for fact in ("payloads", "live", "forest", "jobs"):
            self.watch(self, fact, self._promise_soon, init=False)

    def _promise_soon(self) -> None:
        if self.payloads is None:
            self.promise, self._promised = None, ()  # a part of it would be no answer
        elif self._is_working():
            return  # what was promised stands: half a job and its log are nobody's gain
        elif not self._will_promise and self._facts() != self._promised:
            self._will_promise = True
            self.set_timer(SETTLE, self._promise_now)

    def _is_working(self) -> bool:
        return self.jobs.running is not None

    def _facts(self) -> tuple[object, ...]:
        """What a promise depends on; the same as before where only ages moved on."""
        sizes = self.live.sizes if self.live is not None else None
        return id(self.payloads), sizes, id(self.forest.shape)

    def _promise_now(self) -> None:
        self._will_promise = False
        live, payloads, made_of = self.live, self.payloads, self._facts()
        if live is None or payloads is None or made_of == self._promised or self._is_working():
            return
        # Whose pages are how full is seen by the dialog of a rescue: that reads much of the file.
        facts = VacuumFacts(live.sizes, live.free_disk, live.free_disk, holders=live.holders)
        self._ask(payloads, facts, made_of)

    def looked_into(self, payloads: Sequence[Payload], facts: VacuumFacts) -> None:
        """Somebody looked into the pages: what they promise holds until something changes."""
        self._ask(payloads, facts, self._facts())

    def _ask(
        self, payloads: Sequence[Payload], facts: VacuumFacts, made_of: tuple[object, ...]
    ) -> None:
        from tui.policy.rescue import promise

        forest, now, running = self.forest, self.now(), self.running

        def came(found: Promise) -> None:
            if self.payloads is not None:
                self.promise = found

        self._promised = made_of
        self.ask(lambda: promise(forest, payloads, facts, now, running), came, group="promise")
