"""Searching the trash on screen: hits, the way back, and what is left when they are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from textual.widgets import Static

from tests.factories import Turn, days_ago, make_database, session
from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, visit
from tui.places import Buried, Dug
from tui.records import Hit
from tui.screens.dig import DigScreen
from tui.screens.search import SearchScreen
from tui.screens.trash import TrashScreen


def talks(path: Path) -> Path:
    """Two trees about slugs, one about the lawn."""
    return make_database(
        path / "opencode" / "opencode.db",
        [
            session("Salad", turns=[Turn("Dinner", "Lettuce")], active=days_ago(3),
                    children=[session("Find it", turns=[Turn("[red]slugs[/red] \x1b[2J")],
                                      active=days_ago(3))]),
            session("Lawn", turns=[Turn("Mow it")], active=days_ago(3)),
            session("Beans", turns=[Turn("slugs again")], active=days_ago(30)),
        ],
    )  # fmt: skip


async def buried(here: Visit, *ids: str) -> None:
    """Move trees to the trash, each to a batch of its own."""
    for id in ids:
        await here.go_to(id)
        await here.press("d")
        await here.idle()


async def dug(here: Visit, text: str) -> DigScreen:
    """Search the trash by keys and wait for the end."""
    await here.press("4", "F", *text, "enter")
    screen = here.screen
    assert isinstance(screen, DigScreen)
    await here.until(lambda: screen.share == 1 and screen.stop is None)
    await here.pilot.pause()
    return screen


async def test_enter_restores_the_tree_of_the_hit_and_its_hits_go(tmp_path: Path) -> None:
    async with visit(talks(tmp_path)) as here:
        await buried(here, "ses_salad", "ses_beans")
        screen = await dug(here, "slugs")
        assert [hit.session_id for hit in screen.list.hits] == ["ses_findit", "ses_beans"]
        assert "Find it" in screen.list.render_line(1).text
        await here.press("enter")
        await here.idle()
        assert here.sessions() == {"ses_salad", "ses_findit", "ses_lawn"}
        await here.until(lambda: [hit.session_id for hit in screen.list.hits] == ["ses_beans"])
        await here.press("enter")
        await here.idle()
        await here.until(lambda: screen.list.count == 0)
        assert "no longer in the trash" in screen.list.empty_text
        await here.press("escape")
        assert isinstance(here.screen, TrashScreen)


async def test_it_searches_when_told_and_not_while_one_types(tmp_path: Path) -> None:
    async with visit(talks(tmp_path)) as here:
        await buried(here, "ses_beans")
        await here.press("4", "slash", "slash", *"slugs")
        screen = here.screen
        assert isinstance(screen, DigScreen)
        await here.pilot.pause(0.5)
        assert (screen.needle, screen.hits, screen.share) == ("", [], None)
        await here.press("enter")
        await here.until(lambda: len(screen.hits) == 1)


async def test_nothing_found_says_so_and_f_searches_the_living(tmp_path: Path) -> None:
    async with visit(talks(tmp_path)) as here:
        await buried(here, "ses_beans")
        screen = await dug(here, "unicorn")
        assert "Nobody said “unicorn” in what is in the trash" in screen.list.empty_text
        await here.press("enter", "F")
        assert isinstance(here.screen, SearchScreen)


async def test_escape_stops_a_search_and_keeps_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unending: None
) -> None:
    stopped = Event()

    def slow(text: str, stop: Event) -> Iterator[Dug]:
        hit = Hit("ses_beans", "m", "p", 1, "text", "user", "slugs", 0, 5)
        yield Dug((Buried("batch", "ses_beans", "Beans", "garden", hit),), 0.1)
        while not stop.wait(0.005):
            yield Dug((), 0.2)
        stopped.set()

    async with visit(talks(tmp_path)) as here:
        monkeypatch.setattr(here.app, "read_dug", slow)
        await here.press("4", "F", *"slugs", "enter")
        screen = here.screen
        assert isinstance(screen, DigScreen)
        await here.until(lambda: len(screen.hits) == 1)
        assert "% searched" in str(screen.query_one("#found", Static).content)
        await here.press("escape")
        await here.until(stopped.is_set)
        assert isinstance(here.screen, DigScreen) and len(here.screen.hits) == 1


async def test_of_a_tree_that_lies_in_two_batches_the_newest_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hit = Hit("ses_beans", "m", "p", 1, "text", "user", "slugs", 0, 5)

    def twice(text: str, stop: Event) -> Iterator[Dug]:
        for batch in ("newer", "older"):
            yield Dug((Buried(batch, "ses_beans", "Beans", "garden", hit),), 0.5)
        yield Dug((), 1.0, True)

    async with visit(talks(tmp_path)) as here:
        named: list[str] = []
        monkeypatch.setattr(here.app, "read_dug", twice)
        monkeypatch.setattr(here.app, "read_trash", lambda: ())
        monkeypatch.setattr(here.app, "plan_restore", named.extend)
        screen = await dug(here, "slugs")
        monkeypatch.setattr(screen, "hits_here", lambda: screen.hits)
        monkeypatch.setattr(screen, "_submit", lambda plan: None)
        screen.show()
        assert screen.hits == [hit]
        await here.press("enter")
        await here.until(lambda: named == ["newer/ses_beans"])


async def test_a_batch_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    async with visit(talks(tmp_path)) as here:
        await buried(here, "ses_beans")
        [path] = here.app.site.ledger.trash_folder.glob("*.trash")
        path.write_bytes(path.read_bytes()[:-40])
        screen = await dug(here, "slugs")
        assert f"{path.stem} was not searched" in screen.list.empty_text


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_it_is_tidy_and_harmless_in_every_terminal(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with visit(talks(tmp_path), size) as here:
        await buried(here, "ses_salad", "ses_beans")
        screen = await dug(here, "slugs")
        assert untidy(here.screen) == []
        assert "[red]" in str(screen.query_one("#around", Static).content)
        assert "\x1b" not in "".join(screen.list.render_line(y).text for y in range(4))
