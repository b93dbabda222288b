"""The trash filtered: by title, directory, id and words, tree by tree; each comes back alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from tests.factories import days_ago, make_database, session
from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, visit
from tui.screens.sessions import SessionsScreen
from tui.screens.trash import TrashScreen
from tui.screens.trash_rows import BATCHES, TREES


def orchard(path: Path) -> Path:
    """Three trees for one batch, and one for another."""
    return make_database(
        path / "opencode" / "opencode.db",
        [
            session("Old apples", active=days_ago(90), octets=40_000, project="fruit",
                    directory="/srv/fruit/apples",
                    children=[session("Pips", octets=10, active=days_ago(90))]),
            session("Ripe pears", active=days_ago(80), octets=9_000, project="fruit",
                    directory="/srv/fruit/pears"),
            session("Oak wood", active=days_ago(70), octets=2_000_000, project="wood",
                    directory="/srv/wood"),
            *(session(f"Cress {n}", active=days_ago(1)) for n in range(8)),
        ],
    )  # fmt: skip


async def trash(here: Visit) -> TrashScreen:
    """Two batches: the fruit, then the wood; and the screen that shows them."""
    for ids in (("ses_oldapples", "ses_ripepears"), ("ses_oakwood",)):
        for id in ids:
            await here.go_to(id)
            await here.press("space")
        await here.press("d")
        await here.idle()
    await here.press("4")
    screen = here.screen
    assert isinstance(screen, TrashScreen)
    await here.until(lambda: screen.table.count == 2)
    return screen


def shown(screen: TrashScreen) -> list[str]:
    return [row.cells[-1][0] for row in screen.table.rows]


FILTERS = {
    "pear": ["Ripe pears"],
    "fruit/apples": ["Old apples"],
    "ses_oakw": ["Oak wood"],
    "ses_pips": ["Old apples"],
    "ripe paers": ["Ripe pears"],
    "dir:wood": ["Oak wood"],
    "project:fruit -pears": ["Old apples"],
    "size:>1MB": ["Oak wood"],
    "idle:1d": [],
    "zzzzzz": [],
}
"""What is typed -> trees that are found."""


async def test_a_filter_finds_trees(tmp_path: Path) -> None:
    async with visit(orchard(tmp_path)) as here:
        screen = await trash(here)
        screen.filter_bar.open()
        for typed, found in FILTERS.items():
            screen.filter_bar.field.value = typed
            await here.until(lambda: shown(screen) == found)  # noqa: B023
            assert screen.table.columns == TREES
            if not found:
                assert "F searches what was said" in screen.table.empty_text
            screen.filter_bar.field.value = ""
            await here.until(lambda: screen.table.columns == BATCHES)


async def test_a_tree_that_was_found_comes_back_alone(tmp_path: Path) -> None:
    async with visit(orchard(tmp_path)) as here:
        screen = await trash(here)
        await here.press("slash", *"pears", "enter", "enter")
        await here.idle()
        assert {id for id in here.sessions() if "cress" not in id} == {"ses_ripepears"}
        await here.until(lambda: screen.table.count == 0)
        await here.press("escape")
        assert screen.table.columns == BATCHES
        assert shown(screen) == ["Oak wood", "Old apples"]
        await here.press("escape")
        assert isinstance(here.screen, SessionsScreen)


async def test_a_batch_is_never_emptied_for_one_of_its_trees(tmp_path: Path) -> None:
    async with visit(orchard(tmp_path)) as here:
        screen = await trash(here)
        await here.press("slash", *"pears", "enter", "e")
        assert here.screen is screen
        assert "Esc shows the batches" in here.toasts[-1]


async def test_words_that_mean_nothing_here_are_named(tmp_path: Path) -> None:
    async with visit(orchard(tmp_path)) as here:
        screen = await trash(here)
        await here.press("slash", *"is:pinned")
        hint = str(screen.filter_bar.query_one("#filter-hint", Static).content)
        assert "is:pinned says nothing about the trash" in hint


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_it_is_tidy_in_every_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    async with visit(orchard(tmp_path), size) as here:
        await trash(here)
        assert untidy(here.screen) == []
        await here.press("slash", *"fruit")
        assert untidy(here.screen) == []
