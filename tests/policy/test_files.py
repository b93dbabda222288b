"""Planning the removal of files: only what was judged safe, whole rows, everything else counted."""

from __future__ import annotations

import pytest

from tests.factories import NOW, days_ago
from tui.policy.files import FilesOptions, FileTarget, plan_files
from tui.records import FileRow


def row(id: str, *, safe: bool = True, reason: str = "", parent: str = "", **more: int) -> FileRow:
    kind = id.partition("/")[0]
    counts = {"bytes": 1000, "files": 2, "newest": days_ago(30)} | more
    path = id if kind == "snapshot" else id.removeprefix("tmp_pack/")
    return FileRow(
        id=id, kind=kind, parent=parent, title=id, says="", path=path, bytes=counts["bytes"],
        apparent_bytes=0, files=counts["files"], newest=counts["newest"], safe=safe,
        why="Because.", reason=reason,
    )  # fmt: skip


ROWS = [
    row("snapshot"),
    row("snapshot/dead", parent="snapshot", bytes=500),
    row("snapshot/dead/store", parent="snapshot/dead", bytes=400),
    row("snapshot/alive", parent="snapshot", safe=False, reason="owned"),
    row("tmp_pack"),
    row("tmp_pack/snapshot/alive/objects/pack/tmp_pack_1", parent="tmp_pack", bytes=300, files=1),
    row("log"),
    row("log/old", parent="log", bytes=200, files=7),
    row("log/newest", parent="log", safe=False, reason="kept", files=1),
    row("database"),
    row("database/opencode.db", parent="database", safe=False, reason="kept"),
]


def test_only_what_is_safe_goes_and_deeper_rows_are_not_counted_twice() -> None:
    plan = plan_files(ROWS, (), NOW)
    assert [item.id for item in plan] == [
        "tmp_pack/snapshot/alive/objects/pack/tmp_pack_1",
        "log/old",
        "snapshot/dead",
    ]
    assert plan.verb == "files"
    assert (plan.totals.files, plan.totals.bytes) == (10, 1000)
    assert plan.predicted_bytes == 1000
    assert plan.excluded == {"owned": 1, "kept": 1}
    assert "removed for good" in plan.message


def test_a_kind_narrows_the_plan_and_counts_only_its_own_rows() -> None:
    plan = plan_files(ROWS, ("log",), NOW)
    assert [item.id for item in plan] == ["log/old"]
    assert plan.excluded == {"kept": 1}
    assert plan_files(ROWS, ("database",), NOW).excluded == {"kept": 1}


@pytest.mark.parametrize(
    ("chosen", "going"),
    [
        ("snapshot", ["snapshot/dead"]),
        ("snapshot/dead", ["snapshot/dead"]),
        ("snapshot/dead/store", ["snapshot/dead"]),
        ("snapshot/alive", []),
        ("log", ["log/old"]),
        ("database", []),
    ],
)
def test_a_row_chosen_by_hand_takes_itself_and_what_is_below(chosen: str, going: list[str]) -> None:
    plan = plan_files(ROWS, (), NOW, ids=[chosen])
    assert [item.id for item in plan] == going


def test_the_targets_say_where_and_how_young_at_most() -> None:
    plan = plan_files(ROWS, ("tmp_pack", "snapshot"), NOW)
    assert plan.options == FilesOptions(
        (
            FileTarget(
                "tmp_pack/snapshot/alive/objects/pack/tmp_pack_1",
                ("snapshot", "alive", "objects", "pack"),
                days_ago(30),
                1,
            ),
            FileTarget("snapshot/dead", ("snapshot", "dead"), days_ago(30), 2),
        ),
        NOW,
    )


def test_nothing_to_remove_says_why() -> None:
    assert plan_files([], (), NOW).message == "Nothing to remove: there are no such files."
    alone = plan_files(ROWS, ("database",), NOW)
    assert alone.message == "Nothing to remove: because."
    assert not plan_files(ROWS[-2:], (), NOW).items
