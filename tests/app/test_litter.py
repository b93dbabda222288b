"""The full search for rings of objects: Python does not begin one by itself, quiet moments do."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from tui.app import litter
from tui.app.litter import NEVER, Litter


class Ring:
    """Holds itself: no count of references ever frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [1_000.0]
    monkeypatch.setattr("tui.app.litter.time.monotonic", lambda: now[0])
    yield now
    gc.unfreeze()


def test_a_ring_goes_once_it_is_quiet_and_not_while_somebody_types(clock: list[float]) -> None:
    thresholds = gc.get_threshold()
    ours = Litter()
    try:
        assert gc.get_threshold()[2] == NEVER
        ring = weakref.ref(Ring())
        gc.freeze()
        gc.unfreeze()  # into the oldest generation, which only a full search looks at
        clock[0] += litter.QUIET / 2
        assert not ours.look("forest") and ring() is not None
        clock[0] += litter.QUIET
        ours.touched()
        assert not ours.look("forest") and ring() is not None
        clock[0] += litter.QUIET
        assert ours.look("forest") and ring() is None
        clock[0] += litter.QUIET
        assert not ours.look("forest"), "not again so soon"
    finally:
        ours.end()
    assert gc.get_threshold() == thresholds and gc.get_freeze_count() == 0


def test_what_was_alive_is_looked_at_again_with_other_sessions_or_much_later(
    clock: list[float],
) -> None:
    ours = Litter()
    try:
        kept = Ring()
        ring = weakref.ref(kept)
        clock[0] += litter.QUIET
        assert ours.look("forest")
        del kept
        clock[0] += litter.OFTEN
        assert ours.look("forest") and ring() is not None, "frozen while it was alive"
        clock[0] += litter.OFTEN
        assert ours.look("another forest") and ring() is None
        ring = weakref.ref(Ring())
        gc.freeze()
        clock[0] += litter.THAW + 1
        assert ours.look("another forest") and ring() is None
    finally:
        ours.end()


def test_what_is_new_is_searched_after_a_key_and_what_outlived_that_every_tenth_time() -> None:
    ours = Litter()
    try:
        gc.collect()
        ring = weakref.ref(Ring())
        ours.breathe()
        assert ring() is not None, "a few objects are not worth a search"
        litter_of_a_key = [Ring() for _ in range(litter.FEW)]
        ours.breathe()
        assert ring() is None
        old = Ring()
        gc.collect(0)  # it outlived a search
        outlived = weakref.ref(old)
        del old, litter_of_a_key
        for _ in range(litter.ROUNDS):
            assert outlived() is not None
            more = [Ring() for _ in range(litter.FEW)]
            ours.breathe()
            if outlived() is None:
                break
            del more
        assert outlived() is None
    finally:
        ours.end()


def test_the_young_are_searched_all_the_same_where_no_key_leaves_time() -> None:
    ours = Litter()
    try:
        ring = weakref.ref(Ring())
        kept: list[list[int]] = [[] for _ in range(2 * litter.YOUNG)]
        assert ring() is None and len(kept) == 2 * litter.YOUNG
    finally:
        ours.end()
