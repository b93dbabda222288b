"""`ocdu jobs`: the journal on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ocdu


def test_a_database_nobody_changed_has_an_empty_journal(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("jobs", "--json", "--db", garden)
    assert (said.exit_code, said.json["outcome"], said.json["jobs"]) == (0, "nothing", [])


def test_every_change_is_listed_newest_first_and_told_whole(ocdu: Ocdu, garden: Path) -> None:
    ocdu("archive", "ses_new", "--yes", "--db", garden)
    pruned = ocdu("prune", "--older-than", "30d", "--yes", "--json", "--db", garden).json
    listed = ocdu("jobs", "--json", "--db", garden).json["jobs"]
    assert [job["verb"] for job in listed] == ["prune", "archive"]
    job = ocdu("jobs", str(listed[0]["number"]), "--json", "--db", garden).json["job"]
    assert job["freed_bytes"] == pruned["freed_bytes"] and job["batch"] == pruned["batch"]
    assert job["plan"]["totals"] == pruned["plan"]["totals"]
    assert [i["reason"] for i in job["plan"]["items"]] == [
        i["reason"] for i in pruned["plan"]["items"]
    ]
    assert job["plan"]["excluded"] == {"shared": 1}
    assert job["result"]["done"] == pruned["done"]
    assert job["ended"] >= job["began"] and job["phases"][-1]["phase"]


def test_people_read_the_reasons_too(ocdu: Ocdu, garden: Path) -> None:
    ocdu("prune", "ses_old", "--yes", "--db", garden)
    listed = ocdu("jobs", "--db", garden).out
    assert "prune" in listed and "done" in listed
    told = ocdu("jobs", "1", "--db", garden).out
    assert told.startswith("Job 1: prune of “old”, done after ")
    assert "named" in told or "chosen" in told


def test_a_wrong_number_is_a_wrong_call(ocdu: Ocdu, garden: Path) -> None:
    for number in ("9", "0", "x", "-3", "²"):
        said = ocdu("jobs", number, "--db", garden)
        assert said.exit_code == 2 and said.err
    assert ocdu("jobs", "--limit", "many", "--db", garden).exit_code == 2


def test_looking_changes_nothing(ocdu: Ocdu, garden: Path) -> None:
    ocdu("archive", "ses_new", "--yes", "--db", garden)
    before = garden.read_bytes()
    ocdu("jobs", "1", "--db", garden)
    assert garden.read_bytes() == before
