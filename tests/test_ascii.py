"""Text in ASCII of the same width, on paper and on every screen."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Static

from tests.visit import garden, visit
from tui.ascii import in_ascii
from tui.config import Compaction, Config, Look
from tui.format import cells, clean
from tui.keys import Keys
from tui.widgets.key_bar import KeyBar
from tui.widgets.welcome import Welcome


@given(st.text())
def test_every_text_that_is_shown_becomes_ascii_of_the_same_width(foreign: str) -> None:
    text = clean(foreign)
    plain = in_ascii(text)
    assert plain.isascii()
    assert cells(plain) == cells(text)


def test_letters_lose_their_accents_and_glyphs_find_a_stand_in() -> None:
    assert in_ascii("Größe › “ça” ✓ 表") == 'Grosse > "ca" + ??'.replace("ss", "?")
    assert in_ascii("▾ 3.12 GB ███████░ …") == "v 3.12 GB #######. ~"
    assert in_ascii("plain") == "plain"


async def test_every_screen_can_be_drawn_in_ascii(tmp_path: Path) -> None:
    async with visit(garden(tmp_path), config=Config(look=Look(ascii=True))) as here:
        seen: set[object] = set()
        for key in ("1", "2", "3", "4", "5", "p", "r", "V", "L", "question_mark"):
            await here.press(key)
            await here.pilot.pause()
            picture = here.app.export_screenshot()
            shown = html.unescape(" ".join(re.findall(r"<text[^>]*>([^<]*)</text>", picture)))
            foreign = [letter for letter in set(shown) if not letter.isascii() and letter != "\xa0"]
            assert foreign == [], key
            assert "|" in shown or "-" in shown, key
            assert here.screen not in seen, f"{key} leads to a screen of its own"
            seen.add(here.screen)
            if key not in "12345":
                await here.press("escape")


@pytest.mark.parametrize("theme", ("high-contrast", "ansi-dark", "ansi-light", "textual-light"))
async def test_the_app_opens_in_any_theme(tmp_path: Path, theme: str) -> None:
    async with visit(garden(tmp_path), config=Config(look=Look(theme=theme))) as here:
        assert here.app.theme == theme
        await here.press("2", "1")
        assert here.sessions()


async def test_a_theme_that_does_not_exist_is_told(tmp_path: Path) -> None:
    async with visit(garden(tmp_path), config=Config(look=Look(theme="neon"))) as here:
        assert any("neon" in toast for toast in here.toasts)
        assert here.app.theme == "textual-dark"


def test_keys_without_a_letter_are_named_by_words() -> None:
    keys = Keys({"undo": "enter", "pin": "backspace,up"}, ascii=True)
    assert (keys["undo"], keys.all_of("pin"), keys.sign("enter")) == (
        "Enter",
        "Backspace Up",
        "Enter",
    )
    assert Keys().sign("enter") == "↵"


async def test_arrows_are_words_where_their_stand_ins_would_be_other_keys(tmp_path: Path) -> None:
    config = Config(compaction=Compaction(reclaim=False), look=Look(ascii=True))
    async with visit(garden(tmp_path), config=config) as here:
        assert "Up Down move, Right opens" in str(here.screen.query_one(Welcome).render())
        await here.press("x")
        hint = str(here.screen.query_one("#frame").border_subtitle)
        assert hint.startswith("Up to the steps")
    assert Keys()["up"] == "↑"


async def test_the_last_line_says_enter_in_ascii(tmp_path: Path) -> None:
    config = Config(compaction=Compaction(reclaim=False), look=Look(ascii=True))
    async with visit(garden(tmp_path), config=config) as here:
        for page in "2346":
            await here.press(page)
            line = str(here.screen.query_one(KeyBar).render())
            assert "Enter " in line and "↵" not in line and "$" not in in_ascii(line), page
        await here.press("1", "question_mark")
        shown = str(here.screen.query_one("#keys", Static).content)
        assert "↵" not in shown and re.search("^Enter ", shown, re.MULTILINE)
