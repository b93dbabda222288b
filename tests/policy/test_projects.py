"""A moved folder: which stored paths it concerns; and which projects are empty."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.errors import WrongCall
from tui.places import ProjectRow, StoredPath
from tui.policy.projects import Move, RelinkOptions, moved, plan_relink, plan_remove
from tui.records import Holder

OLD, NEW = "/code/shop", "/home/dev/store"


def place(
    path: str, column: str = "directory", table: str = "session", id: str = "ses_1"
) -> StoredPath:
    return StoredPath(table, "id", id, column, path)


def moves(*places: StoredPath, old: str = OLD, new: str = NEW) -> list[Move]:
    options = plan_relink(places, old, new).options
    assert isinstance(options, RelinkOptions)
    return list(options.moves)


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("/code/shop", "/home/dev/store"),
        ("/code/shop/api/v2", "/home/dev/store/api/v2"),
        ("/code/shopping", None),
        ("/code", None),
        ("/elsewhere/code/shop", None),
        ("", None),
    ],
)
def test_a_path_moves_whole_or_from_its_beginning(path: str, after: str | None) -> None:
    assert moved(path, OLD, NEW) == after


@given(st.lists(st.sampled_from(["/code/shop", "/code/shop/a b", "/code/shopping", "/x", "C:\\w"])))
def test_moving_there_and_back_changes_nothing(paths: list[str]) -> None:
    places = [place(path, id=f"ses_{n}") for n, path in enumerate(paths)]
    there = moves(*places)
    assert {move.id for move in there} == {
        each.id for each in places if each.path.startswith("/code/shop") and each.path[10:11] in "/"
    }
    back = moves(*(place(m.after, id=m.id) for m in there), old=NEW, new=OLD)
    assert [(m.id, m.after) for m in back] == [(m.id, m.before) for m in there]


def test_windows_paths_move_too() -> None:
    [move] = moves(place("C:\\work\\shop\\api"), old="C:\\work\\shop", new="D:\\store")
    assert move.after == "D:\\store\\api"


def test_the_path_of_a_folder_without_git_follows_it_and_a_relative_one_stays() -> None:
    found = moves(
        place("/code/shop"), place("code/shop", "path"),
        place("/code/shop/api", id="ses_2"), place("api", "path", id="ses_2"),
    )  # fmt: skip
    assert [(m.id, m.column, m.after) for m in found] == [
        ("ses_1", "directory", "/home/dev/store"),
        ("ses_1", "path", "home/dev/store"),
        ("ses_2", "directory", "/home/dev/store/api"),
    ]


def test_sandboxes_move_inside_their_list_and_odd_ones_stay() -> None:
    found = moves(
        place('["/code/shop/a","/x/ü"]', "sandboxes", "project", "p1"),
        place("[]", "sandboxes", "project", "p2"),
        place('{"/code/shop": 1}', "sandboxes", "project", "p3"),
        place("/code/shop", "sandboxes", "project", "p4"),
    )
    assert [(m.id, m.after) for m in found] == [("p1", '["/home/dev/store/a","/x/ü"]')]


def test_sessions_are_counted_once_and_every_row_says_what_it_is() -> None:
    plan = plan_relink(
        [place("/code/shop"), place("code/shop", "path"),
         place("/code/shop", "worktree", "project", "p1")], OLD, NEW,
    )  # fmt: skip
    assert (plan.totals.sessions, len(plan)) == (1, 3)
    assert [item.reason for item in plan] == [
        "folder of a session", "its place in the project", "folder of a project",
    ]  # fmt: skip


def test_an_open_opencode_forbids_it_unless_it_was_told() -> None:
    held = [Holder(4121, "opencode")]
    plan = plan_relink([place(OLD)], OLD, NEW, holders=held)
    assert plan.refused and "4121" in plan.message and "--live" in plan.message
    assert not plan_relink([place(OLD)], OLD, NEW, holders=held, live=True).refused


def test_the_new_folder_must_exist() -> None:
    plan = plan_relink([place(OLD)], OLD, NEW, new_exists=False)
    assert plan.refused and NEW in plan.message


def test_nothing_to_move_says_so() -> None:
    plan = plan_relink([place("/x")], OLD, NEW)
    assert not plan.items and not plan.refused and OLD in plan.message


@pytest.mark.parametrize(
    ("old", "new"),
    [("work", NEW), (OLD, "store"), ("/", NEW), (OLD, OLD + "/"), ("C:\\", NEW), ("", "")],
)
def test_paths_that_cannot_be_meant_are_a_wrong_call(old: str, new: str) -> None:
    with pytest.raises(WrongCall):
        plan_relink([place(OLD)], old, new)


ROWS = [
    ProjectRow("3fca36b9", "blog", "/code/blog", 0, True),
    ProjectRow("3fca0000", "shop", "/code/shop", 4),
    ProjectRow("global", "(no project)", "/", 0),
]


def test_an_empty_project_may_go_by_id_beginning_or_name() -> None:
    for name in ("3fca36b9", "3fca3", "blog"):
        [item] = plan_remove(ROWS, [name, "blog"])
        assert item.id == "3fca36b9" and "gone" in item.reason


def test_a_project_with_sessions_and_that_of_no_project_stay() -> None:
    assert (
        plan_remove(ROWS, ["shop"]).refused and "4 sessions" in plan_remove(ROWS, ["shop"]).message
    )
    assert plan_remove(ROWS, ["global"]).refused
    assert plan_remove(ROWS, ["blog", "shop"]).refused


@pytest.mark.parametrize("name", ("3fca", "", "nobody"))
def test_what_fits_nothing_or_several_is_a_wrong_call(name: str) -> None:
    with pytest.raises(WrongCall):
        plan_remove(ROWS, [name])
