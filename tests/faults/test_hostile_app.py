"""The app on a hostile database: every screen, every session, every detail; nothing is markup."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.test_hostile import NAMES
from tests.hostile import TITLES, Planted, harms, plant, secrets_in
from tests.visit import Visit, visit
from tui.app import OcduApp


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(tmp_path_factory.mktemp("hostile") / "home" / "opencode" / "opencode.db")


@pytest.fixture
def planted(model: Planted, tmp_path: Path) -> Planted:
    place = tmp_path / "place"
    shutil.copytree(model.path.parents[1], place, symlinks=True)
    return Planted(place / "opencode" / "opencode.db", model.ids)


def shown(app: OcduApp) -> str:
    """What stands on the terminal, line by line."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def assert_harmless(here: Visit) -> None:
    text = shown(here.app)
    assert list(harms(text)) == []
    assert secrets_in(text) == []


async def test_every_screen_and_dialog_opens_and_shows_nothing_harmful(planted: Planted) -> None:
    async with visit(planted.path) as here:
        assert_harmless(here)
        for key in ("2", "3", "4", "5", "1", "L", "escape", "p", "escape", "r", "escape", "V",
                    "escape", "question_mark", "escape", "t", "t", "t", "v", "v", "b", "s", "S",
                    "slash", "r", "e", "d", "escape"):  # fmt: skip
            await here.press(key)
            assert_harmless(here)
        await here.idle()
        assert here.app.is_running


async def test_every_session_is_shown_with_its_details(planted: Planted) -> None:
    async with visit(planted.path) as here:
        for name in NAMES:
            await here.go_to(planted.ids[name])
            await here.idle()
            assert_harmless(here)


async def test_titles_are_text_and_never_markup(planted: Planted) -> None:
    async with visit(planted.path, size=(200, 120)) as here:
        for name in ("markup", "broken markup"):
            await here.go_to(planted.ids[f"title: {name}"])
            await here.idle()
            assert TITLES[name][:12] in shown(here.app)


@pytest.mark.parametrize("name", ["title: broken markup", "id: escape", "id: upwards", "cycle a",
                                  "body: null", "time: no utf-8", "id: empty"])  # fmt: skip
async def test_keys_work_on_a_hostile_session(planted: Planted, name: str) -> None:
    async with visit(planted.path) as here:
        id = planted.ids[name]
        before = here.sessions()
        await here.go_to(id)
        await here.press("a")
        await here.idle()
        assert id in here.archived()
        assert_harmless(here)
        await here.press("u")
        await here.idle()
        assert id not in here.archived()
        await here.go_to(id)
        await here.press("d")
        await here.idle()
        if id in here.sessions():  # one that was active just now is asked about
            await here.press("tab", "enter")
            await here.idle()
        assert id not in here.sessions()
        assert_harmless(here)
        for key in ("4", "5", "1"):
            await here.press(key)
            assert_harmless(here)
        await here.press("u")
        await here.idle()
        assert here.sessions() == before
