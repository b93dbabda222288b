"""Giving free pages back: the file shrinks, nobody loses a row, nobody notices for long."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import ModuleType

import apsw
import pytest

from tests.bloat import compact_size, content, is_sound, leftovers, make_bloated
from tests.factories import execute
from tests.neighbour import Holder, Neighbour
from tui.engine import compact, copy_back
from tui.engine.vacuum import apply_vacuum, vacuum_facts
from tui.policy.plan import Outcome, Plan, Step
from tui.policy.vacuum import VacuumDecision, Wish, plan_vacuum
from tui.store.database import Store, open_store
from tui.store.disk import remove_leftovers

Meanwhile = Callable[[Step], None]

LATE_PART = (
    "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)"
    " SELECT 'prt_late', id, session_id, 1, 1, '{}' FROM message LIMIT 1"
)


@pytest.fixture
def bloated(tmp_path: Path) -> Path:
    return make_bloated(tmp_path / "opencode.db")


def planned(store: Store, wish: Wish | None = None) -> Plan:
    return plan_vacuum(vacuum_facts(store, wish=wish))


def vacuum(
    store: Store,
    meanwhile: Meanwhile = lambda step: None,
    stop: Event | None = None,
    plan: Plan | None = None,
    wish: Wish | None = None,
) -> Outcome:
    """Carry the vacuum out, doing something after each step."""
    plan = planned(store, wish) if plan is None else plan
    deed = apply_vacuum(plan, store, stop or Event())
    while True:
        try:
            meanwhile(next(deed))
        except StopIteration as end:
            assert not isinstance(meanwhile, Once) or meanwhile.fired
            outcome: Outcome = end.value
            return outcome


class Once:
    """Does something at the first step of a phase."""

    def __init__(self, phase: str, deed: Callable[[], object]) -> None:
        self.phase = phase
        self.deed = deed
        self.fired = False

    def __call__(self, step: Step) -> None:
        if step.phase == self.phase and not self.fired:
            self.fired = True
            self.deed()


def in_another_process(path: Path, statement: str) -> None:
    script = "import apsw, sys; apsw.Connection(sys.argv[1]).execute(sys.argv[2]).fetchall()"
    subprocess.run([sys.executable, "-c", script, str(path), statement], check=True, timeout=30)


def test_the_file_shrinks_to_what_vacuum_into_makes_of_it(bloated: Path) -> None:
    goal, before, said = compact_size(bloated), bloated.stat(), content(bloated)
    outcome = vacuum(open_store(bloated))
    after = bloated.stat()
    assert outcome.ending == "done"
    assert after.st_size <= goal * 1.05
    assert outcome.freed_bytes == before.st_size - after.st_size
    assert outcome.predicted_bytes == pytest.approx(outcome.freed_bytes, rel=0.05)
    assert content(bloated) == said
    assert is_sound(bloated)
    assert leftovers(bloated) == []


def test_inode_mode_and_owner_stay(bloated: Path) -> None:
    bloated.chmod(0o640)
    before = bloated.stat()
    vacuum(open_store(bloated))
    after = bloated.stat()
    assert after.st_ino == before.st_ino
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


def test_journal_mode_and_header_numbers_stay(bloated: Path) -> None:
    execute(bloated, "PRAGMA user_version = 42")
    vacuum(open_store(bloated))
    assert execute(bloated, "PRAGMA journal_mode") == [("wal",)]
    assert execute(bloated, "PRAGMA user_version") == [(42,)]


def test_the_details_tell_before_after_and_how_long_it_locked(bloated: Path) -> None:
    size = bloated.stat().st_size
    details = vacuum(open_store(bloated)).details
    assert details["way"] == "copy_back"
    assert details["before"]["db"] == size
    assert details["after"] == {
        "db": bloated.stat().st_size,
        "wal": 0,
        "free_disk": details["after"]["free_disk"],
    }
    assert 0 < details["lock_seconds"] < 5
    assert details["announced_lock_seconds"] > 0


def test_a_second_vacuum_has_nothing_to_give_back(bloated: Path) -> None:
    store = open_store(bloated)
    vacuum(store)
    outcome = vacuum(store)
    assert outcome.ending == "nothing"
    assert "every page" in outcome.message


def test_a_plan_that_became_true_meanwhile_does_nothing(bloated: Path) -> None:
    store = open_store(bloated)
    plan = planned(store)
    vacuum(store)
    assert vacuum(store, plan=plan).ending == "nothing"


def test_the_copy_is_private_and_beside_the_database(bloated: Path) -> None:
    modes = []

    def look() -> None:
        copy = bloated.parent / f".opencode.db.compact-{os.getpid()}"
        modes.append(stat.S_IMODE(copy.stat().st_mode))

    vacuum(open_store(bloated), Once("copying back", look))
    assert modes == [0o600]


def test_the_copy_can_lie_elsewhere(bloated: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    seen: list[list[str]] = []
    look = Once("copying back", lambda: seen.append(os.listdir(elsewhere)))
    assert vacuum(open_store(bloated), look, wish=Wish(temp_dir=elsewhere)).ending == "done"
    assert seen == [[f".opencode.db.compact-{os.getpid()}"]]
    assert os.listdir(elsewhere) == []


@pytest.mark.parametrize("phase", ["copying", "checking the copy"])
def test_a_commit_between_copy_and_copy_back_is_not_lost(bloated: Path, phase: str) -> None:
    said = content(bloated)
    outcome = vacuum(
        open_store(bloated), Once(phase, lambda: in_another_process(bloated, LATE_PART))
    )
    assert outcome.ending == "done"
    assert execute(bloated, "SELECT count(*) FROM part WHERE id = 'prt_late'") == [(1,)]
    execute(bloated, "DELETE FROM part WHERE id = 'prt_late'")
    assert content(bloated) == said


def test_an_update_that_changes_no_count_is_not_lost_either(bloated: Path) -> None:
    rename = "UPDATE session SET title = 'renamed meanwhile'"
    meanwhile = Once("checking the copy", lambda: in_another_process(bloated, rename))
    assert vacuum(open_store(bloated), meanwhile).ending == "done"
    titles = execute(bloated, "SELECT DISTINCT title FROM session")
    assert titles == [("renamed meanwhile",)]


@pytest.mark.parametrize(
    "moment", [(compact, "row_counts"), (copy_back, "holders")], ids=["before copy", "before lock"]
)
def test_a_commit_in_the_gaps_between_the_steps_is_not_lost(
    bloated: Path, monkeypatch: pytest.MonkeyPatch, moment: tuple[ModuleType, str]
) -> None:
    module, name = moment
    looks = getattr(module, name)
    looked: list[int] = []

    def look(*asked: object, **more: object) -> object:
        looked.append(1)
        if len(looked) == 1:
            in_another_process(bloated, LATE_PART)
        return looks(*asked, **more)

    rows = content(bloated)
    monkeypatch.setattr(module, name, look)
    assert vacuum(open_store(bloated)).ending == "done"
    assert len(looked) == 2, "it must have begun again"
    assert execute(bloated, "DELETE FROM part WHERE id = 'prt_late' RETURNING id") == [
        ("prt_late",)
    ]
    assert content(bloated) == rows


def test_somebody_who_writes_all_the_time_is_outrun_by_locking_first(bloated: Path) -> None:
    refused: list[int] = []
    commits: list[int] = []

    def meanwhile(step: Step) -> None:
        if step.phase != "checking the copy":
            return
        connection = apsw.Connection(str(bloated))
        try:
            connection.execute("UPDATE session SET time_updated = time_updated + 1")
            commits.append(1)
        except apsw.BusyError:
            refused.append(1)
        finally:
            connection.close()

    before = execute(bloated, "SELECT id, time_updated FROM session ORDER BY id")
    assert vacuum(open_store(bloated), meanwhile).ending == "done"
    assert len(commits) >= copy_back.UNLOCKED_ATTEMPTS
    assert refused
    after = execute(bloated, "SELECT id, time_updated FROM session ORDER BY id")
    assert after == [(id, updated + len(commits)) for id, updated in before]


def test_where_a_lock_would_last_too_long_it_gives_up_and_changes_nothing(
    bloated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_back, "COPY_COST", 1e9)
    size = bloated.stat().st_size
    rename = "UPDATE session SET time_updated = time_updated + 1"

    def meanwhile(step: Step) -> None:
        if step.phase == "copying":
            execute(bloated, rename)

    outcome = vacuum(open_store(bloated), meanwhile)
    assert outcome.ending == "refused"
    assert "keeps writing" in outcome.message
    assert bloated.stat().st_size == size
    assert leftovers(bloated) == []


def test_nobody_can_write_while_it_copies_back(
    bloated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def write() -> None:
        connection = apsw.Connection(str(bloated))
        try:
            connection.execute("UPDATE session SET title = 'intruder'")
            seen.append(True)
        except apsw.BusyError:
            seen.append(False)
        finally:
            connection.close()

    def meanwhile(step: Step) -> None:
        if step.phase == "copying back":
            write()

    monkeypatch.setattr(copy_back, "PAGES", 50)
    assert vacuum(open_store(bloated), meanwhile).ending == "done"
    assert len(seen) > 3
    # The last step is yielded after SQLite has committed; before it nobody gets in.
    assert seen[:-1] == [False] * (len(seen) - 1)
    assert is_sound(bloated)


def test_a_writer_next_door_loses_no_row_and_gets_no_error(tmp_path: Path) -> None:
    path = make_bloated(tmp_path / "opencode.db", sessions=30)
    with Neighbour(path) as writer:
        outcomes = []
        for _ in range(4):
            execute(path, "CREATE TABLE IF NOT EXISTS filler (body TEXT)")
            execute(path, "INSERT INTO filler VALUES (zeroblob(300000))")
            execute(path, "DELETE FROM filler")
            outcomes.append(vacuum(open_store(path)))
    assert [outcome.ending for outcome in outcomes] == ["done"] * 4, outcomes
    assert writer.report.errors == []
    assert writer.report.ids
    kept = {id for (id,) in execute(path, "SELECT id FROM neighbour")}
    assert set(writer.report.ids) <= kept
    assert is_sound(path)


def test_an_idle_connection_sees_the_new_content(bloated: Path) -> None:
    with Holder(bloated) as other:
        rows = other.ask("SELECT count(*) FROM part")
        outcome = vacuum(open_store(bloated))
        assert outcome.ending == "done"
        assert other.ask("SELECT count(*) FROM part") == rows
        assert other.ask("PRAGMA freelist_count") == 0
        assert other.ask("SELECT count(*) FROM pragma_quick_check WHERE quick_check != 'ok'") == 0
        assert bloated.stat().st_size <= compact_size(bloated) * 1.05


def test_a_reader_that_stays_is_named_and_the_log_waits(bloated: Path) -> None:
    said = content(bloated)
    with Holder(bloated, reading=True) as other:
        outcome = vacuum(open_store(bloated))
        assert outcome.ending == "partial"
        assert f"(pid {other.pid})" in outcome.message
        assert "ocdu checkpoint" in outcome.message
        assert other.ask("SELECT count(*) FROM part") > 0
    assert content(bloated) == said
    assert is_sound(bloated)


@pytest.mark.parametrize(
    "phase", ["copying", "checking the copy", "copying back", "folding in the log"]
)
def test_stopping_in_any_phase_leaves_the_content_and_no_copy(bloated: Path, phase: str) -> None:
    said = content(bloated)
    stop = Event()
    outcome = vacuum(open_store(bloated), Once(phase, stop.set), stop)
    assert outcome.ending in ("partial", "done")
    if phase in ("copying", "checking the copy"):
        assert outcome.message == "Stopped: nothing was changed."
        assert outcome.freed_bytes == 0
    assert content(bloated) == said
    assert is_sound(bloated)
    assert leftovers(bloated) == []
    assert vacuum(open_store(bloated)).ending in ("done", "nothing")


def test_dropping_the_generator_in_the_middle_leaves_the_content_and_no_copy(
    bloated: Path,
) -> None:
    said = content(bloated)
    for steps in range(1, 6):
        store = open_store(bloated)
        deed = apply_vacuum(planned(store), store, Event())
        for _, step in zip(range(steps), deed, strict=False):
            assert isinstance(step, Step)
        deed.close()
        assert leftovers(bloated) == []
        assert content(bloated) == said
    in_another_process(bloated, "UPDATE session SET time_updated = time_updated + 1")


def test_stopping_while_it_copies_back_rolls_back(
    bloated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_back, "PAGES", 10)
    said, size, stop = content(bloated), bloated.stat().st_size, Event()
    outcome = vacuum(open_store(bloated), Once("copying back", stop.set), stop)
    assert (outcome.ending, outcome.freed_bytes) == ("partial", 0)
    assert bloated.stat().st_size == size
    assert content(bloated) == said


def test_progress_is_of_the_whole_and_only_grows(
    bloated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_back, "PAGES", 20)
    steps: list[Step] = []
    vacuum(open_store(bloated), steps.append)
    begun = next(place for place, step in enumerate(steps) if step.phase == "copying")
    parts = [step.done / step.total for step in steps[begun:]]
    assert parts == sorted(parts)
    assert parts[0] < 0.3 and parts[-1] >= 0.65
    assert len({step.phase for step in steps[begun:]}) == 4


def test_incremental_slices_give_everything_back(tmp_path: Path) -> None:
    path = make_bloated(tmp_path / "opencode.db", auto_vacuum=2)
    said, goal, inode = content(path), compact_size(path), path.stat().st_ino
    store = open_store(path)
    plan = planned(store)
    assert plan.options.way == "incremental"
    steps: list[Step] = []
    with Neighbour(path) as writer:
        outcome = vacuum(store, steps.append, plan=plan)
    assert outcome.ending == "done"
    assert {step.phase for step in steps} <= {"giving back", "folding in the log"}
    assert writer.report.errors == []
    assert path.stat().st_ino == inode
    assert path.stat().st_size <= goal * 1.10  # pages are moved, not packed
    assert execute(path, "PRAGMA freelist_count") == [(0,)]
    assert {name: content(path)[name] for name in said if name} == {
        name: said[name] for name in said if name
    }
    assert is_sound(path)


def test_stopping_an_incremental_vacuum_keeps_what_it_gave_back(tmp_path: Path) -> None:
    path = make_bloated(tmp_path / "opencode.db", auto_vacuum=2)
    said, size, stop = content(path), path.stat().st_size, Event()
    outcome = vacuum(open_store(path), Once("giving back", stop.set), stop)
    assert outcome.ending == "partial"
    assert 0 < outcome.freed_bytes == size - path.stat().st_size
    assert content(path) == said
    assert execute(path, "PRAGMA freelist_count") > [(0,)]


def slow_plan(store: Store, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A plan as on a disk so slow that nobody may have the database open."""
    from tui.policy import vacuum as policy

    monkeypatch.setattr(policy, "ASSUMED_SPEED", 100.0)
    return planned(store)


def test_without_wait_it_refuses_while_somebody_holds_the_file(
    bloated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Holder(bloated) as other:
        plan = slow_plan(open_store(bloated), monkeypatch)
        assert plan.options.way == "wait"
        outcome = vacuum(open_store(bloated), plan=plan)
        assert outcome.ending == "refused"
        assert f"(pid {other.pid}) is using this database" in outcome.message
        assert "`ocdu vacuum --wait` waits until it ends" in outcome.message
    assert outcome.freed_bytes == 0


def test_a_newcomer_during_a_long_lock_is_let_in(
    bloated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_back, "LIVE_LOCK", 0.0)
    monkeypatch.setattr(copy_back, "NEWCOMER_LOOK", 0.0)
    monkeypatch.setattr(copy_back, "PAGES", 10)
    said = content(bloated)
    came: list[Holder] = []
    arrive = Once("copying back", lambda: came.append(Holder(bloated)))
    try:
        outcome = vacuum(open_store(bloated), arrive)
        assert outcome.ending == "refused"
        assert f"(pid {came[0].pid})" in outcome.message
    finally:
        came[0].leave()
    assert content(bloated) == said


def test_a_database_with_a_rollback_journal_is_vacuumed_too(bloated: Path) -> None:
    execute(bloated, "PRAGMA journal_mode = DELETE")
    said, goal = content(bloated), compact_size(bloated)
    assert vacuum(open_store(bloated)).ending == "done"
    assert bloated.stat().st_size <= goal * 1.05
    assert content(bloated) == said
    assert execute(bloated, "PRAGMA journal_mode") == [("delete",)]


def test_a_database_opened_read_only_is_refused(bloated: Path) -> None:
    bytes_before = bloated.read_bytes()
    outcome = vacuum(open_store(bloated, read_only=True))
    assert outcome.ending == "refused"
    assert "--read-only" in outcome.message
    assert bloated.read_bytes() == bytes_before


def test_a_disk_that_is_too_small_is_refused_with_the_bytes_missing(bloated: Path) -> None:
    store = open_store(bloated)
    facts = vacuum_facts(store)
    need: VacuumDecision = plan_vacuum(facts).options
    plan = plan_vacuum(replace(facts, free_disk=need.needs_bytes - 5000))
    outcome = vacuum(store, plan=plan)
    assert outcome.ending == "refused"
    assert "5,000 bytes are missing" in outcome.message
    assert outcome.freed_bytes == 0


def test_something_in_the_place_of_the_copy_is_neither_followed_nor_removed(
    bloated: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "precious.txt"
    victim.write_text("keep me")
    trap = bloated.parent / f".opencode.db.compact-{os.getpid()}"
    trap.symlink_to(victim)
    with pytest.raises(Exception, match="is in the way"):
        vacuum(open_store(bloated))
    assert victim.read_text() == "keep me"
    assert trap.is_symlink()


def test_copies_of_the_dead_are_removed_and_nothing_else(bloated: Path) -> None:
    folder = bloated.parent
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(timeout=30)
    dead = folder / f".opencode.db.compact-{child.pid}"
    journal = dead.with_name(dead.name + "-journal")
    kept = [
        folder / f".opencode.db.compact-{os.getpid()}",
        folder / f".other.db.compact-{child.pid}",
        folder / f"opencode.db.compact-{child.pid}",
        folder / f".opencode.db.compact-{child.pid}.bak",
        folder / ".opencode.db.compact-x",
    ]
    for file in (dead, journal, *kept):
        file.write_bytes(b"x")
    link = folder / f".opencode.db.compact-{child.pid}-wal"
    link.symlink_to(bloated)
    assert remove_leftovers(bloated) == [dead, journal]
    assert all(file.exists() for file in kept)
    assert link.is_symlink() and bloated.exists()
