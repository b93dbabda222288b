"""What a key costs with very many sessions: the whole app, from the key to the bytes it draws."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from tests.benchmarks.crowd import NOW, make_crowd
from tests.benchmarks.stopwatch import Bench
from tests.benchmarks.table import Row
from tui.app import OcduApp
from tui.config import Compaction, Config
from tui.engine.site import open_site
from tui.screens.sessions import SessionsScreen

GOALS = ((20_000, 16.0, 50.0), (100_000, 50.0, 300.0))
"""Sessions, milliseconds a key may take, milliseconds a sort may take."""

FILTERS = {
    "filter by a word": "docs",
    "filter by state": "is:archived -is:shared",
    "filter by state, age and text": "is:child idle:>30d size:>1kB docs",
    "filter with a slip of the finger": "sesion abuot",
}
"""Typed letter by letter and taken back the same way."""

WINDOW = 0.06
"""Seconds after a key in which all it does happens: three frames."""

REST = 0.3
"""Seconds until the details of what is under the cursor were asked for: not the key's doing."""

COLUMNS, ROWS = 120, 40


def pressing(bench: Bench) -> Iterator[Row]:
    """Move, page, fold, filter and sort among 20,000 and 100,000 sessions."""
    for count, key_goal, sort_goal in GOALS:
        database = make_crowd(bench.folder / f"crowd-{count}", count)
        for what, took in asyncio.run(_measured(database)).items():
            goal = sort_goal if what == "sort" else key_goal
            usual, worst = statistics.median(took), _high(took)
            yield Row(
                f"{what}, {count:,} sessions",
                f"≤ {goal:g} ms",
                f"{usual:.1f} ms, of twenty the slowest {worst:.1f}",
                worst,
                goal,
            )


def _high(values: Sequence[float]) -> float:
    """What 95 of 100 stay below."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


class Drawing(HeadlessDriver):
    """Has no terminal, but lets the app make every byte it would send to one."""

    @property
    def is_headless(self) -> bool:
        """No: a headless app skips the making."""
        return False


async def _measured(database: Path) -> dict[str, list[float]]:
    """Milliseconds of every key by what it does."""
    site = open_site(database, read_only=True)
    app = OcduApp(site, Config(compaction=Compaction(reclaim=False)), clock=lambda: NOW)
    with (
        patch("textual.app.HeadlessDriver", Drawing, create=True),
        patch("textual.drivers.headless_driver.HeadlessDriver", Drawing),
    ):
        async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
            while not app.measure.done or app.payloads is None:
                await pilot.pause(0.05)
            await pilot.pause(0.5)
            return await _visited(app, pilot)


async def _visited(app: OcduApp, pilot: Pilot[None]) -> dict[str, list[float]]:
    async def press(*keys: str) -> list[float]:
        return [await _pressed(app, key) for key in keys]

    screen = app.screen
    assert isinstance(screen, SessionsScreen)
    await press("home")
    found = {"fold and unfold": await press(*["left", "right"] * 10)}
    await press("t")
    found["cursor down"] = await press(*["down"] * 20)
    found["page down"] = await press(*["pagedown"] * 20)
    found["fold and unfold, no groups"] = await press(*["home", "right", "left"] * 7)
    for what, typed in FILTERS.items():
        await press("slash")
        found[what] = await press(*typed, *["backspace"] * len(typed))
        await press("escape")
    await press("slash", *"session", "enter", "home")
    found["fold and unfold below a filter"] = await press(*["left", "right"] * 10)
    await press("escape")
    found["sort"] = await press(*["s"] * 12)
    return found


async def _pressed(app: OcduApp, key: str) -> float:
    """Milliseconds of processor that a key takes on the thread that answers keys."""
    letter = key if len(key) == 1 else None
    names: dict[str, str] = {" ": "space", ":": "colon", ">": "greater_than_sign", "-": "minus"}
    event = events.Key(names.get(key, key), letter)
    event.set_sender(app)
    began = time.thread_time()
    app.post_message(event)
    await asyncio.sleep(WINDOW)
    took = time.thread_time() - began
    await asyncio.sleep(REST)
    return took * 1000
