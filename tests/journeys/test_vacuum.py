"""Vacuum gives the pages of what was pruned back, after saying so."""

from __future__ import annotations

from pathlib import Path

from tests.factories import days_ago, make_database, session
from tests.picture import assert_sound
from tests.visit import garden, visit


async def test_after_a_prune_a_vacuum_makes_the_file_smaller(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "opencode.db",
        [session("Heavy", active=days_ago(50), octets=3_000_000), session("Light")],
    )
    async with visit(path) as here:
        await here.go_to("ses_heavy")
        await here.press("d")
        await here.idle()
        before = path.stat().st_size
        await here.press("V")
        await here.until(lambda: here.button().startswith("Vacuum now"))
        here.screen.query_one("#act").focus()
        await here.press("enter")
        await here.idle()
        assert path.stat().st_size < before - 2_500_000
        assert_sound(path)
        assert here.sessions() == {"ses_light"}


async def test_without_free_pages_there_is_nothing_to_press(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.press("V")
        await here.until(lambda: here.button() == "Nothing to give back")
        assert here.screen.query_one("#act").disabled
        await here.press("escape")
        assert len(here.app.screen_stack) == 1
