"""The main screens at four sizes in three themes: `python -m tests.sizes --write`.

One app for each size walks from screen to screen and changes its theme there. The pictures lie in
`screenshots/sizes/`, named like `rescue-80x24-textual-light.svg`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.scenes import HUGE, PICTURES, SMALL, TINY, WIDE, Scene, opened, taken, written

FOLDER = PICTURES / "sizes"

SIZES = (HUGE, WIDE, SMALL, TINY)

THEMES = ("textual-dark", "textual-light", "high-contrast")

WALK: dict[str, tuple[str, ...]] = {
    "sessions": ("down", "down"),
    "dashboard": ("2",),
    "conversation": ("1", "o", *["down"] * 5, "space"),
    "rescue": ("escape", "x"),
}
"""Screen -> the keys that lead to it from the one before."""


def name_of(screen: str, size: tuple[int, int], theme: str) -> str:
    """The picture's file name without its ending."""
    return f"{screen}-{size[0]}x{size[1]}-{theme}"


NAMES = [name_of(screen, size, theme) for screen in WALK for size in SIZES for theme in THEMES]


async def draw_all(size: tuple[int, int], database: Path) -> dict[str, str]:
    """Every picture of a size as SVG, by name."""
    drawn: dict[str, str] = {}
    async with opened(Scene("sizes", (), size), database) as (pilot, app):
        for screen, keys in WALK.items():
            for key in keys:
                await pilot.press(key)
            for theme in THEMES:
                app.theme = theme
                drawn[name_of(screen, size, theme)] = await taken(pilot, app)
    return drawn


async def _all(database: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for size in SIZES:
        found |= await draw_all(size, database)
    return found


if __name__ == "__main__":
    sys.exit(written(FOLDER, lambda stage: asyncio.run(_all(stage)), __doc__ or ""))
