"""One key for as much space as possible: no session, no message, not a word less afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from tests.engine.test_rescue import bloated, conversation, on_disk
from tests.factories import count_rows, execute
from tests.journeys.shrinking import opened, shrink
from tests.neighbour import Holder
from tests.picture import assert_sound, picture
from tests.swollen import make_swollen
from tests.visit import PATIENCE, SIZES, garden, visit
from tui.desk import Jobs, Running
from tui.format import size
from tui.keys import Keys
from tui.policy.plan import Item, Plan, Step, Totals
from tui.widgets.job_bar import job_line
from tui.widgets.row_table import RowTable
from tui.widgets.status_header import StatusHeader


async def test_from_the_first_screen_to_the_smaller_file_in_three_keys(
    tmp_path: Path,
) -> None:
    path = bloated(tmp_path / "opencode.db")
    rows = [count_rows(path, table) for table in ("session", "message", "part")]
    talk, before = conversation(path), on_disk(path)
    keys = ["x", "right", "enter"]
    assert len(keys) == 3
    async with visit(path) as here:
        await here.press(keys[0])
        dialog = await opened(here)
        predicted = dialog.plan.predicted_bytes
        assert here.button().startswith("Get ") and here.button().endswith(" back")
        await here.press(*keys[1:])
        await here.idle()
        await here.until(lambda: len(here.toasts) == 1)
        (toast,) = here.toasts
        assert toast.startswith("Got back ") and "predicted" in toast, toast
        freed = before - on_disk(path)
        assert abs(freed - predicted) < 0.03 * freed
        assert here.app.jobs.running is None
    assert rows == [count_rows(path, table) for table in ("session", "message", "part")]
    assert conversation(path) == talk
    assert_sound(path)


async def test_header_dashboard_and_rescue_promise_the_same_and_say_when_it_is_about(
    tmp_path: Path,
) -> None:
    path = bloated(tmp_path / "opencode.db")
    async with visit(path) as here:
        await here.until(lambda: here.app.promise is not None)
        header = here.screen.query_one(StatusHeader)
        told = header.status.get_back
        assert told.startswith("about ")
        await here.press("2")
        advice = here.screen.query_one("#advice", Static)
        await here.until(lambda: f"gets back {told} without" in str(advice.content))
        await here.press("x")
        dialog = await opened(here)
        exact = size(dialog.plan.predicted_bytes)
        await here.until(lambda: here.app.promise is not None and here.app.promise.exact)
        await here.press("escape")
        await here.until(lambda: f"gets back {exact} without" in str(advice.content))
        await here.press("1")
        await here.until(lambda: header.status.get_back == exact)
        for _ in range(3):  # nothing has changed: what was looked into stands
            await here.pilot.pause(0.2)
            assert header.status.get_back == exact


async def test_while_a_job_is_at_work_its_log_is_nobodys_gain(tmp_path: Path) -> None:
    async with visit(bloated(tmp_path / "opencode.db")) as here:
        app = here.app
        await here.until(lambda: app.promise is not None)
        before = app.promise
        assert before is not None and app.live is not None
        app.jobs = Jobs(Running(1, Plan("vacuum", ()), None, 0))
        app.live = app.live._replace(sizes=app.live.sizes._replace(wal_bytes=10**9))
        for _ in range(4):
            await here.pilot.pause(0.1)
            assert app.promise == before
        app.jobs = Jobs()
        await here.until(lambda: app.promise is not None and app.promise.bytes > 10**9)


async def test_a_file_swollen_by_its_event_log_shrinks_and_says_what_it_said(
    tmp_path: Path,
) -> None:
    path = make_swollen(tmp_path / "opencode.db", 0.01, huge=3_000_000)
    shrunk = await shrink(path, PATIENCE)
    assert shrunk.mistake < 0.03
    assert shrunk.share < 0.4


def test_the_job_bar_says_which_step_of_how_many_is_at_work() -> None:
    plan = Plan("rescue", (Item("compacted", "compacted", "", Totals(parts=2)),) * 3)
    step = Step(400, 3000, 5_000_000, "1 of 3: compacted, reclaiming")
    line = str(job_line(Jobs(Running(1, plan, step, 0)), 1_000, 120, Keys()))
    assert "getting space back" in line and "1 of 3: compacted, reclaiming" in line
    assert "13%" in line and "5.0 MB" in line and "z pauses" in line


async def test_the_safe_button_has_the_focus_and_enter_changes_nothing(tmp_path: Path) -> None:
    path = bloated(tmp_path / "opencode.db")
    before = picture(path)
    async with visit(path) as here:
        await here.press("x")
        await opened(here)
        assert here.screen.focused is here.screen.query_one("#safe")
        await here.press("enter")
        await here.idle()
    assert picture(path) == before


async def test_a_step_switched_off_with_space_stays(tmp_path: Path) -> None:
    path = bloated(tmp_path / "opencode.db")
    size = path.stat().st_size
    async with visit(path) as here:
        await here.press("x")
        dialog = await opened(here)
        table = here.screen.query_one("#steps", RowTable)
        whole = dialog.plan.predicted_bytes
        table.cursor = [row.key for row in table.rows].index("vacuum")
        await here.press("space")
        assert dialog.plan.predicted_bytes < whole
        assert "keeps its size" in str(here.screen.query_one("#verdict").render())
        await here.press("right", "enter")
        await here.idle()
    assert path.stat().st_size == size
    assert execute(path, "PRAGMA freelist_count")[0][0] > 100


async def test_the_dashboard_names_the_key_with_the_bytes_of_its_plan(tmp_path: Path) -> None:
    path = bloated(tmp_path / "opencode.db")
    async with visit(path) as here:
        await here.press("2")
        line = here.screen.query_one("#advice")
        await here.until(lambda: here.app.payloads is not None)
        await here.until(lambda: "x gets back about 4" in str(line.render()))
        assert "without deleting a session" in str(line.render())


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_where_there_is_nothing_the_button_cannot_be_pressed(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with visit(garden(tmp_path), size) as here:
        await here.press("x")
        await opened(here)
        assert here.button() == "Nothing to get back"
        assert here.screen.query_one("#act").disabled
        await here.press("escape")
        assert len(here.app.screen_stack) == 1


async def test_a_vacuum_that_has_to_wait_becomes_a_job_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.policy.vacuum.LIVE_LOCK", 0.0)
    path = bloated(tmp_path / "opencode.db")
    before = on_disk(path)
    holder = Holder(path)
    async with visit(path) as here:
        with holder:
            await here.press("x")
            await opened(here)
            await here.press("right", "enter")
            await here.until(lambda: bool(here.app.worker.waiting()))
            assert any("still to come" in toast for toast in here.toasts)
        await here.until(lambda: on_disk(path) < before / 2)
        await here.idle()
    assert_sound(path)
