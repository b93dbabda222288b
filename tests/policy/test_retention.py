"""Retention: off until configured, never near a tree in use, every byte planned once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_forest import a_row
from tui.config import Config, Prune, Reclaim, Retention, load_config
from tui.errors import WrongCall
from tui.forest import Forest
from tui.format import DAY, HOUR
from tui.policy.plan import Plan
from tui.policy.policies import PROTECTED, Policies, policies_of
from tui.policy.retention import plan_retention, proposal, words
from tui.policy.vacuum import VacuumFacts
from tui.records import Payload, SessionRow, Usage
from tui.sizes import FileSizes

NOW = 1000 * DAY
TEXTS = ("archive_after", "levels", "subagents", "subagents_prune", "prune_after", "budget")


def idle(id: str, days: float, parent: str | None = None, **more: Any) -> SessionRow:
    return a_row(id, parent, updated=int(NOW - days * DAY), **more)


def forest(*rows: SessionRow, octets: int = 1_000) -> Forest:
    return Forest.of(rows, {row.id: Usage(part_bytes=octets, parts=1) for row in rows})


def configured(**given: Any) -> Policies:
    return policies_of(Config(retention=Retention(**given)))


def plans(
    rows: Forest, payloads: Iterable[Payload] = (), running: frozenset[str] = frozenset(),
    **given: Any,
) -> tuple[Plan, ...]:  # fmt: skip
    return plan_retention(rows, configured(**given), NOW, payloads=payloads, running=running)


def ids(plan: Plan) -> list[str]:
    return [item.id for item in plan]


# off until configured


def test_without_configuration_everything_is_off() -> None:
    assert not policies_of(Config()).active
    assert plan_retention(forest(idle("a", 900)), policies_of(Config()), NOW) == ()


@pytest.mark.parametrize("key", TEXTS)
@pytest.mark.parametrize("off", ["", "0", " ", "0d"])
def test_nothing_and_zero_are_off(key: str, off: str) -> None:
    if key == "levels" and off == "0d":
        return
    if key == "budget" and off in ("0d", " "):
        off = "0MB"
    policies = configured(**{key: off})
    assert not policies.active
    payloads = [Payload("a", "compacted", 1, 10)]
    assert plan_retention(forest(idle("a", 900)), policies, NOW, payloads=payloads) == ()


@pytest.mark.parametrize("key", TEXTS)
def test_each_key_alone_makes_one_plan(key: str) -> None:
    value = {"levels": "compacted", "budget": "1"}.get(key, "30d")
    given: dict[str, Any] = {key: value}
    assert len(plans(forest(idle("a", 900)), **given)) == 1


def test_a_wrong_value_names_the_line(tmp_path: Any) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[retention]\narchive_after = "soon"\n')
    with pytest.raises(WrongCall, match="line 2: “soon” is not an age"):
        load_config(path)


def test_an_unknown_level_names_its_key() -> None:
    with pytest.raises(WrongCall, match=r"\[retention\] levels: There is no reclaim level"):
        configured(levels="everything")


# whom it touches


def test_archive_takes_whole_idle_trees_and_says_since_when() -> None:
    rows = forest(
        idle("old", 31), idle("child", 31, "old"),
        idle("used", 40), idle("busy", 2, "used"),
        idle("put", 90, archived=5),
    )  # fmt: skip
    (plan,) = plans(rows, archive_after="30d")
    assert plan.verb == "archive" and ids(plan) == ["old"]
    assert plan.items[0].reason.startswith("idle since ")
    assert plan.items[0].sessions == ("old", "child")


@pytest.mark.parametrize(("idle_ms", "goes"), [(30 * DAY, False), (30 * DAY + 1, True)])
def test_archive_exactly_at_the_limit(idle_ms: int, goes: bool) -> None:
    rows = forest(a_row("a", updated=NOW - idle_ms))
    (plan,) = plans(rows, archive_after="30d")
    assert bool(plan.items) is goes


def test_archive_leaves_pinned_and_running_trees_alone_and_counts_them() -> None:
    rows = forest(idle("pin", 90, pinned=True), idle("run", 90))
    (plan,) = plans(rows, archive_after="30d", running=frozenset({"run"}))
    assert not plan.items and plan.excluded == {"pinned": 1, "running": 1}


HOURLY: dict[str, Any] = {
    "archive_after": "1h",
    "subagents_prune": "1h",
    "prune_after": "1h",
    "budget": "1",
    "levels": "compacted,summarised",
}


def test_no_tree_active_in_the_last_day_is_touched_however_short_the_policies_are() -> None:
    rows = forest(idle("root", 0.9), idle("child", 50, "root"), idle("other", 0.99))
    payloads = [Payload(id, "compacted", 1, 10) for id in ("root", "child", "other")]
    found = plans(rows, payloads, **HOURLY)
    assert len(found) == 5 and all(not plan.items for plan in found)
    assert found[1].excluded["recent"] == 3


def test_the_protected_time_can_be_longer_but_not_shorter_than_a_day() -> None:
    assert configured(protect="0").protect == PROTECTED
    assert configured(protect="1h").protect == PROTECTED
    assert configured(protect="3d").protect == timedelta(days=3)
    (plan,) = plans(forest(idle("a", 2)), prune_after="1d", protect="3d")
    assert not plan.items


@given(st.lists(st.tuples(st.integers(0, 5 * DAY), st.integers(-1, 4)), max_size=8))
def test_law_whatever_is_planned_no_item_was_active_in_the_last_day(
    given_rows: list[tuple[int, int]],
) -> None:
    rows = [
        a_row(f"s{n}", f"s{up}" if 0 <= up < n else None, updated=NOW - age)
        for n, (age, up) in enumerate(given_rows)
    ]
    whole = forest(*rows)
    payloads = [Payload(row.id, "compacted", 1, 10) for row in rows]
    gone: set[str] = set()
    for plan in plans(whole, payloads, **HOURLY):
        for item in plan:
            assert whole.tree_of(item.id).active <= NOW - DAY
            assert plan.verb != "prune" or not gone & set(item.sessions), "pruned once"
            gone |= set(item.sessions) if plan.verb == "prune" else set()


# each byte once


def test_what_goes_to_the_trash_by_age_goes_whole() -> None:
    rows = forest(idle("old", 90), idle("young", 10))
    payloads = [Payload("old", "compacted", 1, 500), Payload("young", "compacted", 1, 400)]
    reclaim, prune = plans(rows, payloads, levels="compacted", prune_after="60d")
    assert ids(reclaim) == ["young"] and ids(prune) == ["old"]


def test_the_budget_counts_what_reclaim_and_age_have_taken() -> None:
    rows = forest(idle("a", 90), idle("b", 20), idle("c", 10))
    payloads = [Payload("c", "compacted", 1, 900)]
    given: dict[str, Any] = {"levels": "compacted", "prune_after": "60d"}
    assert not plans(rows, payloads, budget="1100", **given)[-1].items
    (item,) = plans(rows, payloads, budget="1099", **given)[-1].items
    assert item.id == "b" and item.reason.startswith("over the budget of 1.1 kB, idle since")


def test_the_budget_takes_the_tree_idle_longest_first() -> None:
    rows = forest(idle("new", 2), idle("old", 9), idle("older", 19))
    (plan,) = plans(rows, budget="1500")
    assert ids(plan) == ["older", "old"]


def test_finished_subagents_go_and_their_roots_stay() -> None:
    rows = forest(idle("root", 3), idle("done", 20, "root"), idle("fresh", 4, "root"))
    (plan,) = plans(rows, subagents_prune="7d")
    assert ids(plan) == ["done"]


def test_a_missing_subagents_level_is_told_not_a_crash() -> None:
    (plan,) = plans(forest(idle("a", 9)), subagents="7d")
    assert plan.verb == "reclaim"
    assert plan.items == () and plan.message


def test_the_newest_of_every_project_stay_where_the_prune_section_says_so() -> None:
    policies = policies_of(Config(prune=Prune(keep=1), retention=Retention(prune_after="7d")))
    (plan,) = plan_retention(forest(idle("a", 20), idle("b", 30)), policies, NOW)
    assert ids(plan) == ["b"] and plan.excluded == {"kept": 1}


def test_plans_come_in_the_order_they_are_carried_out() -> None:
    rows = forest(idle("a", 90))
    expired = Plan("empty", ())
    policies = configured(
        archive_after="9d", levels="compacted", subagents="7d", subagents_prune="8d",
        prune_after="60d", budget="1GB",
    )  # fmt: skip
    found = plan_retention(rows, policies, NOW, expired=expired)
    assert [plan.verb for plan in found] == [
        "archive", "reclaim", "reclaim", "prune", "prune", "prune", "empty",
    ]  # fmt: skip


# the vacuum at the end

PAGE = 4096
FULL = VacuumFacts(FileSizes(10_000 * PAGE, 0, PAGE, 10_000, 999), 10**10, 10**10)


def test_a_vacuum_is_proposed_only_where_it_is_worth_it() -> None:
    assert proposal(FULL) == ""
    worth = replace(FULL, sizes=FULL.sizes._replace(free_pages=1_000))
    assert "`ocdu vacuum`" in proposal(worth)
    freeing = [Plan("prune", (), predicted_bytes=PAGE), Plan("empty", (), predicted_bytes=10**9)]
    assert "`ocdu vacuum`" in proposal(FULL, freeing)
    assert proposal(FULL, freeing[1:]) == "", "an emptied trash frees no page"


def test_a_vacuum_is_planned_only_where_the_configuration_says_so() -> None:
    rows = Forest.of(
        [idle("a", 90), idle("b", 3)],
        {"a": Usage(parts=5, part_bytes=PAGE), "b": Usage(parts=5, part_bytes=9_800 * PAGE)},
    )
    worth = replace(FULL, sizes=FULL.sizes._replace(free_pages=5_000))
    on = configured(prune_after="60d", vacuum=True)
    assert plan_retention(rows, on, NOW, facts=worth)[-1].verb == "vacuum"
    off = configured(prune_after="60d")
    assert plan_retention(rows, off, NOW, facts=worth)[-1].verb == "prune"
    small = replace(FULL, sizes=FULL.sizes._replace(free_pages=0))
    (_, last) = plan_retention(rows, on, NOW, facts=small)
    assert last.verb == "vacuum" and not last.items and "Not worth a vacuum" in last.message


# what is said


def test_every_change_of_a_policy_changes_the_fingerprint() -> None:
    known = {configured().fingerprint}
    for key in TEXTS:
        value = {"levels": "compacted", "budget": "1GB"}.get(key, "30d")
        known.add(configured(**{key: value}).fingerprint)
    assert len(known) == 1 + len(TEXTS)
    assert configured(budget="1GB").fingerprint == configured(budget="1000 MB").fingerprint


def test_policies_are_told_in_words() -> None:
    policies = configured(archive_after="30d", subagents="24h", budget="2GB", levels="compacted")
    assert policies.sentences() == [
        "archive trees idle for 30 days",
        "reclaim compacted",
        "reclaim the output of subagents idle for 24 hours",
        "keep 2.00 GB, moving the oldest idle trees to the trash",
    ]
    assert words(timedelta(hours=50)) == "50 hours" and words(timedelta(days=2)) == "2 days"
    assert NOW > HOUR


def test_without_output_no_level_of_tool_output_is_left() -> None:
    policies = configured(levels="compacted,summarised", subagents="7d", archive_after="9d")
    quiet = policies.without_output()
    assert quiet.searches == () and quiet.archive_after == timedelta(days=9)


def test_reclaims_keep_copies_where_the_configuration_says_so() -> None:
    retention = Retention(levels="compacted")
    for keep in (False, True):
        policies = policies_of(Config(retention=retention, reclaim=Reclaim(keep=keep)))
        payloads = [Payload("a", "compacted", 1, 70)]
        [plan] = plan_retention(forest(idle("a", 9)), policies, NOW, payloads=payloads)
        assert plan.items and plan.options.keep is keep
