"""What a reclaim plan takes, what it leaves alone and why, and what it says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tui.errors import WrongCall
from tui.forest import Forest
from tui.policy.plan import Plan, Totals
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
    assert planned(payloads=[]).message == (
        "Nothing to reclaim at the level compacted, summarised."
    )


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
    with pytest.raises(
        WrongCall, match=r"compacted, summarised, .*conservative, aggressive, rescue"
    ):
        parse_levels(text)


def test_every_level_says_what_it_takes_and_what_is_lost() -> None:
    for name, level in LEVELS.items():
        assert level.name == name and level.takes.endswith(".") and level.loses.endswith(".")
    assert [name for name, level in LEVELS.items() if level.automatic] == ["compacted"]


@pytest.mark.parametrize(
    ("level", "told", "idle", "taken"),
    [
        ("stale", None, 24 * HOUR, 1),
        ("stale", None, 24 * HOUR - 1, 0),
        ("stale", timedelta(hours=2), 2 * HOUR, 1),
        ("stale", timedelta(minutes=1), HOUR, 1),
        ("stale", timedelta(minutes=1), HOUR - 1, 0),
        ("subagents", None, 7 * 24 * HOUR, 1),
        ("subagents", None, 7 * 24 * HOUR - 1, 0),
        ("subagents", timedelta(days=1), 24 * HOUR, 1),
        ("diffs", None, HOUR, 1),
        ("diffs", timedelta(minutes=1), HOUR - 1, 0),
        ("diffs", timedelta(days=2), 47 * HOUR, 0),
    ],
)
def test_a_level_waits_as_long_as_told_but_never_less_than_an_hour(
    level: str, told: timedelta | None, idle: int, taken: int
) -> None:
    payloads = [Payload("a", level, 1, 70)]
    plan = planned(row("a", idle=idle), payloads=payloads, levels=(level,), idle=told)
    assert len(plan) == taken
    assert plan.excluded == ({} if taken else {"recent": 1})


def test_of_named_sessions_only_the_rest_that_was_asked_for_counts() -> None:
    payloads = [Payload(id, "stale", 1, 70) for id in "ab"]
    rows = (row("a", idle=2 * HOUR), row("b", idle=4 * HOUR))
    plan = planned(*rows, payloads=payloads, levels=("stale",), named=("a", "b"))
    assert len(plan) == 2
    plan = planned(*rows, payloads=payloads, levels=("stale",), named=("a", "b"),
                   idle=timedelta(hours=3))  # fmt: skip
    assert [item.id for item in plan] == ["b"] and plan.excluded == {"recent": 1}


def test_subagents_of_shared_trees_stay_unless_named() -> None:
    root = row("a", idle=400 * HOUR)._replace(shared=True)
    rows = (root, row("b", idle=400 * HOUR, parent="a"))
    payloads = [Payload("b", "subagents", 1, 70), Payload("b", "stale", 1, 30)]
    levels = ("stale", "subagents")
    plan = planned(*rows, payloads=payloads, levels=levels)
    assert plan.totals.bytes == 30 and plan.excluded == {"shared": 1}
    assert planned(*rows, payloads=payloads, levels=levels, named=("b",)).totals.bytes == 100


def test_what_a_level_must_not_take_is_counted_by_its_reason() -> None:
    payloads = [
        Payload("a", "subagents", 3, 70, reason="only_copy"),
        Payload("b", "subagents", 1, 20),
    ]
    rows = (row("a", idle=400 * HOUR), row("b", idle=400 * HOUR))
    plan = planned(*rows, payloads=payloads, levels=("subagents",))
    assert [item.id for item in plan] == ["b"] and plan.excluded == {"only_copy": 1}
    assert planned(*rows, payloads=payloads, levels=("stale",)).message == (
        "Nothing to reclaim at these levels; the level subagents holds 20 B."
    )


def test_a_project_narrows_it_down_by_name_or_id() -> None:
    rows = (row("a"), row("b")._replace(project="house", project_id="prj2"))
    payloads = [Payload(id, "compacted", 1, 70) for id in "ab"]
    for name in ("house", "prj2"):
        policy = ReclaimPolicy(("compacted",), project=name)
        plan = plan_reclaim(Forest.of(rows), payloads, policy, NOW)
        assert [item.id for item in plan] == ["b"]


def test_messages_are_counted_as_messages() -> None:
    payloads = [
        Payload("a", "compacted", 2, 70),
        Payload("a", "diffs", 3, 900, counts=(("messages", 3),)),
    ]
    plan = planned(row("a"), payloads=payloads, levels=("compacted", "diffs"))
    assert (plan.totals.parts, plan.totals.messages) == (2, 3)
    assert plan.items[0].reason == "compacted: 2 tool outputs, diffs: the diffs of 3 messages"
    assert plan.message.startswith("970 B in 2 tool outputs and the diffs of 3 messages of 1")


def test_a_set_names_only_levels_there_are_and_never_what_a_model_is_sent() -> None:
    rescue = parse_levels("rescue")
    assert {"compacted", "summarised", "diffs"} <= set(rescue) <= set(LEVELS)
    assert not {"stale", "subagents"} & set(rescue)


def events_of(id: str, number: int = 3, octets: int = 70) -> Payload:
    return Payload(id, "events", number, octets, 4096, counts=(("events", number),))


def planned_at(level: str, *rows: SessionRow, payloads: list[Payload], **more: Any) -> Plan:
    policy = ReclaimPolicy((level,), session_ids=more.pop("named", None))
    return plan_reclaim(Forest.of(rows), payloads, policy, NOW, **more)


def test_events_are_counted_as_events_and_called_so() -> None:
    plan = planned_at("events", row("a"), payloads=[events_of("a", 12)])
    assert plan.totals == Totals(sessions=1, events=12, bytes=70)
    assert plan.items[0].reason == "events: 12 events"
    assert plan.message == "70 B in 12 events of 1 session can be reclaimed."
    assert plan.predicted_bytes == 4096


def test_events_wait_for_an_hour_of_rest_to_the_millisecond() -> None:
    resting = row("a")._replace(updated=NOW - HOUR)
    restless = row("b")._replace(updated=NOW - HOUR + 1)
    plan = planned_at("events", resting, restless, payloads=[events_of("a"), events_of("b")])
    assert [item.id for item in plan] == ["a"] and plan.excluded == {"recent": 1}
    assert plan.items[0].seen_active == NOW - HOUR


def test_events_of_a_pinned_session_go_when_named_and_of_a_running_one_never() -> None:
    rows = (row("a", pinned=True), row("b"))
    payloads = [events_of("a"), events_of("b")]
    running = frozenset(("b",))
    plan = planned_at("events", *rows, payloads=payloads, running=running)
    assert plan.items == () and plan.excluded == {"pinned": 1, "running": 1}
    names = frozenset(("a", "b"))
    plan = planned_at("events", *rows, payloads=payloads, running=running, named=names)
    assert [item.id for item in plan] == ["a"] and plan.excluded == {"running": 1}


def test_sessions_left_as_a_whole_are_counted_and_named() -> None:
    payloads = [
        Payload("a", "events", 0, 0, 0, reason="owned"),
        Payload("b", "events", 0, 0, 0, reason="diverged"),
        events_of("c"),
    ]
    rows = (row("a"), row("b"), row("c"))
    plan = planned_at("events", *rows, payloads=payloads)
    assert [item.id for item in plan] == ["c"]
    assert plan.excluded == {"diverged": 1, "owned": 1}
    title = rows[1].title
    assert plan.message.endswith(
        f"Left as they are, because their rows do not hold the newest state: “{title}”."
    )
    elsewhere = planned_at("compacted", *rows, payloads=payloads)
    assert elsewhere.excluded == {}, "only the level that leaves them counts them"


def test_orphans_need_no_row_of_a_session_and_an_hour_of_rest() -> None:
    counts = (("parts", 2), ("events", 3), ("files", 1), ("rows", 1))
    old = Payload("gone", "orphans", 6, 90, 4096, counts=counts, active=NOW - HOUR)
    young = Payload("new", "orphans", 6, 90, 4096, counts=counts, active=NOW - HOUR + 1)
    undated = Payload("odd", "orphans", 1, 0, 0, counts=(("rows", 1),))
    only = Payload("saved", "orphans", 0, 0, 0, reason="only_copy")
    plan = planned_at("orphans", row("a"), payloads=[old, young, undated, only])
    assert [item.id for item in plan] == ["gone", "odd"]
    assert plan.items[0].reason == "orphans: 2 parts, 3 events, 1 file, 1 row"
    assert plan.totals == Totals(sessions=2, parts=2, events=3, files=1, bytes=90)
    assert plan.items[0].seen_active == NOW - HOUR
    assert plan.excluded == {"only_copy": 1, "recent": 1}
    assert plan.message.endswith("because their events may be the only copy: saved.")


def test_what_no_forest_knows_is_in_no_plan_but_that_of_orphans() -> None:
    assert planned_at("events", row("a"), payloads=[events_of("gone")]).items == ()
