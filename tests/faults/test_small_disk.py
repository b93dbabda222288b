"""A full disk at every moment of every verb: told clearly, nothing changed or partly, nothing lost.

Vacuums on a full disk are in `test_vacuum_faults`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.faults.small_disk import can_mount, on_small_disk
from tests.faults.trial import make_forest

DISK = 40_000_000


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not can_mount():
        if os.environ.get("CI"):
            pytest.fail("This machine lets no process mount a small disk of its own.")
        pytest.skip("needs Linux with user namespaces")
    return make_forest(tmp_path_factory.mktemp("forest") / "opencode.db", 3_000_000)


def story(name: str, database: Path, disk: Path, original: Path) -> dict[str, Any]:
    """What the story tells; a failed assertion in it fails here, with its traceback."""
    arguments = ["-m", "tests.faults.cramped", name, str(database), str(disk), str(original)]
    done = on_small_disk(DISK, disk, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_too_little_room_is_refused_with_the_bytes_that_are_missing(
    forest: Path, tmp_path: Path
) -> None:
    told = story("refused", tmp_path / "o.db", tmp_path / "disk", forest)
    assert told["ending"] == "refused" and told["gone"] == 0
    assert "bytes) too few" in told["message"] and "--permanent" in told["message"]


def test_the_trash_can_be_emptied_when_not_one_octet_is_free(forest: Path, tmp_path: Path) -> None:
    told = story("emptied", tmp_path / "o.db", tmp_path / "disk", forest)
    assert told["ending"] == "done", told


def test_a_disk_that_fills_while_copying_ends_partial_and_what_went_is_safe(
    forest: Path, tmp_path: Path
) -> None:
    told = story("full_while_copying", tmp_path / "o.db", tmp_path / "disk", forest)
    assert told["ending"] == "partial" and told["gone"] > 0
    assert "A disk is full" in told["message"] and "nothing is lost" in told["message"]


def test_a_disk_without_room_to_pack_keeps_the_plain_batch(forest: Path, tmp_path: Path) -> None:
    told = story("full_while_packing", tmp_path / "o.db", tmp_path / "disk", forest)
    assert told["ending"] == "done" and told["gone"] > 0


def test_a_disk_that_fills_while_deleting_still_notes_what_is_gone(
    forest: Path, tmp_path: Path
) -> None:
    told = story("full_while_deleting", tmp_path / "o.db", tmp_path / "disk", forest)
    assert told["ending"] == "done" and told["gone"] > 0


def test_a_disk_without_room_to_unpack_keeps_the_packed_batch(forest: Path, tmp_path: Path) -> None:
    told = story("full_while_unpacking", tmp_path / "o.db", tmp_path / "disk", forest)
    assert told["ending"] == "refused" and "are missing" in told["message"]
    assert told["late"]["ending"] == "refused" and "A disk is full" in told["late"]["message"]


def test_a_database_whose_disk_fills_while_rows_come_back_is_sound(
    forest: Path, tmp_path: Path
) -> None:
    told = story("full_while_restoring", tmp_path / "disk" / "o.db", tmp_path / "disk", forest)
    assert told["ending"] in ("refused", "partial") and "full" in told["message"]


ON_DISK = (
    "full_before_archiving",
    "full_while_archiving",
    "full_before_reclaiming",
    "full_while_reclaiming",
    "full_while_keeping",
    "full_while_bringing_back",
    "full_while_checkpointing",
)


@pytest.mark.parametrize("name", ON_DISK)
def test_a_disk_that_fills_is_told_and_leaves_everything_in_place(
    forest: Path, tmp_path: Path, name: str
) -> None:
    told = story(name, tmp_path / "disk" / "o.db", tmp_path / "disk", forest)
    assert told["ending"] in ("refused", "partial"), told
    assert "full" in told["message"] or "free: nothing" in told["message"], told
