"""The app on a file that both generations use."""

from __future__ import annotations

from pathlib import Path

from tests.generations import TRUTH, every_state, fresh, problems
from tests.picture import picture
from tests.visit import visit


async def test_a_session_of_both_generations_goes_and_comes_back_by_one_key(tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    every_state(path)
    before = picture(path)
    async with visit(path) as here:
        assert set(TRUTH) == {row.id for row in here.app.forest.rows}
        await here.go_to("ses_newer")
        await here.press("d")
        await here.idle()
        assert "moved to trash" in here.toasts[-1]
        assert "ses_newer" not in {row.id for row in here.app.forest.rows}
        assert problems(path) == []
        await here.press("u")
        await here.idle()
    assert picture(path) == before


async def test_every_screen_shows_a_file_of_2x_alone(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db", ["one", "two"])
    before = picture(path)
    async with visit(path) as here:
        for key in ("2", "3", "4", "5", "1", "r", "escape", "L", "escape"):
            await here.press(key)
            await here.idle()
        assert {row.generation for row in here.app.forest.rows} == {"v2"}
    assert picture(path) == before
