"""`ocdu prune`: ids, policies, protections, the trash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ocdu, Said
from tests.factories import days_ago, execute, make_database, session
from tui.format import size


def ids(path: Path) -> set[str]:
    """Sessions still there."""
    return {id for (id,) in execute(path, "SELECT id FROM session")}


def planned(said: Said) -> set[str]:
    """Trees in the plan."""
    return {item["id"] for item in said.json["plan"]["items"]}


def test_named_trees_go_to_the_trash_and_come_back(ocdu: Ocdu, garden: Path) -> None:
    rows = execute(garden, "SELECT * FROM part ORDER BY id")
    said = ocdu("prune", "ses_old", "--yes", "--json", "--db", garden)
    assert (said.exit_code, said.json["outcome"]) == (0, "done"), said.all
    assert said.json["done"] == said.json["plan"]["totals"]
    assert said.json["done"]["sessions"] == 2
    assert not ids(garden) & {"ses_old", "ses_helper"}
    back = ocdu("trash", "restore", said.json["batch"], "--yes", "--json", "--db", garden)
    assert (back.json["outcome"], back.json["done"]["sessions"]) == ("done", 2), back.all
    assert execute(garden, "SELECT * FROM part ORDER BY id") == rows


def test_a_permanent_prune_keeps_no_batch(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("prune", "ses_old", "--permanent", "--yes", "--json", "--db", garden)
    assert (said.json["outcome"], said.json["batch"]) == ("done", None)
    assert ocdu("trash", "--json", "--db", garden).json["batches"] == []


def test_without_conditions_the_limit_is_thirty_days(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("prune", "--json", "--db", garden)
    assert said.json["outcome"] == "planned"
    assert planned(said) == {"ses_old", "ses_attic"}
    assert said.json["excluded"] == {"shared": 1}
    assert len(ids(garden)) == 6


def test_older_than_zero_takes_everything_but_what_is_protected(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("prune", "--older-than", "0", "--yes", "--json", "--db", garden)
    assert said.json["outcome"] == "done", said.all
    assert said.json["excluded"] == {"shared": 1, "recent": 1}
    assert ids(garden) == {"ses_shed", "ses_now"}


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--older-than", "10w"], {"ses_old"}),
        (["--older-than", "1", "--project", "orchard"], {"ses_new"}),
        (["--archived"], {"ses_attic"}),
        (["--larger-than", "50kB"], {"ses_old"}),
        (["--children"], {"ses_helper"}),
        (["--older-than", "1", "--keep", "1"], {"ses_old", "ses_attic"}),
        (["--budget", "80kB"], {"ses_old"}),
        (["--budget", "10MB"], set()),
    ],
)
def test_each_condition_chooses(
    ocdu: Ocdu, garden: Path, options: list[str], wanted: set[str]
) -> None:
    said = ocdu("prune", *options, "--json", "--db", garden)
    assert said.exit_code == 0, said.all
    assert planned(said) == wanted


def test_only_trees_whose_directory_is_gone(ocdu: Ocdu, tmp_path: Path) -> None:
    given: list[Any] = [session("here", active=days_ago(90), directory=str(tmp_path))]
    given.append(session("gone", active=days_ago(90), directory=str(tmp_path / "no")))
    path = make_database(tmp_path / "o.db", given)
    assert planned(ocdu("prune", "--missing", "--json", "--db", path)) == {"ses_gone"}


def test_the_plan_says_what_becomes_free_beside_what_it_holds(ocdu: Ocdu, garden: Path) -> None:
    free = ocdu("prune", "ses_old", "--json", "--db", garden).json["predicted_bytes"]
    said = ocdu("prune", "ses_old", "--dry-run", "--db", garden)
    assert f"About {size(free)} of the file become free." in said.out


def test_a_pinned_tree_stays_unless_it_is_named(ocdu: Ocdu, garden: Path) -> None:
    ocdu("pin", "ses_helper", "--yes", "--db", garden)
    said = ocdu("prune", "--json", "--db", garden)
    assert said.json["excluded"] == {"pinned": 1, "shared": 1}
    named = ocdu("prune", "ses_old", "--json", "--db", garden)
    assert planned(named) == {"ses_old"}
    assert "pinned" in named.json["warning"]


def test_naming_a_shared_tree_warns_that_its_page_stays(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("prune", "ses_shed", "--db", garden)
    assert "Note: “shed” is shared" in said.out


def test_nothing_to_prune_says_how_old_the_oldest_is(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("prune", "--older-than", "1y", "--json", "--db", garden)
    assert (said.exit_code, said.json["outcome"]) == (0, "nothing")
    assert "90 d" in said.json["message"]


def test_prune_with_vacuum_shrinks_the_file(ocdu: Ocdu, garden: Path) -> None:
    before = garden.stat().st_size
    said = ocdu("prune", "ses_old", "--permanent", "--vacuum", "--yes", "--json", "--db", garden)
    assert said.json["outcome"] == "done", said.all
    assert said.json["vacuum"]["outcome"] == "done", said.all
    assert garden.stat().st_size < before
    assert "a vacuum." not in said.json["message"] and "ave back" in said.json["message"]


def test_the_limit_of_the_configuration_counts(ocdu: Ocdu, garden: Path, tmp_path: Path) -> None:
    config = tmp_path / "other.toml"
    config.write_text('[prune]\nolder_than = "80d"\n')
    said = ocdu("prune", "--config", config, "--json", "--db", garden)
    assert planned(said) == {"ses_old"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--older-than", "soon"], "“soon” is not an age"),
        (["--larger-than", "much"], "“much” is not a size"),
        (["--budget", "2 bananas"], "is not a size"),
        (["--keep", "-1"], "--keep -1"),
        (["--keep", "few"], "--keep"),
        (["--project", "moon"], "no project “moon”"),
        (["ses_old", "--archived"], "--archived, not both"),
        (["--bananas"], "--bananas"),
    ],
)
def test_a_wrong_condition_is_a_sentence_and_nothing_is_changed(
    ocdu: Ocdu, garden: Path, options: list[str], words: str
) -> None:
    said = ocdu("prune", *options, "--yes", "--db", garden)
    assert said.exit_code == 2
    assert words in said.err
    assert len(ids(garden)) == 6


def test_what_an_incremental_file_gives_back_by_itself_stands_in_the_plan(
    ocdu: Ocdu, tmp_path: Path
) -> None:
    given = [session(f"s{n}", octets=300_000, active=days_ago(90)) for n in range(8)]
    path = make_database(tmp_path / "o.db", given, auto_vacuum=2)
    words = ("prune", *(f"ses_s{n}" for n in range(6)), "--db", path)
    said = ocdu(*words, "--dry-run", "--json").json["afterwards"]
    assert said.startswith("Afterwards about 1.8 MB go back to the disk in slices"), said
    assert said in ocdu(*words, "--dry-run").out
    before = path.stat().st_size
    ocdu(*words, "--yes")
    assert before - path.stat().st_size == pytest.approx(1_800_000, rel=0.04)
    assert "afterwards" not in ocdu("archive", "ses_s7", "--dry-run", "--json", "--db", path).json
