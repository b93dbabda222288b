"""Level diffs in the event log: the newest event of a message loses the texts, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.engine.reclaim.parts import ending_of
from tests.event_history import History, compact, plan_of
from tests.factories import DAY, NOW
from tui.engine.perform import perform
from tui.engine.reclaim import apply_reclaim
from tui.engine.undo import plan_redo, plan_undo
from tui.policy.plan import Outcome
from tui.store.superseded import find_superseded

PATCH = "@@ -1 +1 @@ \ud800".encode("utf-8", "replace").decode() + '+line \\ "row"\n' * 300
LATER = NOW + 8 * DAY
NEWEST = "SELECT data FROM event WHERE data ->> '$.info.id' = ? ORDER BY seq DESC LIMIT 1"


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "data" / "opencode.db")
    made.session("ses_a")
    for number in range(3):
        made.say("ses_a", f"msg_{number}")
        made.say("ses_a", f"msg_{number}", **changed(f"{number} {PATCH}"))
        made.say("ses_a", f"msg_{number}", **changed(f"{number} {PATCH}", PATCH * 2), body=PATCH)
    made.touch("ses_a")
    yield made
    made.close()


def changed(*patches: str) -> dict[str, Any]:
    entries = [
        {"file": f"f{n}.txt", "patch": patch, "additions": 300, "deletions": n, "status": "added"}
        for n, patch in enumerate(patches)
    ]
    return {"summary": {"diffs": entries}}


def write_rows_as_opencode_does(history: History) -> None:
    """With the role first: what is read piece by piece is known by its beginning."""
    newest = "SELECT data FROM event WHERE data ->> '$.info.id' = message.id ORDER BY seq DESC"
    history.connection.execute(
        f"UPDATE message SET data = json_remove(({newest} LIMIT 1) -> '$.info', '$.id',"
        " '$.sessionID')"
    )


def newest(history: History, id: str = "msg_0") -> str:
    return str(history.one(NEWEST, id)[0])


def without(text: str, *patches: str) -> str:
    """The same without these texts of diffs."""
    for patch in patches:
        text = text.replace(f'"patch":{compact(patch)}', '"patch":""')
    return text


def log(history: History) -> list[Any]:
    return history.all("SELECT rowid, id, aggregate_id, seq, type, data FROM event ORDER BY rowid")


def reclaim(history: History, *levels: str, **policy: Any) -> Outcome:
    plan = plan_of(history.site, *(levels or ("diffs",)), now=LATER, **policy)
    outcome = ending_of(apply_reclaim(plan, history.store, Event()))
    assert outcome.done == plan.totals, "what was foreseen"
    return outcome


def test_the_newest_event_of_each_message_loses_the_texts_and_no_other_byte(
    history: History,
) -> None:
    before = log(history)
    outcome = reclaim(history)
    assert outcome.done.messages == 3 and outcome.done.events == 0
    last = {f"msg_{n}": max(row[3] for row in before if f'"msg_{n}"' in row[5]) for n in range(3)}
    after = []
    for *row, data in before:
        number = next((n for n in range(3) if row[3] == last[f"msg_{n}"]), None)
        slim = data if number is None else without(data, f"{number} {PATCH}", PATCH * 2)
        after.append((*row, slim))
    assert log(history) == after and after != before
    assert f'"body":{compact(PATCH)}' in newest(history)


def test_a_message_that_was_slimmed_before_is_finished_in_the_log(history: History) -> None:
    """Its row holds no text any more, and its event still does."""
    row = history.one("SELECT data FROM message WHERE id = 'msg_0'")[0]
    slim = without(row, f"0 {PATCH}", PATCH * 2)
    history.connection.execute("UPDATE message SET data = ? WHERE id = 'msg_0'", (slim,))
    assert reclaim(history).done.messages == 3
    assert history.one("SELECT data FROM message WHERE id = 'msg_0'")[0] == slim
    assert f'"patch":{compact(PATCH * 2)}' not in newest(history)
    assert plan_of(history.site, "diffs", now=LATER).items == ()


@pytest.mark.parametrize("cause", ["owner", "workspace"])
def test_a_log_that_another_machine_may_rely_on_stays(history: History, cause: str) -> None:
    if cause == "owner":
        history.connection.execute("UPDATE event_sequence SET owner_id = 'machine'")
    else:
        history.connection.execute("UPDATE session SET workspace_id = 'wrk'")
    before = log(history)
    assert reclaim(history).done.messages == 3
    assert log(history) == before


def test_a_log_that_gets_an_owner_after_the_plan_stays(history: History) -> None:
    plan = plan_of(history.site, "diffs", now=LATER)
    before = log(history)
    steps = apply_reclaim(plan, history.store, Event())
    history.connection.execute("UPDATE event_sequence SET owner_id = 'machine'")
    ending_of(steps)
    assert log(history) == before


def test_an_owner_who_comes_in_the_middle_stops_the_rest(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    steps = apply_reclaim(plan_of(history.site, "diffs", now=LATER), history.store, Event())
    for _ in range(4):  # three messages and one event
        next(steps)
    history.connection.execute("UPDATE event_sequence SET owner_id = 'machine'")
    ending_of(steps)
    emptied = 'SELECT count(*) FROM event WHERE data LIKE \'%"patch":"",%\''
    assert history.one(emptied) == (1,)


@pytest.mark.parametrize("after", range(1, 7))
def test_stopped_anywhere_the_log_is_whole_and_the_next_run_finishes(
    history: History, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    stop = Event()
    steps = apply_reclaim(plan_of(history.site, "diffs", now=LATER), history.store, stop)
    for _ in range(after):
        next(steps)
    stop.set()
    ending_of(steps)
    assert all(each.reason != "diverged" for each in find_superseded(history.store))
    if after < 6:
        reclaim(history)
    assert plan_of(history.site, "diffs", now=LATER).items == ()


def test_the_proof_of_the_events_holds_whichever_side_was_slimmed(history: History) -> None:
    assert reclaim(history).ending == "done"
    gone = reclaim(history, "events")
    assert gone.done.events == 7 and gone.excluded == {}
    assert plan_of(history.site, "events", "diffs", now=LATER).items == ()


def test_after_the_events_only_the_newest_ones_are_there_to_be_slimmed(history: History) -> None:
    reclaim(history, "events")
    before = log(history)
    reclaim(history)
    assert [row[:5] for row in log(history)] == [row[:5] for row in before]
    assert all('"patch":"",' in row[5] for row in log(history) if '"diffs"' in row[5])


@pytest.mark.parametrize("odd", ["not minified", "malformed", "entry is a string", "removed"])
def test_an_event_of_an_unknown_shape_is_left_alone(history: History, odd: str) -> None:
    where = (
        "WHERE rowid = (SELECT rowid FROM event WHERE data ->> '$.info.id' = 'msg_0'"
        " ORDER BY seq DESC LIMIT 1)"
    )
    edit = {
        "not minified": "UPDATE event SET data = data || ' '",
        "malformed": "UPDATE event SET data = substr(data, 1, length(data) - 1)",
        "entry is a string": "UPDATE event SET data = json_insert(data,"
        " '$.info.summary.diffs[#]', 'odd')",
    }
    if odd == "removed":
        history.remove("ses_a", "msg_0")
    else:
        history.connection.execute(f"{edit[odd]} {where}")
    before = [row for row in log(history) if '"msg_0"' in row[5]]
    plan = plan_of(history.site, "diffs", now=LATER)
    assert plan.excluded == ({} if odd == "removed" else {"malformed": 1})
    ending_of(apply_reclaim(plan, history.store, Event()))
    assert [row for row in log(history) if '"msg_0"' in row[5]] == before


def test_a_log_that_speaks_of_another_session_stays(history: History) -> None:
    history.event(
        "ses_a",
        "message.updated.1",
        {"sessionID": "ses_z", "info": {"id": "msg_z", "role": "user"}},
    )
    before = log(history)
    reclaim(history)
    assert log(history) == before


@pytest.mark.parametrize("large", [False, True], ids=["by SQL", "piece by piece"])
def test_undo_brings_every_byte_of_the_log_back(history: History, large: bool) -> None:
    if large:
        history.say("ses_a", "msg_0", **changed(PATCH * 300))
        write_rows_as_opencode_does(history)
    rows, events, site = history.conversation(), log(history), history.site
    plan = plan_of(site, "diffs", now=LATER, keep=True)
    outcome = ending_of(perform(plan, site, Event()))
    assert outcome.ending == "done" and outcome.done.messages == 3
    slim = log(history)
    assert slim != events
    undone = ending_of(perform(plan_undo(site), site, Event()))
    assert undone.ending == "done", undone.message
    assert (history.conversation(), log(history)) == (rows, events)
    assert ending_of(perform(plan_redo(site), site, Event())).ending == "done"
    assert log(history) == slim


def test_an_event_of_many_megabytes_is_slimmed_without_being_loaded(history: History) -> None:
    history.say("ses_a", "msg_0", **changed("1" * 12_000_000, PATCH), body=PATCH)
    write_rows_as_opencode_does(history)
    before = newest(history)
    outcome = reclaim(history)
    assert outcome.done.bytes > 24_000_000
    assert newest(history) == without(before, "1" * 12_000_000, PATCH)
    assert outcome.freed_bytes == pytest.approx(outcome.predicted_bytes, rel=0.02)
    assert reclaim(history, "events").excluded == {}, "both sides are small, and alike"


def test_a_huge_event_that_begins_otherwise_is_counted_and_left_alone(history: History) -> None:
    history.say("ses_a", "msg_0", **changed("1" * 2_000_000))
    write_rows_as_opencode_does(history)
    history.connection.execute(
        'UPDATE event SET data = replace(data, \'"role":"user",\', \'"a":1,"role":"user",\')'
        " WHERE octet_length(data) > 2000000"
    )
    before = newest(history)
    plan = plan_of(history.site, "diffs", now=LATER)
    assert plan.excluded == {"malformed": 1}
    ending_of(apply_reclaim(plan, history.store, Event()))
    assert newest(history) == before
