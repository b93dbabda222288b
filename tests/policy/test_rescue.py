"""What a rescue would give back: every byte once, and honest about what a vacuum cannot do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.policy.test_reclaim import HOUR, NOW, row
from tui.errors import WrongCall
from tui.forest import Forest
from tui.policy.packed import packed_bytes
from tui.policy.plan import Plan
from tui.policy.reclaim import LEVELS
from tui.policy.rescue import (
    LEAF_REST,
    VACUUM,
    RescueOptions,
    parse_steps,
    plan_rescue,
    rescue_levels,
    rescue_steps,
    way_back,
)
from tui.policy.vacuum import VacuumFacts
from tui.records import Holder, Payload
from tui.sizes import BTree, Cells, FileSizes

PAGE = 4096
SIZES = FileSizes(1000 * PAGE, 10 * PAGE, PAGE, 1000, 5)
FACTS = VacuumFacts(SIZES, 10**9, 10**9)

FOUND = [
    Payload("a", "compacted", 3, 100 * PAGE, 99 * PAGE),
    Payload("a", "summarised", 2, 50 * PAGE, 50 * PAGE),
    Payload("b", "summarised", 1, 10 * PAGE, 9 * PAGE),
]


def rescue(
    payloads: list[Payload] = FOUND,
    facts: VacuumFacts = FACTS,
    without: frozenset[str] = frozenset(),
) -> Plan:
    return plan_rescue(Forest.of([row("a"), row("b")]), payloads, facts, NOW, without=without)


def test_the_steps_are_the_levels_there_are_in_the_order_of_the_chain_then_the_vacuum() -> None:
    assert rescue_steps()[-1] == VACUUM
    assert set(rescue_levels()) <= set(LEVELS)
    assert [name for name in rescue_levels() if name in ("compacted", "summarised")] == [
        "compacted",
        "summarised",
    ]


def test_with_a_vacuum_every_octet_counts_and_the_log_and_the_free_pages_too() -> None:
    plan = rescue()
    found = {item.id: item.bytes for item in plan}
    assert list(found) == ["compacted", "summarised", "vacuum"]
    assert found["compacted"] == 100 * PAGE + 3 * LEAF_REST
    assert found["summarised"] == 60 * PAGE + 3 * LEAF_REST
    assert abs(found["vacuum"] - 15 * PAGE) < 2 * PAGE, "whole pages"
    assert plan.predicted_bytes == plan.totals.bytes
    assert abs(plan.predicted_bytes - 175 * PAGE - 6 * LEAF_REST) < 2 * PAGE
    assert "no session and no message goes" in plan.message


def test_without_the_vacuum_only_whole_pages_become_free_and_the_file_keeps_its_size() -> None:
    plan = rescue(without=frozenset({VACUUM}))
    assert plan.predicted_bytes == (99 + 50 + 9) * PAGE
    assert "keeps its size" in plan.message and "left out" in plan.message


def test_a_step_left_out_takes_its_bytes_with_it() -> None:
    plan = rescue(without=frozenset({"compacted"}))
    assert [item.id for item in plan] == ["summarised", "vacuum"]
    assert plan.predicted_bytes == pytest.approx(75 * PAGE + 3 * LEAF_REST, abs=2 * PAGE)
    assert isinstance(plan.options, RescueOptions) and "compacted" not in plan.options.levels


def test_no_step_names_a_session_as_gone() -> None:
    assert rescue().totals.sessions == rescue().totals.messages == rescue().totals.trees == 0


def test_sessions_in_use_are_left_out_and_counted() -> None:
    forest = Forest.of([row("a"), row("b", idle=HOUR // 2)])
    plan = plan_rescue(forest, FOUND, FACTS, NOW)
    assert plan.excluded["recent"] == 1
    summarised = next(item for item in plan if item.id == "summarised")
    assert summarised.sessions == ("a",)


def test_where_the_disk_is_too_full_for_a_vacuum_it_says_so_and_promises_less() -> None:
    plan = rescue(facts=replace(FACTS, free_disk=10, free_temp=10))
    assert VACUUM not in [item.id for item in plan]
    assert plan.predicted_bytes < 175 * PAGE
    assert "missing" in plan.message


def test_nothing_to_get_back_is_one_sentence() -> None:
    full = FileSizes(1000 * PAGE, 0, PAGE, 1000, 0)
    plan = rescue([], replace(FACTS, sizes=full))
    assert not plan.items and plan.predicted_bytes == 0
    assert plan.message == "Nothing to get back without deleting a session."


def test_beside_a_running_opencode_a_long_vacuum_waits() -> None:
    large = FileSizes(10**6 * PAGE, 0, PAGE, 10**6, 5)
    facts = replace(FACTS, sizes=large, free_disk=10**11, free_temp=10**11)
    plan = rescue(facts=replace(facts, holders=(Holder(4121, "opencode"),)))
    assert plan.options.vacuum.way == "wait"
    assert "opencode (pid 4121)" in plan.items[-1].reason


TREES = (
    BTree("part", False, 4000, 1_600_000, 400 * PAGE),
    BTree("part", True, 4000, 160_000, 0),
)
"""Of the thousand pages, packed they would be some 850."""

WITH_CELLS = [
    each._replace(cells=(Cells("part", 0, 9_000, (each.page_bytes or 0)),)) for each in FOUND
]


def test_where_the_pages_were_looked_at_the_vacuum_packs_them_and_the_steps_add_up() -> None:
    facts = replace(FACTS, trees=TREES)
    plan = rescue(WITH_CELLS, facts)
    whole = packed_bytes(TREES, (), PAGE)
    left = packed_bytes(TREES, [cells for each in WITH_CELLS for cells in each.cells], PAGE)
    found = {item.id: item.bytes for item in plan}
    assert found["compacted"] + found["summarised"] == whole - left
    assert found["vacuum"] == pytest.approx(SIZES.bytes + SIZES.wal_bytes - whole, abs=PAGE)
    assert plan.predicted_bytes == sum(found.values())
    assert plan.predicted_bytes == pytest.approx(SIZES.bytes + SIZES.wal_bytes - left, abs=PAGE)


def test_pages_that_are_not_full_are_no_reason_for_a_rescue() -> None:
    full = replace(FACTS, trees=TREES, sizes=FileSizes(1000 * PAGE, 0, PAGE, 1000, 0))
    assert rescue([], full).items == ()


def test_an_incremental_file_is_not_packed_and_only_free_pages_come_back() -> None:
    plan = rescue(WITH_CELLS, replace(FACTS, trees=TREES, auto_vacuum=2))
    found = {item.id: item.bytes for item in plan}
    assert (found["compacted"], found["summarised"]) == (99 * PAGE, 59 * PAGE)


def test_an_unknown_step_is_named() -> None:
    assert parse_steps(" Vacuum, compacted ,") == {"vacuum", "compacted"}
    with pytest.raises(WrongCall, match="“everything”"):
        parse_steps("everything")


def test_it_says_what_can_be_undone() -> None:
    assert "nothing brings it back" in way_back(rescue(), "undo")
    events = Payload("a", "events", 9, 20 * PAGE, 20 * PAGE, counts=(("events", 9),))
    forest = Forest.of([row("a"), row("b")])
    plan = plan_rescue(forest, [*FOUND, events], FACTS, NOW, keep=True)
    said = way_back(plan, "undo")
    assert said.startswith(
        "undo brings back compacted, summarised, each for itself, from copies of"
    )
    assert said.endswith("; not events.")
    assert way_back(plan_rescue(forest, [], FACTS, NOW, keep=True), "undo") == ""
    assert way_back(plan_rescue(forest, [events], FACTS, NOW, keep=True), "undo").endswith("back.")
