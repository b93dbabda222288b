"""`ocdu trash`, `ocdu undo` and `ocdu redo`: ways back."""

from __future__ import annotations

import json
import subprocess
import sys
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


def test_a_session_of_the_trash_is_written_in_opencodes_format(
    ocdu: Ocdu, garden: Path, tmp_path: Path
) -> None:
    ocdu("prune", "ses_old", "--yes", "--db", garden)
    one = tmp_path / "one.json"
    said = ocdu("trash", "export", "ses_old", "--output", one, "--json", "--db", garden)
    assert (said.exit_code, said.json["files"], said.json["left_out"]) == (0, [str(one)], 0)
    assert "1 subagent of it not" in said.json["message"]
    found = json.loads(one.read_text())
    assert found["info"]["id"] == "ses_old" and len(found["messages"]) == said.json["messages"]
    assert ocdu("trash", "export", "ses_old", "--output", one, "--db", garden).exit_code == 3
    folder = tmp_path / "tree"
    said = ocdu("trash", "export", "ses_old", "--output", f"{folder}/", "--json", "--db", garden)
    assert {each.name for each in folder.iterdir()} == {"ses_old.json", "ses_helper.json"}
    assert said.json["parts"] > 0
    assert json.loads((folder / "ses_old.json").read_text()) == found


def test_an_export_without_a_file_goes_to_standard_output(garden: Path, ocdu: Ocdu) -> None:
    ocdu("prune", "ses_old", "--yes", "--db", garden)
    done = subprocess.run(
        [sys.executable, "-m", "tui", "trash", "export", "ses_hel", "--db", str(garden)],
        capture_output=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert done.returncode == 0 and done.stderr == b""
    assert json.loads(done.stdout)["info"]["parentID"] == "ses_old"


def test_an_export_to_where_nothing_can_be_written_is_a_sentence(
    ocdu: Ocdu, garden: Path, tmp_path: Path
) -> None:
    ocdu("prune", "ses_old", "--yes", "--db", garden)
    (tmp_path / "file").write_text("precious")
    for output in ("file/x.json", "file/", "no/x.json", "x" * 300):
        said = ocdu(
            "trash", "export", "ses_old", "--output", f"{tmp_path}/{output}", "--db", garden
        )
        assert said.exit_code == 3 and output.split("/")[0] in said.err
        assert said.err.count("\n") == 1
    assert (tmp_path / "file").read_text() == "precious"


def test_wrong_exports_are_sentences(ocdu: Ocdu, garden: Path, tmp_path: Path) -> None:
    ocdu("prune", "ses_old", "--yes", "--db", garden)
    for arguments, words in (
        (["export"], "Say which one"),
        (["export", "ses_old", "ses_helper"], "Say which one"),
        (["export", "ses_attic", "--output", tmp_path / "x"], "“ses_attic”"),
        (["export", "ses_", "--output", tmp_path / "x"], "several"),
        (["export", "ses_old", "--json"], "--output"),
        (["list", "--output", tmp_path / "x"], "--output"),
    ):
        said = ocdu("trash", *arguments, "--db", garden)
        assert said.exit_code == 2 and words in said.all, said.all
    assert not (tmp_path / "x").exists()


def test_undo_names_what_it_would_undo_before_it_does(ocdu: Ocdu, garden: Path) -> None:
    ocdu("pin", "ses_old", "--yes", "--db", garden)
    said = ocdu("undo", "--dry-run", "--db", garden)
    assert "Undo: pin of “old”. Nothing was changed" in said.out
    assert ocdu("undo", "--yes", "--db", garden).out == (
        "The pin of “old” was undone for 1 session.\n"
    )
    assert "Redo: pin of “old”" in ocdu("redo", "--dry-run", "--db", garden).out


def test_event_rows_are_kept_when_the_configuration_says_so(
    ocdu: Ocdu, garden: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[trash]\nevents = true\nexpire = "30d"\n')
    said = ocdu("prune", "ses_old", "--yes", "--json", "--config", config, "--db", garden)
    assert said.json["events_kept"] is True and "event history" not in said.json["message"]
    assert ocdu("trash", "--json", "--db", garden).json["batches"][0]["events_kept"] is True
    config.write_text('[trash]\nexpire = "soon"\n')
    said = ocdu("list", "--config", config, "--db", garden)
    assert said.exit_code == 2 and "line 2" in said.err and "“soon” is not an age" in said.err
