"""Archive, prune and restore in a file that both generations use: both copies, or neither."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from tests.factories import NOW, execute, make_database
from tests.generations import (
    LATER,
    TRUTH,
    add_in_v2,
    delete_in_v1,
    every_state,
    fresh,
    go_on_in_v1,
    go_on_in_v2,
    grown,
    problems,
    upgrade,
)
from tests.picture import assert_sound, forest_of, picture, run, site_of
from tui.engine import pace
from tui.engine.crash_recovery import recover
from tui.engine.doctor import raise_counters
from tui.engine.export import choose, export_session
from tui.engine.prune import apply_prune
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.undo import plan_redo, plan_undo
from tui.errors import Refused
from tui.policy.archive import plan_archive, plan_unarchive
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, plan_prune
from tui.store.doctor.counter import all_behind
from tui.store.generations import IMPORT_KEY

TREES = ("ses_same", "ses_newer", "ses_split", "ses_left", "ses_skipped", "ses_after", "ses_native")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    every_state(tmp_path / "opencode.db")
    return site_of(tmp_path / "opencode.db")


def plan_for(site: Site, *ids: str, permanent: bool = False) -> Plan:
    return plan_prune(forest_of(site), PrunePolicy(ids=frozenset(ids), permanent=permanent), NOW)


def raised(site: Site) -> int:
    """How many counters the doctor set right."""
    with site.store.writing() as db:
        steps = raise_counters(db.connection(), site.store.schema, Event())
        while True:
            try:
                next(steps)
            except StopIteration as end:
                number: int = end.value
                return number


def rows_of(path: Path, id: str) -> dict[str, int]:
    """How many rows of each table belong to a session."""
    keys = {
        "session": "id", "message": "session_id", "part": "session_id", "todo": "session_id",
        "session_share": "session_id", "session_v2": "id", "session_message": "session_id",
        "session_inbox": "session_id", "instruction_state": "session_id",
        "event": "aggregate_id", "event_sequence": "aggregate_id",
    }  # fmt: skip
    found = {
        table: execute(path, f"SELECT count(*) FROM {table} WHERE {key} = ?", id)[0][0]
        for table, key in keys.items()
    }
    return {table: rows for table, rows in found.items() if rows}


@pytest.mark.parametrize("permanent", [False, True])
@pytest.mark.parametrize("root", TREES)
def test_a_prune_takes_every_row_of_both_generations_and_nothing_else(
    site: Site, root: str, permanent: bool
) -> None:
    path = site.store.path
    plan = plan_for(site, root, permanent=permanent)
    ids = plan.items[0].sessions
    others = {id: rows_of(path, id) for id in TRUTH if id not in ids}
    [note] = execute(path, "SELECT * FROM kv WHERE key = ?", IMPORT_KEY)
    outcome = run(plan, site)
    assert outcome.ending == "done"
    assert outcome.done == plan.totals, "the preview and the deed count the same"
    assert {id: rows_of(path, id) for id in ids} == {id: {} for id in ids}
    assert {id: rows_of(path, id) for id in others} == others
    assert execute(path, "SELECT * FROM kv WHERE key = ?", IMPORT_KEY) == [note]
    assert execute(path, "SELECT count(*) FROM project") == [(1,)]
    assert problems(path) == []
    assert_sound(path)


@pytest.mark.parametrize("root", TREES)
def test_a_restore_brings_back_both_copies_byte_for_byte(site: Site, root: str) -> None:
    before = picture(site.store.path)
    batch = run(plan_for(site, root), site).batch or ""
    assert picture(site.store.path) != before
    assert run(plan_restore(site, [batch]), site).ending == "done"
    assert picture(site.store.path) == before


def test_instructions_that_went_meanwhile_come_back_with_their_session(site: Site) -> None:
    before = picture(site.store.path)
    batch = run(plan_for(site, "ses_native"), site).batch or ""
    execute(site.store.path, "DELETE FROM instruction_blob WHERE hash <> 'hash_ses_brief'")
    assert run(plan_restore(site, [batch]), site).ending == "done"
    assert picture(site.store.path) == before


def test_everything_goes_and_comes_back(site: Site) -> None:
    before = picture(site.store.path)
    plan = plan_for(site, *TRUTH)
    batch = run(plan, site).batch or ""
    path = site.store.path
    for table in ("session", "session_v2", "message", "session_message", "event_sequence"):
        assert execute(path, f"SELECT count(*) FROM {table}") == [(0,)]
    assert run(plan_restore(site, [batch]), site).done.sessions == len(TRUTH)
    assert picture(path) == before


def test_a_fresh_file_is_pruned_and_restored(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db", ["one", "two"])
    add_in_v2(path, "child", parent="ses_one")
    site = site_of(path)
    before = picture(path)
    batch = run(plan_for(site, "ses_one"), site).batch or ""
    assert execute(path, "SELECT id FROM session_v2") == [("ses_two",)]
    assert run(plan_restore(site, [batch]), site).done.sessions == 2
    assert picture(path) == before


@pytest.mark.parametrize("step", range(1, 12))
def test_a_prune_that_ends_anywhere_is_whole_again_after_the_next_start(
    site: Site, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if killed: the generator is dropped between two transactions of one row each."""
    monkeypatch.setattr(pace, "SLICE", 0.0)
    monkeypatch.setattr(pace, "PAUSE", 0.0)
    before = picture(site.store.path)
    steps = apply_prune(plan_for(site, "ses_same", "ses_split"), site, Event())
    for number, _ in enumerate(steps, start=1):
        if number == step * 4:
            break
    steps.close()
    recover(site)
    assert problems(site.store.path) == []
    for batch in site.ledger.trash_folder.glob("*.trash"):
        run(plan_restore(site, [batch.stem]), site)
    assert picture(site.store.path) == before


def test_a_child_that_only_one_generation_knows_keeps_its_parent(site: Site) -> None:
    plan = plan_for(site, "ses_newer")
    add_in_v2(site.store.path, "late", parent="ses_newer")
    outcome = run(plan, site)
    assert outcome.ending == "nothing" and outcome.excluded == {"changed": 1}
    assert rows_of(site.store.path, "ses_newer")["session_v2"] == 1


@pytest.mark.parametrize("go_on", [go_on_in_v1, go_on_in_v2])
def test_work_in_either_generation_keeps_a_planned_tree(site: Site, go_on: object) -> None:
    assert callable(go_on)
    plan = plan_for(site, "ses_same")
    go_on(site.store.path, "ses_same", time=LATER)
    assert run(plan, site).excluded == {"changed": 1}


@pytest.mark.parametrize("phase", [None, "sessions"])
@pytest.mark.parametrize("verb", ["prune", "archive"])
def test_nothing_is_written_while_the_importer_has_not_finished(
    tmp_path: Path, phase: str | None, verb: str
) -> None:
    path = make_database(tmp_path / "opencode.db", [grown("a"), grown("b")])
    site = site_of(upgrade(path, phase=phase, stop_after=1))
    before = picture(path)
    forest = forest_of(site)
    plan = plan_for(site, "ses_a") if verb == "prune" else plan_archive(forest, ["ses_a"], NOW)
    outcome = run(plan, site)
    assert outcome.ending == "refused" and "opencode 2.x" in outcome.message
    assert picture(path) == before


def test_an_import_that_begins_during_a_prune_ends_it(site: Site) -> None:
    path = site.store.path
    before = picture(path)
    steps = apply_prune(plan_for(site, "ses_same"), site, Event())
    next(steps)
    execute(path, 'UPDATE kv SET value = \'{"phase":"sessions"}\' WHERE key = ?', IMPORT_KEY)
    with pytest.raises(Refused, match="imports"):
        list(steps)
    execute(path, 'UPDATE kv SET value = \'{"phase":"completed"}\' WHERE key = ?', IMPORT_KEY)
    recover(site)
    assert picture(path) == before


# archive


def stamps(path: Path) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for table in ("session", "session_v2"):
        for id, stamp in execute(path, f"SELECT id, time_archived FROM {table}"):
            found.setdefault(id, []).append(stamp)
    return found


def test_an_archive_stamps_both_copies_and_undo_clears_them(site: Site) -> None:
    path = site.store.path
    before = picture(path)
    forest = forest_of(site)
    outcome = run(plan_archive(forest, ["ses_same", "ses_native", "ses_after"], NOW), site)
    assert outcome.done.sessions == 5
    assert stamps(path)["ses_same"] == stamps(path)["ses_samechild"] == [NOW, NOW]
    assert stamps(path)["ses_native"] == stamps(path)["ses_after"] == [NOW]
    assert stamps(path)["ses_split"] == [None, None]
    run(plan_unarchive(forest_of(site), ["ses_same", "ses_native", "ses_after"]), site)
    assert picture(path) == before


def test_an_archive_is_undone_and_done_again(site: Site) -> None:
    path = site.store.path
    before = picture(path)
    run(plan_archive(forest_of(site), ["ses_split"], NOW), site)
    run(plan_undo(site), site)
    assert picture(path) == before
    run(plan_redo(site), site)
    assert stamps(path)["ses_split"] == [NOW, NOW]


def test_a_copy_that_1x_archived_on_its_own_keeps_its_stamp(site: Site) -> None:
    path = site.store.path
    execute(path, "UPDATE session SET time_archived = 5 WHERE id = 'ses_same'")
    run(plan_archive(forest_of(site), ["ses_same"], NOW), site)
    assert stamps(path)["ses_same"] == [5, NOW]
    run(plan_unarchive(forest_of(site), ["ses_same"]), site)
    assert stamps(path)["ses_same"] == [5, None]


# the counter


def test_a_counter_that_1x_took_away_is_put_right(site: Site) -> None:
    path = site.store.path
    delete_in_v1(path, "ses_same")
    delete_in_v1(path, "ses_newer")
    execute(path, "UPDATE event_sequence SET seq = 0 WHERE aggregate_id = 'ses_native'")
    with site.store.reading() as db:
        broken = [key.text for key in all_behind(db.connection(), site.store.schema)]
    assert broken == ["ses_native", "ses_newer", "ses_same"]
    assert raised(site) == 3
    assert problems(path) == []
    go_on_in_v2(path, "ses_same", time=LATER)  # would fail with a counter that is behind
    assert raised(site) == 0


def test_a_counter_ahead_of_its_messages_stays(site: Site) -> None:
    execute(site.store.path, "UPDATE event_sequence SET seq = 900 WHERE aggregate_id = 'ses_same'")
    assert raised(site) == 0
    assert execute(
        site.store.path, "SELECT seq FROM event_sequence WHERE aggregate_id = 'ses_same'"
    ) == [(900,)]


def test_queued_work_counts_for_the_counter(site: Site) -> None:
    path = site.store.path
    row = ("msg_q", "ses_native", "user", "{}", "queue", 70, 1)
    execute(path, "INSERT INTO session_inbox VALUES (?, ?, ?, ?, ?, ?, ?)", *row)
    assert raised(site) == 1
    assert execute(path, "SELECT seq FROM event_sequence WHERE aggregate_id = 'ses_native'") == [
        (70,)
    ]


def test_a_session_of_1x_alone_gets_no_counter(site: Site) -> None:
    before = picture(site.store.path)
    assert raised(site) == 0
    assert picture(site.store.path) == before


def test_a_restore_leaves_a_counter_that_2x_can_use(site: Site) -> None:
    execute(site.store.path, "UPDATE event_sequence SET seq = 0 WHERE aggregate_id = 'ses_native'")
    batch = run(plan_for(site, "ses_native"), site).batch or ""
    assert run(plan_restore(site, [batch]), site).ending == "done"
    assert problems(site.store.path) == []


@pytest.mark.parametrize(("id", "refused"), [("ses_same", False), ("ses_newer", True)])
def test_only_what_1x_has_all_of_is_exported_for_it(
    site: Site, tmp_path: Path, id: str, refused: bool
) -> None:
    assert run(plan_for(site, id), site).ending == "done"
    written: list[bytes] = []
    if refused:
        with pytest.raises(Refused, match=r"opencode 2\.x has more"):
            export_session(site, choose(site, id), written.append)
        assert written == []
    else:
        assert export_session(site, choose(site, id), written.append).messages > 0


def test_a_session_of_2x_alone_is_not_exported_for_1x(tmp_path: Path) -> None:
    site = site_of(fresh(tmp_path / "opencode.db", ["one"]))
    assert run(plan_for(site, "ses_one"), site).ending == "done"
    with pytest.raises(Refused, match=r"opencode 2\.x has more"):
        export_session(site, choose(site, "ses_one"), lambda _: None)
