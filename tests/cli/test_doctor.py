"""`ocdu doctor` finds each wound and nothing else, says what it means, and mends what it may."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Ocdu, Said
from tests.damage import DAMAGES, healthy, spoil_a_page
from tests.factories import NOW, execute, make_database, session
from tests.faults.test_kill import dies
from tests.picture import picture
from tui.policy.doctor import MEANINGS, SEVERITIES
from tui.policy.reclaim import LEVELS
from tui.store.blank import create_blank, finish_blank
from tui.store.database import open_store
from tui.store.packing import unpack

FINDING = {
    "kind": str,
    "severity": str,
    "count": int,
    "bytes": int | None,
    "ids": list,
    "says": list,
    "what": str,
    "meaning": str,
    "mend": str,
    "fix": str | None,
}


def kinds(said: Said) -> dict[str, int]:
    """Kind -> count of what was found, each of them well formed."""
    for each in said.json["findings"]:
        assert {name: isinstance(each[name], kind) for name, kind in FINDING.items()} == (
            dict.fromkeys(FINDING, True)
        )
        assert set(each) == set(FINDING)
        assert each["severity"] in SEVERITIES
        assert each["meaning"].endswith((".", "�")) and "{" not in each["meaning"] + each["what"]
        assert len(each["ids"]) <= 10
    return {each["kind"]: each["count"] for each in said.json["findings"]}


def shown_only(path: Path) -> dict[str, int]:
    """What is told of a file to which ocdu does not write, whatever else is wrong with it."""
    return {"read_only_schema": 1} if open_store(path).schema.refusal else {}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return healthy(tmp_path / "opencode.db")


# what is well


@pytest.mark.parametrize("deep", [[], ["--deep"]], ids=["fast", "deep"])
def test_a_healthy_database_has_no_findings(ocdu: Ocdu, database: Path, deep: list[str]) -> None:
    before = database.read_bytes()
    said = ocdu("doctor", *deep, "--json", "--db", database)
    assert (kinds(said), said.exit_code, said.json["outcome"]) == ({}, 0, "done")
    assert "Nothing is wrong" in said.json["message"]
    assert database.read_bytes() == before


def test_the_demo_database_is_healthy(ocdu: Ocdu, demo_copy: Path) -> None:
    said = ocdu("doctor", "--deep", "--json", "--db", demo_copy)
    # It shows one of everything, also what is worth a note.
    assert kinds(said) == {"missing_directory": 26, "missing_parent": 1}
    assert said.exit_code == 0


def test_an_empty_database_is_healthy(ocdu: Ocdu, tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    db = create_blank(path, now_ms=NOW)
    finish_blank(db)
    said = ocdu("doctor", "--deep", "--json", "--db", path)
    assert (kinds(said), said.exit_code) == ({}, 0)


def test_people_get_a_sentence_too(ocdu: Ocdu, database: Path) -> None:
    said = ocdu("doctor", "--db", database)
    assert (said.exit_code, said.err) == (0, "")
    assert "Nothing is wrong; `ocdu doctor --deep`" in said.out


# each wound


@pytest.mark.parametrize("name", DAMAGES)
def test_a_wound_is_found_and_nothing_else(ocdu: Ocdu, database: Path, name: str) -> None:
    damage = DAMAGES[name]
    damage.wound(database)
    before = picture(database)
    said = ocdu("doctor", *(["--deep"] if damage.deep else []), "--json", "--db", database)
    assert kinds(said) == {**damage.finds, **shown_only(database)}
    severities = {each["severity"] for each in said.json["findings"]}
    expected = 1 if "error" in severities else 4 if "warning" in severities else 0
    assert said.exit_code == expected
    assert picture(database) == before
    text = ocdu("doctor", *(["--deep"] if damage.deep else []), "--db", database)
    assert text.exit_code == expected
    for each in said.json["findings"]:
        assert each["what"] in text.out


@pytest.mark.parametrize("name", [name for name, each in DAMAGES.items() if each.deep])
def test_what_only_the_deep_look_finds_costs_the_quick_one_nothing(
    ocdu: Ocdu, database: Path, name: str
) -> None:
    DAMAGES[name].wound(database)
    assert kinds(ocdu("doctor", "--json", "--db", database)) == {}


def test_every_meaning_has_its_wound() -> None:
    found = {kind for damage in DAMAGES.values() for kind in damage.finds}
    elsewhere = {
        "unreadable", "quick_check", "foreign_key", "huge_row", "interrupted_job", "leftover_copy",
        "damaged_batch", "network_file_system", "old_sqlite", "unknown_sqlite", "large_wal",
        "free_pages",
    }  # fmt: skip
    assert set(MEANINGS) - found == elsewhere


def test_a_lost_session_is_told_by_its_title(ocdu: Ocdu, database: Path) -> None:
    DAMAGES["a session in its events only"].wound(database)
    [found] = ocdu("doctor", "--json", "--db", database).json["findings"]
    assert (found["ids"], found["says"]) == (["ses_lost"], ["Lost and found"])
    [(octets,)] = execute(
        database, "SELECT sum(octet_length(data)) FROM event WHERE aggregate_id = 'ses_lost'"
    )
    assert found["bytes"] == octets


def test_a_broken_foreign_key_is_told_with_its_tables(ocdu: Ocdu, database: Path) -> None:
    execute(database, "DELETE FROM message WHERE id = 'msg_other_0a'")
    said = ocdu("doctor", "--deep", "--json", "--db", database)
    assert kinds(said) == {"orphan_part": 2, "foreign_key": 2}
    [found] = [each for each in said.json["findings"] if each["kind"] == "foreign_key"]
    assert found["says"] == ["part → message"]


def test_a_row_of_over_a_hundred_megabytes_is_named_in_bounded_memory(
    ocdu: Ocdu, database: Path
) -> None:
    body = """'{"type":"text","text":"' || printf('%.*c', 101000000, 'x') || '"}'"""
    execute(database, f"UPDATE part SET data = {body} WHERE id = 'prt_other_0a_1'")
    said = ocdu("doctor", "--deep", "--json", "--db", database)
    assert kinds(said) == {"huge_row": 1, "unexamined_row": 1}
    assert {id for each in said.json["findings"] for id in each["ids"]} == {"part prt_other_0a_1"}


def test_a_damaged_page_is_an_error_and_ends_no_other_question(ocdu: Ocdu, database: Path) -> None:
    DAMAGES["a counter of nobody"].wound(database)
    spoil_a_page(database)
    said = ocdu("doctor", "--json", "--db", database)
    assert kinds(said) == {"unreadable": 1, "orphan_event_sequence": 1}
    assert said.exit_code == 1
    deep = ocdu("doctor", "--deep", "--json", "--db", database)
    assert deep.exit_code == 1
    assert {"unreadable", "orphan_event_sequence"} <= set(kinds(deep))


def test_a_missing_index_entry_is_found_by_the_deep_look(ocdu: Ocdu, database: Path) -> None:
    """Damage that no reading of rows notices: an index of SQLite that lacks a row."""
    [(root,)] = execute(
        database, "SELECT rootpage FROM sqlite_schema WHERE name LIKE 'sqlite_autoindex_todo%'"
    )
    [(other,)] = execute(database, "SELECT rootpage FROM sqlite_schema WHERE name = 'migration'")
    execute(database, "PRAGMA wal_checkpoint(TRUNCATE)")
    with database.open("r+b") as file:
        file.seek((root - 1) * 4096 + 3)
        file.write(b"\0\0")  # no cells
    said = ocdu("doctor", "--deep", "--json", "--db", database)
    assert other != root and "quick_check" in kinds(said)
    assert said.exit_code == 1


# the place


def test_free_pages_are_told_when_they_are_worth_a_vacuum(ocdu: Ocdu, tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", [session("big", octets=400_000), session("small")])
    ocdu("prune", "ses_big", "--permanent", "--yes", "--db", path)
    said = ocdu("doctor", "--json", "--db", path)
    [found] = said.json["findings"]
    assert (found["kind"], said.exit_code) == ("free_pages", 0)
    assert found["bytes"] == found["count"] * 4096 > 350_000


def test_a_log_larger_than_the_file_is_a_warning(ocdu: Ocdu, database: Path) -> None:
    import apsw

    writer = apsw.Connection(str(database))
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    for number in range(300):
        writer.execute("UPDATE project SET time_updated = ?", (number,))
    said = ocdu("doctor", "--json", "--db", database)
    writer.close()
    assert kinds(said) == {"large_wal": 1}
    assert said.exit_code == 4


def test_a_network_file_system_is_a_warning(
    ocdu: Ocdu, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.doctor.place.network_file_system", lambda path: "nfs4")
    said = ocdu("doctor", "--json", "--db", database)
    assert (kinds(said), said.exit_code) == ({"network_file_system": 1}, 4)
    assert "lies on nfs4," in said.json["findings"][0]["meaning"]


@contextmanager
def program(place: Path, database: Path) -> Iterator[int]:
    """A program at this place that has the database open; gives its pid."""
    place.parent.mkdir(parents=True)
    shutil.copy(shutil.which("sh") or "/bin/sh", place)
    holder = subprocess.Popen(
        [str(place), "-c", 'exec 3<"$0"; echo ready; read line', str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdin and holder.stdout and holder.stdout.readline() == b"ready\n"
        try:
            yield holder.pid
        finally:
            holder.stdin.close()
            holder.wait()


@pytest.mark.parametrize(
    ("place", "package", "expected"),
    [
        ("opencode-linux-x64@1.2.20/bin/opencode", "", {"old_sqlite": 1}),
        ("opencode-linux-x64@1.14.34/bin/opencode", "", {"unknown_sqlite": 1}),
        ("opencode-linux-x64@1.18.33/bin/opencode", "", {}),
        ("opencode/bin/opencode", "", {"unknown_sqlite": 1}),
        ("pkg/bin/opencode", '{"name": "opencode-linux-x64", "version": "1.2.1"}',
         {"old_sqlite": 1}),
        ("pkg/bin/opencode", '{"name": "opencode-linux-x64", "version": "2.0.32"}', {}),
        ("pkg/bin/opencode", '{"name": "cat"}', {"unknown_sqlite": 1}),
        ("pkg/bin/opencode", "[broken", {"unknown_sqlite": 1}),
    ],
)  # fmt: skip
def test_what_can_be_known_of_the_sqlite_next_door(
    ocdu: Ocdu, database: Path, tmp_path: Path, place: str, package: str, expected: dict[str, int]
) -> None:
    where = tmp_path / "programs" / place
    with program(where, database) as pid:
        if package:
            (where.parent.parent / "package.json").write_text(package)
        said = ocdu("doctor", "--json", "--db", database)
    assert kinds(said) == expected
    for found in said.json["findings"]:
        assert found["ids"] == [str(pid)]
        assert str(where) in found["says"][0]


# what an earlier ocdu left


def test_an_interrupted_prune_is_found_and_put_right(ocdu: Ocdu, database: Path) -> None:
    before = picture(database)
    assert dies(database, "prune", 9)
    broken = picture(database)
    said = ocdu("doctor", "--json", "--db", database)
    assert kinds(said)["interrupted_job"] == 1
    assert said.exit_code == 1
    assert picture(database) == broken != before, "looking mends nothing"
    fixed = ocdu("doctor", "--fix", "--yes", "--json", "--db", database)
    assert fixed.json["outcome"] == "done", fixed.json
    assert "interrupted_job" not in kinds(fixed)
    for batch in ocdu("trash", "list", "--json", "--db", database).json["batches"]:
        ocdu("trash", "restore", batch["id"], "--yes", "--db", database)
    assert picture(database) == before


def test_a_copy_left_by_a_dead_vacuum_is_found_and_removed(ocdu: Ocdu, database: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    copy = database.with_name(f".{database.name}.compact-{gone.pid}")
    copy.write_bytes(b"x" * 5000)
    said = ocdu("doctor", "--json", "--db", database)
    [found] = said.json["findings"]
    assert (found["kind"], found["bytes"], found["fix"]) == ("leftover_copy", 5000, "leftovers")
    assert copy.exists()
    fixed = ocdu("doctor", "--fix", "--yes", "--json", "--db", database)
    assert (fixed.exit_code, fixed.json["findings"]) == (0, [])
    assert fixed.json["done"]["files"] == 1 and fixed.json["freed_bytes"] == 5000
    assert not copy.exists()


def test_a_file_in_the_trash_that_is_no_batch_is_named_and_stays(
    ocdu: Ocdu, database: Path, home: Path
) -> None:
    ocdu("prune", "ses_other", "--yes", "--db", database)
    folder = home / "data" / "ocdu" / "trash"
    stranger = folder / "holiday.trash"
    stranger.write_text("not a batch")
    said = ocdu("doctor", "--deep", "--json", "--db", database)
    [found] = [each for each in said.json["findings"] if each["kind"] == "damaged_batch"]
    assert (found["ids"], said.exit_code) == (["holiday"], 4)
    assert stranger.exists()


def test_a_batch_that_lacks_rows_is_found_by_the_deep_look(
    ocdu: Ocdu, database: Path, home: Path
) -> None:
    ocdu("prune", "ses_other", "--yes", "--db", database)
    [batch] = (home / "data" / "ocdu" / "trash").glob("*.trash")
    assert "damaged_batch" not in kinds(ocdu("doctor", "--deep", "--json", "--db", database))
    plain = batch.with_suffix(".plain")
    for _ in unpack(batch, plain):
        pass
    execute(plain, "DELETE FROM message")
    plain.replace(batch)
    assert "damaged_batch" not in kinds(ocdu("doctor", "--json", "--db", database))
    said = ocdu("doctor", "--deep", "--json", "--db", database)
    [found] = [each for each in said.json["findings"] if each["kind"] == "damaged_batch"]
    assert "2 rows of message are missing" in found["meaning"]


def test_a_packed_batch_that_lost_a_byte_is_found_by_the_deep_look(
    ocdu: Ocdu, database: Path, home: Path
) -> None:
    ocdu("prune", "ses_other", "--yes", "--db", database)
    [batch] = (home / "data" / "ocdu" / "trash").glob("*.trash")
    content = bytearray(batch.read_bytes())
    content[-40] ^= 1
    batch.write_bytes(content)
    assert "damaged_batch" in kinds(ocdu("doctor", "--deep", "--json", "--db", database))


# mending


COUNTERS = ("a counter behind its events", "a counter that is gone")


@pytest.mark.parametrize("name", COUNTERS)
def test_a_counter_is_raised_to_the_highest_number_in_use(
    ocdu: Ocdu, database: Path, name: str
) -> None:
    before = picture(database)
    DAMAGES[name].wound(database)
    planned = ocdu("doctor", "--fix", "--json", "--db", database)
    assert planned.json["outcome"] == "planned"
    assert kinds(planned) == DAMAGES[name].finds
    fixed = ocdu("doctor", "--fix", "--yes", "--json", "--db", database)
    assert (fixed.exit_code, fixed.json["findings"]) == (0, [])
    assert picture(database) == before


def test_a_dry_run_mends_nothing(ocdu: Ocdu, database: Path) -> None:
    DAMAGES["a counter that is gone"].wound(database)
    before = picture(database)
    said = ocdu("doctor", "--fix", "--dry-run", "--db", database)
    assert "1 × session that opencode cannot write" in said.out
    assert picture(database) == before


ORPHANED = [
    name
    for name, damage in DAMAGES.items()
    if any(kind.startswith("orphan_") for kind in damage.finds)
    and name != "messages of 2.x without a session"
]


@pytest.mark.parametrize("name", ORPHANED)
def test_orphans_go_where_a_level_takes_them_and_are_named_where_none_does(
    ocdu: Ocdu, database: Path, name: str
) -> None:
    DAMAGES[name].wound(database)
    living = set(execute(database, "SELECT id FROM session"))
    said = ocdu("doctor", "--fix", "--yes", "--json", "--db", database)
    if "orphans" in LEVELS:
        assert (said.exit_code, kinds(said)) == (0, {})
    else:
        assert (said.exit_code, kinds(said)) == (4, DAMAGES[name].finds)
        assert "no reclaim level" in said.json["findings"][0]["mend"]
    assert set(execute(database, "SELECT id FROM session")) == living


def test_what_would_be_guessing_is_named_and_left_alone(ocdu: Ocdu, database: Path) -> None:
    for name in ("a part that names another session", "each other's parents"):
        DAMAGES[name].wound(database)
    before = picture(database)
    said = ocdu("doctor", "--fix", "--yes", "--json", "--db", database)
    assert said.json["outcome"] == "nothing"
    assert "without guessing" in said.json["message"]
    assert said.exit_code == 4
    assert picture(database) == before


def test_a_file_of_opencode_2_is_mended_only_where_ocdu_writes_to_it(
    ocdu: Ocdu, database: Path
) -> None:
    DAMAGES["a counter behind the messages of 2.x"].wound(database)
    before = picture(database)
    said = ocdu("doctor", "--fix", "--yes", "--json", "--db", database)
    if shown_only(database):
        assert (said.exit_code, said.json["outcome"]) == (3, "refused")
        assert "nothing" in said.json["message"]
        assert picture(database) == before
    else:
        assert (said.exit_code, said.json["findings"]) == (0, [])
        after = picture(database)
        assert {name for name in before if before[name] != after[name]} == {"event_sequence"}


def test_nothing_to_mend_is_no_failure(ocdu: Ocdu, database: Path) -> None:
    said = ocdu("doctor", "--fix", "--yes", "--json", "--db", database)
    assert (said.exit_code, said.json["outcome"]) == (0, "nothing")
    assert said.json["message"] == "Nothing is wrong."


def test_a_lock_held_by_readers_and_all_is_a_refusal_not_a_finding(
    ocdu: Ocdu, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import apsw

    monkeypatch.setattr("tui.store.database.BUSY_TIMEOUT", 0.1)
    holder = apsw.Connection(str(database))
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    said = ocdu("doctor", "--json", "--db", database)
    holder.close()
    assert (said.exit_code, said.json["outcome"]) == (3, "refused")
    assert os.fspath(database) in said.json["message"]
