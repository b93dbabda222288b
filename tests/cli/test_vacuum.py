"""`ocdu vacuum` and `ocdu checkpoint`: the file really shrinks, and zero is said honestly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.cli.conftest import Ocdu
from tests.factories import execute
from tests.neighbour import Holder
from tui.engine import waiting
from tui.engine.site import open_site
from tui.policy.vacuum import Wish


def on_disk(database: Path) -> int:
    """Octets of the database and its WAL."""
    return sum(each.stat().st_size for each in database.parent.glob(f"{database.name}*"))


def test_free_pages_go_back_to_the_file_system(ocdu: Ocdu, garden: Path) -> None:
    ocdu("prune", "ses_old", "--permanent", "--yes", "--db", garden)
    before = on_disk(garden)
    said = ocdu("vacuum", "--yes", "--json", "--db", garden)
    assert said.json["outcome"] == "done", said.all
    assert said.json["freed_bytes"] == before - on_disk(garden) > 0
    assert execute(garden, "PRAGMA quick_check") == [("ok",)]


def test_a_vacuum_without_free_pages_has_nothing_to_give_back(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("vacuum", "--yes", "--json", "--db", garden)
    assert (said.exit_code, said.json["outcome"]) == (0, "nothing")
    assert "Nothing to give back" in said.json["message"]


def test_a_wrong_temp_dir_is_a_sentence(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("vacuum", "--temp-dir", "/no/such/folder", "--yes", "--db", garden)
    assert said.exit_code == 2
    assert "/no/such/folder" in said.err


def test_before_and_after_of_database_log_and_disk_are_told(ocdu: Ocdu, garden: Path) -> None:
    ocdu("prune", "ses_old", "--permanent", "--yes", "--db", garden)
    size = garden.stat().st_size
    dry = ocdu("vacuum", "--dry-run", "--json", "--db", garden).json
    assert dry["outcome"] == "planned" and garden.stat().st_size == size
    assert dry["decision"]["way"] == "copy_back"
    assert 0 < dry["decision"]["file_after"] < size
    assert dry["decision"]["needs_bytes"] > 0
    details = ocdu("vacuum", "--yes", "--json", "--db", garden).json["details"]
    assert details["before"]["db"] == size
    assert details["after"]["db"] == garden.stat().st_size
    assert set(details["before"]) == set(details["after"]) == {"db", "wal", "free_disk"}
    assert details["after"]["wal"] == 0


def test_a_file_is_made_incremental_only_when_told(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("vacuum", "--to-incremental", "--json", "--db", garden)
    assert said.json["outcome"] == "planned" and said.json["decision"]["to_incremental"]
    assert "rewritten once" in said.json["message"]
    assert execute(garden, "PRAGMA auto_vacuum") == [(0,)]
    ocdu("vacuum", "--to-incremental", "--yes", "--db", garden)
    assert execute(garden, "PRAGMA auto_vacuum") == [(2,)]
    pruned = ocdu("prune", "ses_old", "--permanent", "--yes", "--db", garden)
    assert "Gave back" in pruned.out
    assert execute(garden, "PRAGMA freelist_count") == [(0,)]


def test_a_vacuum_in_the_way_of_opencode_says_how_to_wait(
    ocdu: Ocdu, garden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.policy.vacuum.ASSUMED_SPEED", 100.0)
    ocdu("prune", "ses_old", "--permanent", "--yes", "--db", garden)
    with Holder(garden) as other:
        said = ocdu("vacuum", "--yes", "--json", "--db", garden)
        assert (said.exit_code, said.json["outcome"]) == (3, "refused")
        assert f"(pid {other.pid})" in said.json["message"]
        assert "`ocdu vacuum --wait`" in said.json["message"]


def test_a_waiting_vacuum_is_taken_up_or_taken_back(
    ocdu: Ocdu, garden: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = open_site(garden).ledger
    assert ocdu("vacuum", "--withdraw", "--db", garden).exit_code == 0
    waiting.note(ledger, Wish(patient=True, to_incremental=True))
    said = ocdu("vacuum", "--withdraw", "--json", "--db", garden)
    assert said.json["outcome"] == "done"
    assert waiting.noted(ledger) is None
    waiting.note(ledger, Wish(patient=True, to_incremental=True))
    said = ocdu("vacuum", "--wait", "--yes", "--json", "--db", garden)
    assert "is taken up" in said.err
    assert said.json["outcome"] == "done"
    assert execute(garden, "PRAGMA auto_vacuum") == [(2,)]
    assert waiting.noted(ledger) is None


def test_a_checkpoint_folds_the_log_in(ocdu: Ocdu, garden: Path) -> None:
    wal = garden.with_name(garden.name + "-wal")
    with apsw.Connection(str(garden)) as other:
        other.execute("PRAGMA wal_autocheckpoint = 0")
        other.execute("UPDATE session SET title = 'renamed' WHERE id = 'ses_new'")
    try:
        size = wal.stat().st_size
        assert size > 0
        said = ocdu("checkpoint", "--json", "--db", garden)
        assert said.json["outcome"] == "planned"
        assert wal.stat().st_size == size
        said = ocdu("checkpoint", "--yes", "--json", "--db", garden)
        assert said.json["outcome"] == "done", said.all
        assert wal.stat().st_size == 0
    finally:
        other.close()
    again = ocdu("checkpoint", "--yes", "--json", "--db", garden)
    assert again.json["outcome"] == "nothing"


def test_copies_of_a_killed_vacuum_go_at_the_next_start_wherever_they_lie(
    ocdu: Ocdu, garden: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ocdu("prune", "ses_old", "--permanent", "--yes", "--db", garden)
    ocdu("vacuum", "--temp-dir", elsewhere, "--yes", "--db", garden)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(timeout=30)
    dead = [folder / f".{garden.name}.compact-{child.pid}" for folder in (garden.parent, elsewhere)]
    for each in dead:
        each.write_bytes(b"x")
    said = ocdu("archive", "ses_new", "--yes", "--db", garden)
    assert "An interrupted vacuum left 2 temporary files: removed." in said.err
    assert not any(each.exists() for each in dead)
