"""A 2.x server that owns the file deletes its sessions itself; what it executes nobody touches."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.factories import NOW, execute
from tests.generations import LATER, add_in_v2, every_state, fresh, go_on_in_v2, problems
from tests.picture import assert_sound, but_history, forest_of, picture, run, site_of
from tests.server_2x import PASSWORD, Server2x
from tui.engine.restore import plan_restore
from tui.engine.served import Service
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, plan_prune
from tui.policy.reclaim import ReclaimPolicy, plan_reclaim
from tui.store import server as server_module
from tui.store.reclaimable import find_reclaimable
from tui.store.server import server_of, state_folder
from tui.store.sessions import load_sessions, running_sessions


@pytest.fixture
def site(tmp_path: Path) -> Site:
    every_state(tmp_path / "opencode.db")
    return site_of(tmp_path / "opencode.db")


@pytest.fixture(autouse=True)
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers may be on a busy machine."""
    monkeypatch.setattr(server_module, "PATIENCE", 30.0)


def plan_for(site: Site, *ids: str, permanent: bool = False) -> Plan:
    return plan_prune(forest_of(site), PrunePolicy(ids=frozenset(ids), permanent=permanent), NOW)


def sessions(path: Path) -> set[str]:
    query = "SELECT id FROM session UNION SELECT id FROM session_v2"
    return {id for (id,) in execute(path, query)}


# who owns the file


def test_a_server_is_believed_only_when_its_process_has_this_file_open(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = fresh(tmp_path / "other" / "opencode.db")
    assert server_of(site.store.path) is None
    with Server2x(site.store.path, state_folder()) as server:
        found = server_of(site.store.path)
        assert found is not None and found.pid == server.process.pid
        assert server_of(other) is None
    assert server_of(site.store.path) is None


def test_the_older_note_keeps_its_password_in_a_file_of_its_own(site: Site) -> None:
    state = state_folder()
    with Server2x(site.store.path, state):
        note = json.loads((state / "service.json").read_text())
        (state / "service.json").unlink()
        (state / "password").write_text(note.pop("password") + "\n")
        (state / "server.json").write_text(json.dumps(note))
        found = server_of(site.store.path)
        assert found is not None and found.active() == frozenset()


def test_the_password_is_never_shown(site: Site) -> None:
    with Server2x(site.store.path, state_folder()):
        found = server_of(site.store.path)
        assert found is not None and PASSWORD not in repr(found) + str(found)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.invalid:80", "https://127.0.0.1:80", "http://127.0.0.1", "ftp://[::1]:1",
        "http://127.0.0.1.example.invalid:80", "http://127.0.0.1:x", 7, None, "",
    ],
)  # fmt: skip
def test_an_address_that_is_not_on_this_machine_is_never_asked(site: Site, url: object) -> None:
    folder = state_folder()
    folder.mkdir(parents=True)
    note = {"pid": os.getpid(), "url": url, "password": PASSWORD}
    (folder / "service.json").write_text(json.dumps(note))
    assert server_of(site.store.path) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"pid":1}', "[" * 60_000, "\x00"])
def test_a_note_that_is_none_is_no_server(site: Site, text: str) -> None:
    state_folder().mkdir(parents=True)
    (state_folder() / "service.json").write_text(text)
    assert server_of(site.store.path) is None


# what it executes


def test_what_it_executes_is_running_whatever_the_rows_say(site: Site) -> None:
    rows = load_sessions(site.store)
    with Server2x(site.store.path, state_folder(), active="ses_native\n"):
        assert running_sessions(site.store, rows, NOW) == {"ses_native"}


@pytest.mark.parametrize("permanent", [False, True])
def test_what_it_executes_is_never_deleted_even_by_name(site: Site, permanent: bool) -> None:
    before = picture(site.store.path)
    with Server2x(site.store.path, state_folder(), active="ses_helper") as server:
        outcome = run(plan_for(site, "ses_native", permanent=permanent), site)
        assert server.deleted == []
    assert outcome.ending == "nothing" and outcome.excluded == {"running": 1}
    assert picture(site.store.path) == before


def test_what_it_executes_is_never_reclaimed_even_by_name(site: Site) -> None:
    ids = frozenset({"ses_same", "ses_newer"})
    found = find_reclaimable(site.store, ("migrated",), session_ids=ids)
    policy = ReclaimPolicy(("migrated",), session_ids=ids)
    plan = plan_reclaim(forest_of(site), found, policy, NOW, frozenset({"ses_same"}))
    assert [item.id for item in plan] == ["ses_newer"]
    assert plan.excluded["running"] == 1


def test_output_of_what_it_executes_is_not_reclaimed_even_by_name(site: Site) -> None:
    path, ids = site.store.path, frozenset({"ses_native"})
    go_on_in_v2(path, "ses_native", time=LATER, compacts=True)
    found = find_reclaimable(site.store, ("summarised",), session_ids=ids)
    policy = ReclaimPolicy(("summarised",), session_ids=ids)
    plan = plan_reclaim(forest_of(site), found, policy, NOW)
    before = picture(path)
    with Server2x(path, state_folder(), active="ses_native"):
        outcome = run(plan, site)
    assert outcome.excluded == {"running": 1} and "at work stayed" in outcome.message
    assert picture(path) == before
    assert run(plan, site).ending == "done"


# deleting through it


@pytest.mark.parametrize("permanent", [False, True])
def test_it_deletes_its_rows_and_we_the_rest(site: Site, permanent: bool) -> None:
    path = site.store.path
    before = picture(path)
    others = sessions(path) - {"ses_same", "ses_samechild", "ses_native", "ses_helper", "ses_after"}
    plan = plan_for(site, "ses_same", "ses_native", "ses_after", permanent=permanent)
    with Server2x(path, state_folder()) as server:
        outcome = run(plan, site)
        assert sorted(server.deleted) == ["ses_native", "ses_same"]
    assert outcome.ending == "done" and outcome.done == plan.totals
    assert sessions(path) == others
    assert problems(path) == []
    assert_sound(path)
    if not permanent:
        assert run(plan_restore(site, [outcome.batch or ""]), site).ending == "done"
        assert picture(path) == before


@pytest.mark.parametrize(
    ("mode", "patience"), [("busy", 0.2), ("refuse", 30.0), ("redirect", 30.0), ("late", 1.0)]
)
def test_a_server_that_does_not_do_it_leaves_it_to_us(
    site: Site, mode: str, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "PATIENCE", patience)
    path = site.store.path
    before = picture(path)
    plan = plan_for(site, "ses_same", "ses_native")
    with Server2x(path, state_folder(), mode=mode):
        outcome = run(plan, site)
    assert outcome.ending == "done" and outcome.done == plan.totals
    assert problems(path) == []
    assert run(plan_restore(site, [outcome.batch or ""]), site).ending == "done"
    assert picture(path) == before


def test_a_wrong_password_leaves_it_to_us(site: Site) -> None:
    with Server2x(site.store.path, state_folder()) as server:
        note = json.loads((server.state / "service.json").read_text())
        (server.state / "service.json").write_text(json.dumps(note | {"password": "guess"}))
        assert run(plan_for(site, "ses_native"), site).ending == "done"
        assert server.deleted == []


def test_a_session_that_changed_since_its_copy_is_not_given_to_the_server(site: Site) -> None:
    path = site.store.path
    plan = plan_for(site, "ses_native")
    add_in_v2(path, "late", parent="ses_native")
    with Server2x(path, state_folder()) as server:
        assert run(plan, site).excluded == {"changed": 1}
        assert server.deleted == []
    assert "ses_native" in sessions(path)


def test_what_only_the_trash_has_stays_there_when_the_rest_changes(site: Site) -> None:
    """The server deletes its rows, then 1.x writes to the copy it has: that copy stays."""
    path = site.store.path
    with Server2x(path, state_folder(), mode="meddle"):
        outcome = run(plan_for(site, "ses_newer"), site)
    assert outcome.excluded == {"changed": 1} and outcome.batch
    title = execute(path, "SELECT title FROM session WHERE id = 'ses_newer'")
    assert title == [("Meanwhile",)]
    [batch] = batches(site.ledger.trash_folder)
    assert batch.sessions == 1
    run(plan_restore(site, [batch.id]), site)
    query = "SELECT count(*) FROM session_message WHERE session_id = 'ses_newer'"
    assert execute(path, query)[0][0] == 6
    assert execute(path, "SELECT title FROM session WHERE id = 'ses_newer'") == title
    assert problems(path) == []


def test_what_it_takes_up_between_the_copy_and_the_deed_stays(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user goes on in a session while its tree is being copied."""
    path = site.store.path
    before = picture(path)
    with Server2x(path, state_folder()) as server:
        looked = Service.look

        def look_again(service: Service) -> None:
            looked(service)
            (server.state / "active").write_text("ses_native")

        monkeypatch.setattr(Service, "look", look_again)
        outcome = run(plan_for(site, "ses_native"), site)
        assert server.deleted == []
    assert outcome.excluded == {"running": 1} and "at work stayed" in outcome.message
    assert picture(path) == before
    assert batches(site.ledger.trash_folder) == []


def test_event_rows_that_go_without_a_copy_do_not_make_it_seem_changed(site: Site) -> None:
    """The server takes counter and history before our look at what has none of them left."""
    path = site.store.path
    events = [(f"evt_{n}", "ses_same", n, "session.step.ended.1", "{}", 0) for n in range(3)]
    for row in events:
        execute(
            path,
            "INSERT INTO event (id, aggregate_id, seq, type, data, created)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            *row,
        )
    before = picture(path)
    with Server2x(path, state_folder()):
        outcome = run(plan_for(site, "ses_same"), site)
    assert (outcome.ending, outcome.excluded) == ("done", {})
    assert "ses_same" not in sessions(path)
    assert_sound(path)
    assert run(plan_restore(site, [outcome.batch or ""]), site).ending == "done"
    assert but_history(picture(path)) == but_history(before)
