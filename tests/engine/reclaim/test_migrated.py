"""Level `migrated`: copies go after their proof, the only copy of anything never does."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event

import pytest

from tests.factories import DAY, HOUR, NOW, Tool, Turn, execute, make_database
from tests.generations import (
    CLEARED,
    LATER,
    TRUTH,
    UPGRADED,
    add_in_v2,
    delete_in_v2,
    every_state,
    fresh,
    go_on_in_v1,
    go_on_in_v2,
    grown,
    problems,
    tool_block,
    upgrade,
)
from tests.neighbour import Holder
from tests.picture import assert_sound, forest_of, picture, run, site_of
from tui.engine import pace
from tui.engine.reclaim import apply_reclaim
from tui.engine.site import Site
from tui.engine.undo import plan_redo, plan_undo
from tui.policy.plan import Plan
from tui.policy.reclaim import NOBODY, ReclaimPolicy, plan_reclaim
from tui.store.migrated import categories, removable
from tui.store.reclaimable import find_reclaimable

GOING = ("ses_same", "ses_samechild", "ses_newer", "ses_left", "ses_leftchild")
STAYING = ("ses_split", "ses_skipped", "ses_after", "ses_ancient")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    every_state(tmp_path / "opencode.db")
    return site_of(tmp_path / "opencode.db")


def plan_for(site: Site, *levels: str, ids: frozenset[str] | None = None) -> Plan:
    chosen = levels or ("migrated",)
    found = find_reclaimable(site.store, chosen, session_ids=ids)
    return plan_reclaim(forest_of(site), found, ReclaimPolicy(chosen, session_ids=ids), NOW)


def kinds_of(site: Site) -> dict[str, str]:
    return {id: left.category for id, left in categories(site.store).items()}


def ids_of(path: Path, table: str) -> set[str]:
    return {id for (id,) in execute(path, f"SELECT id FROM {table}")}


# what is a copy


def test_every_session_is_classified_as_it_came_about(site: Site) -> None:
    assert kinds_of(site) == TRUTH


@pytest.mark.parametrize("table", ["session", "message", "part"])
def test_one_row_of_1x_from_after_the_import_makes_it_no_copy(site: Site, table: str) -> None:
    path = site.store.path
    key = "id" if table == "session" else "session_id"
    execute(path, f"UPDATE {table} SET time_updated = ? WHERE {key} = 'ses_same'", UPGRADED + 1)
    assert kinds_of(site)["ses_same"] == "diverged"


def test_the_moment_of_the_import_itself_is_not_after_it(site: Site) -> None:
    execute(site.store.path, "UPDATE session SET time_updated = ? WHERE id = 'ses_same'", UPGRADED)
    assert kinds_of(site)["ses_same"] == "redundant"


def test_what_1x_wrote_while_2x_imported_is_not_called_a_copy(site: Site) -> None:
    """The import took an hour, and 1.x went on in between."""
    path = site.store.path
    execute(path, "UPDATE kv SET time_updated = time_created + ?", HOUR)
    go_on_in_v1(path, "ses_same", time=UPGRADED + HOUR // 2)
    assert kinds_of(site)["ses_same"] == "diverged"


def test_a_time_that_is_none_proves_nothing(site: Site) -> None:
    execute(site.store.path, "UPDATE part SET time_updated = 'soon' WHERE session_id = 'ses_same'")
    assert kinds_of(site)["ses_same"] == "diverged"


def test_a_message_that_did_not_arrive_makes_it_no_copy(site: Site) -> None:
    execute(site.store.path, "DELETE FROM session_message WHERE id = 'msg_same_0a'")
    assert kinds_of(site)["ses_same"] == "unproven"


def test_a_compaction_is_one_message_in_2x_and_still_a_copy(tmp_path: Path) -> None:
    turns = (Turn(tools=(Tool(),)), Turn(compaction=True), Turn())
    path = make_database(tmp_path / "opencode.db", [grown("a", turns=turns)])
    assert kinds_of(site_of(upgrade(path))) == {"ses_a": "redundant"}


@pytest.mark.parametrize("version", ["1.16.9", "", "dev", "0.0.0", "x" * 40])
def test_without_proof_that_it_had_a_counter_nobody_deleted_it(site: Site, version: str) -> None:
    execute(site.store.path, "UPDATE session SET version = ? WHERE id = 'ses_left'", version)
    assert kinds_of(site)["ses_left"] == "ambiguous"


def test_an_ancestor_of_what_must_stay_stays_as_well(site: Site) -> None:
    path = site.store.path
    execute(path, "UPDATE session SET parent_id = 'ses_samechild' WHERE id = 'ses_after'")
    going = removable(categories(site.store))
    assert going == {"ses_newer", "ses_left", "ses_leftchild"}
    assert plan_for(site).excluded["kept"] == 2


@pytest.mark.parametrize("phase", [None, "sessions"])
def test_nothing_is_a_copy_before_the_import_is_complete(tmp_path: Path, phase: str | None) -> None:
    path = make_database(tmp_path / "opencode.db", [grown("a"), grown("b")])
    site = site_of(upgrade(path, phase=phase, stop_after=1))
    assert categories(site.store) == {}
    assert plan_for(site).items == ()


# what goes


def test_copies_go_and_nothing_else(site: Site) -> None:
    path = site.store.path
    before = picture(path)
    plan = plan_for(site)
    assert {item.id for item in plan} == {*GOING, NOBODY, "ses_split"}
    assert plan.excluded == {"diverged": 1, "only_copy": 3}
    assert "1.x went on with them" in plan.message
    outcome = run(plan, site)
    assert (outcome.ending, outcome.excluded) == ("done", {})
    assert outcome.done == plan.totals
    assert ids_of(path, "session") == set(STAYING)
    assert problems(path) == []
    assert_sound(path)
    after = picture(path)
    for table in ("session_v2", "project", "event_sequence", "event", "migration"):
        assert after[table] == before[table], table
    assert run(plan_for(site), site).ending == "nothing"


def test_what_stays_keeps_every_row_of_1x(site: Site) -> None:
    path = site.store.path

    def rows() -> list[tuple[object, ...]]:
        marks = ", ".join(f"'{id}'" for id in STAYING)
        return [
            row
            for table in ("message", "part", "todo")
            for row in execute(path, f"SELECT * FROM {table} WHERE session_id IN ({marks})")
        ]

    before = rows()
    run(plan_for(site), site)
    assert rows() == before


def test_2x_shows_and_continues_what_it_did_before(site: Site) -> None:
    path = site.store.path
    text = "SELECT id, seq, data ->> '$.text', json_array_length(data, '$.content')"
    before = execute(path, f"{text} FROM session_message ORDER BY session_id, seq")
    run(plan_for(site), site)
    assert execute(path, f"{text} FROM session_message ORDER BY session_id, seq") == before
    go_on_in_v2(path, "ses_same", time=LATER)
    assert problems(path) == []


def test_only_the_sessions_named_are_touched(site: Site) -> None:
    plan = plan_for(site, ids=frozenset({"ses_newer", "ses_after"}))
    assert [item.id for item in plan] == ["ses_newer"]
    run(plan, site)
    assert ids_of(site.store.path, "session") == {*STAYING, *GOING} - {"ses_newer"}


def test_1x_that_comes_back_between_plan_and_deed_keeps_its_rows(site: Site) -> None:
    plan = plan_for(site)
    go_on_in_v1(site.store.path, "ses_same", time=LATER)
    before = execute(site.store.path, "SELECT * FROM part WHERE session_id = 'ses_same'")
    outcome = run(plan, site)
    assert outcome.excluded["changed"] >= 1
    assert execute(site.store.path, "SELECT * FROM part WHERE session_id = 'ses_same'") == before


def test_1x_that_comes_back_during_the_deed_keeps_the_rest(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SLICE", 0.0)
    path = site.store.path
    steps = apply_reclaim(plan_for(site, ids=frozenset({"ses_same"})), site.store, Event())
    next(steps)
    go_on_in_v1(path, "ses_same", time=LATER)
    before = picture(path)["message"]
    list(steps)
    assert picture(path)["message"] == before
    assert "ses_same" in ids_of(path, "session")
    assert kinds_of(site)["ses_same"] == "diverged"


def test_an_import_that_begins_again_ends_it(site: Site) -> None:
    path = site.store.path
    steps = apply_reclaim(plan_for(site), site.store, Event())
    execute(path, "UPDATE kv SET value = '{\"phase\":\"sessions\"}' WHERE key = 'migration.v1-v2'")
    before = picture(path)
    with pytest.raises(Exception, match="is importing"):
        list(steps)
    assert picture(path) == before


@pytest.mark.parametrize("step", [1, 2, 5, 9, 14, 20, 27])
def test_stopped_anywhere_the_next_run_finishes_it(
    site: Site, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compaction and its summary are not taken for lost messages once half of them is gone."""
    monkeypatch.setattr(pace, "SLICE", 0.0)
    path = site.store.path
    turns = (Turn(tools=(Tool(), Tool())), Turn(compaction=True), Turn())
    other = make_database(path.with_name("other.db"), [grown("a", turns=turns), grown("b")])
    site = site_of(upgrade(other))
    steps = apply_reclaim(plan_for(site), site.store, Event())
    for number, _ in enumerate(steps, start=1):
        if number == step:
            break
    steps.close()
    assert problems(other) == []
    assert_sound(other)
    run(plan_for(site), site)
    assert ids_of(other, "session") == set()
    for table in ("message", "part"):
        assert execute(other, f"SELECT count(*) FROM {table}") == [(0,)]
    assert execute(other, "SELECT count(*) FROM session_v2") == [(2,)]


def test_the_space_that_is_promised_comes_back(tmp_path: Path) -> None:
    turns = [Turn(tools=[Tool(3000, duplicate=3000) for _ in range(20)]) for _ in range(4)]
    path = make_database(tmp_path / "opencode.db", [grown(f"s{n}", turns=turns) for n in range(20)])
    site = site_of(upgrade(path))
    outcome = run(plan_for(site), site)
    assert outcome.freed_bytes > 4_000_000
    assert abs(outcome.predicted_bytes - outcome.freed_bytes) < 0.15 * outcome.freed_bytes


# outputs that were copied twice


def metadata_of(path: Path, id: str) -> list[object]:
    found = execute(path, "SELECT data FROM session_message WHERE id = ?", id)
    content = json.loads(str(found[0][0]))["content"]
    return [each["state"]["metadata"] for each in content if each["type"] == "tool"]


def test_the_second_copy_of_an_output_goes_and_the_first_stays(site: Site) -> None:
    path = site.store.path
    before = execute(path, "SELECT data FROM session_message WHERE id = 'msg_split_0a'")
    assert metadata_of(path, "msg_split_0a") == [{"exit": 0, "output": "o" * 2000}]
    plan = plan_for(site, ids=frozenset({"ses_split"}))
    assert plan.excluded == {"diverged": 1}
    assert run(plan, site).ending == "done"
    assert metadata_of(path, "msg_split_0a") == [{"exit": 0}]
    after = execute(path, "SELECT data FROM session_message WHERE id = 'msg_split_0a'")
    assert str(before[0][0]).replace(f',"output":"{"o" * 2000}"', "", 1) == after[0][0]


def test_a_second_copy_that_differs_stays(site: Site) -> None:
    path = site.store.path
    execute(
        path,
        "UPDATE session_message SET data = json_replace(data,"
        " '$.content[0].state.metadata.output', 'something else') WHERE id = 'msg_split_0a'",
    )
    run(plan_for(site), site)
    assert metadata_of(path, "msg_split_0a") == [{"exit": 0, "output": "something else"}]


def test_what_1x_had_cleared_goes_out_of_the_second_copy_as_well(tmp_path: Path) -> None:
    tools = (Tool(900, compacted=True, duplicate=900),)
    path = make_database(tmp_path / "opencode.db", [grown("a", turns=(Turn(tools=tools),))])
    site = site_of(upgrade(path))
    run(plan_for(site), site)
    assert metadata_of(path, "msg_a_0a") == [{"exit": 0}]
    assert CLEARED in str(execute(path, "SELECT data FROM session_message")[1][0])


ODD = ("broken", '{"content":"o","output":"o"}', "[1]", '{ "output":"o"}')


@pytest.mark.parametrize("data", ODD)
def test_a_message_of_an_unknown_shape_stays_and_stops_nothing(site: Site, data: str) -> None:
    path = site.store.path
    execute(path, "UPDATE session_message SET data = ? WHERE id = 'msg_split_0a'", data)
    assert run(plan_for(site), site).ending == "done"
    assert execute(path, "SELECT data FROM session_message WHERE id = 'msg_split_0a'") == [(data,)]


# what belongs to nobody


def test_leaked_instructions_and_the_catalog_go(site: Site) -> None:
    path = site.store.path
    run(plan_for(site), site)
    assert execute(path, "SELECT hash FROM instruction_blob ORDER BY hash") == [
        ("hash_ses_helper",), ("hash_ses_native",),
    ]  # fmt: skip
    assert execute(path, "SELECT key FROM kv") == [("migration.v1-v2",)]


def test_instructions_stay_while_somebody_has_the_file_open(site: Site) -> None:
    path = site.store.path
    plan = plan_for(site)
    with Holder(path):
        run(plan, site)
        run(plan_for(site), site)
    assert ("hash_ses_brief",) in execute(path, "SELECT hash FROM instruction_blob")


def test_an_instruction_named_again_meanwhile_stays(site: Site) -> None:
    plan = plan_for(site)
    execute(
        site.store.path,
        'UPDATE instruction_state SET current_values = \'{"a":"hash_ses_brief"}\''
        " WHERE session_id = 'ses_native'",
    )
    run(plan, site)
    assert ("hash_ses_brief",) in execute(site.store.path, "SELECT hash FROM instruction_blob")


def test_a_fresh_file_gives_back_what_belongs_to_nobody(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db", ["one", "two"])
    delete_in_v2(path, "ses_two")
    site = site_of(path)
    assert [item.id for item in plan_for(site)] == [NOBODY]
    assert run(plan_for(site), site).done.parts == 1
    assert execute(path, "SELECT hash FROM instruction_blob") == [("hash_ses_one",)]


# the level summarised, in the messages of 2.x


def test_output_from_before_a_compaction_of_2x_goes_and_the_rest_stays(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db")
    old = [tool_block(9000, attachment=500), tool_block(700, name="skill")]
    add_in_v2(path, "one", tools=old, compacts=True)
    go_on_in_v2(path, "ses_one", time=UPGRADED + 2 * DAY, tools=[tool_block(8000)])
    site = site_of(path)
    [before], [kept] = (
        execute(path, "SELECT data FROM session_message WHERE seq = ?", seq) for seq in (2, 5)
    )
    outcome = run(plan_for(site, "summarised"), site)
    assert outcome.done.parts == 1 and outcome.done.bytes > 9000
    body = json.loads(str(execute(path, "SELECT data FROM session_message WHERE seq = 2")[0][0]))
    was = json.loads(str(before[0]))
    assert body["content"][0]["state"]["content"] == [{"type": "text", "text": CLEARED}]
    was["content"][0]["state"]["content"] = body["content"][0]["state"]["content"]
    assert body == was
    assert execute(path, "SELECT data FROM session_message WHERE seq = 5") == [kept]
    assert problems(path) == []
    assert run(plan_for(site, "summarised"), site).ending == "nothing"


def test_an_error_keeps_its_type_and_message(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db")
    block = tool_block(4000)
    block["state"] |= {"status": "error", "error": {"type": "tool.execution", "message": "no"}}
    add_in_v2(path, "one", tools=[block], compacts=True)
    site = site_of(path)
    assert run(plan_for(site, "summarised"), site).done.parts == 1
    body = json.loads(str(execute(path, "SELECT data FROM session_message WHERE seq = 2")[0][0]))
    assert body["content"][0]["state"]["error"] == {"type": "tool.execution", "message": "no"}
    assert problems(path) == []


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE session_message SET data = json_replace(data, '$.status', 'running') WHERE seq = 3",
        "UPDATE session_v2 SET \"revert\" = '{}'",
    ],
)
def test_without_a_completed_compaction_nothing_is_summarised(tmp_path: Path, spoil: str) -> None:
    path = fresh(tmp_path / "opencode.db")
    add_in_v2(path, "one", tools=[tool_block(9000)], compacts=True)
    execute(path, spoil)
    assert plan_for(site_of(path), "summarised").items == ()


def test_a_session_that_went_on_since_the_plan_is_left_alone(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db")
    add_in_v2(path, "one", tools=[tool_block(9000)], compacts=True)
    site = site_of(path)
    plan = plan_for(site, "summarised")
    go_on_in_v2(path, "ses_one", time=LATER)
    before = picture(path)
    assert run(plan, site).ending == "nothing"
    assert picture(path) == before


def test_two_levels_at_once_take_nothing_twice(tmp_path: Path) -> None:
    path = make_database(tmp_path / "opencode.db", [grown("a")])
    upgrade(path)
    go_on_in_v2(path, "ses_a", compacts=True)
    site = site_of(path)
    plan = plan_for(site, "summarised", "migrated")
    outcome = run(plan, site)
    assert outcome.excluded == {} and outcome.done == plan.totals
    assert problems(path) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE part SET time_updated = {later} WHERE id = 'prt_same_0a_1'",
        "UPDATE message SET time_updated = {later} WHERE id = 'msg_same_0u'",
        "UPDATE session SET time_updated = {later} WHERE id = 'ses_same'",
        "DELETE FROM session_message WHERE id = 'msg_same_0a'",
        "UPDATE session_v2 SET \"revert\" = '{{}}' WHERE id = 'ses_same'",
        "UPDATE session SET parent_id = 'ses_same' WHERE id = 'ses_after'",
    ],
)
def test_whatever_makes_it_no_copy_during_the_deed_keeps_what_matters(
    site: Site, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SLICE", 0.0)
    path = site.store.path
    steps = apply_reclaim(plan_for(site, ids=frozenset({"ses_same"})), site.store, Event())
    next(steps)
    execute(path, statement.format(later=LATER))
    newer = "SELECT * FROM {} WHERE session_id = 'ses_same' AND time_updated > ?"
    before = [execute(path, newer.format(table), UPGRADED) for table in ("message", "part")]
    list(steps)
    assert [execute(path, newer.format(t), UPGRADED) for t in ("message", "part")] == before
    assert "ses_same" in ids_of(path, "session")
    assert_sound(path)


# with the other levels


def test_what_another_level_takes_of_rows_that_go_counts_once(tmp_path: Path) -> None:
    tools = (Tool(9000, compacted=True), Tool(300))
    path = make_database(tmp_path / "opencode.db", [grown("a", turns=(Turn(tools=tools),))])
    site = site_of(upgrade(path))
    alone = plan_for(site)
    plan = plan_for(site, "compacted", "migrated")
    assert plan.totals.bytes <= alone.totals.bytes
    outcome = run(plan, site)
    assert (outcome.ending, outcome.done.bytes) == ("done", plan.totals.bytes)
    assert problems(path) == []


def test_summarised_output_of_2x_comes_back_by_undo_where_copies_are_kept(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db")
    add_in_v2(path, "one", tools=[tool_block(9000), tool_block(500)], compacts=True)
    site = site_of(path)
    before = picture(path)
    found = find_reclaimable(site.store, ("summarised",))
    policy = ReclaimPolicy(("summarised",), keep=True)
    outcome = run(plan_reclaim(forest_of(site), found, policy, NOW), site)
    assert outcome.batch and outcome.done.bytes > 9000
    assert picture(path) != before and problems(path) == []
    assert run(plan_undo(site), site).ending == "done"
    assert picture(path) == before
    assert run(plan_redo(site), site).done == outcome.done
    assert problems(path) == []


def test_second_copies_go_without_a_copy_of_theirs(tmp_path: Path) -> None:
    every_state(tmp_path / "opencode.db")
    site = site_of(tmp_path / "opencode.db")
    found = find_reclaimable(site.store, ("migrated",))
    policy = ReclaimPolicy(("migrated",), keep=True)
    outcome = run(plan_reclaim(forest_of(site), found, policy, NOW), site)
    assert (outcome.ending, outcome.batch) == ("done", None)
