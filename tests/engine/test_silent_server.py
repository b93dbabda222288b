"""A 2.x server that owns the file and does not say what it executes may be executing anything."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event

import pytest

from tests.factories import HOUR, NOW, execute
from tests.generations import LATER, every_state, go_on_in_v2, problems
from tests.picture import assert_sound, drained, forest_of, picture, run, site_of
from tests.server_2x import Server2x
from tui.engine.perform import perform
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, plan_prune
from tui.policy.reclaim import ReclaimPolicy, plan_reclaim
from tui.store import server as server_module
from tui.store.journal import _now
from tui.store.reclaimable import find_reclaimable
from tui.store.server import Server, state_folder


@pytest.fixture
def site(tmp_path: Path) -> Site:
    every_state(tmp_path / "opencode.db")
    return site_of(tmp_path / "opencode.db")


@pytest.fixture(autouse=True)
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers may be on a busy machine."""
    monkeypatch.setattr(server_module, "PATIENCE", 30.0)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, long: None) -> None:
    """One that does not answer need not be waited for."""
    monkeypatch.setattr(server_module, "PATIENCE", 0.2)


def plan_for(site: Site, *ids: str, permanent: bool = False) -> Plan:
    return plan_prune(forest_of(site), PrunePolicy(ids=frozenset(ids), permanent=permanent), NOW)


def unfinished_turn(path: Path) -> None:
    go_on_in_v2(path, "ses_native", time=LATER, finished=False)


def queued_prompt(path: Path) -> None:
    names = [
        name for (name,) in execute(path, "SELECT name FROM pragma_table_info('session_inbox')")
    ]
    given = {"session_id": "ses_native", "enqueued_seq": 99, "delivery": "queue", "payload": "{}"}
    row = {name: given.get(name, 1) for name in names}
    marks = ", ".join("?" * len(row))
    execute(path, f"INSERT INTO session_inbox ({', '.join(row)}) VALUES ({marks})", *row.values())


def claim(path: Path) -> None:
    execute(path, "UPDATE session_v2 SET time_suspended = 1 WHERE id = 'ses_native'")


def recent_change(path: Path) -> None:
    execute(
        path, "UPDATE session_v2 SET time_updated = ? WHERE id = 'ses_native'", _now() - HOUR // 2
    )


def changed_model_while_working(path: Path) -> None:
    unfinished_turn(path)
    execute(
        path,
        "INSERT INTO session_message (id, session_id, type, seq, time_created, time_updated, data)"
        " SELECT 'msg_switch', session_id, 'model-switched', max(seq) + 1, 1, 1, '{}'"
        " FROM session_message WHERE session_id = 'ses_native'",
    )


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("mode", ["busy", "redirect"])
@pytest.mark.parametrize("permanent", [False, True])
@pytest.mark.parametrize(
    "sign", [unfinished_turn, queued_prompt, claim, recent_change, changed_model_while_working]
)
def test_what_it_may_be_at_work_on_stays_with_the_reason(
    site: Site, mode: str, permanent: bool, sign: object
) -> None:
    path = site.store.path
    sign(path)  # type: ignore[operator]
    plan = plan_for(site, "ses_native", permanent=permanent)
    before = picture(path)
    with Server2x(path, state_folder(), mode=mode) as server:
        outcome = run(plan, site)
        assert f"pid {server.process.pid}" in outcome.message and server.deleted == []
    assert (outcome.ending, outcome.excluded) == ("refused", {"running": 1})
    assert "opencode service stop" in outcome.message
    assert picture(path) == before and batches(site.ledger.trash_folder) == []


@pytest.mark.usefixtures("short")
def test_only_that_tree_stays(site: Site) -> None:
    path = site.store.path
    claim(path)
    plan = plan_for(site, "ses_native", "ses_same", "ses_after")
    with Server2x(path, state_folder(), mode="busy"):
        outcome = run(plan, site)
    assert (outcome.ending, outcome.excluded) == ("partial", {"running": 1})
    assert outcome.done.trees == 2 and problems(path) == []


@pytest.mark.usefixtures("short")
def test_payload_of_what_it_may_be_at_work_on_is_not_reclaimed(site: Site) -> None:
    path, ids = site.store.path, frozenset({"ses_native"})
    go_on_in_v2(path, "ses_native", time=LATER, compacts=True)
    claim(path)
    found = find_reclaimable(site.store, ("summarised",), session_ids=ids)
    plan = plan_reclaim(
        forest_of(site), found, ReclaimPolicy(("summarised",), session_ids=ids), NOW
    )
    before = picture(path)
    with Server2x(path, state_folder(), mode="busy"):
        outcome = run(plan, site)
    assert (outcome.ending, outcome.excluded) == ("refused", {"running": 1})
    assert "opencode service stop" in outcome.message and picture(path) == before


def test_one_that_ended_is_not_silent(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was noted and had the file open; at the question it was gone."""
    path = site.store.path
    claim(path)
    plan = plan_for(site, "ses_native")
    with Server2x(path, state_folder()) as server:
        ask = Server.active

        def ends(it: Server) -> frozenset[str] | None:
            server.process.kill()
            server.process.wait()
            return ask(it)

        monkeypatch.setattr(Server, "active", ends)
        assert run(plan, site).ending == "done"


@pytest.mark.parametrize("said", [b'"ok"', b"null", b"7", b"<html>", b"", b"[" * 60_000])
def test_an_answer_that_names_no_sessions_says_nothing(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(Server, "_ask", lambda *_: (200, said))
    assert Server(1, "http://127.0.0.1:1", "x").active() is None
    monkeypatch.setattr(Server, "_ask", lambda *_: (200, json.dumps({"data": {}}).encode()))
    assert Server(1, "http://127.0.0.1:1", "x").active() == frozenset()


def test_one_that_refuses_to_delete_is_still_asked_what_it_executes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user takes up the second tree while the first is refused."""
    path = site.store.path
    delete = Server.delete
    with Server2x(path, state_folder(), mode="refuse") as server:

        def refuses(it: Server, id: str) -> bool:
            (server.state / "active").write_text("ses_same ses_native")
            return delete(it, id)

        monkeypatch.setattr(Server, "delete", refuses)
        plan = plan_for(site, "ses_same", "ses_native")
        outcome = run(plan, site)
    assert outcome.excluded == {"running": 1} and outcome.done.trees == 1


@pytest.mark.parametrize("permanent", [False, True])
def test_a_stop_after_the_server_deleted_loses_nothing_of_both_generations(
    site: Site, monkeypatch: pytest.MonkeyPatch, permanent: bool
) -> None:
    """The rows of 2.x are gone with the server's deletion: the tree is finished, or it is back."""
    path = site.store.path
    before = picture(path)
    stop = Event()
    delete = Server.delete

    def stops(it: Server, id: str) -> bool:
        stop.set()
        return delete(it, id)

    monkeypatch.setattr(Server, "delete", stops)
    with Server2x(path, state_folder()):
        outcome = drained(perform(plan_for(site, "ses_newer", permanent=permanent), site, stop))
    left = "SELECT id FROM session WHERE id = 'ses_newer'"
    assert execute(path, left) == [] and problems(path) == []
    assert_sound(path)
    if not permanent:
        run(plan_restore(site, [outcome.batch or ""]), site)
        assert picture(path) == before
