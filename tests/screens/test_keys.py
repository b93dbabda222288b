"""Every key of the table on every screen, in three terminals: no error, nothing over anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.screen import ModalScreen

from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, garden, visit
from tui.actions import ACTIONS, EVERYWHERE
from tui.keys import Keys, written
from tui.screens.help import help_text
from tui.screens.page import Page
from tui.screens.palette import Actions
from tui.screens.sessions import SessionsScreen
from tui.widgets.key_bar import KeyBar, fitting

FOOTER = [action.keys.split(",")[0] for action in ACTIONS if action.footer and action.id != "quit"]
QUIET = [key for action in ACTIONS for key in action.keys.split(",") if not action.footer]


async def press_and_look(here: Visit, key: str) -> None:
    await here.press(key)
    assert untidy(here.screen) == [], f"after {key}"
    if isinstance(here.screen, ModalScreen):
        await here.press("escape")
        assert isinstance(here.screen, Page), f"Escape leaves what {key} opened"


async def back_to_the_tree(here: Visit) -> None:
    """Escape leaves what was opened or typed; a digit leaves the other screens."""
    await here.press("escape")
    if not isinstance(here.screen, SessionsScreen):
        await here.press("1")
    assert isinstance(here.screen, SessionsScreen)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_every_key_of_the_last_line_works(tmp_path: Path, size: tuple[int, int]) -> None:
    async with visit(garden(tmp_path), size) as here:
        assert untidy(here.screen) == []
        await here.go_to("ses_oldroses")
        for key in FOOTER:
            await press_and_look(here, key)
            await back_to_the_tree(here)
        await here.idle()


async def test_every_other_key_works_too(tmp_path: Path) -> None:
    async with visit(garden(tmp_path), (50, 20)) as here:
        await here.go_to("ses_oldroses")
        for key in QUIET:
            await press_and_look(here, key)
            if not isinstance(here.screen, SessionsScreen):
                await back_to_the_tree(here)
        await here.idle()


async def test_keys_of_other_screens_do_no_harm(tmp_path: Path) -> None:
    async with visit(garden(tmp_path), (80, 24)) as here:
        before = here.sessions()
        for page in "2345":
            await here.press(page)
            for key in ("p", "r", "V", "L", "question_mark", "colon", "d", "a", "enter"):
                await press_and_look(here, key)
        await here.idle()
        assert here.sessions() == before


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_every_screen_is_tidy_and_its_last_line_keeps_help_and_quit(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with visit(garden(tmp_path), size) as here:
        await here.go_to("ses_oldroses")
        await here.press("d")
        await here.idle()
        for page in "12345":
            await here.press(page)
            await here.idle()
            assert untidy(here.screen) == []
            shown = fitting(here.screen.query_one(KeyBar).keys, size[0] - 2)
            assert sum(len(key.key) + len(key.title) + 3 for key in shown) - 2 <= size[0] - 2
            assert [key.key for key in shown[-2:]] == ["?", "q"]
            assert len(shown) >= 3


async def test_a_click_on_the_last_line_does_what_its_key_does(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        bar = here.screen.query_one(KeyBar)
        at = 1
        for key in fitting(bar.keys, 118):
            if key.key == "?":
                break
            at += len(key.key) + 1 + len(key.title) + 2
        await here.pilot.click(bar, offset=(at, 0))
        await here.pilot.pause()
        assert isinstance(here.screen, ModalScreen)


async def test_the_users_own_keys_work_and_are_shown(tmp_path: Path) -> None:
    from tui.config import Compaction, Config

    config = Config(compaction=Compaction(reclaim=False), keys={"show_trash": "f4", "help": "f1"})
    async with visit(garden(tmp_path), config=config) as here:
        assert "f1" in [key.key for key in here.screen.query_one(KeyBar).keys]
        await here.press("f4")
        assert here.app.current_mode == "trash"


async def test_among_the_jobs_only_keys_are_shown_that_do_something_now(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:

        async def shown(*keys: str) -> str:
            await here.press(*keys)
            await here.idle()
            return " ".join(key.key for key in here.screen.query_one(KeyBar).keys)

        assert await shown("5") == "1 ? q"
        assert await shown("1", "j", "a", "5") == "u 1 ? q"
        assert await shown("u") == "U 1 ? q"


async def test_escape_leads_from_every_screen_back_to_the_sessions(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        for page in "23456":
            await here.press(page, "escape")
            assert isinstance(here.screen, SessionsScreen), page


async def test_escape_leaves_every_dialog_while_it_still_loads(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        for key in ("x", "r", "V", "L", "O", "p", "question_mark", "colon"):
            await here.pilot.press(key, "escape")
            await here.until(lambda: len(here.app.screen_stack) == 1)


async def test_the_help_names_every_key_and_no_line_is_wider_than_it_may_be() -> None:
    for width in (44, 70):
        lines = str(help_text(Keys(), width)).splitlines()
        assert max(map(len, lines)) <= width
        text = "\n".join(lines)
        for action in ACTIONS:
            for key in action.keys.split(","):
                assert re.search(rf"^(.* )?{re.escape(written(key))} ", text, re.M), key


async def test_the_palette_offers_every_action(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        offered = [hit.text async for hit in Actions(here.screen).discover()]
        everywhere = {each.title for each in ACTIONS if each.group in EVERYWHERE}
        missing = everywhere - set(map(str, offered))
        assert missing == {"Palette"}


async def test_a_click_on_a_heading_sorts_and_again_reverses(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        page = here.screen
        assert isinstance(page, SessionsScreen)
        await here.pilot.click(here.tree, offset=(24, 0))
        assert (page.sort, page.reverse) == ("activity", False)
        await here.pilot.click(here.tree, offset=(24, 0))
        assert (page.sort, page.reverse) == ("activity", True)
