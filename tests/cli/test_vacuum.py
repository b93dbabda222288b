"""`ocdu vacuum` and `ocdu checkpoint`: the file really shrinks, and zero is said honestly."""

from __future__ import annotations

from pathlib import Path

import apsw

from tests.cli.conftest import Ocdu
from tests.factories import execute


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
