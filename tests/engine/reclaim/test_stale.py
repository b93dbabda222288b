"""Level stale: opencode's own prune rule on sessions at rest, to the last token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.reclaim.parts import (
    NOW,
    Database,
    carry_out,
    compact,
    ending_of,
    fingerprint,
    plan_for,
    tool,
)
from tui.engine.reclaim import apply_reclaim
from tui.store.prune_rule import large_sessions, prunable_parts

K = 4000
"""Characters of a thousand tokens."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "opencode.db")
    yield made
    made.close()


def text(tokens: int) -> str:
    return "x" * (4 * tokens)


def turn(database: Database, time: int, *outputs: str, **part: Any) -> list[str]:
    """A user's message at this time and an answer right after it with a tool call an output."""
    database.message(time, role="user")
    return [
        database.part(f"prt_{time}_{number}", tool(output, mark=None, **part), time + 1)
        for number, output in enumerate(outputs)
    ]


def two_more_turns(database: Database) -> None:
    """The last two user turns, which are never looked at."""
    for time in (9000, 9100):
        database.message(time, role="user")
        database.part(f"prt_{time}", tool(text(30_000), mark=None), time + 1)


def marked(database: Database, *ids: str) -> list[bool]:
    return ["compacted" in database.state(id)["time"] for id in ids]


def reclaim(database: Database) -> None:
    store = database.store
    carry_out(plan_for(store, "stale"), store)


def test_newest_forty_thousand_tokens_stay_and_what_lies_beyond_goes(database: Database) -> None:
    ids = [id for n in range(10, 80, 10) for id in turn(database, n, text(10_000))]  # 70,000 tokens
    two_more_turns(database)
    plan = plan_for(database.store, "stale")
    outcome = carry_out(plan, database.store)
    assert marked(database, *ids) == [True] * 3 + [False] * 4
    assert marked(database, "prt_9000", "prt_9100") == [False, False]
    assert [database.state(id)["output"] for id in ids[:3]] == ["[reclaimed]"] * 3
    assert outcome.done.bytes == plan.totals.bytes and outcome.done.parts == 3
    assert outcome.freed_bytes == pytest.approx(outcome.predicted_bytes, rel=0.02)


@pytest.mark.parametrize(("tokens", "acts"), [(20_000, False), (20_001, True)])
def test_it_acts_on_more_than_twenty_thousand_tokens_and_not_on_exactly_as_many(
    database: Database, tokens: int, acts: bool
) -> None:
    (old,) = turn(database, 10, text(tokens))
    turn(database, 20, text(40_000))
    two_more_turns(database)
    reclaim(database)
    assert marked(database, old) == [acts]


def test_the_part_that_crosses_the_forty_thousand_goes_itself(database: Database) -> None:
    ids = turn(database, 10, text(1), text(39_999), text(1), text(20_001))
    two_more_turns(database)
    reclaim(database)
    # newest first: 20,001, then 20,002, then 60,001 crosses
    assert marked(database, *ids) == [True, True, False, False]


def test_the_last_two_user_turns_are_skipped_and_the_third_is_not(database: Database) -> None:
    for time in (10, 20, 30):
        turn(database, time, text(61_000))
    reclaim(database)
    assert marked(database, "prt_10_0", "prt_20_0", "prt_30_0") == [True, False, False]


def test_it_stops_at_a_summary_whatever_lies_before(database: Database) -> None:
    turn(database, 10, text(90_000))
    database.message(15, summary=True)
    (after,) = turn(database, 20, text(70_000))
    two_more_turns(database)
    reclaim(database)
    assert marked(database, "prt_10_0", after) == [False, True]


def test_it_stops_at_the_first_part_that_is_marked_already(database: Database) -> None:
    turn(database, 10, text(90_000))
    database.part("prt_m", tool("x", mark=5), 15)
    (after,) = turn(database, 20, text(70_000))
    two_more_turns(database)
    reclaim(database)
    assert marked(database, "prt_10_0", after) == [False, True]


def test_skill_error_and_running_parts_neither_count_nor_go(database: Database) -> None:
    (old,) = turn(database, 10, text(50_000))
    for number, odd in enumerate(({"name": "skill"}, {"status": "error"}, {"status": "running"})):
        turn(database, 20 + number * 10, text(90_000), **odd)
    two_more_turns(database)
    before = fingerprint(database.path, but=(old,))
    reclaim(database)
    assert marked(database, old) == [True]
    assert fingerprint(database.path, but=(old,)) == before


def test_a_short_output_beyond_is_marked_and_keeps_its_words(database: Database) -> None:
    short, long = turn(database, 10, "ok", text(70_000))
    two_more_turns(database)
    plan = plan_for(database.store, "stale")
    outcome = carry_out(plan, database.store)
    assert database.state(short)["output"] == "ok"
    assert marked(database, short, long) == [True, True]
    assert outcome.done.bytes == plan.totals.bytes


@pytest.mark.parametrize(
    ("letter", "units"), [("é", 1), ("€", 1), ("😀", 2), ("\x00", 1), ("\ud83d", 1), ("\\", 1)]
)
def test_characters_count_as_javascript_counts_them(
    database: Database, letter: str, units: int
) -> None:
    database.message(10, role="user")
    data = json.loads(tool("?", mark=None))
    data["state"]["output"] = letter * (4 * 60_001 // units)
    encoded = json.dumps(data, separators=(",", ":"), ensure_ascii=letter != "😀")
    database.part("prt_1", encoded, 11)
    two_more_turns(database)
    reclaim(database)
    assert marked(database, "prt_1") == [True]
    database.connection.execute("DELETE FROM part WHERE id = 'prt_1'")
    data["state"]["output"] = letter * (4 * 40_000 // units)
    database.part("prt_1", json.dumps(data, separators=(",", ":")), 11)
    reclaim(database)
    assert marked(database, "prt_1") == [False], "exactly forty thousand tokens are protected"


def test_a_session_without_rest_or_with_a_revert_pending_stays(database: Database) -> None:
    turn(database, 10, text(90_000))
    two_more_turns(database)
    hour = 3_600_000
    database.connection.execute("UPDATE session SET time_updated = ?", (NOW - 23 * hour,))
    assert plan_for(database.store, "stale").excluded == {"recent": 1}
    from datetime import timedelta

    assert len(plan_for(database.store, "stale", idle=timedelta(hours=2))) == 1
    database.connection.execute("UPDATE session SET time_updated = ?", (NOW - hour + 1,))
    assert plan_for(database.store, "stale", idle=timedelta(minutes=5)).excluded == {"recent": 1}
    database.connection.execute("UPDATE session SET time_updated = 1, revert = '{}'")
    assert len(plan_for(database.store, "stale")) == 0


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM message WHERE id = 'msg_9100'",
        "INSERT INTO message VALUES ('msg_new', 'ses_a', 1795400000001, 1, '{\"role\":\"user\"}')",
        'UPDATE session SET revert = \'{"messageID":"msg_10"}\'',
        "UPDATE session SET time_updated = time_updated + 1",
    ],
    ids=["message gone", "new message", "revert", "active"],
)
@pytest.mark.parametrize("when", ["before the run", "during the run"])
def test_what_changed_since_the_plan_protects_the_session(
    database: Database, monkeypatch: pytest.MonkeyPatch, change: str, when: str
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    ids = turn(database, 10, *[text(30_000)] * 4)
    two_more_turns(database)
    store = database.store
    plan = plan_for(store, "stale")
    steps = apply_reclaim(plan, store, Event())
    if when == "during the run":
        next(steps)
    database.connection.execute(change)
    outcome = ending_of(steps)
    taken = marked(database, *ids)
    if when == "during the run":
        assert taken == [True, False, False, False], "the oldest goes first"
        assert outcome.excluded == {"changed": 1}
    elif change.startswith("DELETE"):
        assert not any(taken)
    assert sum(taken) <= 3


def test_a_run_cut_short_leaves_no_unmarked_part_behind_a_marked_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    ids = turn(database, 10, *[text(15_000)] * 8)
    two_more_turns(database)
    store, stop = database.store, Event()
    steps = apply_reclaim(plan_for(store, "stale"), store, stop)
    for _ in range(3):
        next(steps)
    stop.set()
    ending_of(steps)
    assert marked(database, *ids) == [True] * 3 + [False] * 5


def test_a_second_run_changes_nothing(database: Database) -> None:
    turn(database, 10, *[text(15_000)] * 8)
    two_more_turns(database)
    reclaim(database)
    before = fingerprint(database.path)
    assert len(plan_for(database.store, "stale", "compacted")) == 0
    assert fingerprint(database.path) == before


def test_a_user_message_of_megabytes_counts_as_a_turn(database: Database) -> None:
    for time in (10, 20, 30):
        turn(database, time, text(61_000))
    big = compact({"role": "user", "summary": {"diffs": [{"patch": "p" * 1_500_000}]}})
    database.connection.execute(
        "UPDATE message SET data = ? WHERE id IN ('msg_20', 'msg_30')", (big,)
    )
    reclaim(database)
    assert marked(database, "prt_10_0", "prt_20_0", "prt_30_0") == [True, False, False]


# the rule said once more, on what opencode would read


@dataclass
class Said:
    """A message: who, whether it is a summary, and its parts as (tokens-making text, how)."""

    role: str
    summary: bool
    parts: list[tuple[str, str]] = field(default_factory=list)


def pruned(messages: list[Said]) -> set[tuple[int, int]]:
    """(message, part) that opencode would mark; from the facts, not from the code under test."""
    total, amount, turns = 0, 0, 0
    chosen: set[tuple[int, int]] = set()
    for at in reversed(range(len(messages))):
        said = messages[at]
        turns += said.role == "user"
        if turns < 2:
            continue
        if said.role == "assistant" and said.summary:
            break
        stop = False
        for place in reversed(range(len(said.parts))):
            output, how = said.parts[place]
            if how in ("text", "error", "skill"):
                continue
            if how == "marked":
                stop = True
                break
            units = len(output.encode("utf-16-le")) // 2
            estimate = int(units / 4 + 0.5)
            total += estimate
            if total > 40:
                amount += estimate
                chosen.add((at, place))
        if stop:
            break
    return chosen if amount > 20 else set()


outputs = st.builds(
    lambda length, letter, tail: letter * length + tail,
    st.integers(0, 150), st.sampled_from("aé€😀"), st.text("ab\x00\"\\😀\n", max_size=6),
)  # fmt: skip
hows = st.sampled_from(["bash"] * 8 + ["text", "error", "skill", "marked"])
conversations = st.lists(
    st.builds(
        Said,
        st.sampled_from(["user", "assistant", "assistant"]),
        st.sampled_from([False] * 7 + [True]),
        st.lists(st.tuples(outputs, hows), max_size=4),
    ),
    max_size=14,
)


def part_of(output: str, how: str) -> str:
    if how == "text":
        return compact({"type": "text", "text": output})
    if how == "error":
        return compact({"type": "tool", "tool": "bash", "state": {"status": "error"}})
    return tool(
        output,
        mark=5 if how == "marked" else None,
        name="skill" if how == "skill" else "bash",
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(conversations)
def test_the_rule_is_opencodes_on_any_conversation(
    tmp_path_factory: pytest.TempPathFactory, messages: list[Said]
) -> None:
    database = Database(tmp_path_factory.mktemp("stale") / "opencode.db")
    with pytest.MonkeyPatch.context() as small:
        # A thousandth of the tokens: what is compared with them is the same code.
        small.setattr("tui.store.prune_rule.PROTECTED", 40)
        small.setattr("tui.store.prune_rule.MINIMUM", 20)
        small.setattr("tui.store.prune_rule.FIRST_MESSAGES", 3)
        with database.connection:
            for at, said in enumerate(messages):
                data = {"role": said.role}
                if said.summary and said.role == "assistant":
                    database.message(at, **data, summary=True)
                else:
                    database.message(at, **data)
                for place, (output, how) in enumerate(said.parts):
                    database.part(f"prt_{at:02}_{place}", part_of(output, how), at)
        wanted = [f"prt_{at:02}_{place}" for at, place in sorted(pruned(messages))]
        found = prunable_parts(database.connection, "ses_a", Event())
        names: list[Any] = [
            database.connection.execute("SELECT id FROM part WHERE rowid = ?", (row,)).fetchone()
            for row in found
        ]
        assert [name for (name,) in names] == wanted, "the oldest first"
    database.close()


def test_only_sessions_with_enough_output_are_looked_at(database: Database) -> None:
    turn(database, 10, text(39_000))
    assert large_sessions(database.connection, Event()) == []
    turn(database, 20, text(2_000))
    assert large_sessions(database.connection, Event()) == ["ses_a"]
