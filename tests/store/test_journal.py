"""The journal: what it keeps of a job, also for ledgers that an older ocdu made."""

from __future__ import annotations

from pathlib import Path

import apsw

from tui.store.ledger import Ledger

OLD_TABLE = """CREATE TABLE entry (
  id INTEGER NOT NULL PRIMARY KEY, database TEXT NOT NULL, time INTEGER NOT NULL,
  verb TEXT NOT NULL, title TEXT NOT NULL, state TEXT NOT NULL, message TEXT NOT NULL,
  payload_bytes INTEGER NOT NULL, predicted_bytes INTEGER NOT NULL, freed_bytes INTEGER NOT NULL,
  batch TEXT, undo TEXT)"""


def ledger(path: Path) -> Ledger:
    return Ledger(path / "ocdu", path / "opencode.db")


def test_a_job_is_found_again_with_plan_phases_and_outcome(tmp_path: Path) -> None:
    here = ledger(tmp_path)
    number = here.begin("prune", "“a”", 70, plan={"verb": "prune"}, undo={"stamps": {}})
    here.update(number, phases=[{"phase": "deleting", "done": 1, "total": 2}])
    here.end(number, "done", message="1 tree.", freed_bytes=69, outcome={"ending": "done"})
    record = ledger(tmp_path).record(number)
    assert record is not None
    assert record.plan == {"verb": "prune"} and record.outcome == {"ending": "done"}
    assert record.phases == [{"phase": "deleting", "done": 1, "total": 2}]
    entry = record.entry
    assert (entry.state, entry.message, entry.freed_bytes) == ("done", "1 tree.", 69)
    assert entry.ended is not None and entry.ended >= entry.time
    assert entry.undo == {"stamps": {}} and entry.undoable
    assert here.record(number + 1) is None


def test_a_job_of_another_database_is_nobodys_business_here(tmp_path: Path) -> None:
    number = ledger(tmp_path).begin("vacuum", "“x”")
    stranger = Ledger(tmp_path / "ocdu", tmp_path / "other.db")
    assert stranger.record(number) is None
    assert stranger.left_running() == [] and not stranger.has_running()
    assert [each.id for each in ledger(tmp_path).left_running()] == [number]


def test_the_ledger_of_an_older_ocdu_gets_the_new_columns_and_keeps_its_lines(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "ocdu"
    folder.mkdir()
    connection = apsw.Connection(str(folder / "ledger.db"))
    connection.execute(OLD_TABLE)
    database = str((tmp_path / "opencode.db").resolve())
    connection.execute(
        "INSERT INTO entry VALUES (1, ?, 5, 'archive', '“old”', 'done', 'm', 0, 0, 0, NULL, '{}')",
        (database,),
    )
    connection.close()
    here = ledger(tmp_path)
    [entry] = here.entries()
    assert (entry.title, entry.ended, entry.undo) == ("“old”", None, {})
    record = here.record(1)
    assert record is not None and (record.plan, record.phases, record.outcome) == ({}, [], {})
    assert here.begin("prune", "“new”", plan={"items": []}) == 2
