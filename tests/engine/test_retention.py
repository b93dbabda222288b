"""Retention prepared on a real site: it reads what it needs, announces once, spares the rest."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.factories import NOW, Tool, days_ago, execute, make_database, session
from tests.neighbour import Holder
from tests.picture import forest_of, picture, run, site_of
from tui.engine.retention import (
    announce,
    at_its_turn,
    is_announced,
    prepare_retention,
    remember_announced,
)
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.policy.plan import Plan
from tui.policy.policies import Policies
from tui.policy.prune import PrunePolicy, plan_prune

MONTH = timedelta(days=30)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    marked = [Tool(30_000, compacted=True)]
    return site_of(
        make_database(
            tmp_path / "opencode.db",
            [
                session("Old", active=days_ago(90), tools=marked),
                session("Pinned", active=days_ago(90), tools=marked),
                session("Shared", active=days_ago(90), share=True, tools=marked),
                session("New", active=days_ago(3), tools=marked),
            ],
        )
    )


def ids(plan: Plan) -> set[str]:
    return {item.id for item in plan}


def test_looking_changes_nothing(site: Site) -> None:
    before = picture(site.store.path)
    everything = Policies(MONTH, ("compacted",), MONTH, MONTH, MONTH, 1, MONTH)
    assert prepare_retention(site, everything, NOW).due
    assert picture(site.store.path) == before


def test_pinned_and_shared_trees_are_not_pruned_and_counted(site: Site) -> None:
    site.ledger.pin(["ses_pinned"])
    (plan,) = prepare_retention(site, Policies(prune_after=MONTH), NOW).plans
    assert ids(plan) == {"ses_old"}
    assert plan.excluded == {"pinned": 1, "shared": 1}


def test_a_tree_at_work_is_left_alone(tmp_path: Path) -> None:
    """Running counts only while somebody holds the file, and then nothing of the tree moves."""
    at_work = session("Busy", active=NOW - 60_000, octets=5_000)
    path = make_database(tmp_path / "o.db", [at_work])
    with Holder(path):
        found = prepare_retention(site_of(path), Policies(budget=1, archive_after=MONTH), NOW)
    assert found.due == ()


def test_the_prediction_of_a_prune_knows_the_size_of_the_file(site: Site) -> None:
    (plan,) = prepare_retention(site, Policies(prune_after=MONTH), NOW).plans
    free = site.store.sizes().free_bytes
    assert run(plan, site).ending == "done"
    freed = site.store.sizes().free_bytes - free
    assert freed == pytest.approx(plan.predicted_bytes, rel=0.5), "some pages of a tiny file"


def test_batches_of_the_trash_expire_by_age_and_say_so(site: Site) -> None:
    plan = plan_prune(forest_of(site), PrunePolicy(ids=frozenset({"ses_old"})), NOW)
    assert run(plan, site).batch is not None
    (batch,) = batches(site.ledger.trash_folder)
    policies = Policies(trash_expire=MONTH)
    at_limit = batch.created + int(MONTH / timedelta(milliseconds=1))
    assert prepare_retention(site, policies, at_limit).due == ()
    (expired,) = prepare_retention(site, policies, at_limit + 1).due
    assert expired.verb == "empty" and expired.items[0].reason == "in the trash for 30 days"
    assert run(expired, site).ending == "done"
    assert batches(site.ledger.trash_folder) == []


def test_policies_are_announced_once_for_each_database(site: Site, tmp_path: Path) -> None:
    policies = Policies(prune_after=MONTH)
    found = prepare_retention(site, policies, NOW)
    assert not is_announced(site, policies)
    outcome = announce(site, found, policies)
    assert outcome.ending == "planned"
    assert "move trees idle for 30 days to the trash" in outcome.message
    assert is_announced(site, policies)
    assert not is_announced(site, Policies(prune_after=2 * MONTH))
    other = site_of(make_database(tmp_path / "other.db", [session()]))
    assert not is_announced(other, policies)
    remember_announced(other, policies)
    assert is_announced(other, policies)


def test_opencodes_word_on_pruning_silences_levels_of_output_only(site: Site, home: Path) -> None:
    own = home / "config" / "opencode" / "opencode.json"
    own.parent.mkdir()
    own.write_text('{"compaction": {"prune": false}}')
    policies = Policies(levels=("compacted",), prune_after=MONTH)
    found = prepare_retention(site, policies, NOW)
    assert [plan.verb for plan in found.plans] == ["prune"]
    assert "opencode.json" in found.notes[0]
    quiet = prepare_retention(site, Policies(prune_after=MONTH), NOW)
    assert not any("opencode.json" in note for note in quiet.notes), "nothing of it is concerned"


def test_a_vacuum_is_decided_when_its_turn_comes(site: Site) -> None:
    path = site.store.path
    planned = Plan("vacuum", ())
    assert not at_its_turn(planned, site).items
    execute(path, "DELETE FROM part")
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    assert at_its_turn(planned, site).items
    other = Plan("prune", ())
    assert at_its_turn(other, site) is other
