"""Folders stay the ones that were opened; names never lead up, through, or to another file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui.store import descent
from tui.store.descent import opened, remove_folder, walk


@pytest.fixture(params=[True, False], ids=["by descriptor", "by path"])
def by_descriptor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    wanted = bool(request.param) and descent.BY_DESCRIPTOR
    monkeypatch.setattr(descent, "BY_DESCRIPTOR", wanted)
    return wanted


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.usefixtures("by_descriptor")
@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "link", "file", "missing"])
def test_only_a_folder_right_below_can_be_entered(tmp_path: Path, name: str) -> None:
    put(tmp_path / "root" / "a" / "b" / "c")
    put(tmp_path / "root" / "file")
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with opened(tmp_path / "root") as root, pytest.raises(OSError):
        root.inside(name)


@pytest.mark.usefixtures("by_descriptor")
def test_a_root_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path / "far" / "a" / "b")
    (tmp_path / "near").symlink_to(tmp_path / "far")
    assert [seen.parts for seen in walk(tmp_path / "near")] == [(), ("a",), ("a", "b")]


@pytest.mark.usefixtures("by_descriptor")
def test_another_file_under_the_same_name_is_not_removed(tmp_path: Path) -> None:
    put(tmp_path / "root" / "a")
    with opened(tmp_path / "root") as root:
        seen = root.look("a")
        (tmp_path / "root" / "a").rename(tmp_path / "kept")
        other = put(tmp_path / "root" / "a", "another")
        assert root.remove("a", seen) is None
        assert other.exists()
        assert root.remove("a", root.look("a")) == 4096


@pytest.mark.usefixtures("by_descriptor")
def test_neither_links_nor_folders_are_removed_as_files(tmp_path: Path) -> None:
    target = put(tmp_path / "target")
    (tmp_path / "root" / "folder").mkdir(parents=True)
    (tmp_path / "root" / "link").symlink_to(target)
    with opened(tmp_path / "root") as root:
        assert root.remove("link", root.look("link")) is None
        assert root.remove("folder", root.look("folder")) is None
    assert target.exists() and (tmp_path / "root" / "link").is_symlink()


def test_an_opened_folder_swapped_for_a_link_leads_nowhere(
    tmp_path: Path, by_descriptor: bool
) -> None:
    mine = put(tmp_path / "root" / "a" / "same")
    put(tmp_path / "root" / "a" / "b" / "c")
    precious = put(tmp_path / "outside" / "same")
    put(tmp_path / "outside" / "b" / "c")
    os.utime(precious, ns=(mine.stat().st_atime_ns, mine.stat().st_mtime_ns))
    with opened(tmp_path / "root", ("a",)) as folder:
        seen = folder.look("same")
        (tmp_path / "root" / "a").rename(tmp_path / "moved")
        (tmp_path / "root" / "a").symlink_to(tmp_path / "outside")
        removed = folder.remove("same", seen)
        if by_descriptor:
            folder.inside("b").close()  # it is still the folder that was opened
        else:
            with pytest.raises(OSError):
                folder.inside("b")
    assert precious.exists()
    assert removed == (4096 if by_descriptor else None)


@pytest.mark.usefixtures("by_descriptor")
def test_only_empty_folders_go(tmp_path: Path) -> None:
    put(tmp_path / "full" / "a")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    assert remove_folder(tmp_path, ("full",)) == 0
    assert remove_folder(tmp_path, ("link",)) == 0
    assert remove_folder(tmp_path, ("empty",)) >= 0
    assert not (tmp_path / "empty").exists()
    assert (tmp_path / "full" / "a").exists()
