"""`E` in a conversation: a new private file in either format, never over one that is there."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from textual.widgets import Input, Static

from tests.factories import days_ago, execute, make_database, session
from tests.generations import every_state
from tests.screens.test_conversation import hutch, reading
from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, garden, visit
from tui.cli.main import main
from tui.errors import Refused
from tui.screens.conversation import ConversationScreen
from tui.screens.export import ExportDialog, json_octets
from tui.store.export import new_file
from tui.talks import Format
from tui.widgets.job_bar import JobBar


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where one is."""
    made = tmp_path / "notes"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


async def exported(here: Visit, *keys: str) -> str:
    """What the app says when all is written."""
    before = here.toasts
    await here.press("E", *keys, "enter", "enter")
    assert isinstance(here.screen, ConversationScreen)
    await here.until(
        lambda: any(" written to " in each for each in here.toasts if each not in before)
    )
    return here.toasts[-1]


async def test_markdown_takes_a_name_that_is_free(tmp_path: Path, folder: Path) -> None:
    async with visit(hutch(tmp_path)) as here:
        await reading(here)
        for name in ("hares.md", "hares-1.md"):
            assert str(folder / name) in await exported(here)
            assert "In burrows." in (folder / name).read_text(encoding="utf-8")
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


async def test_json_is_what_the_command_line_writes(tmp_path: Path, folder: Path) -> None:
    path = hutch(tmp_path)
    async with visit(path) as here:
        await reading(here)
        assert "hares.json" in await exported(here, "right")
    other = folder / "other.json"
    assert main(["show", "ses_hares", "--export", str(other), "--db", str(path)]) == 0
    assert (folder / "hares.json").read_bytes() == other.read_bytes()
    assert stat.S_IMODE((folder / "hares.json").stat().st_mode) == 0o600


async def test_malformed_rows_are_left_out_and_counted(tmp_path: Path, folder: Path) -> None:
    path = hutch(tmp_path)
    execute(path, "UPDATE part SET data = '{broken' WHERE id = 'prt_hares_0u_0'")
    async with visit(path) as here:
        await reading(here)
        assert "1 malformed row left out" in await exported(here, "right")


async def test_it_says_how_large_and_writes_over_nothing(tmp_path: Path, folder: Path) -> None:
    mine = folder / "mine.md"
    mine.write_text("precious")
    async with visit(hutch(tmp_path)) as here:
        await reading(here)
        await here.press("E")
        assert isinstance(here.screen, ExportDialog)
        facts = here.screen.query_one("#facts", Static)
        assert "kB at most, readable by you alone" in str(facts.content)
        field = here.screen.query_one("#file", Input)
        for name, says in ((str(mine), "exists"), ("", "Type the name"), ("no/x", "no such")):
            field.value = name
            await here.pilot.pause()
            assert says in str(facts.content)
            await here.press("enter", "enter", "enter")
            assert isinstance(here.screen, ExportDialog)
        await here.press("escape")
    assert mine.read_text() == "precious"
    assert [each.name for each in folder.iterdir()] == ["mine.md"]


async def test_what_it_says_about_the_size_of_json_is_about_true(
    tmp_path: Path, folder: Path
) -> None:
    """Of a short talk most is ids, not what is stored."""
    async with visit(hutch(tmp_path)) as here:
        await reading(here)
        usage = here.app.forest.usage_of("ses_hares")
        assert usage is not None
        assert "hares.json" in await exported(here, "right")
        octets = (folder / "hares.json").stat().st_size
        assert abs(json_octets(usage) - octets) < octets / 5


async def test_a_name_that_was_typed_stays_when_the_kind_changes(
    tmp_path: Path, folder: Path
) -> None:
    async with visit(hutch(tmp_path)) as here:
        await reading(here)
        await here.press("E")
        field = here.screen.query_one("#file", Input)
        assert field.value.endswith("hares.md")
        await here.press("right")
        assert field.value.endswith("hares.json")
        field.value = "talk.txt"
        await here.press("right")
        assert field.value == "talk.txt"


async def test_it_takes_any_name_one_can_type_and_a_folder_that_is_gone(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with visit(hutch(tmp_path)) as here:
        await reading(here)
        folder.rmdir()  # as a work tree goes when its branch is merged
        await here.press("E")
        field = here.screen.query_one("#file", Input)
        assert field.value == str(tmp_path / "hares.md")
        for name, says in (
            ("~", "exists"),
            ("~nobody-here/x", "no such folder"),
            ("x" * 300 + "/x", "no such"),
            ("x" * 300, ""),
        ):
            field.value = name
            await here.pilot.pause()
            assert says in str(here.screen.query_one("#facts", Static).content)
        await here.press("enter", "enter")
        await here.until(lambda: any("cannot be written" in each for each in here.toasts))


@pytest.mark.parametrize("format", ["markdown", "opencode"])
async def test_what_is_stopped_leaves_nothing(tmp_path: Path, folder: Path, format: str) -> None:
    stop = Event()
    stop.set()
    async with visit(hutch(tmp_path)) as here:
        with pytest.raises(Refused, match="stopped"):
            here.app.write_conversation("ses_hares", format, folder / "x", stop)  # type: ignore[arg-type]
        with pytest.raises(Refused, match="cannot be written"):
            here.app.write_conversation("ses_hares", format, folder / "no" / "x", Event())  # type: ignore[arg-type]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_it_is_tidy_in_every_terminal(
    tmp_path: Path, folder: Path, size: tuple[int, int]
) -> None:
    async with visit(hutch(tmp_path), size) as here:
        await reading(here)
        await here.press("E")
        assert untidy(here.screen) == []


async def test_every_marked_session_goes_into_a_folder(tmp_path: Path, folder: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        for id in ("ses_oldroses", "ses_planttrees"):
            await here.go_to(id)
            await here.press("space")
        await here.press("E")
        assert isinstance(here.screen, ExportDialog)
        assert here.screen.query_one("#file", Input).value == str(folder / "opencode-sessions")
        await here.press("right", "enter", "enter")
        await here.until(lambda: any("2 sessions written to" in each for each in here.toasts))
        assert here.app.writing is None
    made = folder / "opencode-sessions"
    assert sorted(each.name for each in made.iterdir()) == ["old-roses.json", "plant-trees.json"]
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


async def test_it_is_seen_and_stopped_in_the_job_bar_and_leaves_no_half_file(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_database(
        tmp_path / "opencode" / "opencode.db",
        [session("Huge", octets=9_000_000, active=days_ago(3))],
    )
    go_on, began = Event(), Event()
    monkeypatch.setattr("tui.app.exporting.OFTEN", 0.0)
    monkeypatch.setattr("tui.store.export.BLOCK", 100_000)
    async with visit(path) as here:
        counting = here.app._counting

        def slowly(before: int) -> Callable[[int], None]:
            told = counting(before)

            def heard(octets: int) -> None:
                told(octets)
                if octets > 1_000_000:
                    began.set()
                    go_on.wait(20)

            return heard

        monkeypatch.setattr(here.app, "_counting", slowly)
        await here.go_to("ses_huge")
        await here.press("E", "right", "enter", "enter")
        await here.until(began.is_set)
        bar = here.screen.query_one(JobBar)
        await here.until(lambda: bar.writing is not None and 0 < (bar.writing.part or 0) < 1)
        assert "writing “huge.json”" in str(bar.render()) and "Z stops" in str(bar.render())
        assert not (folder / "huge.json").exists(), "beside, until it is whole"
        await here.press("Z")
        go_on.set()
        await here.until(lambda: here.app.writing is None)
        await here.until(lambda: any("stopped" in each for each in here.toasts))
    assert list(folder.iterdir()) == []


def test_a_name_that_was_taken_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    with pytest.raises(Refused, match="exists already"), new_file(target) as write:
        write(b"ours")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(".part")]


async def test_a_session_that_2x_has_more_of_stops_no_other(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "opencode" / "opencode.db"
    every_state(path)
    async with visit(path) as here:
        await here.press("v", "v", "asterisk")  # of every state
        ids = here.screen.exported_ids()  # type: ignore[attr-defined]
        await here.press("E", "right", "enter", "enter")
        await here.until(lambda: any("Left out" in each for each in here.toasts))
    said = next(each for each in here.toasts if "Left out" in each)
    made = list((folder / "opencode-sessions").iterdir())
    assert 0 < len(made) < len(ids)
    assert f"{len(made)} of {len(ids)} sessions written to" in said
    assert "opencode 2.x has more of" in said and "more like it." in said


@pytest.mark.parametrize("whole", [0, 1])
async def test_what_is_whole_when_it_is_stopped_stays_and_is_counted(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    async with visit(garden(tmp_path)) as here:
        write = here.app.write_conversation

        def stopped(id: str, format: Format, target: Path, stop: Event, *more: Any) -> str:
            if len(list(target.parent.iterdir())) == whole:
                stop.set()
            return write(id, format, target, stop, *more)

        monkeypatch.setattr(here.app, "write_conversation", stopped)
        await here.press("asterisk", "E", "right", "enter", "enter")
        await here.until(lambda: any("Stopped" in each for each in here.toasts))
    made = folder / "opencode-sessions"
    assert made.exists() == bool(whole)
    counted = f"Stopped. 1 of 5 sessions written to {made}."
    assert here.toasts[-1] == (counted if whole else "Stopped. No session was written.")
