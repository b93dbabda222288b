"""ocdu's ledger where it cannot be written."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Timer

import apsw
import pytest

from tui.errors import NotNow, OcduError
from tui.store.journal import Entry
from tui.store.ledger import Ledger, Note, Pin, Size
from tui.store.ledger_copy import read_only_ledger

TABLES = (Pin, Entry, Size, Note)


def pinned(path: Path) -> list[str]:
    db = read_only_ledger(path, TABLES)
    with db.connection_context():
        found = [id for (id,) in db.execute_sql("SELECT session FROM pin ORDER BY session")]
        assert db.execute_sql("SELECT count(*) FROM note").fetchone() == (0,)
    return found


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    Ledger(tmp_path / "ocdu", tmp_path / "opencode.db").pin(["ses_basil", "ses_mint"])
    return tmp_path / "ocdu" / "ledger.db"


@pytest.fixture
def killed(ledger: Path, tmp_path: Path) -> Path:
    """As it lies there when the power went in the middle of a large change."""
    connection = apsw.Connection(str(ledger))
    for setting in ("journal_mode = PERSIST", "cache_size = 2"):
        connection.execute(f"PRAGMA {setting}").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM pin")
    for number in range(500):
        note = "INSERT INTO note VALUES ('half', ?, ?)"
        connection.execute(note, (str(number), "done" * 200))
    folder = tmp_path / "killed"
    shutil.copytree(ledger.parent, folder)
    connection.execute("ROLLBACK")
    connection.close()
    return folder / ledger.name


def test_a_ledger_that_is_whole_is_read(ledger: Path) -> None:
    assert pinned(ledger) == ["ses_basil", "ses_mint"]


def test_a_change_that_was_killed_is_taken_back_in_a_copy(killed: Path) -> None:
    """To move the ledger away, as damaged ones are, would lose every pin and every undo."""
    before = {path.name: path.read_bytes() for path in killed.parent.iterdir()}
    assert pinned(killed) == ["ses_basil", "ses_mint"]
    assert {path.name: path.read_bytes() for path in killed.parent.iterdir()} == before


def test_its_owner_is_waited_for(ledger: Path) -> None:
    busy = apsw.Connection(str(ledger))
    busy.execute("BEGIN EXCLUSIVE")
    release = Timer(0.3, lambda: busy.execute("COMMIT"))
    release.start()
    assert pinned(ledger) == ["ses_basil", "ses_mint"]
    release.join()
    busy.close()


def test_an_owner_who_does_not_rest_is_named_and_the_ledger_not_called_damaged(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.ledger_copy.PATIENCE", 0.05)
    busy = apsw.Connection(str(ledger))
    busy.execute("BEGIN EXCLUSIVE")
    with pytest.raises(NotNow, match="written to by its owner"):
        pinned(ledger)
    busy.close()


def test_a_damaged_one_is_named(ledger: Path) -> None:
    ledger.write_bytes(b"no database" * 1000)
    with pytest.raises(OcduError, match="cannot be read"):
        pinned(ledger)
