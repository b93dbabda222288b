"""The data directory is counted as du counts it, judged file by file, and never left."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from threading import Event

import pytest

from tests.data_directory import (
    DEAD,
    GONE,
    KNOWN,
    LIVING,
    STORE,
    aged,
    data_directory,
    du,
    filled,
    json_era,
    opened_elsewhere,
    put,
    rows_in,
    site_in,
    surveyed,
)
from tests.factories import NOW, days_ago, execute, make_database, session
from tui.store import descent
from tui.store.file_kinds import KINDS
from tui.store.files import Scan, survey_files
from tui.store.known import Known, what_is_known


@pytest.mark.parametrize("by_descriptor", [True, False])
def test_blocks_are_those_of_du(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_descriptor: bool
) -> None:
    monkeypatch.setattr(descent, "BY_DESCRIPTOR", by_descriptor and descent.BY_DESCRIPTOR)
    folder = filled(tmp_path)
    sparse = folder / "snapshot" / LIVING / "objects" / "pack" / "tmp_pack_sparse"
    put(sparse, 10_000)
    os.truncate(sparse, 34_000_000_000)
    os.link(folder / "tool-output" / "tool_old", folder / "tool-output" / "tool_again")
    os.link(folder / "auth.json", folder / "bin" / "same")
    (folder / "repos").mkdir()
    (folder / "repos" / "away").symlink_to("/usr")
    (folder / "plans").symlink_to(tmp_path)
    (folder / "repos" / ("long" * 40)).symlink_to("x" * 900)
    os.mkfifo(folder / "repos" / "pipe")
    found = surveyed(folder)
    assert found.bytes == du(folder)
    assert sum(row.bytes for row in found.rows if not row.parent) == found.bytes
    row = next(row for row in found.rows if row.id.endswith("tmp_pack_sparse"))
    assert row.apparent_bytes == 34_000_000_000
    assert row.bytes < 100_000


def test_rows_below_add_up_to_the_row_above(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    json_era(folder, KNOWN)
    rows = rows_in(folder)
    snapshots = [row for row in rows.values() if row.parent == "snapshot"]
    own = folder.joinpath("snapshot").stat().st_blocks * 512
    assert rows["snapshot"].bytes == own + sum(row.bytes for row in snapshots)
    stored = rows[f"snapshot/{LIVING}"]
    assert stored.files == 3 and rows[f"snapshot/{LIVING}/{STORE}"].files == 3
    assert rows["storage/json"].files == 5
    assert list(KINDS) == sorted(
        {row.kind for row in rows.values()} | set(KINDS), key=list(KINDS).index
    )


def test_what_may_go_and_why_the_rest_stays(tmp_path: Path) -> None:
    rows = rows_in(filled(tmp_path))
    leaves = {id: (row.safe, row.reason) for id, row in rows.items() if row.parent}
    packs = f"tmp_pack/snapshot/{LIVING}/{STORE}/objects/pack"
    assert leaves == {
        f"snapshot/{LIVING}": (False, "owned"),
        f"snapshot/{LIVING}/{STORE}": (False, "owned"),
        f"snapshot/{DEAD}": (True, ""),
        f"snapshot/{DEAD}/{STORE}": (True, ""),
        f"{packs}/tmp_pack_old1": (True, ""),
        f"{packs}/tmp_pack_young": (False, "recent"),
        "tool-output/old": (True, ""),
        "tool-output/young": (False, "recent"),
        "tool-output/strange": (False, "kept"),
        "log/old": (True, ""),
        "log/newest": (False, "kept"),
        "session_diff/old": (True, ""),
        "session_diff/owned": (False, "owned"),
        "storage/rest": (False, "kept"),
        "opencode-next.db/opencode-next.db": (False, "only_copy"),
        "database/opencode.db": (False, "kept"),
        "other/auth.json": (False, "kept"),
        "other/bin": (False, "kept"),
    } | {id: leaf for id, leaf in leaves.items() if id.startswith("database/opencode.db-")}
    assert all(row.says.endswith((".", "!")) and row.why.endswith(".") for row in rows.values())
    assert rows["log/old"].files == 2


def test_an_old_pack_that_somebody_has_open_stays(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    pack = folder / "snapshot" / LIVING / STORE / "objects" / "pack" / "tmp_pack_old1"
    with opened_elsewhere(pack):
        row = rows_in(folder)[f"tmp_pack/{pack.relative_to(folder)}"]
    assert (row.safe, row.reason) == (False, "running")


def test_a_pack_is_old_after_exactly_a_day(tmp_path: Path) -> None:
    folder = data_directory(tmp_path)
    packs = folder / "snapshot" / LIVING / "objects" / "pack"
    aged(put(packs / "tmp_pack_at"), 1)
    aged(put(packs / "tmp_pack_over"), 1 + 1 / 86_400_000 + 1e-9)
    rows = rows_in(folder)
    at, over = (
        rows[f"tmp_pack/snapshot/{LIVING}/objects/pack/tmp_pack_{name}"] for name in ("at", "over")
    )
    assert (at.safe, over.safe) == (False, True)


def test_a_store_of_a_dead_project_that_changed_within_a_week_stays(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    aged(folder / "snapshot" / DEAD / STORE / "HEAD", 6.9)
    row = rows_in(folder)[f"snapshot/{DEAD}"]
    assert (row.safe, row.reason) == (False, "recent")


def test_a_database_of_another_channel_owns_files_as_well(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    make_database(folder / "opencode-dev.db", [session("gone", id=GONE)])
    execute(folder / "opencode-dev.db", "UPDATE project SET id = ?", DEAD)
    rows = rows_in(folder)
    assert rows["session_diff/owned"].files == 2
    assert "session_diff/old" not in rows
    assert rows[f"snapshot/{DEAD}"].reason == "owned"
    assert rows["database/opencode-dev.db"].says == "Database with 1 session."


def test_nothing_is_an_orphan_while_a_database_cannot_be_read(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    json_era(folder, KNOWN)
    (folder / "opencode-dev.db").write_bytes(b"no database" * 1000)
    rows = rows_in(folder)
    for id in (f"snapshot/{DEAD}", "session_diff/doubtful", "storage/json"):
        assert (rows[id].safe, rows[id].reason) == (False, "only_copy")
        assert "opencode-dev.db" in rows[id].why
    assert rows["tool-output/old"].safe


def test_nothing_is_an_orphan_of_a_database_without_projects(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    execute(folder / "opencode.db", "DELETE FROM session")
    execute(folder / "opencode.db", "DELETE FROM project")
    rows = rows_in(folder)
    assert not rows[f"snapshot/{DEAD}"].safe
    assert not rows["session_diff/doubtful"].safe


def test_the_json_era_may_go_when_all_of_it_is_in_the_database(tmp_path: Path) -> None:
    folder = data_directory(tmp_path)
    json_era(folder, KNOWN)
    row = rows_in(folder)["storage/json"]
    assert row.safe, row.why
    assert row.says == "1 session; 0 of them only here."


def unknown_session(folder: Path) -> None:
    json_era(folder, "ses_stranger")


def unknown_message(folder: Path) -> None:
    put(folder / "storage" / "message" / KNOWN / "msg_stranger.json")


def unknown_owner_of_parts(folder: Path) -> None:
    put(folder / "storage" / "part" / "msg_stranger" / "prt_1.json")


def unreadable_name(folder: Path) -> None:
    put(folder / "storage" / "session" / LIVING / "ses_%2e%2e.json")


def older_layout(folder: Path) -> None:
    put(folder / "storage" / "session" / "info" / "deep" / f"{KNOWN}.json")


@pytest.mark.parametrize(
    "spoil",
    [unknown_session, unknown_message, unknown_owner_of_parts, unreadable_name, older_layout],
)
def test_one_thing_that_no_database_knows_keeps_the_json_era(tmp_path: Path, spoil: object) -> None:
    folder = data_directory(tmp_path)
    json_era(folder, KNOWN)
    spoil(folder)  # type: ignore[operator]
    row = rows_in(folder)["storage/json"]
    assert (row.safe, row.reason) == (False, "only_copy")


def test_a_link_is_a_row_and_nothing_behind_it_is_counted(tmp_path: Path) -> None:
    folder = data_directory(tmp_path)
    outside = put(tmp_path / "outside" / "tool_old", 50_000).parent
    (folder / "tool-output").symlink_to(outside)
    (folder / "snapshot").mkdir()
    (folder / "snapshot" / DEAD).symlink_to(outside)
    found = surveyed(folder)
    rows = {row.id: row for row in found.rows}
    assert not rows["link/tool-output"].safe and "not followed" in rows["link/tool-output"].why
    assert rows[f"link/snapshot/{DEAD}"].path == f"snapshot/{DEAD}"
    assert "tool-output" not in rows
    assert found.bytes == du(folder)


def test_hostile_names_are_counted_and_never_called_safe(tmp_path: Path) -> None:
    folder = data_directory(tmp_path)
    names = ["evil\nname", "\x1b[31mred", "..%2f", "[red]x[/red]", os.fsdecode(b"\xff\xfe")]
    for name in names:
        put(folder / "snapshot" / name / "objects" / "x")
        put(folder / "storage" / "session_diff" / f"ses_{name}.json")
        put(folder / "log" / f"{name}.log")
    rows = rows_in(folder)
    assert rows["snapshot"].files == rows["log/strange"].files == len(names)
    assert rows["session_diff/strange"].files == len(names)
    assert not any(row.safe for row in rows.values())


def test_in_a_folder_that_is_not_opencodes_only_opencodes_files_are_looked_at(
    tmp_path: Path,
) -> None:
    home = tmp_path / "somebody"
    make_database(home / "opencode.db", [session("cress")])
    put(home / "photos" / "cat.jpg", 90_000)
    put(home / "letter.txt")
    put(home / "log" / "mine.log", days=90)
    put(home / "snapshot" / "holidays" / "beach.jpg", days=90)
    put(home / "tool-output" / "tool_1", days=90)
    rows = rows_in(home)
    assert not any(row.kind == "other" and row.bytes > 5000 for row in rows.values())
    assert not rows["snapshot/holidays"].safe and not rows["log/strange"].safe
    assert rows["tool-output/old"].safe


def test_what_cannot_be_looked_at_is_counted_and_not_fatal(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    scan = Scan(folder, Known(), frozenset(), NOW)
    original = descent.Folder.inside

    def vanished(self: descent.Folder, name: str) -> descent.Folder:
        if name == "bin":
            raise PermissionError(13, "denied")
        return original(self, name)

    descent.Folder.inside = vanished  # type: ignore[method-assign]
    try:
        survey = list(scan.run(Event()))[-1]
    finally:
        descent.Folder.inside = original  # type: ignore[method-assign]
    assert survey.done
    assert survey.errors == 1
    assert survey.files > 10


def test_twenty_thousand_objects_stream_and_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data_directory(tmp_path)
    objects = folder / "snapshot" / DEAD / "objects"
    for number in range(200):
        place = objects / f"{number:02x}"
        place.mkdir(parents=True)
        opened = os.open(place, os.O_RDONLY)
        for name in range(100):
            os.close(os.open(str(name), os.O_CREAT | os.O_WRONLY, dir_fd=opened))
        os.close(opened)
    site = site_in(folder)
    looks = count(step=0.01)  # every look at the clock is so many seconds later
    monkeypatch.setattr("tui.store.files.time.monotonic", lambda: next(looks))
    surveys = list(survey_files(site.store, site.files, NOW, Event()))
    assert surveys[-1].done and surveys[-1].bytes == du(folder)
    assert surveys[-1].files >= 20_000
    sizes = [survey.files for survey in surveys]
    assert sizes == sorted(sizes)
    assert len(surveys) >= 10
    stop = Event()
    stopped = survey_files(site.store, site.files, NOW, stop)
    stop.set()
    assert not any(survey.done for survey in stopped)


def test_a_deep_folder_does_not_use_up_descriptors(tmp_path: Path) -> None:
    folder = data_directory(tmp_path)
    place = os.open(folder, os.O_RDONLY)
    for _ in range(400):
        os.mkdir("d", dir_fd=place)
        below = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    script = (
        "import resource, sys; from pathlib import Path; from threading import Event;"
        "from tui.store.files import Scan; from tui.store.known import Known;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64));"
        "found = list(Scan(Path(sys.argv[1]), Known(), frozenset(), 0).run(Event()))[-1];"
        "print(found.bytes, found.errors)"
    )
    root = Path(__file__).parents[2]
    said = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.split() == [str(du(folder)), "0"]


def test_reading_leaves_everything_as_it_was(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    content = (folder / "opencode.db").read_bytes()
    surveyed(folder)
    after = {path: path.lstat().st_mtime_ns for path in before}
    assert after == before
    assert (folder / "opencode.db").read_bytes() == content


def test_leftovers_in_the_temporary_folder_are_shown_and_not_part_of_the_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data_directory(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    put(tmp_path / "temporary" / "opencode-wal-1790000000000.db", 9000)
    put(tmp_path / "temporary" / "opencode-notes", 9000)
    found = surveyed(folder)
    rows = [row for row in found.rows if row.kind == "temp" and row.parent]
    assert [(row.safe, row.files) for row in rows] == [(False, 1)]
    assert found.bytes == du(folder)


def test_sessions_of_both_generations_are_known(tmp_path: Path) -> None:
    folder = data_directory(tmp_path)
    execute(folder / "opencode.db", "CREATE TABLE session_v2 (id TEXT PRIMARY KEY)")
    execute(folder / "opencode.db", "INSERT INTO session_v2 VALUES ('ses_two'), (?)", KNOWN)
    known = what_is_known(folder / "opencode.db", folder)
    assert known.sessions == {KNOWN, "ses_two"}
    assert known.counts == {"opencode.db": 2}
    assert days_ago(0) == NOW
