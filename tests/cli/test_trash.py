"""`ocdu trash`, `ocdu undo` and `ocdu redo`: ways back."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ocdu
from tests.factories import execute


def ids(path: Path) -> set[str]:
    """Sessions in the database."""
    return {id for (id,) in execute(path, "SELECT id FROM session")}


def test_one_tree_of_a_batch_comes_back(ocdu: Ocdu, garden: Path) -> None:
    before = ids(garden)
    ocdu("prune", "ses_old", "ses_attic", "--yes", "--db", garden)
    said = ocdu("trash", "restore", "ses_attic", "--yes", "--json", "--db", garden)
    assert (said.exit_code, said.json["done"]["trees"]) == (0, 1), said.all
    assert ids(garden) == before - {"ses_old", "ses_helper"}


def test_the_list_names_batches_for_people(ocdu: Ocdu, garden: Path) -> None:
    assert ocdu("trash", "--db", garden).out == "The trash is empty.\n"
    batch = ocdu("prune", "ses_old", "--yes", "--json", "--db", garden).json["batch"]
    said = ocdu("trash", "list", "--db", garden).out
    assert said.splitlines()[1].split()[0] == batch
    assert said.splitlines()[1].endswith("old")


def test_emptying_asks_and_then_frees_the_batch(ocdu: Ocdu, garden: Path, home: Path) -> None:
    ocdu("prune", "ses_old", "--yes", "--db", garden)
    files = list((home / "data" / "ocdu" / "trash").iterdir())
    assert files
    size = sum(file.stat().st_size for file in files)
    said = ocdu("trash", "empty", "--json", "--db", garden)
    assert said.json["outcome"] == "planned"
    assert all(file.exists() for file in files)
    said = ocdu("trash", "empty", "--yes", "--json", "--db", garden)
    assert (said.json["outcome"], said.json["freed_bytes"]) == ("done", size)
    assert not any(file.exists() for file in files)


def test_only_old_batches_are_emptied_when_asked(ocdu: Ocdu, garden: Path) -> None:
    ocdu("prune", "ses_old", "--yes", "--db", garden)
    said = ocdu("trash", "empty", "--older-than", "1y", "--yes", "--json", "--db", garden)
    assert said.json["outcome"] == "nothing"


def test_wrong_calls_are_sentences(ocdu: Ocdu, garden: Path) -> None:
    ocdu("prune", "ses_old", "--yes", "--db", garden)
    for arguments, words in (
        (["restore"], "Say what to restore"),
        (["restore", "ses_nobody"], "“ses_nobody”"),
        (["list", "ses_old"], "takes no ids"),
        (["list", "--older-than", "3"], "--older-than"),
        (["empty", "ses_old"], "“ses_old”"),
        (["burn"], "burn"),
    ):
        said = ocdu("trash", *arguments, "--yes", "--db", garden)
        assert said.exit_code == 2, said.all
        assert words in said.err


def test_undo_and_redo_follow_the_journal(ocdu: Ocdu, garden: Path) -> None:
    before = ids(garden)
    assert ocdu("undo", "--yes", "--json", "--db", garden).json["outcome"] == "nothing"
    ocdu("prune", "ses_old", "--yes", "--db", garden)
    assert ocdu("undo", "--json", "--db", garden).json["outcome"] == "planned"
    said = ocdu("undo", "--yes", "--json", "--db", garden)
    assert said.json["outcome"] == "done", said.all
    assert ids(garden) == before
    said = ocdu("redo", "--yes", "--json", "--db", garden)
    assert said.json["outcome"] == "done", said.all
    assert ids(garden) == before - {"ses_old", "ses_helper"}


def test_an_archive_is_undone_to_the_stamp_before(ocdu: Ocdu, garden: Path) -> None:
    before = execute(garden, "SELECT id, time_archived FROM session ORDER BY id")
    ocdu("archive", "ses_old", "--yes", "--db", garden)
    ocdu("undo", "--yes", "--db", garden)
    assert execute(garden, "SELECT id, time_archived FROM session ORDER BY id") == before
