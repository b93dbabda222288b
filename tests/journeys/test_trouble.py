"""What goes wrong is told in a sentence, and nothing is lost."""

from __future__ import annotations

import time
from pathlib import Path

from tests.factories import NOW, days_ago, make_database, session
from tests.picture import assert_sound, picture
from tests.visit import PATIENCE, Visit, garden, visit
from tui.app import OcduApp
from tui.config import Compaction, Config
from tui.engine.site import open_site
from tui.screens.page import Page

QUIET = Config(compaction=Compaction(reclaim=False))


async def test_read_only_refuses_in_a_sentence(tmp_path: Path) -> None:
    path = garden(tmp_path)
    before = picture(path)
    app = OcduApp(open_site(path, read_only=True), QUIET, clock=lambda: NOW)
    async with app.run_test() as pilot:
        here = Visit(app, pilot, path)
        await here.until(lambda: app.measure.done)
        await here.go_to("ses_oldroses")
        await here.press("d", "a", "c")
        await here.idle()
        assert any("--read-only" in toast for toast in here.toasts)
    assert picture(path) == before


async def test_where_nothing_can_be_changed_nobody_is_asked_whether_it_should(
    tmp_path: Path,
) -> None:
    path = garden(tmp_path)
    app = OcduApp(open_site(path, read_only=True), QUIET, clock=lambda: NOW)
    async with app.run_test() as pilot:
        here = Visit(app, pilot, path)
        await here.until(lambda: app.measure.done)
        for keys in (("D",), ("g", "d"), ("6", "l")):
            app.clear_notifications()
            await here.press(*keys)
            await here.idle()
            assert isinstance(here.screen, Page), keys
            assert any("--read-only" in toast for toast in here.toasts), keys


async def test_a_database_that_vanishes_is_a_sentence_not_a_crash(tmp_path: Path) -> None:
    path = garden(tmp_path)
    async with visit(path) as here:
        path.rename(path.with_suffix(".gone"))
        await here.press("R")
        await here.until(lambda: bool(here.toasts))
        assert isinstance(here.screen, Page)
        await here.press("V", "escape", "2", "4", "5", "1")


async def test_nothing_to_undo_says_so(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.press("u")
        await here.until(lambda: "Nothing to undo." in here.toasts)
        await here.press("U")
        await here.until(lambda: "Nothing to redo." in here.toasts)


async def test_looking_around_leaves_every_byte_as_it_was(tmp_path: Path) -> None:
    path = garden(tmp_path)
    before = path.read_bytes()
    async with visit(path) as here:
        await here.go_to("ses_planttrees")
        await here.press("s", "t", "v", "slash", "r", "escape", "2", "4", "5", "1", "p", "escape")
        await here.idle()
    assert path.read_bytes() == before


async def test_leaving_in_the_middle_of_a_prune_is_quick_and_leaves_whole_trees(
    tmp_path: Path,
) -> None:
    sessions = [session(f"Bed {n}", active=days_ago(50 + n), octets=30_000) for n in range(60)]
    path = make_database(tmp_path / "o.db", sessions)
    async with visit(path) as here:
        await here.press("p")
        here.screen.query_one("#act").focus()
        await here.press("enter")
        await here.until(lambda: here.app.jobs.running is not None or len(here.sessions()) < 60)
        began = time.monotonic()
        await here.press("q")
    assert time.monotonic() - began < PATIENCE
    assert_sound(path)
