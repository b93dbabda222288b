"""Sessions rebuilt from their events: the newest of everything, and nothing that was removed."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event

import pytest

from tests.factories import Tool, days_ago, execute, make_database, session
from tests.faults.test_kill import dies
from tests.generations import add_in_v2, fresh, problems, upgrade
from tests.picture import assert_sound, picture, run, site_of
from tui.engine.crash_recovery import put_right
from tui.engine.site import Site
from tui.errors import WrongCall
from tui.policy.plan import Plan
from tui.policy.recover import plan_recover
from tui.store.rebuild import LABEL, lost_sessions


@pytest.fixture
def site(demo_copy: Path) -> Site:
    """A demo: its events are as opencode writes them, the newest of each entity is the row."""
    return site_of(demo_copy)


def with_events(site: Site) -> str:
    """The session with most events that has tools, and no child."""
    [[id]] = execute(
        site.store.path,
        "SELECT aggregate_id FROM event WHERE aggregate_id NOT IN"
        " (SELECT parent_id FROM session WHERE parent_id IS NOT NULL)"
        " GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
    )
    return str(id)


def rows(site: Site, table: str, key: str, id: str) -> list[tuple[object, ...]]:
    """Id and content of each row; JSON as what it means."""
    found = execute(
        site.store.path, f"SELECT id, data FROM {table} WHERE {key} = ? ORDER BY id", id
    )
    return [(row, json.loads(data)) for row, data in found]


def lose(site: Site, id: str) -> None:
    """What a deletion in SQL with foreign keys leaves."""
    for table in ("part", "message", "todo", "session_share"):
        execute(site.store.path, f"DELETE FROM {table} WHERE session_id = ?", id)
    execute(site.store.path, "DELETE FROM session WHERE id = ?", id)


def recover(site: Site, *ids: str) -> Plan:
    return plan_recover(lost_sessions(site.store), ids)


def test_a_healthy_database_has_nothing_to_recover(site: Site) -> None:
    assert lost_sessions(site.store) == []
    assert recover(site).items == () and "No session" in recover(site).message


def test_messages_and_parts_are_as_they_were(site: Site) -> None:
    id = with_events(site)
    messages, parts = rows(site, "message", "session_id", id), rows(site, "part", "session_id", id)
    [[title, directory]] = execute(
        site.store.path, "SELECT title, directory FROM session WHERE id = ?", id
    )
    lose(site, id)
    [found] = lost_sessions(site.store)
    assert (found.id, found.title, found.directory) == (id, title, directory)
    outcome = run(recover(site, id), site)
    assert (outcome.ending, outcome.done.sessions) == ("done", 1)
    assert (outcome.done.messages, outcome.done.parts) == (len(messages), len(parts))
    assert rows(site, "message", "session_id", id) == messages
    assert rows(site, "part", "session_id", id) == parts
    [[now]] = execute(site.store.path, "SELECT title FROM session WHERE id = ?", id)
    assert now == title + LABEL
    assert_sound(site.store.path)
    assert lost_sessions(site.store) == []


def event(site: Site, id: str, type: str, data: object) -> None:
    """One more event at the end of a history."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    execute(
        site.store.path,
        "INSERT INTO event (id, aggregate_id, seq, type, data) SELECT 'evt_' || (seq + 1), ?1,"
        " seq + 1, ?2, ?3 FROM event_sequence WHERE aggregate_id = ?1",
        id, type, text,
    )  # fmt: skip
    execute(site.store.path, "UPDATE event_sequence SET seq = seq + 1 WHERE aggregate_id = ?", id)


def test_what_was_removed_in_the_end_stays_removed(site: Site) -> None:
    id = with_events(site)
    parts = rows(site, "part", "session_id", id)
    [[message]] = execute(
        site.store.path, "SELECT id FROM message WHERE session_id = ? ORDER BY id LIMIT 1", id
    )
    [[part]] = execute(
        site.store.path, "SELECT id FROM part WHERE session_id = ? ORDER BY id DESC LIMIT 1", id
    )
    event(site, id, "message.part.removed.1", {"sessionID": id, "partID": part})
    event(site, id, "message.removed.1", {"sessionID": id, "messageID": message})
    lose(site, id)
    run(recover(site, id), site)
    assert message not in [row for row, _ in rows(site, "message", "session_id", id)]
    left = [row for row, _ in rows(site, "part", "session_id", id)]
    assert part not in left and len(left) < len(parts)
    assert_sound(site.store.path)


def test_a_deleted_session_is_not_lost(site: Site) -> None:
    id = with_events(site)
    event(site, id, "session.deleted.1", {"sessionID": id})
    lose(site, id)
    assert lost_sessions(site.store) == []


@pytest.mark.parametrize("odd", ("{broken", "[]", "null", "\x00", '{"part":{"id":5}}'))
def test_an_event_that_is_no_object_spoils_nothing_else(site: Site, odd: str) -> None:
    id = with_events(site)
    messages = rows(site, "message", "session_id", id)
    event(site, id, "message.part.updated.1", odd)
    lose(site, id)
    outcome = run(recover(site, id), site)
    assert outcome.done.sessions == 1
    assert rows(site, "message", "session_id", id) == messages
    assert_sound(site.store.path)


def test_the_project_comes_back_as_well(site: Site) -> None:
    id = with_events(site)
    [[project]] = execute(site.store.path, "SELECT project_id FROM session WHERE id = ?", id)
    lose(site, id)
    for (other,) in execute(
        site.store.path, "SELECT id FROM session WHERE project_id = ?", project
    ):
        execute(site.store.path, "DELETE FROM event WHERE aggregate_id = ?", other)
        execute(site.store.path, "DELETE FROM event_sequence WHERE aggregate_id = ?", other)
        lose(site, str(other))
    execute(site.store.path, "DELETE FROM project WHERE id = ?", project)
    run(recover(site, id), site)
    assert execute(site.store.path, "SELECT project_id FROM session WHERE id = ?", id) == [
        (project,)
    ]
    assert_sound(site.store.path)


def test_a_session_that_has_a_row_again_is_left_as_it_is(site: Site) -> None:
    id = with_events(site)
    lose(site, id)
    plan = recover(site, id)
    run(plan, site)
    before = picture(site.store.path)
    outcome = run(plan, site)
    assert (outcome.ending, outcome.excluded) == ("nothing", {"changed": 1})
    assert picture(site.store.path) == before


@pytest.mark.parametrize("step", (1, 2, 5, 20))
def test_a_killed_recovery_is_finished_at_the_next_start(site: Site, step: int) -> None:
    id = with_events(site)
    messages, parts = rows(site, "message", "session_id", id), rows(site, "part", "session_id", id)
    lose(site, id)
    assert dies(site.store.path, "recover", step)
    [sentence] = put_right(site)
    assert "finished" in sentence
    assert rows(site, "message", "session_id", id) == messages
    assert rows(site, "part", "session_id", id) == parts


def test_stopped_before_the_first_session_nothing_is_there(site: Site) -> None:
    id = with_events(site)
    lose(site, id)
    stop = Event()
    stop.set()
    assert run(recover(site, id), site, stop).ending == "nothing"
    assert [each.id for each in lost_sessions(site.store)] == [id]


def test_names_must_fit_one(site: Site) -> None:
    lose(site, with_events(site))
    for name in ("", "nobody"):
        with pytest.raises(WrongCall):
            recover(site, name)


def test_a_database_without_events_has_nothing_to_recover(tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", [session("a", active=days_ago(1), tools=[Tool(10)])])
    assert lost_sessions(site_of(path).store) == []


def tell_of_a_lost_session(path: Path) -> None:
    """The event of a session `ses_new` that has no row."""
    born = {"sessionID": "ses_new", "info": {"id": "ses_new", "title": "New"}}
    execute(path, "INSERT INTO event_sequence (aggregate_id, seq) VALUES ('ses_new', 0)")
    execute(
        path,
        "INSERT INTO event (id, aggregate_id, seq, type, data)"
        " VALUES ('evt_1', 'ses_new', 0, 'session.created.1', ?)",
        json.dumps(born),
    )


def test_a_session_that_2x_has_by_now_is_not_rebuilt_beside_it(tmp_path: Path) -> None:
    path = make_database(tmp_path / "opencode.db", [session("lost"), session("other")])
    upgrade(path)
    tell_of_a_lost_session(path)
    site = site_of(path)
    plan = recover(site)
    assert plan.items
    add_in_v2(path, "new")
    outcome = run(plan, site)
    assert (outcome.ending, outcome.excluded) == ("nothing", {"changed": 1})
    assert execute(path, "SELECT count(*) FROM session WHERE id = 'ses_new'") == [(0,)]


def test_a_file_of_2x_alone_says_that_it_has_no_place_for_a_rebuilt_session(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db", ["other"])
    tell_of_a_lost_session(path)
    site = site_of(path)
    outcome = run(recover(site), site)
    assert outcome.ending == "refused" and "no place" in outcome.message


def lost_in_both(tmp_path: Path, created: int) -> Site:
    """A file of both generations with a history of a session that neither has, begun then."""
    path = make_database(tmp_path / "opencode.db", [session("other", active=days_ago(90))])
    upgrade(path)
    execute(path, "INSERT INTO event_sequence (aggregate_id, seq) VALUES ('ses_new', 2)")
    info = {"id": "ses_new", "title": "New", "projectID": "prj_garden"}
    message = {"id": "msg_new", "sessionID": "ses_new", "role": "user", "time": {"created": 5}}
    part = {"id": "prt_new", "messageID": "msg_new", "sessionID": "ses_new", "type": "text"}
    for seq, (type, data) in enumerate(
        (
            ("session.created.1", {"sessionID": "ses_new", "info": info}),
            ("message.updated.1", {"sessionID": "ses_new", "info": message}),
            ("message.part.updated.1", {"sessionID": "ses_new", "part": part, "time": 5}),
        )
    ):
        execute(
            path,
            "INSERT INTO event (id, aggregate_id, seq, type, data, created)"
            " VALUES (?, 'ses_new', ?, ?, ?, ?)",
            f"evt_{seq}", seq, type, json.dumps(data), created,
        )  # fmt: skip
    return site_of(path)


def test_what_1x_wrote_beside_2x_is_rebuilt_for_1x_and_says_so(tmp_path: Path) -> None:
    site = lost_in_both(tmp_path, 0)
    v2 = {t: rows for t, rows in picture(site.store.path).items() if t.startswith("session_")}
    outcome = run(recover(site), site)
    assert (outcome.ending, outcome.done.messages, outcome.done.parts) == ("done", 1, 1)
    assert "2.x does not show" in outcome.message
    after = picture(site.store.path)
    assert {table: after[table] for table in v2} == v2
    assert problems(site.store.path) == []
    assert_sound(site.store.path)


def test_what_2x_wrote_is_refused_with_a_sentence(tmp_path: Path) -> None:
    site = lost_in_both(tmp_path, 1_795_000_000_000)
    before = picture(site.store.path)
    outcome = run(recover(site), site)
    assert outcome.ending == "refused" and "opencode 2.x" in outcome.message
    assert picture(site.store.path) == before
