"""Two generations in one file: recognised in every state, one session to the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import DAY, MINUTE, NOW, Tool, Turn, execute, make_database, session
from tests.generations import (
    TRUTH,
    UPGRADED,
    add_in_v2,
    every_state,
    fresh,
    go_on_in_v1,
    go_on_in_v2,
    grown,
    problems,
    tool_block,
    upgrade,
)
from tui.records import SessionRow
from tui.store.database import Store, open_store
from tui.store.details import session_detail
from tui.store.generations import IMPORT_KEY, children_of, exists, projects_of
from tui.store.kinds import kinds
from tui.store.largest import largest_rows, preview
from tui.store.sessions import load_sessions, running_sessions, with_last_messages
from tui.store.size_cache import fingerprints
from tui.store.usage import measure_all, measure_sessions


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "opencode.db"
    every_state(path)
    return path


def rows_of(store: Store) -> dict[str, SessionRow]:
    rows = load_sessions(store, check_directories=False)
    return {row.id: row for row in with_last_messages(store, rows)}


# which state a file is in


def test_the_maker_makes_files_that_2x_can_use(database: Path) -> None:
    assert problems(database) == []


def test_a_completed_upgrade_is_of_both_generations(database: Path) -> None:
    schema = open_store(database).schema
    assert (schema.generation, schema.importer.phase) == ("both", "completed")
    assert schema.importer.began == UPGRADED


def test_a_fresh_file_is_of_the_second_generation(tmp_path: Path) -> None:
    store = open_store(fresh(tmp_path / "opencode.db", ["one"]))
    assert (store.schema.generation, store.schema.importer.phase) == ("v2", "none")
    assert [row.generation for row in load_sessions(store)] == ["v2"]


def test_an_interrupted_import_is_shown_and_not_written(tmp_path: Path) -> None:
    path = make_database(tmp_path / "opencode.db", [grown("a"), grown("b"), grown("c")])
    store = open_store(upgrade(path, phase="sessions", stop_after=1))
    assert store.schema.importer.phase == "sessions"
    assert "was interrupted" in (store.refusal or "")
    assert [rows_of(store)[f"ses_{name}"].generation for name in "abc"] == ["v1", "v1", "both"]


def test_an_import_that_never_began_is_shown_and_not_written(tmp_path: Path) -> None:
    path = make_database(tmp_path / "opencode.db", [grown("a")])
    store = open_store(upgrade(path, phase=None))
    assert store.schema.importer.phase == "never"
    assert "empties the event history first" in (store.refusal or "")
    assert [row.generation for row in load_sessions(store)] == ["v1"]


@pytest.mark.parametrize("value", ["", "[]", '{"phase":"reversed"}', "null"])
def test_an_importer_in_a_state_nobody_knows_is_not_written_beside(
    database: Path, value: str
) -> None:
    execute(database, "UPDATE kv SET value = ? WHERE key = ?", value, IMPORT_KEY)
    store = open_store(database)
    assert store.schema.importer.phase == "unknown"
    assert store.refusal
    assert not any(row.diverged for row in rows_of(store).values())


@pytest.mark.parametrize("id", ["20270101000000_tomorrow", "20260730195856_optional_session_title"])
def test_a_journal_with_an_unknown_entry_is_not_written_beside(database: Path, id: str) -> None:
    execute(database, "INSERT INTO migration VALUES (?, 1)", id)
    store = open_store(database)
    assert f"newer schema ({id})" in (store.refusal or "")
    assert set(rows_of(store)) == set(TRUTH)


# what a session owns


def test_the_estate_spans_both_generations_and_ends_with_the_sessions(database: Path) -> None:
    tables = [owned.table for owned in open_store(database).schema.estate]
    assert set(tables) == {
        "session", "message", "part", "todo", "session_share",
        "session_v2", "session_message", "session_inbox", "session_pending",
        "instruction_state", "instruction_entry", "event", "event_sequence",
    }  # fmt: skip
    assert set(tables[-2:]) == {"session", "session_v2"}
    assert tables[-3] == "event_sequence"
    assert tables.index("part") < tables.index("message")


def test_a_session_exists_while_either_generation_has_it(database: Path) -> None:
    with open_store(database).reading() as db:
        connection = db.connection()
        assert all(exists(connection, id) for id in TRUTH)
        assert not exists(connection, "ses_brief")
        assert children_of(connection, "ses_same") == {"ses_samechild"}
        assert children_of(connection, "ses_left") == {"ses_leftchild"}
        assert children_of(connection, "ses_native") == {"ses_helper"}
        assert projects_of(connection, "ses_same") == {"prj_garden"}


# one session to the user


def test_every_session_is_listed_once_and_knows_its_generation(database: Path) -> None:
    rows = rows_of(open_store(database))
    names = {"redundant": "both", "diverged": "both", "v2_only": "v2"}
    assert {id: row.generation for id, row in rows.items()} == {
        id: names.get(kind, "v1") for id, kind in TRUTH.items()
    }
    assert {id for id, row in rows.items() if row.diverged} == {"ses_split"}


def test_the_second_generation_tells_title_and_cost(database: Path) -> None:
    execute(database, "UPDATE session_v2 SET title = 'Anew', cost = 7 WHERE id = 'ses_same'")
    execute(database, "UPDATE session SET cost = 3 WHERE id = 'ses_same'")
    row = rows_of(open_store(database))["ses_same"]
    assert (row.title, row.cost) == ("Anew", 7.0)


def test_a_session_is_as_young_as_the_younger_of_its_copies(database: Path) -> None:
    rows = rows_of(open_store(database))
    assert rows["ses_newer"].active == UPGRADED + DAY
    assert rows["ses_split"].active == UPGRADED + 2 * DAY


def test_a_message_of_1x_alone_makes_a_session_diverge(database: Path) -> None:
    """1.x was killed between the message and the session's row."""
    go_on_in_v1(database, "ses_same")
    execute(database, "UPDATE session SET time_updated = 1 WHERE id = 'ses_same'")
    assert rows_of(open_store(database))["ses_same"].diverged


def test_messages_count_once_and_bytes_twice(database: Path) -> None:
    store = open_store(database)
    usage = measure_all(store).sessions["ses_same"]
    [(steps, new)] = execute(
        database,
        "SELECT count(*), sum(octet_length(data)) FROM session_message WHERE session_id = ?",
        "ses_same",
    )
    [(old,)] = execute(
        database,
        "SELECT (SELECT sum(octet_length(data)) FROM message WHERE session_id = ?1)"
        " + (SELECT sum(octet_length(data)) FROM part WHERE session_id = ?1)",
        "ses_same",
    )
    assert usage.messages == steps
    assert usage.copy_bytes == old
    assert usage.bytes == old + new


def test_one_session_measures_as_all_of_them_do(database: Path) -> None:
    store = open_store(database)
    everything = measure_all(store)
    assert measure_sessions(store, TRUTH) == {id: everything.sessions[id] for id in TRUTH}
    assert everything.messages == sum(usage.messages for usage in everything.sessions.values())


def test_every_octet_of_every_table_has_one_kind(database: Path) -> None:
    execute(database, "UPDATE session_message SET data = 'broken' WHERE id = 'msg_newer_0u'")
    store = open_store(database)
    found = list(kinds(store))[-1]
    for table in ("message", "part", "event", "session_message"):
        [(octets,)] = execute(database, f"SELECT coalesce(sum(octet_length(data)), 0) FROM {table}")
        assert found.tables[table] == octets
    assert sum(found.values()) == sum(found.tables.values())
    assert found["tool_output"] >= 4 * 2000 and min(found.values()) >= 0
    alone = list(kinds(store, ["ses_native"]))[-1]
    assert sum(alone.values()) == measure_sessions(store, ["ses_native"])["ses_native"].bytes


def test_the_kinds_of_a_step_are_those_of_its_blocks(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db")
    add_in_v2(path, "one", tools=[tool_block(5000, attachment=300)])
    found = list(kinds(open_store(path)))[-1]
    assert 5000 < found["tool_output"] < 5100
    assert 300 < found["attachments"] < 400
    assert found["metadata"] == len('{"exit":0}')
    assert found["tool_input"] == len('{"command":"ls"}')
    assert found["text"] == len('"And then?"') + len('{"type":"text","text":"Very well, too."}')


def test_the_largest_rows_are_found_in_both_generations(database: Path) -> None:
    add_in_v2(database, "big", tools=[tool_block(90_000)])
    store = open_store(database)
    [row] = largest_rows(store, ["ses_big"], limit=1)
    assert (row.table, row.kind) == ("session_message", "assistant message")
    assert preview(store, row).startswith("ooo")


def test_a_question_of_2x_begins_the_conversation(database: Path) -> None:
    store = open_store(database)
    for id, text in (("ses_native", "And then?"), ("ses_same", "How are things?")):
        assert session_detail(store, rows_of(store)[id]).beginning[0] == text


def test_details_say_what_two_generations_mean(database: Path) -> None:
    execute(database, "INSERT OR IGNORE INTO project (id, worktree, time_created, time_updated,"
            " sandboxes) VALUES ('global', '/', 1, 1, '[]')")  # fmt: skip
    execute(database, "UPDATE session_v2 SET project_id = 'global' WHERE id = 'ses_native'")
    store = open_store(database)
    rows, usage = rows_of(store), measure_all(store).sessions

    def note(id: str) -> str:
        return " ".join(session_detail(store, rows[id], usage[id]).notes)

    assert "hidden, not lost" in note("ses_native")
    assert "each of the two has what the other lacks" in note("ses_split")
    assert "2.x does not show it" in note("ses_after")
    assert "the copy that 1.x left behind" in note("ses_same")
    assert note("ses_helper") == ""


@pytest.mark.parametrize("finished", [True, False])
def test_a_session_at_work_in_2x_is_running(tmp_path: Path, finished: bool) -> None:
    path = fresh(tmp_path / "opencode.db")
    add_in_v2(path, "one", time=NOW - MINUTE, finished=finished)
    store = open_store(path)
    running = running_sessions(store, rows_of(store).values(), NOW)
    assert running == (frozenset() if finished else {"ses_one"})


def test_a_session_claimed_by_a_server_is_running(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db")
    add_in_v2(path, "one", time=NOW - MINUTE, columns={"time_suspended": NOW})
    store = open_store(path)
    assert running_sessions(store, rows_of(store).values(), NOW) == {"ses_one"}


def test_a_fingerprint_moves_when_2x_writes(database: Path) -> None:
    store = open_store(database)
    before = fingerprints(store)
    go_on_in_v2(database, "ses_same", time=UPGRADED + 5 * DAY)
    after = fingerprints(store)
    assert set(before) == set(after) == set(TRUTH)
    assert {id for id in after if after[id] != before[id]} == {"ses_same"}


def test_markers_of_1x_in_session_message_are_no_messages(tmp_path: Path) -> None:
    """1.15 to 1.17 note there that the agent or the model was switched."""
    path = make_database(tmp_path / "opencode.db", [session("a", turns=[Turn(tools=[Tool()])])])
    execute(
        path, "INSERT INTO session_message VALUES ('m', 'ses_a', 'agent-switched', 1, 1, 1, '{}')"
    )
    assert measure_all(open_store(path)).sessions["ses_a"].messages == 2
