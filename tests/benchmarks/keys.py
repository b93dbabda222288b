"""What a key costs with very many sessions on show: the arithmetic and the drawing, no terminal."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tests.benchmarks.stopwatch import Bench, seconds
from tests.benchmarks.table import Row, number
from tui.forest import Forest
from tui.ordering import SORTS
from tui.outline import Outline
from tui.records import SessionRow, Usage
from tui.widgets.session_tree import SessionTree

NOW = 1_795_176_000_000
GOALS = ((20_000, 16.0, 50.0), (100_000, 50.0, 300.0))
"""Sessions, milliseconds a key may take, milliseconds a sort may take."""

FILTERS = {
    "filter": "docs",
    "filter by state, age and text": "is:child idle:>30d size:>100kB docs",
    "filter with a slip of the finger": "sesion abuot",
}

REPEATS = 7


class Stage(App[None]):
    """The session tree alone."""

    def compose(self) -> ComposeResult:
        yield SessionTree()


def pressing(bench: Bench) -> Iterator[Row]:
    """Move, page, fold, filter and sort among 20,000 and 100,000 sessions."""
    for count, key_goal, sort_goal in GOALS:
        measured = asyncio.run(_measured(grown(count)))
        for what, took in measured.items():
            goal = sort_goal if what == "sort" else key_goal
            yield number(f"{what}, {count:,} sessions", took * 1000, goal, "ms")


def grown(count: int) -> Forest:
    """A forest in which four of five sessions are children."""
    draw = random.Random(1)
    rows, usage = [], {}
    for i in range(count):
        parent = None if i % 5 == 0 else f"s{draw.randrange(0, i, 5) if i > 5 else 0}"
        when = NOW - draw.randrange(200 * 86_400_000)
        title = f"Session {draw.randrange(count)} about {draw.choice(('tests', 'docs', 'api'))}"
        rows.append(SessionRow(f"s{i}", parent, f"p{i % 40}", f"project {i % 40}", title,
                               f"/home/dev/p{i % 40}", when, when, None))  # fmt: skip
        usage[f"s{i}"] = Usage(9, 30, 90, 9_000, draw.randrange(500_000), 90_000)
    return Forest.of(rows, usage)


async def _measured(forest: Forest) -> dict[str, float]:
    app = Stage()
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.query_one(SessionTree)
        outline = Outline.of(forest, NOW, grouping="flat")
        tree.show(outline)
        tree.focus()
        await pilot.pause()
        found = {
            "cursor down": await _pressed(pilot, "down"),
            "page down": await _pressed(pilot, "pagedown"),
            "fold and unfold": await _pressed(pilot, "left", "right") / 2,
        }
        for what, needle in FILTERS.items():
            found[what] = _median(lambda: tree.show(outline.filtered(needle)))  # noqa: B023
        orders = iter(SORTS * REPEATS)
        found["sort"] = _median(
            lambda: tree.show(Outline.of(forest, NOW, grouping="flat", sort=next(orders)))
        )
    return found


async def _pressed(pilot: Pilot[None], *keys: str) -> float:
    """Processor seconds from the key to the drawn lines: waiting for idle is not counted."""

    took = []
    for _ in range(REPEATS):
        began = time.process_time()
        await pilot.press(*keys)
        took.append(time.process_time() - began)
    return sorted(took)[REPEATS // 2]


def _median(deed: Callable[[], object]) -> float:
    return sorted(seconds(deed) for _ in range(REPEATS))[REPEATS // 2]
