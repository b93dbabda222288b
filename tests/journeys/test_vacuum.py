"""Vacuum gives the pages of what was pruned back, after saying so."""

from __future__ import annotations

from pathlib import Path

from tests.factories import days_ago, execute, make_database, session
from tests.picture import assert_sound
from tests.visit import garden, visit
from tui.engine import waiting
from tui.engine.site import open_site
from tui.policy.vacuum import Wish


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


async def test_the_dialog_offers_to_make_the_file_incremental(tmp_path: Path) -> None:
    path = garden(tmp_path)
    async with visit(path) as here:
        await here.press("V")
        await here.until(lambda: here.button() == "Nothing to give back")
        here.screen.query_one("#afterwards").focus()
        await here.press("right")
        await here.until(lambda: here.button().startswith("Vacuum and make it incremental"))
        here.screen.query_one("#act").focus()
        await here.press("enter")
        await here.idle()
        assert execute(path, "PRAGMA auto_vacuum") == [(2,)]
        assert_sound(path)


async def test_a_vacuum_that_waited_for_an_earlier_ocdu_is_taken_up_at_the_start(
    tmp_path: Path,
) -> None:
    path = garden(tmp_path)
    ledger = open_site(path).ledger
    waiting.note(ledger, Wish(patient=True, to_incremental=True))
    async with visit(path) as here:
        await here.until(lambda: execute(path, "PRAGMA auto_vacuum") == [(2,)])
        await here.idle()
        assert waiting.noted(ledger) is None
        said = [each.message for each in here.app._notifications]
        assert any("ordered earlier is taken up" in each for each in said), said
