"""The file of 8.9 GB that users report, its payload divided by twenty, rescued in three keys."""

from __future__ import annotations

from pathlib import Path

from tests.factories import count_rows
from tests.journeys.shrinking import KEYS, shrink
from tests.swollen import make_swollen

PATIENCE = 300.0
"""Seconds for each thing waited for: the rescue takes some twenty on two cores."""


async def test_at_most_a_quarter_stays_and_nothing_that_was_said_is_gone(tmp_path: Path) -> None:
    path = make_swollen(tmp_path / "opencode.db")
    assert count_rows(path, "session") == 565
    assert count_rows(path, "event") > 350_000
    assert count_rows(path, "event", "length(data) > 22000000") > 0, "one of 23 MB"
    shrunk = await shrink(path, PATIENCE)
    print(shrunk, f"{shrunk.share:.1%} stays, promise off by {shrunk.mistake:.2%}")
    assert len(KEYS) <= 10
    assert shrunk.share <= 0.25
    assert shrunk.mistake <= 0.02
