"""What belongs to nobody is found in every table; what is the only copy of something is not it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.event_history import History
from tests.factories import DAY, NOW
from tui.records import Payload
from tui.store.orphans import find_orphans

LONG_AGO = NOW + 30 * DAY


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "data" / "opencode.db")
    for id in ("ses_a", "ses_b"):
        made.session(id)
        made.say(id, f"msg_{id}", value=1)
        made.show(id, f"prt_{id}", f"msg_{id}", text="hello")
    made.connection.execute("PRAGMA foreign_keys = OFF").fetchall()
    yield made
    made.close()


def found(history: History, **more: Any) -> dict[str, Payload]:
    records = find_orphans(history.store, now_ms=LONG_AGO, **more)
    return {each.session_id: each for each in records}


def test_a_sound_database_has_none(history: History) -> None:
    assert found(history) == {}


def test_rows_left_in_every_table_are_counted_for_their_session(history: History) -> None:
    history.event("ses_a", "session.deleted.1", {"sessionID": "ses_a"})
    history.connection.execute("INSERT INTO todo VALUES ('ses_a', 'x', 'y', 'z', 0, 1, 1)")
    history.connection.execute("DELETE FROM session WHERE id = 'ses_a'")
    (record,) = found(history).values()
    assert (record.session_id, record.level) == ("ses_a", "orphans")
    assert record.counts == (("messages", 1), ("parts", 1), ("events", 4), ("rows", 2))
    octets = "SELECT sum(octet_length(data)) FROM {} WHERE {} = 'ses_a'"
    assert record.bytes == sum(
        history.one(octets.format(*pair))[0]
        for pair in (("message", "session_id"), ("part", "session_id"), ("event", "aggregate_id"))
    )
    assert record.active == pytest.approx(history.now, abs=2)


def test_events_that_could_bring_a_session_back_are_the_only_copy(history: History) -> None:
    history.connection.execute("DELETE FROM session WHERE id = 'ses_a'")
    assert found(history)["ses_a"] == Payload("ses_a", "orphans", 0, 0, 0, reason="only_copy")
    history.connection.execute(
        "DELETE FROM event WHERE aggregate_id = 'ses_a' AND type LIKE 'session%'"
    )
    assert found(history)["ses_a"].level == "orphans"


def test_a_sequence_without_anything_else_is_an_orphan(history: History) -> None:
    history.connection.execute("INSERT INTO event_sequence VALUES ('ses_gone', 4, NULL)")
    record = found(history)["ses_gone"]
    assert (record.counts, record.bytes, record.active) == ((("rows", 1),), 0, 0)


def test_parts_whose_message_is_gone_count_for_the_session_they_name(history: History) -> None:
    history.connection.execute("DELETE FROM message WHERE id = 'msg_ses_a'")
    (record,) = found(history).values()
    assert (record.session_id, record.counts) == ("ses_a", (("parts", 1),))


def test_a_session_that_lives_in_the_other_generation_owns_its_rows(history: History) -> None:
    history.connection.execute("DELETE FROM event WHERE aggregate_id = 'ses_a'")
    history.connection.execute("DELETE FROM session WHERE id = 'ses_a'")
    assert "ses_a" in found(history)
    history.connection.execute(
        "CREATE TABLE session_v2 (id text PRIMARY KEY, project_id, parent_id, title, directory,"
        " time_updated)"
    )
    history.connection.execute("INSERT INTO session_v2 (id) VALUES ('ses_a')")
    assert found(history) == {}


def test_a_table_of_tomorrow_is_looked_through_too(history: History) -> None:
    history.connection.execute(
        "CREATE TABLE dream (id text, session_id text REFERENCES session(id) ON DELETE CASCADE)"
    )
    history.connection.execute("INSERT INTO dream VALUES ('d', 'ses_gone'), ('e', 'ses_a')")
    assert found(history)["ses_gone"].counts == (("rows", 1),)


def test_files_of_unknown_sessions_count_and_young_or_strange_ones_do_not(
    history: History,
) -> None:
    folder = history.path.parent / "storage" / "session_diff"
    folder.mkdir(parents=True)
    for name in ("ses_gone.json", "ses_a.json", "ses_young.json", "note.json"):
        (folder / name).write_text("[]")
        if "young" not in name:
            os.utime(folder / name, (1, 1))
    os.utime(folder / "ses_young.json", (LONG_AGO / 1000, LONG_AGO / 1000))
    record = found(history, files=history.path.parent)
    assert set(record) == {"ses_gone"}
    assert record["ses_gone"].counts == (("files", 1),)
    assert found(history) == {}, "without the folder nobody looks there"


def test_nothing_there_is_called_an_orphan_while_a_database_cannot_be_read(
    history: History,
) -> None:
    folder = history.path.parent / "storage" / "session_diff"
    folder.mkdir(parents=True)
    (folder / "ses_gone.json").write_text("[]")
    os.utime(folder / "ses_gone.json", (1, 1))
    (history.path.parent / "opencode-dev.db").write_text("no database at all")
    assert found(history, files=history.path.parent) == {}


def test_an_id_that_is_no_text_is_left_alone(history: History) -> None:
    history.connection.execute("INSERT INTO event_sequence VALUES (CAST(x'ff41' AS TEXT), 4, NULL)")
    history.connection.execute("INSERT INTO event_sequence VALUES (x'ff41', 4, NULL)")
    assert found(history) == {}


def test_only_the_sessions_asked_for_are_looked_at(history: History) -> None:
    history.connection.execute("INSERT INTO event_sequence VALUES ('ses_gone', 4, NULL)")
    history.connection.execute("DELETE FROM message WHERE id = 'msg_ses_a'")
    assert set(found(history, session_ids=["ses_a", "ses_b"])) == {"ses_a"}
    assert set(found(history, session_ids=["ses_gone"])) == {"ses_gone"}


def test_the_newest_trace_tells_how_young_an_orphan_is(history: History) -> None:
    history.connection.execute("DELETE FROM event_sequence WHERE aggregate_id = 'ses_a'")
    history.connection.execute("DELETE FROM event WHERE aggregate_id = 'ses_a'")
    history.connection.execute("DELETE FROM session WHERE id = 'ses_a'")
    history.connection.execute("UPDATE part SET time_updated = 77 WHERE session_id = 'ses_a'")
    history.connection.execute("UPDATE message SET time_updated = 88 WHERE session_id = 'ses_a'")
    assert found(history)["ses_a"].active == 88
