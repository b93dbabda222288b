"""What a reclaim plan takes, what it leaves alone and why, and what it says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tui.errors import WrongCall
from tui.forest import Forest
from tui.policy.plan import Plan
from tui.policy.reclaim import (
    LEVELS,
    ReclaimItem,
    ReclaimPolicy,
    parse_levels,
    plan_reclaim,
)
from tui.records import Payload, SessionRow

NOW = 1_795_400_000_000
HOUR = 3_600_000
BOTH = ("compacted", "summarised")


def row(id: str, *, idle: int = 24 * HOUR, pinned: bool = False, parent: str | None = None,
        last_message: int = 0) -> SessionRow:  # fmt: skip
    return SessionRow(
        id, parent, "prj", "shop", f"About {id}", "/work", 1, NOW - idle, None,
        pinned=pinned, last_message=last_message,
    )  # fmt: skip


def planned(*rows: SessionRow, payloads: list[Payload], levels: tuple[str, ...] = BOTH,
            running: tuple[str, ...] = (), idle: timedelta | None = None,
            named: tuple[str, ...] | None = None) -> Plan:  # fmt: skip
    policy = ReclaimPolicy(levels, idle, None if named is None else frozenset(named))
    return plan_reclaim(Forest.of(rows), payloads, policy, NOW, frozenset(running))


def test_one_item_per_session_sums_its_levels_and_says_which() -> None:
    payloads = [Payload("a", "compacted", 3, 100), Payload("a", "summarised", 1, 50)]
    plan = planned(row("a"), payloads=payloads)
    (item,) = plan.items
    assert item.id == "a" and item.title == "About a" and item.project == "shop"
    assert (item.totals.sessions, item.totals.parts, item.bytes) == (1, 4, 150)
    assert item.reason == "compacted: 3 tool outputs, summarised: 1 tool output"
    assert isinstance(item, ReclaimItem) and item.levels == BOTH
    assert plan.verb == "reclaim" and isinstance(plan.options, ReclaimPolicy)


def test_most_bytes_come_first() -> None:
    payloads = [Payload(id, "compacted", 1, size) for id, size in (("a", 5), ("c", 9), ("b", 9))]
    plan = planned(row("a"), row("b"), row("c"), payloads=payloads)
    assert [item.id for item in plan] == ["b", "c", "a"]
    assert plan.predicted_bytes == plan.totals.bytes == 23


def test_levels_not_asked_for_and_unknown_sessions_are_in_no_plan() -> None:
    payloads = [Payload("a", "summarised", 1, 50), Payload("ghost", "compacted", 1, 50)]
    plan = planned(row("a"), payloads=payloads, levels=("compacted",))
    assert len(plan) == 0 and plan.excluded == {}


@pytest.mark.parametrize(("idle", "taken"), [(HOUR, 1), (HOUR + 1, 1), (HOUR - 1, 0), (-5, 0)])
def test_summarised_waits_until_a_session_has_rested_for_an_hour(idle: int, taken: int) -> None:
    plan = planned(row("a", idle=idle), payloads=[Payload("a", "summarised", 1, 50)])
    assert len(plan) == taken
    assert plan.excluded == ({} if taken else {"recent": 1})


def test_a_new_message_counts_as_activity() -> None:
    plan = planned(row("a", last_message=NOW - 1), payloads=[Payload("a", "summarised", 1, 50)])
    assert plan.excluded == {"recent": 1}


def test_compacted_needs_no_rest_even_while_the_session_runs() -> None:
    payloads = [Payload("a", "compacted", 1, 70), Payload("a", "summarised", 1, 50)]
    plan = planned(row("a", idle=0), payloads=payloads, running=("a",))
    assert [item.bytes for item in plan] == [70]
    assert plan.excluded == {"running": 1}


def test_a_policy_with_idle_time_holds_for_every_level() -> None:
    payloads = [Payload("a", "compacted", 1, 70), Payload("b", "compacted", 1, 70)]
    rows = (row("a", idle=23 * HOUR), row("b", idle=24 * HOUR))
    plan = planned(*rows, payloads=payloads, idle=timedelta(days=1))
    assert [item.id for item in plan] == ["b"] and plan.excluded == {"recent": 1}
    short = planned(row("a", idle=HOUR // 2), payloads=[Payload("a", "summarised", 1, 50)],
                    idle=timedelta(minutes=5))  # fmt: skip
    assert len(short) == 0, "a shorter time does not undo the level's own hour"


@pytest.mark.parametrize("level", BOTH)
def test_pinned_sessions_and_those_below_a_pinned_root_stay(level: str) -> None:
    rows = (row("a", pinned=True), row("b", parent="a"))
    payloads = [Payload("a", level, 1, 70), Payload("b", level, 1, 70)]
    plan = planned(*rows, payloads=payloads)
    assert len(plan) == 0 and plan.excluded == {"pinned": 2}


def test_what_the_user_names_is_taken_whatever_protects_it_and_nothing_else() -> None:
    rows = (row("a", idle=0, pinned=True), row("b"))
    payloads = [Payload("a", "summarised", 1, 70), Payload("b", "summarised", 1, 70)]
    plan = planned(*rows, payloads=payloads, named=("a",), running=("a",))
    assert [item.id for item in plan] == ["a"] and plan.excluded == {}
    assert plan.items[0].seen_active == 0


def test_the_deed_learns_what_activity_the_plan_saw_where_rest_matters() -> None:
    rest = planned(row("a"), payloads=[Payload("a", "summarised", 1, 70)])
    none = planned(row("a"), payloads=[Payload("a", "compacted", 1, 70)])
    assert rest.items[0].seen_active == NOW - 24 * HOUR
    assert none.items[0].seen_active == 0


def test_malformed_rows_are_counted_and_never_planned() -> None:
    payloads = [Payload("a", "malformed", 2, 0), Payload("b", "malformed", 1, 0)]
    plan = planned(row("a"), row("b"), payloads=payloads)
    assert len(plan) == 0 and plan.excluded == {"malformed": 3}
    assert plan.message == "Nothing to reclaim now; left out: 3 malformed."


def test_pages_and_hints_of_the_search_reach_the_plan() -> None:
    payloads = [
        Payload("a", "compacted", 2, 9000, 8192, (4, 7)),
        Payload("b", "compacted", 2, 100, 0, (9,)),
    ]
    plan = plan_reclaim(Forest.of([row("a"), row("b")]), payloads, ReclaimPolicy(), NOW)
    assert plan.predicted_bytes == 8192 and plan.totals.bytes == 9100
    hints = [item.rowids for item in plan.items if isinstance(item, ReclaimItem)]
    assert hints == [{"compacted": (4, 7)}, {"compacted": ()}], "half a hint is none"


def test_nothing_marked_is_explained_and_the_next_level_named() -> None:
    plan = planned(row("a"), payloads=[Payload("a", "summarised", 1, 1_200_000)],
                   levels=("compacted",))  # fmt: skip
    assert plan.message == (
        "No marked tool output is left (since 1.14.34 opencode marks none by default);"
        " the level summarised holds 1.2 MB."
    )
    assert "try the level summarised" in planned(payloads=[], levels=("compacted",)).message
    assert planned(payloads=[]).message.startswith("Nothing to reclaim:")


def test_a_plan_says_what_can_be_reclaimed() -> None:
    plan = planned(row("a"), payloads=[Payload("a", "compacted", 3, 54_000_000)])
    assert plan.message == "54 MB in 3 tool outputs of 1 session can be reclaimed."


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("conservative", ("compacted",)),
        ("aggressive", BOTH),
        ("summarised", ("summarised",)),
        ("summarised, Compacted", BOTH),
        ("compacted,compacted,aggressive", BOTH),
    ],
)
def test_levels_are_read_in_their_order_once_each(text: str, levels: tuple[str, ...]) -> None:
    assert parse_levels(text) == levels


@pytest.mark.parametrize("text", ["", " , ", "everything", "compacted,evrything"])
def test_a_wrong_level_names_the_right_ones(text: str) -> None:
    with pytest.raises(WrongCall, match="conservative, aggressive"):
        parse_levels(text)


def test_every_level_says_what_it_takes_and_what_is_lost() -> None:
    for name, level in LEVELS.items():
        assert level.name == name and level.takes.endswith(".") and level.loses.endswith(".")
    assert [name for name, level in LEVELS.items() if level.automatic] == ["compacted"]
