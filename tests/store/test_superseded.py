"""Which events are superseded: the search against a slow one, and every way to be left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.event_history import History, compact
from tests.factories import Turn, days_ago, make_database, session
from tui.store import event_log, projection
from tui.store.database import Store
from tui.store.event_log import read_log
from tui.store.superseded import find_superseded


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "opencode.db")
    yield made
    made.close()


def found(history: History) -> dict[str, tuple[str, int]]:
    """Session -> (level, or why it is left; events) of every record."""
    records = find_superseded(history.store)
    return {each.session_id: (each.reason or each.level, each.parts) for each in records}


def superseded_seqs(history: History, id: str = "ses_a") -> list[int]:
    with history.store.reading() as db:
        log = read_log(db.connection(), id, None, Event())
    assert log is not None
    return sorted(log.seqs)


def slowly(history: History, id: str = "ses_a") -> list[int]:
    """The same by loading everything."""
    newest: dict[tuple[str, str], int] = {}
    gone = []
    rows = history.all("SELECT seq, type, data FROM event WHERE aggregate_id = ?", id)
    for seq, type, data in sorted(rows):
        body = json.loads(data)
        kind = type.removesuffix(".1").rpartition(".")[0]
        if kind not in ("session", "message", "message.part"):
            continue
        name = kind.removeprefix("message.")
        held = body.get("part" if name == "part" else "info", {})
        key = (name, id if name == "session" else held.get("id", body.get(f"{name}ID")))
        gone += [newest[key]] if key in newest else []
        newest[key] = seq
    return sorted(gone)


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(("say", "show", "remove message", "remove part", "touch", "next")),
        st.integers(0, 3),
        st.one_of(
            st.none(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2),
            st.dictionaries(st.text(max_size=3), st.none() | st.integers(), max_size=2),
        ),
    ),
    max_size=25,
)  # fmt: skip


def live_through(history: History, deeds: list[tuple[str, int, Any]]) -> None:
    history.session()
    for what, number, value in deeds:
        message, part = f"msg_{number}", f"prt_{number}"
        if what == "say":
            history.say(id=message, value=value)
        elif what == "show":
            if history.one("SELECT 1 FROM message WHERE id = ?", message):
                history.show(id=part, message=message, value=value)
        elif what == "remove message":
            history.remove("ses_a", message)
        elif what == "remove part":
            history.remove("ses_a", part, message)
        elif what == "touch":
            history.touch()
        else:
            history.event("ses_a", "session.next.thing.1", {"value": value})


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(deeds=DEEDS)
def test_the_search_finds_what_a_slow_one_finds_and_every_row_proves_itself(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[tuple[str, int, Any]]
) -> None:
    history = History(tmp_path_factory.mktemp("history") / "opencode.db")
    live_through(history, deeds)
    expected = slowly(history)
    assert superseded_seqs(history) == expected
    assert found(history) == ({"ses_a": ("events", len(expected))} if expected else {})
    history.close()


@settings(max_examples=20, deadline=None)
@given(deeds=DEEDS, table=st.sampled_from(("message", "part")))
def test_a_row_that_was_changed_behind_the_log_leaves_its_session_alone(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[tuple[str, int, Any]], table: str
) -> None:
    history = History(tmp_path_factory.mktemp("history") / "opencode.db")
    live_through(history, [("say", 0, 1), ("say", 0, 2), *deeds, ("say", 0, 3), ("show", 0, 4)])
    history.show(id="prt_0", message="msg_0", value=5)
    history.connection.execute(
        f"UPDATE {table} SET data = json_set(data, '$.value', 'other') WHERE id LIKE '%_0'"
    )
    assert found(history) == {"ses_a": ("diverged", 0)}
    history.close()


def test_reads_of_any_length_find_the_same(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.session()
    for number in range(300):
        history.say(id=f"msg_{number % 40}", value=number)
    expected = superseded_seqs(history)
    monkeypatch.setattr(event_log, "FIRST_ROWS", 7)
    monkeypatch.setattr(event_log, "MOST_ROWS", 7)
    monkeypatch.setattr(projection, "FIRST_PIECE", 1)
    assert superseded_seqs(history) == expected == slowly(history)
    assert found(history) == {"ses_a": ("events", 260)}


def test_an_event_that_begins_in_another_way_is_asked_through_json(history: History) -> None:
    history.session()
    for value in (1, 2):
        info = {"role": "user", "value": value, "id": "msg_1", "sessionID": "ses_a"}
        history.event("ses_a", "message.updated.1", {"info": info, "sessionID": "ses_a"})
    history.connection.execute(
        "INSERT INTO message VALUES ('msg_1', 'ses_a', 1, 1, '{\"role\":\"user\",\"value\":2}')"
    )
    assert superseded_seqs(history) == [1]
    assert found(history) == {"ses_a": ("events", 1)}


@pytest.mark.parametrize(
    "data",
    [
        '{"sessionID":"ses_a","info":{"i',
        "no json",
        "[]",
        '{"sessionID":"ses_a","info":7}',
        "",
        "{}",
    ],
)
def test_malformed_events_are_never_touched(history: History, data: str) -> None:
    history.session()
    history.event("ses_a", "message.updated.1", data)
    history.say(value=1)
    history.event("ses_a", "message.updated.1", data)
    history.say(value=2)
    assert superseded_seqs(history) == [2]


@pytest.mark.parametrize("value", [b"\x00\xff", 7, 1.5])
def test_data_that_is_no_text_is_never_touched(history: History, value: Any) -> None:
    history.session()
    history.say(value=1)
    history.event("ses_a", "message.updated.1", "{}")
    history.connection.execute("UPDATE event SET data = ? WHERE seq = 2", (value,))
    history.say(value=2)
    assert superseded_seqs(history) == [1]


def test_a_newest_event_that_is_cut_off_proves_nothing(history: History) -> None:
    history.session()
    history.say(value=1)
    history.say(value=2)
    history.connection.execute("UPDATE event SET data = substr(data, 1, 90) WHERE seq = 2")
    assert superseded_seqs(history) == [1]
    assert found(history) == {"ses_a": ("diverged", 0)}


def test_other_types_and_other_versions_are_never_touched(history: History) -> None:
    history.session()
    for type in ("message.updated.2", "session.next.agent.switched.1", "message.updated"):
        for _ in range(2):
            info = {"id": "msg_1", "sessionID": "ses_a"}
            history.event("ses_a", type, {"sessionID": "ses_a", "info": info})
    assert superseded_seqs(history) == [] and found(history) == {}


def test_a_log_that_speaks_of_another_session_is_left(history: History) -> None:
    history.session()
    history.say(value=1)
    history.say(value=2)
    history.session("ses_b")
    for _ in range(2):
        info = {"id": "msg_1", "sessionID": "ses_a", "role": "user"}
        history.event("ses_b", "message.updated.1", {"sessionID": "ses_a", "info": info})
    assert found(history) == {"ses_a": ("events", 1), "ses_b": ("diverged", 0)}


def test_gaps_in_the_log_do_not_matter(history: History) -> None:
    history.session()
    for value in range(6):
        history.say(value=value)
    history.connection.execute("DELETE FROM event WHERE seq IN (0, 2, 4)")
    assert superseded_seqs(history) == [1, 3, 5]


def test_owned_logs_are_left(history: History) -> None:
    history.session("ses_a", owner="machine")
    history.session("ses_b", workspace="wrk_1")
    history.session("ses_c")
    for id in ("ses_a", "ses_b", "ses_c"):
        history.say(id, f"msg_{id}", value=1)
        history.say(id, f"msg_{id}", value=2)
    expected = {"ses_a": ("owned", 0), "ses_b": ("owned", 0), "ses_c": ("events", 1)}
    assert found(history) == expected


def test_a_session_row_older_than_its_snapshot_keeps_the_snapshots_of_the_session(
    history: History,
) -> None:
    history.session()
    history.touch()
    history.say(value=1)
    history.say(value=2)
    history.touch()
    assert found(history) == {"ses_a": ("events", 3)}
    history.connection.execute("UPDATE session SET time_updated = time_updated - 1")
    assert found(history) == {"ses_a": ("events", 1)}
    history.connection.execute("UPDATE session SET time_updated = time_updated + 5, title = 'x'")
    assert found(history) == {"ses_a": ("events", 3)}


def test_rows_that_a_reclaim_has_emptied_still_hold_the_newest_state(history: History) -> None:
    history.session()
    history.say(value=1)
    call = {"type": "tool", "tool": "bash", "callID": "c"}
    image = {"id": "att", "url": "data:image/png;base64,AAAA"}
    done = {
        "status": "completed", "input": {}, "output": "long " * 300, "title": "ls",
        "metadata": {"output": "long", "exit": 0}, "time": {"start": 1, "end": 2},
        "attachments": [image],
    }  # fmt: skip
    history.show(**call, state={"status": "running", "input": {}})
    history.show(**call, state=done)
    left = {**done, "output": "[reclaimed]", "attachments": [],
            "metadata": {"exit": 0, "output": "[reclaimed]"},
            "time": {"start": 1, "end": 2, "compacted": 9}}  # fmt: skip
    history.connection.execute("UPDATE part SET data = ?", (compact({**call, "state": left}),))
    assert found(history) == {"ses_a": ("events", 1)}
    wrong = {**left, "title": "another"}
    history.connection.execute("UPDATE part SET data = ?", (compact({**call, "state": wrong}),))
    assert found(history) == {"ses_a": ("diverged", 0)}
    emptied = {**done, "output": "", "attachments": []}
    history.connection.execute("UPDATE part SET data = ?", (compact({**call, "state": emptied}),))
    assert found(history) == {"ses_a": ("diverged", 0)}


@pytest.mark.parametrize("left", ["", "[reclaimed]", None])
def test_emptied_diffs_still_hold_the_newest_state(history: History, left: str | None) -> None:
    history.session()
    diff = {"file": "a", "patch": "+ 1", "additions": 1, "deletions": 0, "status": "added"}
    history.say(summary={"diffs": []})
    history.say(summary={"diffs": [diff, {**diff, "file": "b"}]})
    slim = {key: value for key, value in diff.items() if key != "patch"}
    slim |= {} if left is None else {"patch": left}
    row = {
        "role": "user",
        "time": {"created": 1},
        "summary": {"diffs": [slim, {**slim, "file": "b"}]},
    }
    history.connection.execute("UPDATE message SET data = ?", (compact(row),))
    assert found(history) == {"ses_a": ("events", 1)}
    row["summary"]["diffs"].pop()  # type: ignore[index]
    history.connection.execute("UPDATE message SET data = ?", (compact(row),))
    assert found(history) == {"ses_a": ("diverged", 0)}


def test_the_parts_of_a_removed_message_need_no_row(history: History) -> None:
    history.session()
    history.say(value=1)
    history.show(text="a")
    history.show(text="b")
    history.remove("ses_a", "msg_1")
    assert found(history) == {"ses_a": ("events", 2)}
    history.connection.execute(
        "INSERT INTO message VALUES ('msg_1', 'ses_a', 1, 1, '{\"role\":\"user\"}')"
    )
    assert found(history) == {"ses_a": ("diverged", 0)}


def test_a_row_too_large_to_be_parsed_proves_itself_by_its_length_or_its_time(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.session()
    history.say(value="x")
    history.say(value="y" * 5000)
    history.show(text="x")
    history.show(text="y" * 5000)
    monkeypatch.setattr(projection, "LARGE", 1000)
    for kind in ("message", "part"):
        monkeypatch.setitem(projection._LAGGING, kind, projection._lagging(kind))
    assert found(history) == {"ses_a": ("events", 2)}
    history.connection.execute("UPDATE message SET data = '{}'")
    assert found(history) == {"ses_a": ("events", 2)}, "written later, and slimmed since"
    history.connection.execute("UPDATE message SET time_updated = time_updated - 60000")
    assert found(history) == {"ses_a": ("diverged", 0)}


def test_only_the_sessions_asked_for_are_looked_at(history: History) -> None:
    for id in ("ses_a", "ses_b"):
        history.session(id)
        history.touch(id)
    only = find_superseded(history.store, ["ses_b", "ses_none"])
    assert [each.session_id for each in only] == ["ses_b"]


def test_a_stopped_search_ends_without_a_verdict(history: History) -> None:
    history.session()
    history.touch()
    stop = Event()
    stop.set()
    assert find_superseded(history.store, stop=stop) == []


def test_a_file_without_an_event_log_has_nothing_superseded(tmp_path: Path) -> None:
    from tui.store.models import Event as EventTable
    from tui.store.models import EventSequence

    path = make_database(tmp_path / "old.db", [session()], without=(EventTable, EventSequence))
    assert find_superseded(Store(path)) == []


def test_no_body_passes_through_python(history: History) -> None:
    import tracemalloc

    history.session()
    history.say(value=1)
    history.connection.execute(
        "UPDATE event SET data = data || replace(hex(zeroblob(9000000)), '00', '    ')"
        " WHERE type = 'message.updated.1'"
    )
    history.say(value=2)
    tracemalloc.start()
    records = find_superseded(history.store)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert records[0].bytes > 36_000_000 > 1_000_000 > peak


def test_the_garden_of_the_other_tests_keeps_one_event_of_each(tmp_path: Path) -> None:
    made = make_database(
        tmp_path / "o.db", [session("Old", active=days_ago(9), events=3, turns=[Turn(), Turn()])]
    )
    assert [(each.level, each.parts) for each in find_superseded(Store(made))] == [("events", 16)]
