"""Paths as they are typed and shown."""

from __future__ import annotations

from pathlib import Path

from tui.paths import told_apart


def names(*paths: str) -> list[str]:
    return list(told_apart(map(Path, paths)).values())


def test_a_name_of_its_own_is_enough() -> None:
    assert names("/d/opencode.db", "/d/opencode-dev.db") == ["opencode.db", "opencode-dev.db"]


def test_equal_names_are_told_apart_by_as_many_folders_as_it_takes() -> None:
    assert names("/a/x/one.db", "/b/x/one.db", "/b/y/one.db", "/c/two.db") == [
        "a/x/one.db",
        "b/x/one.db",
        "y/one.db",
        "two.db",
    ]


def test_one_path_that_ends_like_the_whole_of_another_ends_the_search() -> None:
    assert names("one.db", "/d/one.db") == ["one.db", "d/one.db"]
    assert names() == []
