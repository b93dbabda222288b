"""Level summarised: what lies before the last finished compaction goes, and is marked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.engine.reclaim.parts import (
    BIG,
    DAY,
    MARK,
    NOW,
    Database,
    carry_out,
    compact,
    ending_of,
    fingerprint,
    plan_for,
    tool,
)
from tui.engine.reclaim import apply_reclaim
from tui.policy.plan import Outcome

PLAIN = tool(BIG, mark=None)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "opencode.db")
    yield made
    made.close()


def reclaim(database: Database, *levels: str) -> Outcome:
    store = database.store
    return carry_out(plan_for(store, *(levels or ("summarised",))), store)


def gone(database: Database, *ids: str) -> list[bool]:
    return [database.state(id)["output"] == "[reclaimed]" for id in ids]


def test_before_the_boundary_goes_at_it_and_after_it_stays(database: Database) -> None:
    database.part("prt_before", PLAIN, 99)
    database.compaction(100)
    database.part("prt_at", PLAIN, 100)
    database.part("prt_after", PLAIN, 101)
    outcome = reclaim(database)
    assert gone(database, "prt_before", "prt_at", "prt_after") == [True, False, False]
    assert outcome.done.parts == 1


def test_the_mark_is_set_to_now_and_an_older_mark_stays(database: Database) -> None:
    database.part("prt_1", PLAIN, 10)
    database.part("prt_2", tool(BIG, mark=MARK), 11)
    database.compaction(100)
    reclaim(database)
    fresh = database.state("prt_1")["time"]
    assert fresh["start"] == 1 and fresh["end"] == 2
    assert len(str(fresh["compacted"])) == 13 and fresh["compacted"] != MARK
    assert database.state("prt_2")["time"]["compacted"] == MARK


def test_only_the_mark_and_the_payload_change(database: Database) -> None:
    database.part("prt_1", PLAIN)
    database.compaction(100)
    before = fingerprint(database.path, but=("prt_1",))
    reclaim(database)
    mark = database.state("prt_1")["time"]["compacted"]
    expected = PLAIN.replace(BIG, "[reclaimed]").replace('"end":2', f'"end":2,"compacted":{mark}')
    assert database.data("prt_1").decode() == expected
    assert fingerprint(database.path, but=("prt_1",)) == before


def test_a_part_without_times_gets_them_made_for_the_mark(database: Database) -> None:
    state = {"status": "completed", "output": BIG, "metadata": {}}
    database.part("prt_1", compact({"type": "tool", "tool": "bash", "state": state}))
    database.compaction(100)
    reclaim(database)
    assert set(database.state("prt_1")["time"]) == {"compacted"}


def test_times_that_are_no_object_are_malformed(database: Database) -> None:
    odd = PLAIN.replace('{"start":1,"end":2}', "5")
    database.part("prt_1", odd)
    database.part("prt_2", PLAIN)
    database.compaction(100)
    outcome = reclaim(database)
    assert outcome.excluded == {} and outcome.done.parts == 1
    assert database.data("prt_1").decode() == odd


def test_a_tail_start_moves_the_boundary_back(database: Database) -> None:
    database.part("prt_1", PLAIN, 10)
    database.part("prt_2", PLAIN, 20)
    database.part("prt_3", PLAIN, 30)
    database.compaction(100, tail="msg_20")
    reclaim(database)
    assert gone(database, "prt_1", "prt_2", "prt_3") == [True, False, False]


@pytest.mark.parametrize("tail", ["msg_gone", "msg_other", "msg_500"])
def test_a_tail_start_that_is_missing_foreign_or_later_does_not_count(
    database: Database, tail: str
) -> None:
    database.session("ses_b")
    database.message(5, "ses_b", id="msg_other")
    database.part("prt_1", PLAIN, 10)
    database.compaction(100, tail=tail)
    database.part("prt_2", PLAIN, 300)
    database.message(500)
    reclaim(database)
    assert gone(database, "prt_1", "prt_2") == [True, False]


@pytest.mark.parametrize(
    "reply",
    [
        {"finish": None},
        {"finish": ""},
        {"summary": False},
        {"summary": None},
        {"error": {"name": "APIError"}},
        {"role": "user"},
        {"parentID_": "x"},
    ],
    ids=["unfinished", "empty finish", "no summary", "none", "error", "user", "other parent"],
)
def test_a_compaction_without_a_finished_faultless_reply_does_not_count(
    database: Database, reply: dict[str, Any]
) -> None:
    database.part("prt_1", PLAIN, 10)
    database.compaction(50)
    database.part("prt_2", PLAIN, 60)
    if "parentID_" in reply:
        database.message(100, role="user")
        database.part("prt_c", compact({"type": "compaction", "auto": True}), 100)
    else:
        database.compaction(100, **reply)
    reclaim(database)
    assert gone(database, "prt_1", "prt_2") == [True, False]


def test_a_finished_summary_of_a_message_that_is_no_compaction_does_not_count(
    database: Database,
) -> None:
    database.part("prt_1", PLAIN, 10)
    database.message(100, role="user")
    database.part("prt_2", compact({"type": "text", "text": "about compaction"}), 100)
    database.message(101, parentID="msg_100", summary=True, finish="stop")
    assert len(plan_for(database.store, "summarised")) == 0


def test_an_error_of_null_is_none(database: Database) -> None:
    database.part("prt_1", PLAIN, 10)
    asked = database.compaction(100, finish=None)
    reply = '{"role":"assistant","parentID":"%s","summary":true,"finish":"stop","error":null}'
    database.connection.execute(
        "UPDATE message SET data = ? WHERE id = ?", (reply % asked, asked + "_reply")
    )
    reclaim(database)
    assert gone(database, "prt_1") == [True]


def test_the_latest_compaction_counts_by_time_and_never_by_id(database: Database) -> None:
    # Since August 2026 newer ids sort before older ones.
    database.message(10, id="msg_zzz")
    database.message(20, id="msg_aaa")
    for time, id in ((10, "prt_old"), (20, "prt_new")):
        database.part(id, PLAIN, 1000 + time)
        database.connection.execute(
            "UPDATE part SET message_id = ? WHERE id = ?",
            ("msg_zzz" if time == 10 else "msg_aaa", id),
        )
    database.compaction(15)
    reclaim(database)
    assert gone(database, "prt_old", "prt_new") == [True, False]


def test_of_two_compactions_the_later_one_counts_whatever_its_id(database: Database) -> None:
    for number, time in enumerate((10, 90, 110)):
        database.part(f"prt_{number}", PLAIN, time)
    database.compaction(50)
    database.compaction(100)  # "msg_100" sorts before "msg_50"
    reclaim(database)
    assert gone(database, "prt_0", "prt_1", "prt_2") == [True, True, False]


def test_a_part_whose_message_is_another_sessions_stays(database: Database) -> None:
    database.session("ses_b")
    database.message(10, "ses_b")
    database.part("prt_1", PLAIN, 10, "ses_a")
    database.compaction(100)
    assert len(plan_for(database.store, "summarised")) == 0


def test_within_one_millisecond_the_id_decides(database: Database) -> None:
    database.compaction(100)
    for id in ("msg_0", "msg_2"):
        database.message(100, id=id)
        database.part("prt" + id, PLAIN, 900)
        database.connection.execute("UPDATE part SET message_id = ? WHERE id = ?", (id, "prt" + id))
    reclaim(database)
    assert gone(database, "prtmsg_0", "prtmsg_2") == [True, False]  # msg_0 < msg_100 < msg_2


def test_a_session_without_compaction_and_another_session_stay(database: Database) -> None:
    database.session("ses_b")
    database.message(10, "ses_b")
    database.part("prt_b", PLAIN, 10, "ses_b")
    database.compaction(100)
    assert len(plan_for(database.store, "summarised")) == 0


def test_skill_error_and_running_parts_stay(database: Database) -> None:
    kept = {
        "prt_1": tool(BIG, mark=None, name="skill"),
        "prt_2": tool(BIG, mark=None, status="error"),
        "prt_3": tool(BIG, mark=None, status="running"),
        "prt_4": compact({"type": "text", "text": BIG + '"type":"tool"'}),
    }
    for id, data in kept.items():
        database.part(id, data)
    database.part("prt_5", PLAIN)
    database.compaction(100)
    reclaim(database)
    assert {id: database.data(id).decode() for id in kept} == kept
    assert gone(database, "prt_5") == [True]


def test_a_part_that_would_grow_by_the_mark_is_left_alone(database: Database) -> None:
    small = tool("done, and that is all", mark=None)
    database.part("prt_1", small)
    database.compaction(100)
    assert len(plan_for(database.store, "summarised")) == 0


def test_a_marked_part_before_the_boundary_counts_once_under_compacted(database: Database) -> None:
    database.part("prt_1", tool(BIG))
    database.part("prt_2", PLAIN)
    database.compaction(100)
    both = plan_for(database.store, "compacted", "summarised")
    assert both.totals.parts == 2
    assert both.items[0].reason == "compacted: 1 tool output, summarised: 1 tool output"
    assert plan_for(database.store, "summarised").totals.parts == 2
    outcome = reclaim(database, "compacted", "summarised")
    assert outcome.done.bytes == both.totals.bytes and outcome.done.parts == 2


def test_a_second_run_changes_nothing(database: Database) -> None:
    database.part("prt_1", PLAIN)
    database.compaction(100)
    reclaim(database)
    before = fingerprint(database.path)
    assert reclaim(database, "compacted", "summarised").ending == "nothing"
    assert fingerprint(database.path) == before


def test_a_pending_revert_protects_the_session(database: Database) -> None:
    database.part("prt_1", PLAIN)
    database.compaction(100)
    database.connection.execute('UPDATE session SET revert = \'{"messageID":"msg_10"}\'')
    assert len(plan_for(database.store, "summarised")) == 0


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM message WHERE id = 'msg_100_reply'",
        "UPDATE message SET data = json_set(data, '$.error', json('{}'))"
        " WHERE id = 'msg_100_reply'",
        'UPDATE session SET revert = \'{"messageID":"msg_10"}\'',
        "UPDATE session SET time_updated = time_updated + 1",
    ],
    ids=["reply gone", "reply failed", "revert", "active"],
)
@pytest.mark.parametrize("when", ["before the run", "during the run"])
def test_what_changed_since_the_plan_protects_the_session(
    database: Database, monkeypatch: pytest.MonkeyPatch, change: str, when: str
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    parts = [database.part(f"prt_{number}", PLAIN) for number in range(3)]
    database.compaction(100)
    store = database.store
    plan = plan_for(store, "summarised")
    steps = apply_reclaim(plan, store, Event())
    if when == "during the run":
        next(steps)
    database.connection.execute(change)
    outcome = ending_of(steps)
    assert sum(gone(database, *parts)) == (1 if when == "during the run" else 0)
    assert outcome.excluded == {"changed": 1}


def test_a_session_named_by_the_user_may_have_been_active(database: Database) -> None:
    database.part("prt_1", PLAIN)
    database.compaction(100)
    database.connection.execute("UPDATE session SET time_updated = ?", (NOW,))
    store = database.store
    assert plan_for(store, "summarised").excluded == {"recent": 1}
    plan = plan_for(store, "summarised", session_ids=frozenset({"ses_a"}))
    database.connection.execute("UPDATE session SET time_updated = ?", (NOW + DAY,))
    assert carry_out(plan, store).done.parts == 1


def test_a_malformed_message_stops_nobody(database: Database) -> None:
    database.message(1, id="msg_bad")
    bad = '{"summary":true,"role":'
    database.connection.execute("UPDATE message SET data = ? WHERE id = 'msg_bad'", (bad,))
    database.part("prt_bad", '{"type":"compaction"', 5)
    database.part("prt_1", PLAIN, 10)
    database.compaction(100)
    assert reclaim(database).done.parts == 1
