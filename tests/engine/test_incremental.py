"""Free pages of an incremental file go back in slices, by themselves after a prune."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from tests.bloat import compact_size, content, is_sound, make_bloated
from tests.factories import NOW, Tool, Turn, days_ago, execute, make_database, session
from tests.neighbour import Holder, Neighbour
from tests.picture import forest_of, run, site_of
from tui.engine import incremental
from tui.engine.reclaim.search import search_levels
from tui.engine.rescue import rescue_facts
from tui.engine.site import Site
from tui.engine.vacuum import vacuum_facts
from tui.errors import OcduError
from tui.format import size
from tui.policy.giving_back import STILL_THERE, announced
from tui.policy.plan import Outcome
from tui.policy.prune import PrunePolicy, plan_prune
from tui.policy.rescue import plan_rescue, rescue_levels
from tui.policy.vacuum import Wish, plan_vacuum
from tui.store.database import file_size, wal_of

TO_INCREMENTAL = Wish(to_incremental=True)


def vacuumed(site: Site, wish: Wish | None = None) -> Outcome:
    return run(plan_vacuum(vacuum_facts(site.store, wish=wish)), site)


def pruned(site: Site, *ids: str) -> Outcome:
    policy = PrunePolicy(ids=frozenset(ids), permanent=True)
    return run(plan_prune(forest_of(site), policy, NOW), site)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_file_becomes_incremental_in_one_pass_and_loses_nothing(
    tmp_path: Path, mode: str
) -> None:
    path = make_bloated(tmp_path / "opencode.db")
    execute(path, f"PRAGMA journal_mode = {mode}")
    said, inode, goal = content(path), path.stat().st_ino, compact_size(path)
    outcome = vacuumed(site_of(path), TO_INCREMENTAL)
    assert (outcome.ending, outcome.details["auto_vacuum"]) == ("done", 2)
    assert "incremental now" in outcome.message
    assert execute(path, "PRAGMA auto_vacuum") == [(2,)]
    assert content(path) == said
    assert is_sound(path)
    assert path.stat().st_ino == inode
    assert path.stat().st_size <= goal * 1.05
    assert outcome.predicted_bytes == pytest.approx(outcome.freed_bytes, rel=0.05)


def test_a_compact_file_can_be_converted_too_and_only_once(tmp_path: Path) -> None:
    path = make_database(tmp_path / "opencode.db", [session("s", octets=50_000)])
    site = site_of(path)
    assert vacuumed(site).ending == "nothing"
    assert vacuumed(site, TO_INCREMENTAL).ending == "done"
    again = vacuumed(site, TO_INCREMENTAL)
    assert again.ending == "nothing" and "incremental already" in again.message
    execute(path, "DELETE FROM part")
    assert "incremental now" not in vacuumed(site).message


def test_whoever_has_the_file_open_goes_on_writing_a_sound_incremental_file(
    tmp_path: Path,
) -> None:
    """Every connection reads page 1 again with its next transaction."""
    path = make_bloated(tmp_path / "opencode.db")
    with Holder(path) as other:
        assert other.ask("PRAGMA auto_vacuum") == 0
        assert vacuumed(site_of(path), TO_INCREMENTAL).ending == "done"
        for number in range(40):
            other.ask(
                "INSERT INTO todo (session_id, position, content, status, priority, time_created,"
                f" time_updated) SELECT id, {number}, hex(randomblob(4000)), 's', 'p', 1, 1"
                " FROM session LIMIT 1 RETURNING 1"
            )
        other.ask("DELETE FROM todo WHERE position % 2 RETURNING 1")
        assert other.ask("PRAGMA auto_vacuum") == 2
        assert other.ask("PRAGMA integrity_check") == "ok"
    assert is_sound(path)


def test_after_a_prune_an_incremental_file_shrinks_by_itself_beside_a_writer(
    tmp_path: Path,
) -> None:
    given = [session(f"s{n}", octets=300_000, active=days_ago(9)) for n in range(8)]
    path = make_database(tmp_path / "opencode.db", given, auto_vacuum=2)
    site = site_of(path)
    before = path.stat().st_size
    with Neighbour(path) as writer:
        outcome = pruned(site, *(f"ses_s{n}" for n in range(6)))
    assert outcome.ending == "done"
    assert "Gave back" in outcome.message and "after a vacuum" not in outcome.message
    assert path.stat().st_size < before / 2
    assert execute(path, "PRAGMA freelist_count") == [(0,)]
    assert writer.report.errors == []
    kept = {id for (id,) in execute(path, "SELECT id FROM neighbour")}
    assert set(writer.report.ids) <= kept and kept
    assert [entry.verb for entry in site.ledger.entries()] == ["vacuum", "prune"]
    assert site.ledger.freed() > before / 2
    assert is_sound(path)


def test_where_slices_would_take_long_and_nobody_is_there_the_file_is_copied_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.policy.vacuum_slices.SEARCH", 1.0)
    given = [session(f"s{n}", octets=900_000, active=days_ago(9)) for n in range(3)]
    path = make_database(tmp_path / "opencode.db", given, auto_vacuum=2)
    execute(path, "DELETE FROM part WHERE session_id <> 'ses_s1'")
    site, said = site_of(path), content(path)
    outcome = vacuumed(site)
    assert (outcome.ending, outcome.details["way"]) == ("done", "copy_back")
    assert execute(path, "PRAGMA auto_vacuum") == [(2,)], "it stays incremental"
    assert outcome.predicted_bytes == pytest.approx(outcome.freed_bytes, rel=0.01)
    assert content(path) == said
    assert is_sound(path)


def of_three(path: Path) -> Path:
    given = [session(f"s{n}", octets=900_000, active=days_ago(9)) for n in range(3)]
    return make_database(path, given, auto_vacuum=2)


def test_what_nobody_ordered_is_never_the_copy_of_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where slices would take an hour and nobody is there, it is still what was announced."""
    monkeypatch.setattr("tui.policy.vacuum_slices.SEARCH", 1.0)
    site = site_of(of_three(tmp_path / "opencode.db"))
    policy = PrunePolicy(ids=frozenset(("ses_s0", "ses_s2")), permanent=True)
    plan = plan_prune(forest_of(site), policy, NOW, filled_bytes=site.store.sizes().filled_bytes)
    said = announced(plan, site.store.sizes())
    assert "go back to the disk in slices within 10 s" in said and "until a vacuum" in said
    assert run(plan, site).ending == "done"
    vacuum = next(each for each in site.ledger.entries() if each.verb == "vacuum")
    record = site.ledger.record(vacuum.id)
    assert record is not None and record.outcome["details"]["way"] == "incremental"


def test_slices_nobody_ordered_end_in_time_and_say_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.policy.giving_back.BRIEF", 1e-9)
    path = of_three(tmp_path / "opencode.db")
    site = site_of(path)
    outcome = pruned(site, "ses_s0", "ses_s2")
    free = execute(path, "PRAGMA freelist_count")[0][0] * 4096
    assert free > 0 and outcome.ending == "done"
    assert f"{size(free)} are still free in it: `ocdu vacuum` gives them back." in outcome.message
    monkeypatch.undo()
    assert vacuumed(site).ending == "done"
    assert execute(path, "PRAGMA freelist_count") == [(0,)]


def test_slices_that_were_planned_stay_slices_when_the_last_one_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.policy.vacuum_slices.SEARCH", 1.0)
    path = of_three(tmp_path / "opencode.db")
    execute(path, "DELETE FROM part WHERE session_id <> 'ses_s1'")
    site = site_of(path)
    with Holder(path):
        plan = plan_vacuum(vacuum_facts(site.store))
        assert plan.options.way == "incremental"
    outcome = run(plan, site)
    assert (outcome.ending, outcome.details["way"]) == ("done", "incremental")


def test_a_rescue_without_its_vacuum_gives_nothing_back(tmp_path: Path) -> None:
    turn = Turn(tools=[Tool(900_000, compacted=True)])
    path = make_database(
        tmp_path / "opencode.db", [session("s", turns=[turn], active=days_ago(9))], auto_vacuum=2
    )
    site = site_of(path)
    found = search_levels(site, rescue_levels())
    facts = rescue_facts(site.store, found)
    plan = plan_rescue(forest_of(site), found, facts, NOW, without=("vacuum",))
    assert run(plan, site).ending == "done"
    assert execute(path, "PRAGMA freelist_count")[0][0] > 200


def test_after_a_prune_an_ordinary_file_stays_as_large_as_it_is(tmp_path: Path) -> None:
    path = make_database(tmp_path / "opencode.db", [session("s", octets=300_000), session("t")])
    before = path.stat().st_size
    outcome = pruned(site_of(path), "ses_s")
    assert outcome.ending == "done" and "Gave back" not in outcome.message
    assert outcome.message.endswith(STILL_THERE)
    assert path.stat().st_size == before


def test_a_few_free_pages_are_left_for_opencode(tmp_path: Path) -> None:
    given = [session("s", octets=20_000), session("t", octets=900_000)]
    path = make_database(tmp_path / "opencode.db", given, auto_vacuum=2)
    site = site_of(path)
    assert pruned(site, "ses_s").ending == "done"
    assert execute(path, "PRAGMA freelist_count") != [(0,)]
    assert [entry.verb for entry in site.ledger.entries()] == ["prune"]


def test_a_long_reader_does_not_make_the_log_grow_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incremental, "LOG_LIMIT", 100_000)
    monkeypatch.setattr(incremental, "LOG_MOST", 200_000)
    path = make_bloated(tmp_path / "opencode.db", auto_vacuum=2)
    site = site_of(path)
    with Holder(path, reading=True) as reader:
        outcome = vacuumed(site)
        assert outcome.ending == "partial"
        assert f"(pid {reader.pid})" in outcome.message
        assert file_size(wal_of(path)) < 1_500_000
    assert vacuumed(site).ending in ("done", "nothing")
    assert is_sound(path)


def test_a_writer_who_never_rests_does_not_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incremental, "LOG_LIMIT", 50_000)
    path = make_bloated(tmp_path / "opencode.db", auto_vacuum=2)
    with Neighbour(path) as writer:
        outcome = vacuumed(site_of(path))
    assert outcome.ending == "done", outcome.message
    assert execute(path, "PRAGMA freelist_count") == [(0,)]
    assert writer.report.errors == []
    assert is_sound(path)


def test_it_can_be_stopped_between_any_two_slices(tmp_path: Path) -> None:
    path = make_bloated(tmp_path / "opencode.db", auto_vacuum=2)
    said, site, stop = content(path), site_of(path), Event()
    with site.store.writing() as db:
        deed = incremental.give_back(site.store, db.connection(), stop)
        seen = [next(deed)]
        stop.set()
        with pytest.raises(StopIteration) as end:
            while True:
                seen.append(next(deed))
    assert end.value.value.left > 0
    assert len(seen) == 1 and 0 < seen[0].done < seen[0].total
    assert content(path) == said
    assert is_sound(path)


def test_a_prune_is_done_although_its_pages_could_not_be_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OcduError("The disk is full.")

    given = [session("s", octets=900_000), session("t")]
    site = site_of(make_database(tmp_path / "opencode.db", given, auto_vacuum=2))
    monkeypatch.setattr("tui.engine.vacuum.give_back", full)
    outcome = pruned(site, "ses_s")
    assert outcome.ending == "done" and outcome.done.sessions == 1
    assert outcome.message.endswith("Its pages are still in the file: The disk is full.")
