"""The command line on files of 2.x: one session to the user, and the contract's numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Ocdu
from tests.factories import execute, make_database
from tests.generations import TRUTH, every_state, fresh, grown, problems, tool_block, upgrade
from tests.generations import add_in_v2 as add


@pytest.fixture
def upgraded(tmp_path: Path) -> Path:
    every_state(tmp_path / "opencode.db")
    return tmp_path / "opencode.db"


def test_stats_count_a_session_once_and_every_octet(ocdu: Ocdu, upgraded: Path) -> None:
    said = ocdu("stats", "--json", "--db", upgraded).json
    assert said["database"]["generation"] == "both"
    assert said["sessions"]["total"] == len(TRUTH)
    for table, octets in said["tables"].items():
        query = f"SELECT coalesce(sum(octet_length(data)), 0) FROM {table}"
        assert execute(upgraded, query) == [(octets,)]
    assert set(said["tables"]) == {"message", "part", "event", "session_message"}
    steps = execute(upgraded, "SELECT count(*) FROM session_message")[0][0]
    alone = execute(
        upgraded,
        "SELECT count(*) FROM message WHERE session_id NOT IN (SELECT id FROM session_v2)",
    )[0][0]
    assert said["messages"] == steps + alone
    assert said["parts"] == execute(upgraded, "SELECT count(*) FROM part")[0][0]
    listed = ocdu("list", "--json", "--db", upgraded).json["sessions"]
    assert said["messages"] == sum(each["messages"] for each in listed)
    assert sum(each["bytes"] for each in listed) == sum(said["tables"].values())


def test_list_names_the_generation_of_each(ocdu: Ocdu, upgraded: Path) -> None:
    listed = ocdu("list", "--json", "--db", upgraded).json["sessions"]
    found = {each["id"]: each["generation"] for each in listed}
    assert set(found) == set(TRUTH)
    assert (found["ses_same"], found["ses_native"], found["ses_after"]) == ("both", "v2", "v1")
    assert "diverged" in ocdu("list", "--db", upgraded).out


def test_show_tells_both_copies_apart(ocdu: Ocdu, upgraded: Path) -> None:
    said = ocdu("show", "ses_newer", "--json", "--db", upgraded).json["session"]
    assert 0 < said["copy_bytes"] < said["bytes"]
    assert said["diverged"] is False
    assert "copy that 1.x left behind" in ocdu("show", "ses_newer", "--db", upgraded).out
    assert ocdu("show", "ses_split", "--json", "--db", upgraded).json["session"]["diverged"] is True


def test_every_reading_command_works_on_a_fresh_file(ocdu: Ocdu, tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db", ["one"])
    add(path, "two", parent="ses_one", tools=[tool_block()])
    stats = ocdu("stats", "--json", "--db", path).json
    assert (stats["database"]["generation"], stats["parts"]) == ("v2", 0)
    assert (stats["sessions"]["root"], stats["sessions"]["child"]) == (1, 1)
    assert ocdu("show", "ses_two", "--json", "--db", path).json["session"]["messages"] == 2
    for command in (["list"], ["files"], ["reclaim", "--level", "aggressive", "--dry-run"]):
        assert ocdu(*command, "--db", path).exit_code == 0


def test_a_fresh_file_is_changed_by_every_verb(ocdu: Ocdu, tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db", ["one", "two"])
    for command in (
        ["archive", "ses_one"], ["unarchive", "ses_one"], ["prune", "ses_one"],
        ["trash", "restore", "ses_one"], ["reclaim", "--level", "migrated"], ["vacuum"],
    ):  # fmt: skip
        assert ocdu(*command, "--yes", "--db", path).exit_code == 0, command
        assert problems(path) == []
    assert len(ocdu("list", "--json", "--db", path).json["sessions"]) == 2


def test_migrated_says_what_goes_and_counts_what_stays(ocdu: Ocdu, upgraded: Path) -> None:
    planned = ocdu("reclaim", "--level", "migrated", "--json", "--db", upgraded).json
    assert planned["outcome"] == "planned"
    assert planned["excluded"] == {"diverged": 1, "only_copy": 3}
    done = ocdu("reclaim", "--level", "migrated", "--yes", "--json", "--db", upgraded).json
    assert (done["outcome"], done["done"]) == ("done", planned["plan"]["totals"])
    left = execute(upgraded, "SELECT id FROM session ORDER BY id")
    assert [id for (id,) in left] == ["ses_after", "ses_ancient", "ses_skipped", "ses_split"]
    assert problems(upgraded) == []


def test_the_only_copy_goes_to_the_trash_by_name(ocdu: Ocdu, upgraded: Path) -> None:
    said = ocdu("prune", "ses_skipped", "--yes", "--json", "--db", upgraded).json
    assert said["outcome"] == "done" and said["batch"]
    assert ocdu("trash", "restore", "ses_skipped", "--yes", "--db", upgraded).exit_code == 0
    assert execute(upgraded, "SELECT count(*) FROM session WHERE id = 'ses_skipped'") == [(1,)]


@pytest.mark.parametrize("phase", [None, "sessions"])
@pytest.mark.parametrize(
    "write", [["prune", "ses_a"], ["archive", "ses_a"], ["reclaim", "--level", "migrated"]]
)
def test_a_file_whose_import_is_not_complete_is_refused(
    ocdu: Ocdu, tmp_path: Path, phase: str | None, write: list[str]
) -> None:
    path = make_database(tmp_path / "opencode.db", [grown("a"), grown("b")])
    upgrade(path, phase=phase, stop_after=1)
    before = path.read_bytes()
    said = ocdu(*write, "--yes", "--db", path)
    assert said.exit_code in (0, 3) and "Traceback" not in said.err
    assert path.read_bytes() == before
    if write[0] != "reclaim":
        assert said.exit_code == 3 and "opencode 2.x" in said.err
