"""The search screen: streaming, stopping, and acting on what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from textual.widgets import Input, Static

from tests.factories import Turn, days_ago, make_database, session
from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, visit
from tui.records import Hit, Searched
from tui.screens.conversation import ConversationScreen
from tui.screens.dig import DigScreen
from tui.screens.search import SearchScreen
from tui.screens.seeking import MOST
from tui.screens.sessions import SessionsScreen
from tui.widgets.hit_list import HitList


def talks(path: Path) -> Path:
    """Three conversations; two of them about slugs, one of those archived."""
    return make_database(
        path / "opencode" / "opencode.db",
        [
            session("Salad", turns=[Turn("Slugs eat [red]it[/red]", "Beer traps for slugs")],
                    children=[session("Look up slugs", turns=[Turn("What do SLUGS eat?")])],
                    active=days_ago(3)),
            session("Lawn", turns=[Turn("Mow it")], active=days_ago(3)),
            session("Beans", turns=[Turn("slugs again")], archived=days_ago(1),
                    active=days_ago(30)),
        ],
    )  # fmt: skip


async def searched(here: Visit, text: str) -> HitList:
    """Search by keys and wait until all was looked at."""
    names = {" ": "space", "[": "left_square_bracket"}
    await here.press("F", *(names.get(char, char) for char in text), "enter")
    screen = here.screen
    assert isinstance(screen, SearchScreen)
    await here.until(lambda: screen.stop is None and screen.share == 1)
    await here.pilot.pause()
    return screen.list


async def test_hits_of_all_sessions_stand_there_the_newest_first(tmp_path: Path) -> None:
    async with visit(talks(tmp_path)) as here:
        hits = await searched(here, "slugs")
        assert [hit.session_id for hit in hits.hits][-1] == "ses_beans"
        assert len(hits.hits) == 4
        assert "4 hits · 3 sessions" in str(here.screen.query_one("#found", Static).content)
        assert hits.has_focus


async def test_it_begins_by_itself_while_one_types(tmp_path: Path) -> None:
    async with visit(talks(tmp_path)) as here:
        await here.press("F", *"slugs")
        screen = here.screen
        assert isinstance(screen, SearchScreen)
        await here.until(lambda: len(screen.hits) == 4)
        assert screen.field.has_focus


async def test_enter_shows_the_session_in_the_tree_even_when_it_is_archived(
    tmp_path: Path,
) -> None:
    async with visit(talks(tmp_path)) as here:
        await searched(here, "slugs again")
        await here.press("enter")
        assert isinstance(here.screen, SessionsScreen)
        assert here.tree.cursor_id == "ses_beans"


async def test_o_opens_the_conversation_at_that_part_and_escape_leads_back(
    tmp_path: Path,
) -> None:
    async with visit(talks(tmp_path)) as here:
        await searched(here, "beer traps")
        await here.press("o")
        screen = here.screen
        assert isinstance(screen, ConversationScreen)
        await here.until(lambda: "1 part with it" in screen.hits_told())
        assert screen.talk.here is not None and screen.talk.here.key.startswith("prt_salad_0a_")
        await here.press("escape")
        assert isinstance(here.screen, SearchScreen)
        await here.press("escape")
        assert isinstance(here.screen, SessionsScreen)


async def test_deeds_act_on_the_tree_of_the_hit(tmp_path: Path) -> None:
    async with visit(talks(tmp_path)) as here:
        await searched(here, "what do slugs")
        await here.press("a")
        await here.idle()
        assert here.archived() == {"ses_beans", "ses_salad", "ses_lookupslugs"}
        await here.press("u")
        await here.idle()
        assert here.archived() == {"ses_beans"}
        await here.press("d")
        await here.idle()
        assert here.sessions() == {"ses_lawn", "ses_beans"}
        assert isinstance(here.screen, SearchScreen)
        assert here.screen.list.count == 0 and "u brings back" in here.screen.list.empty_text
        await here.press("u")
        await here.idle()
        assert [hit.session_id for hit in here.screen.list.hits] == ["ses_lookupslugs"]


async def test_nothing_found_is_said(tmp_path: Path) -> None:
    async with visit(talks(tmp_path)) as here:
        hits = await searched(here, "unicorn")
        assert "Nobody said “unicorn”" in hits.empty_text
        for key in ("a", "d", "D", "P", "o", "y"):
            await here.press(key)
            assert isinstance(here.screen, SearchScreen)
        await here.press("enter")
        assert isinstance(here.screen, DigScreen) and here.screen.needle == "unicorn"
        await here.press("escape")
        assert isinstance(here.screen, SearchScreen)


class Slow:
    """A search that goes on until it is stopped."""

    def __init__(self) -> None:
        self.stopped = False

    def __call__(self, text: str, ids: Any, stop: Event) -> Iterator[Searched]:
        for number in range(10_000):
            hit = Hit("ses_salad", "m", f"p{number}", number, "text", "user", "slugs", 0, 5)
            yield Searched((hit,) if number < 3 else (), number / 10_000)
            if stop.wait(0.005):
                self.stopped = True
                return


async def test_escape_stops_a_search_and_keeps_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unending: None
) -> None:
    async with visit(talks(tmp_path)) as here:
        slow = Slow()
        monkeypatch.setattr(here.app, "read_search", slow)
        await here.press("F", *"slugs", "enter")
        screen = here.screen
        assert isinstance(screen, SearchScreen)
        await here.until(lambda: len(screen.hits) == 3)
        assert "% searched" in str(screen.query_one("#found", Static).content)
        await here.press("escape")
        await here.until(lambda: slow.stopped)
        assert isinstance(here.screen, SearchScreen) and len(screen.hits) == 3
        await here.press("escape")
        assert isinstance(here.screen, SessionsScreen)


async def test_other_letters_end_the_search_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unending: None
) -> None:
    async with visit(talks(tmp_path)) as here:
        slow = Slow()
        with monkeypatch.context() as patched:
            patched.setattr(here.app, "read_search", slow)
            await here.press("F", *"slugs", "enter")
            screen = here.screen
            assert isinstance(screen, SearchScreen)
            await here.until(lambda: bool(screen.hits))
        await here.press("slash", *" again", "enter")
        await here.until(lambda: slow.stopped and screen.stop is None)
        assert [hit.session_id for hit in screen.hits] == ["ses_beans"]


async def test_so_many_hits_end_it_and_are_told_to_be_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(text: str, ids: Any, stop: Event) -> Iterator[Searched]:
        while True:
            yield Searched(tuple(
                Hit("ses_salad", "m", "p", n, "text", "user", "slugs", 0, 5) for n in range(400)
            ), 0.1)  # fmt: skip

    async with visit(talks(tmp_path)) as here:
        monkeypatch.setattr(here.app, "read_search", endless)
        await here.press("F", *"slugs", "enter")
        screen = here.screen
        assert isinstance(screen, SearchScreen)
        await here.until(lambda: screen.stop is None)
        assert MOST <= len(screen.hits) < MOST + 400
        assert "and more" in str(screen.query_one("#found", Static).content)


@pytest.mark.parametrize("size", [*SIZES, (200, 60)], ids=str)
async def test_it_is_tidy_and_harmless_in_every_terminal(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with visit(talks(tmp_path), size) as here:
        hits = await searched(here, "slugs eat [")
        assert untidy(here.screen) == []
        assert "[red]" in str(here.screen.query_one("#around", Static).content)
        assert "eat [" in hits.render_line(1).text


async def test_who_types_ahead_of_the_field_loses_nothing_and_does_nothing(
    tmp_path: Path,
) -> None:
    async with visit(talks(tmp_path)) as here:
        before = here.sessions()
        here.app.simulate_key("F")
        while here.app.current_mode != "search":
            await asyncio.sleep(0)
        for key in "adx":
            here.app.simulate_key(key)
        await here.pilot.pause()
        screen = here.screen
        assert isinstance(screen, SearchScreen)
        await here.until(lambda: screen.field.value == "adx")
        assert here.sessions() == before and here.archived() == {"ses_beans"}


async def test_coming_back_keeps_hits_and_selects_the_text(tmp_path: Path) -> None:
    async with visit(talks(tmp_path)) as here:
        hits = await searched(here, "slugs")
        await here.press("2", "F")
        assert here.screen.query_one("#said", Input).value == "slugs"
        assert len(hits.hits) == 4
        await here.press(*"mow", "enter")
        screen = here.screen
        assert isinstance(screen, SearchScreen)
        await here.until(lambda: screen.share == 1)
        assert [hit.session_id for hit in screen.hits] == ["ses_lawn"]
