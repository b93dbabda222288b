"""`ocdu archive` and `ocdu unarchive`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ocdu
from tests.factories import NOW, days_ago, execute, make_database, session


def stamps(path: Path) -> dict[str, int | None]:
    """Session id -> time_archived."""
    return {id: stamp for id, stamp in execute(path, "SELECT id, time_archived FROM session")}


def test_archive_stamps_the_whole_tree_of_a_child(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("archive", "ses_help", "--yes", "--json", "--db", garden)
    assert (said.exit_code, said.json["outcome"]) == (0, "done")
    assert said.json["done"]["sessions"] == 2
    assert stamps(garden)["ses_old"] == stamps(garden)["ses_helper"] == NOW


def test_without_a_terminal_and_without_yes_nothing_is_changed(ocdu: Ocdu, garden: Path) -> None:
    before = stamps(garden)
    said = ocdu("archive", "ses_old", "--json", "--db", garden)
    assert (said.exit_code, said.json["outcome"]) == (0, "planned")
    assert "--yes" in said.json["message"]
    assert said.json["plan"]["totals"]["sessions"] == 2
    assert said.json["done"] is None
    assert stamps(garden) == before


def test_unarchive_leaves_a_child_that_was_archived_on_its_own(ocdu: Ocdu, tmp_path: Path) -> None:
    child = session("child", archived=days_ago(9))
    path = make_database(
        tmp_path / "o.db", [session("root", archived=days_ago(2), children=[child])]
    )
    said = ocdu("unarchive", "ses_root", "--yes", "--json", "--db", path)
    assert said.json["done"]["sessions"] == 1
    assert stamps(path) == {"ses_root": None, "ses_child": days_ago(9)}


def test_archiving_twice_is_nothing_to_do(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("archive", "ses_attic", "--yes", "--json", "--db", garden)
    assert (said.exit_code, said.json["outcome"]) == (0, "nothing")
    assert stamps(garden)["ses_attic"] == days_ago(50)


def test_a_dry_run_wins_over_yes(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("archive", "ses_new", "--yes", "--dry-run", "--json", "--db", garden)
    assert said.json["outcome"] == "planned"
    assert stamps(garden)["ses_new"] is None


def test_read_only_refuses(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("archive", "ses_new", "--yes", "--read-only", "--json", "--db", garden)
    assert (said.exit_code, said.json["outcome"]) == (3, "refused")
    assert "--read-only" in said.json["message"]
    assert stamps(garden)["ses_new"] is None
