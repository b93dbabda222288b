"""When Python looks for litter: never while somebody types.

Reference counts free nearly everything at once. Rings of objects need a search, and a full one
walks over every session that was read: a fifth of a second with 20,000, in the middle of whatever
key it happens to meet. So the full search waits until no key came for a while, and the short ones
(3 ms among what is new, 30 ms among what outlived those) for the moment after a key.
"""

from __future__ import annotations

import asyncio
import gc
import time

from textual import events
from textual.app import App
from textual.reactive import var

from tui.forest import Forest

QUIET = 3.0
"""Seconds without a key after which the next one is not expected at once."""

OFTEN = 60.0
"""Seconds between two full searches, at least."""

SHARE = 100
"""How many times as long as a search took none follows: a hundredth of a core at most."""

THAW = 1800.0
"""Seconds after which all is searched again, even what stayed the same."""

NEVER = 1_000_000
"""Younger searches between two full ones that Python begins by itself."""

YOUNG = 60_000
"""New objects after which Python searches among them even while keys follow each other without a
rest: a redrawn screen makes thousands, some 100 bytes each."""

BREATH = 0.1
"""Seconds after a key in which all that it draws is drawn, and hardly another one comes."""

FEW = 5_000
"""New objects that are not worth a search."""

ROUNDS = 10
"""Searches among the new ones until those that outlived them are searched, as Python counts."""


class Litter:
    """Takes the full search over from Python; `end` gives it back."""

    def __init__(self) -> None:
        self._thresholds = gc.get_threshold()
        self._touched = self._thawed = time.monotonic()
        self._next = 0.0
        self._rounds = 0
        self._kept: object = None
        gc.set_threshold(YOUNG, self._thresholds[1], NEVER)

    def touched(self) -> None:
        """Somebody typed."""
        self._touched = time.monotonic()

    def breathe(self) -> None:
        """A key was answered: search among what is new, so that no key has to wait for that."""
        if gc.get_count()[0] < FEW:
            return
        self._rounds += 1
        gc.collect(int(self._rounds % ROUNDS == 0))

    def look(self, kept: object) -> bool:
        """Search, if this is a moment for it. `kept` is what most of the memory belongs to: while
        it is the same object, what was found alive is not walked over again."""
        now = time.monotonic()
        if now < self._next or now - self._touched < QUIET:
            return False
        if kept is not self._kept or now - self._thawed > THAW:
            gc.unfreeze()
            self._kept, self._thawed = kept, now
        gc.collect()
        gc.freeze()
        self._next = now + max(OFTEN, SHARE * (time.monotonic() - now))
        return True

    def end(self) -> None:
        """Python searches by itself again."""
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()


class Tidy(App[None]):
    """An app whose keys meet no full search."""

    forest: var[Forest] = var(Forest.of(()), init=False)

    _litter: Litter | None = None
    _breath: asyncio.TimerHandle | None = None

    def on_mount(self) -> None:
        """From now on, until it is given back."""
        litter = self._litter = Litter()
        self.set_interval(1, lambda: litter.look(self.forest.shape))

    def on_unmount(self) -> None:
        """Python searches by itself again."""
        if self._breath is not None:
            self._breath.cancel()
        if self._litter is not None:
            self._litter.end()

    async def on_event(self, event: events.Event) -> None:
        """Whatever is typed or clicked comes by here first."""
        if isinstance(event, events.InputEvent) and self._litter is not None:
            self._litter.touched()
            if self._breath is not None:
                self._breath.cancel()
            loop = asyncio.get_running_loop()
            self._breath = loop.call_later(BREATH, self._litter.breathe)
        await super().on_event(event)
