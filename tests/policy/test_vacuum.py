"""Which way a vacuum takes, and what it says."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import PurePath

import pytest

from tui.places import Place
from tui.policy.giving_back import announced
from tui.policy.plan import Item, Plan, Totals
from tui.policy.vacuum import (
    ASSUMED_SPEED,
    DISK_FACTOR,
    LIVE_LOCK,
    LOCK_COST,
    MAP_SHARE,
    MEMORY_SPEED,
    VacuumFacts,
    Wish,
    decide_vacuum,
    is_worthwhile,
    lock_of,
    plan_checkpoint,
    plan_vacuum,
)
from tui.policy.vacuum_slices import pages_within, slices_seconds
from tui.policy.vacuum_words import held_by
from tui.records import Holder
from tui.sizes import FileSizes

PAGE = 4096
MB = 1_000_000
OPENCODE = Holder(4121, "opencode")
ROOMY = 10_000_000 * MB


def sizes(used: int = 20_000, free: int = 10_000, wal: int = 0) -> FileSizes:
    pages = used + free
    return FileSizes(pages * PAGE, wal, PAGE, pages, free)


def facts(**given: object) -> VacuumFacts:
    base = VacuumFacts(sizes(), free_disk=ROOMY, free_temp=ROOMY, write_speed=500 * MB)
    return replace(base, **given)  # type: ignore[arg-type]


SLOW = {"write_speed": 1.0 * MB}
"""A disk on which these 82 MB lock for two minutes."""


@pytest.mark.parametrize(
    ("given", "way"),
    [
        ({}, "copy_back"),
        (SLOW, "copy_back"),
        ({"holders": (OPENCODE,)}, "copy_back"),
        ({"holders": (OPENCODE,), **SLOW}, "wait"),
        ({"auto_vacuum": 2}, "incremental"),
        ({"auto_vacuum": 2, "holders": (OPENCODE,), **SLOW}, "incremental"),
        ({"auto_vacuum": 2, "sizes": sizes(free=900_000)}, "copy_back"),
        ({"auto_vacuum": 2, "sizes": sizes(free=900_000), "holders": (OPENCODE,)}, "incremental"),
        ({"auto_vacuum": 2, "sizes": sizes(free=900_000), "free_disk": 100 * MB}, "incremental"),
        ({"auto_vacuum": 2, "sizes": sizes(900_000, 90_000), **SLOW}, "incremental"),
        ({"auto_vacuum": 1, "holders": (OPENCODE,), **SLOW}, "wait"),
        ({"sizes": sizes(free=0)}, "nothing"),
        ({"sizes": sizes(free=0, wal=4 * MB)}, "checkpoint"),
        ({"sizes": sizes(free=0, wal=4 * MB), "auto_vacuum": 2}, "checkpoint"),
        ({"sizes": sizes(free=1)}, "copy_back"),
        ({"sizes": sizes(free=1), "asked_explicitly": False}, "nothing"),
        ({"asked_explicitly": False}, "copy_back"),
        ({"sizes": sizes(free=0, wal=4 * MB), "asked_explicitly": False}, "nothing"),
        ({"sizes": sizes(free=0, wal=51 * MB), "asked_explicitly": False}, "checkpoint"),
        ({"free_disk": 1000, "free_temp": 1000}, "refused"),
        ({"free_disk": 1000, "free_temp": 1000, "auto_vacuum": 2}, "refused"),
        ({"network_fs": True}, "refused"),
        ({"refusal": "ocdu runs with --read-only: nothing is changed."}, "refused"),
        ({"refusal": "no", "sizes": sizes(free=0)}, "nothing"),
    ],
)
def test_the_way_follows_from_the_facts(given: dict[str, object], way: str) -> None:
    assert decide_vacuum(facts(**given)).way == way


def test_every_combination_has_one_way_a_sentence_and_honest_numbers() -> None:
    choices = product(
        (sizes(free=0), sizes(free=1), sizes(), sizes(free=0, wal=MB), sizes(wal=90 * MB)),
        (0, 1, 2),
        ((), (OPENCODE,)),
        (0.0, 1.0 * MB, 900.0 * MB),
        (1, ROOMY),
        (True, False),
        (True, False),
        (None, "No."),
    )
    for found, auto, holders, speed, disk, asked, network, refusal in choices:
        seen = facts(
            sizes=found,
            auto_vacuum=auto,
            holders=holders,
            write_speed=speed,
            free_disk=disk,
            free_temp=disk,
            asked_explicitly=asked,
            network_fs=network,
            refusal=refusal,
        )
        decision, plan = decide_vacuum(seen), plan_vacuum(seen)
        does = decision.way not in ("nothing", "refused")
        assert decision.message.endswith(".")
        assert plan.options == decision
        assert len(plan) == does
        assert plan.refused == (decision.way == "refused")
        assert plan.predicted_bytes == (decision.frees_bytes if does else 0)
        if does:
            assert not network and refusal is None
            assert decision.needs_bytes <= disk
            assert decision.frees_bytes > 0
            assert plan.totals.bytes == decision.frees_bytes
        if decision.way == "copy_back":
            assert not holders or decision.lock_seconds <= LIVE_LOCK
        if decision.way == "wait":
            assert holders and decision.lock_seconds > LIVE_LOCK
        if not found.free_pages and not found.wal_bytes:
            assert decision.way == "nothing"


def test_the_lock_beside_opencode_may_last_exactly_the_limit() -> None:
    exact = sizes().used_bytes * LOCK_COST / LIVE_LOCK
    at_limit = facts(holders=(OPENCODE,), write_speed=exact)
    assert lock_of(at_limit) == pytest.approx(LIVE_LOCK)
    assert decide_vacuum(replace(at_limit, write_speed=exact * 1.001)).way == "copy_back"
    assert decide_vacuum(replace(at_limit, write_speed=exact * 0.999)).way == "wait"


@pytest.mark.parametrize(
    ("used", "free", "worth"),
    [
        (900, 100, True),  # exactly a tenth
        (901, 99, False),
        (1_000_000, 50 * MB // PAGE + 1, True),  # 50 MB of 4 GB
        (1_000_000, 50 * MB // PAGE, False),  # one page less
        (1000, 0, False),
    ],
)
def test_unasked_it_is_proposed_from_a_tenth_or_fifty_megabytes(
    used: int, free: int, worth: bool
) -> None:
    assert is_worthwhile(sizes(used, free)) is worth


def test_a_full_disk_is_told_how_many_bytes_are_missing() -> None:
    need = int(sizes().used_bytes * DISK_FACTOR / 2) * 2
    decision = decide_vacuum(facts(free_disk=need - 1234, free_temp=need - 1234))
    assert decision.way == "refused"
    assert decision.short_bytes == 1234
    assert "1,234 bytes are missing" in decision.message
    assert decide_vacuum(facts(free_disk=need, free_temp=need)).way == "copy_back"


def test_a_copy_on_another_disk_needs_only_half_on_each() -> None:
    half = int(sizes().used_bytes * DISK_FACTOR / 2)
    apart = facts(same_device=False, free_disk=half, free_temp=half)
    assert decide_vacuum(apart).way == "copy_back"
    assert decide_vacuum(replace(apart, free_temp=half - 7)).short_bytes == 7
    assert decide_vacuum(replace(apart, free_disk=half - 9)).short_bytes == 9


def test_a_disk_faster_than_sqlite_does_not_promise_a_shorter_lock() -> None:
    fast = facts(write_speed=2000.0 * MB)
    assert lock_of(fast) == sizes().used_bytes / MEMORY_SPEED
    assert lock_of(replace(fast, write_speed=9000.0 * MB)) == lock_of(fast)
    assert lock_of(facts(write_speed=0.0)) == sizes().used_bytes * LOCK_COST / ASSUMED_SPEED


def test_what_comes_free_counts_file_and_log() -> None:
    decision = decide_vacuum(facts(sizes=sizes(used=100, free=50, wal=3 * MB)))
    assert decision.frees_bytes == 50 * PAGE + 3 * MB
    assert decision.file_after == 100 * PAGE


def test_folding_in_a_log_that_makes_the_file_grow_promises_only_the_difference() -> None:
    young = FileSizes(PAGE, 300 * PAGE, PAGE, page_count=200, free_pages=0)
    assert decide_vacuum(facts(sizes=young)).frees_bytes == 101 * PAGE
    assert plan_checkpoint(young).predicted_bytes == 101 * PAGE


def test_the_sentence_names_who_is_in_the_way_and_for_how_long() -> None:
    waiting = decide_vacuum(facts(holders=(OPENCODE,), **SLOW)).message
    assert "opencode (pid 4121) is using this database" in waiting
    assert "2 min 11 s" in waiting
    assert "opencode (pid 4121)" in decide_vacuum(facts(holders=(OPENCODE,))).message
    assert "nobody uses it" in decide_vacuum(facts()).message


def test_many_holders_are_counted_not_listed() -> None:
    crowd = tuple(Holder(pid, "bun") for pid in (1, 2, 3, 4, 5))
    assert held_by(crowd[:1]) == "bun (pid 1) is"
    assert held_by(crowd[:2]) == "bun (pid 1) and bun (pid 2) are"
    assert held_by(crowd) == "bun (pid 1), bun (pid 2), bun (pid 3) and 2 more are"


def test_an_empty_log_needs_no_checkpoint() -> None:
    plan = plan_checkpoint(sizes(wal=0))
    assert len(plan) == 0 and "empty" in plan.message
    assert len(plan_checkpoint(sizes(wal=1))) == 1


def test_without_room_for_the_copy_another_disk_is_named() -> None:
    half = int(sizes().used_bytes * DISK_FACTOR / 2)
    short = facts(free_disk=half, free_temp=half)
    assert "`--temp-dir DIR`" in decide_vacuum(short).message
    small, large = Place(PurePath("/small"), half - 1), Place(PurePath("/large"), half)
    message = decide_vacuum(replace(short, places=(small, large))).message
    assert "`--temp-dir /large`" in message and f"{half:,} bytes are missing" in message
    apart = replace(short, same_device=False, wish=Wish(temp_dir=PurePath("/large")))
    assert decide_vacuum(apart).way == "copy_back"


def test_without_room_for_the_log_no_other_disk_helps() -> None:
    half = int(sizes().used_bytes * DISK_FACTOR / 2)
    short = facts(free_disk=half - 77, places=(Place(PurePath("/large"), ROOMY),), free_temp=0)
    message = decide_vacuum(short).message
    assert "77 bytes are missing beside the database even with the copy on another disk" in message
    assert "--temp-dir" not in message


def test_slices_say_how_long_they_take_where_it_is_long() -> None:
    beside = {"auto_vacuum": 2, "holders": (OPENCODE,)}
    assert "takes" not in decide_vacuum(facts(**beside)).message
    long = decide_vacuum(facts(**beside, sizes=sizes(free=900_000)))
    assert "; it takes about 6 min 38 s, and what came back by then stays" in long.message


def test_twice_as_many_free_pages_take_up_to_four_times_as_long() -> None:
    few, many = (slices_seconds(sizes(free=free)) for free in (1_000_000, 2_000_000))
    assert slices_seconds(sizes(free=0)) == 0
    assert 3 * few < many < 4 * few


@pytest.mark.parametrize("free", [1, 10_000, 1_000_000, 10_000_000])
def test_the_pages_of_some_seconds_take_those_seconds(free: int) -> None:
    whole = slices_seconds(sizes(free=free))
    assert pages_within(free, whole * 1.01) == free
    some = pages_within(free, whole / 3)
    rest = slices_seconds(sizes(free=free - some))
    assert rest == pytest.approx(whole * 2 / 3, rel=0.01) or free == 1


FREED = Plan("prune", (Item("a", "a", "old", Totals(trees=1)),), predicted_bytes=400_000 * PAGE)


def test_what_goes_back_by_itself_is_announced_with_bytes_and_time() -> None:
    grown = sizes(used=900_000, free=0)._replace(incremental=True)
    said = announced(FREED, grown)
    assert "Afterwards about 1.6 GB go back to the disk in slices within 10 s" not in said
    assert "in slices within 10 s" in said and "more stay free in the file until a vacuum" in said
    few = replace(FREED, predicted_bytes=60_000 * PAGE)
    assert announced(few, grown) == (
        "Afterwards about 246 MB go back to the disk in slices, within about 5.5 s."
    )


@pytest.mark.parametrize(
    ("plan", "incremental"),
    [(FREED, False), (replace(FREED, verb="archive"), True), (replace(FREED, items=()), True)],
)
def test_nothing_is_announced_where_nothing_goes_back(plan: Plan, incremental: bool) -> None:
    assert announced(plan, sizes(used=900_000)._replace(incremental=incremental)) == ""


def test_the_map_of_pages_that_go_is_given_back_too() -> None:
    decision = decide_vacuum(facts(auto_vacuum=2))
    assert decision.way == "incremental"
    assert decision.file_after == sizes().used_bytes - sizes().free_bytes // MAP_SHARE


@pytest.mark.parametrize(
    ("given", "way", "converts"),
    [
        ({}, "copy_back", True),
        ({"sizes": sizes(free=0)}, "copy_back", True),
        ({"sizes": sizes(free=0), "auto_vacuum": 2}, "nothing", False),
        ({"auto_vacuum": 2}, "incremental", False),
        ({"auto_vacuum": 1}, "copy_back", True),
        ({"holders": (OPENCODE,), **SLOW}, "wait", True),
    ],
)
def test_making_a_file_incremental_takes_one_full_pass_once(
    given: dict[str, object], way: str, converts: bool
) -> None:
    decision = decide_vacuum(facts(wish=Wish(to_incremental=True), **given))
    assert (decision.way, decision.converts) == (way, converts)
    if way == "copy_back":
        assert "rewritten once" in decision.message and "in slices" in decision.message
        assert decision.file_after > sizes(free=0).used_bytes, "it keeps a map"
