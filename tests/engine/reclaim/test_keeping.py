"""Reclaim with a copy: undo brings every byte back, and nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.reclaim.parts import BIG, DAY, NOW, Database, compact, fingerprint, plan_for, tool
from tests.picture import drained, site_of
from tui.engine.crash_recovery import put_right, unfinished
from tui.engine.perform import perform
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches, plan_empty
from tui.engine.undo import plan_redo, plan_undo, undo_title
from tui.policy.plan import Outcome, Plan

PLAIN = tool(BIG, mark=None)
LEVELS = ("compacted", "summarised", "stale", "subagents", "diffs")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "opencode.db")
    fill(made)
    yield made
    made.close()


def fill(database: Database) -> None:
    """Something for every level but stale."""
    database.part("prt_marked", tool(BIG, metadata={"output": BIG}))
    database.raw("prt_broken", tool("\xff" * 900).encode("latin-1"))
    database.part("prt_old", PLAIN, 20)
    database.compaction(100)
    diffs = {"role": "user", "summary": {"diffs": [{"file": "a", "patch": "p" * 9000}]}}
    database.message(50, id="msg_diffs")
    database.connection.execute(
        "UPDATE message SET data = ? WHERE id = 'msg_diffs'", (compact(diffs),)
    )
    database.session("ses_child", updated=NOW - 8 * DAY, parent="ses_a")
    database.message(500, "ses_child")
    database.part("prt_child", PLAIN, 500, "ses_child")
    task = tool("found it", mark=None, name="task", metadata={"sessionId": "ses_child"})
    database.part("prt_task", task, 200)


def do(plan: Plan, site: Site, stop: Event | None = None) -> Outcome:
    return drained(perform(plan, site, stop or Event()))


def kept(database: Database, *levels: str) -> Plan:
    return plan_for(database.store, *(levels or LEVELS), keep=True)


def test_undo_brings_every_byte_back_and_redo_takes_it_again(database: Database) -> None:
    site = site_of(database.path)
    before = fingerprint(database.path)
    outcome = do(kept(database), site)
    assert outcome.ending == "done", outcome.message
    assert (outcome.done.parts, outcome.done.messages) == (4, 1)
    assert "undo brings it back" in outcome.message
    after = fingerprint(database.path)
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"part prt_marked", "part prt_broken", "part prt_old", "part prt_child",
                       "message msg_diffs"}  # fmt: skip
    again = site_of(database.path)  # as after a restart
    assert undo_title(again) == "reclaim of “About ses_a” and 1 more"
    undone = do(plan_undo(again), again)
    assert undone.ending == "done" and "5 rows brought back" in undone.message
    assert fingerprint(database.path) == before
    assert list(site.ledger.trash_folder.iterdir()) == []
    redone = do(plan_redo(again), again)
    assert redone.ending == "done", redone.message
    assert fingerprint(database.path).keys() == after.keys()
    assert database.state("prt_child")["output"] == "[reclaimed]"
    do(plan_undo(again), again)
    assert fingerprint(database.path) == before


def test_without_keep_there_is_nothing_to_undo_and_no_copy(database: Database) -> None:
    site = site_of(database.path)
    outcome = do(plan_for(database.store, *LEVELS), site)
    assert outcome.batch is None and len(plan_undo(site)) == 0
    assert not site.ledger.trash_folder.exists() or not list(site.ledger.trash_folder.iterdir())


def test_a_row_changed_since_stays_and_its_copy_stays_in_the_trash(database: Database) -> None:
    site = site_of(database.path)
    outcome = do(kept(database), site)
    database.connection.execute("UPDATE part SET data = '{}' WHERE id = 'prt_old'")
    database.connection.execute("DELETE FROM part WHERE id = 'prt_marked'")
    undone = do(plan_undo(site), site)
    assert undone.ending == "partial" and undone.excluded == {"changed": 2}
    assert "2 rows had changed since" in undone.message
    assert database.data("prt_old") == b"{}"
    assert database.data("prt_child").decode() == PLAIN
    (left,) = batches(site.ledger.trash_folder)
    assert left.id == outcome.batch and left.lines[0].parts == 2


def test_the_trash_names_the_batch_and_restores_or_empties_it(database: Database) -> None:
    site = site_of(database.path)
    before = fingerprint(database.path)
    outcome = do(kept(database), site)
    (batch,) = batches(site.ledger.trash_folder)
    assert batch.titles == ("payloads of 2 sessions",) and batch.bytes == outcome.done.bytes
    assert do(plan_restore(site, [batch.id]), site).ending == "done"
    assert fingerprint(database.path) == before
    assert batches(site.ledger.trash_folder) == [] and len(plan_undo(site)) == 0
    do(kept(database), site)
    do(plan_empty(site, None, None, 0), site)
    assert batches(site.ledger.trash_folder) == [] and len(plan_undo(site)) == 0


def test_a_row_that_changes_after_the_copy_is_neither_edited_nor_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_of(database.path)
    steps = perform(kept(database, "compacted"), site, Event())
    real = "tui.engine.reclaim.keeping.written"
    from tui.engine.reclaim.rewrite import written

    def meddled(*given: Any, **more: Any) -> Iterator[int]:
        database.connection.execute(
            "UPDATE part SET data = replace(data, 'ls', 'lt') WHERE id = 'prt_marked'"
        )
        return written(*given, **more)

    monkeypatch.setattr(real, meddled)
    outcome = drained(steps)
    monkeypatch.undo()
    assert database.state("prt_marked")["output"] in (BIG, "[reclaimed]")
    do(plan_undo(site), site)
    assert database.state("prt_marked")["output"] == BIG
    assert database.state("prt_marked")["input"] == {"command": "lt"}
    assert outcome.done.parts >= 1


def test_no_room_for_the_copy_refuses_and_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint(database.path)

    class Full:
        free = 1

    monkeypatch.setattr("tui.engine.reclaim.keeping.psutil.disk_usage", lambda _: Full)
    outcome = do(kept(database), site_of(database.path))
    assert outcome.ending == "refused" and "keep = false" in outcome.message
    assert fingerprint(database.path) == before


def test_a_stop_keeps_what_was_done_and_undo_brings_it_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    site, stop = site_of(database.path), Event()
    before = fingerprint(database.path)
    steps = perform(kept(database), site, stop)
    next(steps)
    stop.set()
    outcome = drained(steps)
    assert outcome.ending == "partial" and outcome.done.parts + outcome.done.messages == 1
    assert unfinished(site) == []
    do(plan_undo(site), site)
    assert fingerprint(database.path) == before


@pytest.mark.parametrize("ends", ["stopped", "failed"])
def test_redo_takes_the_sessions_that_were_taken_and_no_further_one(
    database: Database, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    monkeypatch.setattr("tui.engine.reclaim.keeping.GROUP_OCTETS", 1)
    site, stop = site_of(database.path), Event()
    before = fingerprint(database.path)
    if ends == "failed":
        database.connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON part WHEN NEW.session_id = 'ses_a'"
            " BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
        )
        outcome = do(kept(database), site)
        database.connection.execute("DROP TRIGGER full")
    else:
        steps = perform(kept(database), site, stop)
        next(steps)
        stop.set()
        outcome = drained(steps)
    assert outcome.ending == "partial", outcome.message
    taken = {key for key, row in fingerprint(database.path).items() if row != before.get(key)}
    assert taken == {"part prt_child"}
    do(plan_undo(site), site)
    assert fingerprint(database.path) == before
    assert plan_redo(site).items[0].sessions == ("ses_child",)
    do(plan_redo(site), site)
    assert taken == {k for k, row in fingerprint(database.path).items() if row != before.get(k)}


def test_a_full_disk_in_the_middle_of_the_copy_loses_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_of(database.path)
    before = fingerprint(database.path)

    def full(*_: Any) -> None:
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr("tui.store.kept_payload.copy_row", full)
    outcome = do(kept(database), site)
    assert outcome.ending == "refused" and "full" in outcome.message
    monkeypatch.undo()
    assert fingerprint(database.path) == before
    assert put_right(site) == [] and unfinished(site) == []


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.text(max_size=80), st.booleans(), st.integers(1, 30), st.booleans()),
        max_size=12,
    ),
    st.sets(st.sampled_from(LEVELS), min_size=1),
)
def test_undo_after_reclaim_is_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[tuple[str, bool, int, bool]],
    levels: set[str],
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    database = Database(folder / "opencode.db")
    fill(database)
    for number, (text, is_marked, times, has_copy) in enumerate(parts):
        output = text * times
        metadata = {"output": output} if has_copy else None
        data = tool(output, mark=5 if is_marked else None, metadata=metadata)
        database.part(f"prt_{number}", data, 10 + 7 * number)
    site = site_of(database.path)
    before = fingerprint(database.path)
    do(kept(database, *sorted(levels)), site)
    do(plan_undo(site), site)
    assert fingerprint(database.path) == before
    database.close()


def test_sizes_once_measured_are_forgotten_when_undo_makes_rows_grow_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_of(database.path)
    do(kept(database), site)
    forgotten: list[str] = []
    monkeypatch.setattr("tui.engine.perform.forget_usage", lambda _: forgotten.append("all"))
    plan = plan_undo(site)
    assert set(plan.items[0].sessions) == {"ses_a", "ses_child"}, "the app measures these anew"
    do(plan, site)
    assert forgotten == ["all"]
