"""The first start explains the screen in five lines that take no key, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import make_database, session
from tests.visit import Visit, garden, visit
from tui.config import Compaction, Config
from tui.widgets.welcome import LINES, Welcome


def card(here: Visit) -> Welcome:
    return here.app.screen_stack[0].query_one(Welcome)


async def test_the_card_stands_below_the_tree_and_takes_no_key(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.until(lambda: bool(card(here).display))
        assert len(str(card(here).render()).splitlines()) == len(LINES) == 5
        assert here.screen.focused is here.tree
        await here.press("j", "2", "1", "slash", "r", "escape")
        assert card(here).display, "Escape clears what was typed first"
        await here.press("escape")
        assert not card(here).display


async def test_no_later_start_shows_it_again_whatever_the_database(tmp_path: Path) -> None:
    other = make_database(tmp_path / "other.db", [session("Hello")])
    async with visit(garden(tmp_path)) as here:
        await here.until(lambda: bool(card(here).display))
    async with visit(other) as here:
        await here.idle()
        assert not here.app.newcomer and not card(here).display


@pytest.mark.parametrize("size", [(120, 27), (79, 40)], ids=str)
async def test_where_the_tree_needs_the_room_there_is_no_card(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with visit(garden(tmp_path), size) as here:
        await here.until(lambda: here.app.newcomer)
        assert not card(here).display


async def test_the_card_names_the_users_own_keys_and_fits_eighty_columns(tmp_path: Path) -> None:
    config = Config(compaction=Compaction(reclaim=False), keys={"help": "f1"})
    async with visit(garden(tmp_path), (80, 28), config) as here:
        await here.until(lambda: bool(card(here).display))
        await here.pilot.pause()
        assert "f1 every key" in str(card(here).render())
        assert card(here).content_size.height == len(LINES)
