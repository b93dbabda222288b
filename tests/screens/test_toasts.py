"""Notices in the corner: read in full, one for what was done last, none over a dialog."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.content import Content
from textual.widgets._toast import Toast, ToastRack

from tests.factories import days_ago, make_database, session
from tests.visit import SIZES, Visit, garden, visit

CUT = (
    "“Why is the product page slow on phones?” (9 sessions) archived; this frees no space. "
    "u undoes it."
)
COPIED = "Copied ses_dfcd53408ffeN6N7JyCnRCpm7w"
LONG = "A sentence about what has just been done, with a number and the key that takes it back."


async def told(here: Visit, *texts: str) -> list[Toast]:
    """Say these; the toasts that are drawn then."""
    for text in texts:
        here.app.say(text)
        await here.pilot.pause()
    await here.until(lambda: any(each.region.area for each in here.screen.query(Toast)))
    await here.pilot.pause()
    return [each for each in here.screen.query(Toast) if each.region.area]


async def forgotten(here: Visit) -> None:
    """No toast is left of what was said so far."""
    here.app.clear_notifications()
    await here.until(lambda: not here.screen.query(Toast))


@pytest.mark.parametrize("size", [*SIZES, (100, 30)], ids=str)
async def test_no_line_of_a_toast_is_cut(tmp_path: Path, size: tuple[int, int]) -> None:
    async with visit(garden(tmp_path), size, toasts=True) as here:
        for text in (CUT, COPIED, LONG):
            [toast] = await told(here, text)
            drawn = toast.render()
            assert isinstance(drawn, Content)
            lines = drawn.wrap(toast.content_size.width)
            assert toast.content_size.height == len(lines), text
            assert here.screen.region.contains_region(toast.region), text
            await forgotten(here)


async def test_what_was_done_last_takes_the_place_of_what_was_done_before(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_oldroses")
        await here.press("a")
        await here.idle()
        assert "u undoes it" in here.toasts[0]
        await here.press("u")
        await here.idle()
        [last] = here.toasts
        assert "was undone" in last


async def test_trouble_stays_beside_what_was_done_after_it(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        here.app.say("This failed.", "error")
        here.app.say("That was done.")
        await here.pilot.pause()
        assert here.toasts == ["This failed.", "That was done."]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_dialog_opens_without_the_toasts_of_before(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with visit(garden(tmp_path), size, toasts=True) as here:
        below = here.screen
        for key in ("p", "question_mark", "V"):
            await told(here, LONG)
            here.app.say("This failed.", "error")
            await here.press(key)
            await here.idle()
            assert here.screen is not below and here.toasts == ["This failed."], key
            assert not any(each.display for each in below.query(ToastRack)), key
            await here.press("escape")
            await here.pilot.pause()
            assert below.query_one(ToastRack).display, "what failed is still told"
            await forgotten(here)


async def test_a_file_that_gave_back_by_itself_is_not_told_to_shrink_later(tmp_path: Path) -> None:
    given = [session("rose", octets=900_000, active=days_ago(40)), session("cress")]
    path = make_database(tmp_path / "opencode.db", given, auto_vacuum=2)
    async with visit(path) as here:
        await here.go_to("ses_rose")
        await here.press("d")
        await here.idle()
        [told] = here.toasts
        assert "moved to trash" in told and "u undoes it" in told
        assert "Gave back" in told and "after a vacuum" not in told
