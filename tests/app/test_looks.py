"""Themes: every word can be told from the ground it stands on."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color

from tests.visit import garden, visit

WORDS = ("foreground", "foreground-muted", "text-accent", "text-success", "text-error")

GROUNDS = ("background", "panel")


def brightness(color: Color) -> float:
    """Relative luminance (WCAG 2.1)."""
    parts = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: Color, other: Color) -> float:
    """Contrast ratio, 1 to 21."""
    low, high = sorted((brightness(one), brightness(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("theme", "least"), [("textual-light", 4.5), ("high-contrast", 7.0)])
async def test_words_stand_out_from_their_ground(tmp_path: Path, theme: str, least: float) -> None:
    async with visit(garden(tmp_path)) as here:
        here.app.theme = theme
        await here.pilot.pause()
        found = here.app.theme_variables
        for ground in GROUNDS:
            below = Color.parse(found[ground])
            for word in WORDS:
                seen = below.blend(Color.parse(found[word]), Color.parse(found[word]).a)
                assert contrast(seen, below) >= least, (word, ground)
