"""Prune one tree, by policy, by filter and mark; bring it back; delete for good."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Button, Static

from tests.factories import count_rows
from tests.picture import assert_sound, but_history, picture
from tests.visit import garden, visit
from tui.format import size
from tui.screens.confirm import ConfirmDialog
from tui.screens.prune import PruneDialog
from tui.widgets.get_back_table import GetBackTable

TREE = {"ses_planttrees", "ses_digholes", "ses_buyapples"}


async def test_one_key_moves_the_tree_to_trash_and_another_brings_it_back(tmp_path: Path) -> None:
    path = garden(tmp_path)
    before = picture(path)
    async with visit(path) as here:
        await here.go_to("ses_planttrees")
        await here.press("d")
        await here.idle()
        assert not here.sessions() & TREE
        assert_sound(path)
        assert "moved to trash" in here.toasts[-1] and "vacuum (V)" in here.toasts[-1]
        await here.press("u")
        await here.idle()
        assert here.sessions() >= TREE
    assert but_history(picture(path)) == but_history(before)


async def test_the_cursor_stays_near_what_was_pruned(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_oldroses")
        line = here.tree.cursor
        await here.press("d")
        await here.idle()
        assert here.tree.cursor == line


async def test_a_shared_tree_is_asked_about_and_escape_keeps_it(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_sharedbeds")
        await here.press("d")
        assert isinstance(here.screen, ConfirmDialog)
        assert here.button().startswith("Move 1 session to trash")
        assert here.screen.focused is here.screen.query_one("#safe", Button)
        await here.press("escape")
        await here.idle()
        assert "ses_sharedbeds" in here.sessions()


async def test_the_verb_on_the_button_prunes_what_was_asked_about(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_sharedbeds")
        await here.press("d", "right", "enter")
        await here.idle()
        assert "ses_sharedbeds" not in here.sessions()


async def test_enter_on_the_safe_button_keeps_everything(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        before = here.sessions()
        await here.press("p", "enter")
        await here.idle()
        assert here.sessions() == before


async def test_the_dialog_promises_the_free_bytes_that_the_dashboard_does(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.press("2")
        await here.idle()
        line = next(row for row in here.screen.query_one(GetBackTable).rows if "idle" in str(row))
        await here.press("p")
        assert isinstance(here.screen, PruneDialog)
        promised = size(here.screen.plan.predicted_bytes)
        told = str(here.screen.query_one("#counts", Static).content)
        assert f"frees about {promised}" in told
        assert promised in str(line), "one number for one deed"


async def test_the_policy_dialog_prunes_exactly_what_it_showed(tmp_path: Path) -> None:
    path = garden(tmp_path)
    async with visit(path) as here:
        await here.press("p")
        assert isinstance(here.screen, PruneDialog)
        planned = {id for item in here.screen.plan for id in item.sessions}
        assert planned == {"ses_oldroses", "ses_kitchenredsinkred", "ses_putaway", *TREE}
        assert here.screen.plan.excluded == {"shared": 1}
        before = here.sessions()
        assert here.button().startswith("Move 6 sessions to trash")
        here.screen.query_one("#act").focus()
        await here.press("enter")
        await here.idle()
        assert here.sessions() == before - planned
        assert_sound(path)


async def test_every_choice_changes_the_preview_at_once(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_oldroses")
        await here.press("p")
        assert isinstance(here.screen, PruneDialog)
        counts = [len(here.screen.plan)]
        here.screen.query_one("#scope").focus()
        await here.press("right")  # this project
        counts.append(len(here.screen.plan))
        here.screen.query_one("#idle").focus()
        await here.press("right")  # 60 days
        counts.append(len(here.screen.plan))
        assert counts == [4, 2, 1]


async def test_filter_mark_and_prune(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        before = here.sessions()
        await here.press("slash", *"roses", "enter", "asterisk", "d")
        await here.idle()
        assert before - here.sessions() == {"ses_oldroses"}


async def test_deleting_for_good_wants_the_count_typed(tmp_path: Path) -> None:
    path = garden(tmp_path)
    async with visit(path) as here:
        await here.go_to("ses_planttrees")
        await here.press("D")
        act = here.screen.query_one("#act", Button)
        assert act.disabled
        await here.press("2")
        assert act.disabled
        await here.press("backspace", "3")
        assert not act.disabled
        await here.press("enter", "enter")
        await here.idle()
        assert not here.sessions() & TREE
        assert count_rows(path, "part", "session_id = 'ses_digholes'") == 0
        assert not list(here.app.site.ledger.trash_folder.glob("*.db"))


@pytest.mark.parametrize("key", ["enter", "backspace", "delete"])
async def test_keys_that_slip_destroy_nothing(tmp_path: Path, key: str) -> None:
    path = garden(tmp_path)
    before = picture(path)
    async with visit(path) as here:
        await here.go_to("ses_oldroses")
        await here.press(key, key)
        await here.idle()
    assert picture(path) == before


async def test_everything_on_show_goes_only_after_a_question_and_comes_back(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        before = here.sessions()
        await here.press("t", "asterisk", "minus")
        for id in ("ses_oldroses", "ses_planttrees", "ses_kitchenredsinkred"):
            await here.go_to(id)
            await here.press("space")
        await here.press("d")
        assert isinstance(here.screen, ConfirmDialog)
        assert "more than half of all sessions: 5 of 8" in str(
            here.screen.query_one("#sentences").render()
        )
        await here.press("escape")
        assert here.sessions() == before
        await here.press("d", "right", "enter")
        await here.idle()
        assert len(here.sessions()) == 3
        await here.press("u")
        await here.idle()
        assert here.sessions() == before
