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
