"""Level compacted: what opencode marked goes, everything else stays as it was, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.engine.reclaim.parts import (
    BIG,
    MARK,
    Database,
    carry_out,
    compact,
    ending_of,
    fingerprint,
    plan_for,
    tool,
)
from tui.engine.reclaim import apply_reclaim
from tui.errors import Refused
from tui.store.database import Store


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "opencode.db")
    yield made
    made.close()


def reclaim(database: Database) -> None:
    store = database.store
    carry_out(plan_for(store, "compacted"), store)


def test_output_attachments_and_their_copies_go(database: Database) -> None:
    attachment = {"id": "prt_x", "sessionID": "ses_a", "messageID": "msg_10", "url": "data:" + BIG}
    metadata = {
        "output": BIG,
        "preview": "p" * 500,
        "display": {"type": "file", "text": BIG, "lineStart": 1},
        "exit": 0,
        "diff": "kept",
    }
    database.part("prt_1", tool(BIG, metadata=metadata, attachments=[attachment]))
    reclaim(database)
    state = database.state("prt_1")
    assert state["output"] == "[reclaimed]"
    assert state["attachments"] == []
    assert state["metadata"] == {
        "output": "[reclaimed]",
        "preview": "[reclaimed]",
        "display": {"type": "file", "text": "[reclaimed]", "lineStart": 1},
        "exit": 0,
        "diff": "kept",
    }
    assert state["time"] == {"start": 1, "end": 2, "compacted": MARK}
    assert state["input"] == {"command": "ls"}


def test_nothing_is_added_that_was_not_there(database: Database) -> None:
    before = tool(BIG)
    database.part("prt_1", before)
    reclaim(database)
    assert database.data("prt_1").decode() == before.replace(BIG, "[reclaimed]")


def test_every_other_row_stays_byte_for_byte(database: Database) -> None:
    database.part("prt_1", tool(BIG))
    database.part("prt_2", tool(BIG, mark=None))
    database.part("prt_3", compact({"type": "text", "text": 'they said "compacted": 7'}))
    before = fingerprint(database.path, but=("prt_1",))
    reclaim(database)
    assert fingerprint(database.path, but=("prt_1",)) == before
    times = "SELECT time_created, time_updated FROM part WHERE id = 'prt_1'"
    assert database.connection.execute(times).fetchone() == (5, 7)


def test_a_second_run_finds_nothing_and_changes_nothing(database: Database) -> None:
    database.part("prt_1", tool(BIG, metadata={"output": BIG}, attachments=[{"url": BIG}]))
    reclaim(database)
    before = fingerprint(database.path)
    again = plan_for(database.store, "compacted")
    assert len(again) == 0 and again.totals.bytes == 0
    assert carry_out(again, database.store).ending == "nothing"
    assert fingerprint(database.path) == before


@pytest.mark.parametrize(
    "data",
    [
        tool(BIG, name="skill"),
        tool(BIG, status="error", error=BIG),
        tool(BIG, status="running"),
        tool(BIG, mark=None),
        tool(BIG, mark=0),
        tool(BIG, mark=None, metadata={"compacted": 1, "output": BIG}),
        tool("short", mark=MARK),
        compact({"type": "text", "text": BIG, "state": {"time": {"compacted": 1}}}),
    ],
    ids=["skill", "error", "running", "unmarked", "zero", "other key", "tiny", "text"],
)
def test_what_is_not_meant_is_left_alone(database: Database, data: str) -> None:
    database.part("prt_1", data)
    plan = plan_for(database.store, "compacted")
    assert len(plan) == 0 and plan.excluded == {}
    database.part("prt_2", tool(BIG))
    reclaim(database)
    assert database.data("prt_1").decode() == data
    assert database.state("prt_2")["output"] == "[reclaimed]"


GOOD = tool(BIG)
HOSTILE = {
    "cut off": GOOD[:-1].encode(),
    "text after a NUL": GOOD.encode() + b"\0rest",
    "whitespace": GOOD.replace(",", ", ").encode(),
    "comment": GOOD.replace('{"type"', '/* "compacted": */{"type"', 1).encode(),
    "output null": tool(None).encode(),
    "output a number": tool(7, title=BIG).encode(),
    "output missing": GOOD.replace('"output":', '"outputs":').encode(),
    "metadata null": GOOD.replace('{"exit":0}', "null").encode(),
    "metadata missing": GOOD.replace('"metadata":{"exit":0},', "").encode(),
    "attachments null": tool(BIG, attachments=None).encode(),
    "attachments a string": tool(BIG, attachments=BIG).encode(),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_malformed_row_is_counted_left_alone_and_stops_nobody(
    database: Database, data: bytes
) -> None:
    database.part("prt_0", tool(BIG))
    database.raw("prt_1", data)
    database.part("prt_2", tool(BIG))
    store = database.store
    plan = plan_for(store, "compacted")
    assert plan.excluded == {"malformed": 1}
    outcome = carry_out(plan, store)
    assert outcome.done.parts == 2 and outcome.excluded == {}
    assert database.data("prt_1") == data


def test_a_row_with_a_nul_before_the_mark_is_left_alone(database: Database) -> None:
    # LIKE sees nothing behind a NUL, so the row is not even a candidate.
    data = GOOD.replace("xxx", "x\0x", 1).encode()
    database.raw("prt_1", data)
    database.part("prt_2", GOOD)
    reclaim(database)
    assert database.data("prt_1") == data
    assert database.state("prt_2")["output"] == "[reclaimed]"


def test_a_malformed_row_that_nobody_asked_for_is_not_counted(database: Database) -> None:
    database.raw("prt_1", b'{"type":"tool","state":')
    database.raw("prt_2", tool(BIG, status="error").replace(",", ", ").encode())
    assert plan_for(database.store, "compacted").excluded == {}


EXACT = {
    "numbers": rb'"n":[1.50,1E+05,-0.0,0.1e-7,123456789012345678901234567890]',
    "escapes": rb'"n":"\u00e9 \/ \ud83d\ude00 \u0000 \u007f"',
    "lone surrogate, escaped": rb'"n":"\ud800 \udc00"',
    "lone surrogate, raw": b'"n":"\xed\xa0\x80"',
    "not UTF-8": b'"n":"\xff\xfe"',
    "equal keys": b'"n":1,"n":{"n":2},"n":3',
    "wide": '"n":"é 漢 😀"'.encode(),
}


@pytest.mark.parametrize("extra", EXACT.values(), ids=EXACT)
def test_every_byte_outside_the_edited_values_survives(database: Database, extra: bytes) -> None:
    before = tool(BIG, title="here").encode().replace(b'"title":"here"', extra)
    database.raw("prt_1", before)
    reclaim(database)
    assert database.data("prt_1") == before.replace(BIG.encode(), b"[reclaimed]")


def test_a_row_beyond_the_limit_is_left_alone_and_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.row_level.LARGEST", len(GOOD))
    database.part("prt_1", GOOD)
    database.part("prt_2", tool(BIG + "x"))
    outcome = carry_out(plan_for(database.store, "compacted"), database.store)
    assert outcome.done.parts == 1 and outcome.excluded == {}
    assert database.state("prt_1")["output"] == "[reclaimed]"


def test_of_equal_keys_only_one_is_edited_and_the_run_ends(database: Database) -> None:
    twice = tool(BIG).replace('"title"', f'"output":"{BIG}","title"')
    database.part("prt_1", twice)
    reclaim(database)
    assert database.data("prt_1").decode() == twice.replace(BIG, "[reclaimed]", 1)
    assert len(plan_for(database.store, "compacted")) == 0


def test_a_copy_that_is_no_string_stays(database: Database) -> None:
    metadata = {"output": {"lines": [1]}, "preview": None, "display": "plain"}
    database.part("prt_1", tool(BIG, metadata=metadata))
    reclaim(database)
    assert database.state("prt_1")["metadata"] == metadata


def test_the_plan_counts_the_octets_that_really_go(database: Database) -> None:
    for number in range(40):
        database.part(f"prt_{number}", tool("é" * (100 * number), metadata={"output": "ü" * 40}))
    size = "SELECT sum(octet_length(data)) FROM part"
    before = database.connection.execute(size).fetchone()
    store = database.store
    plan = plan_for(store, "compacted")
    outcome = carry_out(plan, store)
    after = database.connection.execute(size).fetchone()
    assert before is not None and after is not None
    assert plan.totals.bytes == outcome.done.bytes == before[0] - after[0] > 0
    assert plan.totals.parts == outcome.done.parts


def test_freed_is_measured_in_pages_and_near_the_prediction(database: Database) -> None:
    for number in range(200):
        database.part(f"prt_{number}", tool("y" * (3000 + 331 * number)), 10 + number)
    store = database.store
    free_before = store.sizes().free_bytes
    outcome = carry_out(plan_for(store, "compacted"), store)
    assert outcome.freed_bytes == store.sizes().free_bytes - free_before
    assert outcome.freed_bytes == pytest.approx(outcome.predicted_bytes, rel=0.02)


def test_a_part_that_opencode_rewrote_meanwhile_is_judged_anew(database: Database) -> None:
    database.part("prt_1", tool(BIG))
    database.part("prt_2", tool(BIG))
    database.part("prt_3", tool(BIG))
    store = database.store
    plan = plan_for(store, "compacted")
    fresh = tool("z" * 6000, mark=None)
    database.connection.execute("UPDATE part SET data = ? WHERE id = 'prt_1'", (fresh,))
    database.connection.execute("DELETE FROM part WHERE id = 'prt_2'")
    outcome = carry_out(plan, store)
    assert database.data("prt_1").decode() == fresh
    assert database.state("prt_3")["output"] == "[reclaimed]"
    assert outcome.done.parts == 1


def test_rows_that_were_renumbered_as_a_vacuum_does_are_found_again(database: Database) -> None:
    ids = [database.part(f"prt_{number}", tool(BIG)) for number in range(9)]
    store = database.store
    plan = plan_for(store, "compacted")
    database.connection.execute("UPDATE part SET rowid = rowid + 1000 WHERE rowid % 3 = 0")
    outcome = carry_out(plan, store)
    assert outcome.done.parts == plan.totals.parts == 9
    assert outcome.ending == "done" and outcome.excluded == {}
    assert {database.state(id)["output"] for id in ids} == {"[reclaimed]"}


def test_a_row_of_an_unplanned_session_is_never_touched_by_its_number(database: Database) -> None:
    database.part("prt_1", tool(BIG))
    database.part("prt_2", tool(BIG))
    store = database.store
    plan = plan_for(store, "compacted")
    database.session("ses_b")
    database.message(900, "ses_b")
    rowid = "SELECT rowid FROM part WHERE id = 'prt_1'"
    (number,) = database.connection.execute(rowid).fetchone() or (0,)
    database.connection.execute("DELETE FROM part WHERE id = 'prt_1'")
    database.part("prt_b", tool(BIG), 900, "ses_b")
    database.connection.execute("UPDATE part SET rowid = ? WHERE id = 'prt_b'", (number,))
    outcome = carry_out(plan, store)
    assert database.data("prt_b").decode() == tool(BIG)
    assert outcome.done.parts == 1 and database.state("prt_2")["output"] == "[reclaimed]"


def test_stopping_after_any_step_leaves_whole_rows_and_the_rest_for_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)  # one row a step
    for number in range(6):
        database.session(f"ses_{number}")
        database.message(100 + number, f"ses_{number}")
        database.part(f"prt_{number}", tool(BIG), 100 + number, f"ses_{number}")
    store = database.store
    for done in range(1, 6):
        stop = Event()
        steps = apply_reclaim(plan_for(store, "compacted"), store, stop)
        next(steps)
        stop.set()
        outcome = ending_of(steps)
        left = 6 - done
        assert outcome.ending == "partial" and outcome.done.parts == 1
        assert outcome.message.startswith(f"Stopped after 1 of {left + 1} sessions")
        assert plan_for(store, "compacted").totals.parts == left
        assert {database.state(f"prt_{n}")["output"] for n in range(6)} == {BIG, "[reclaimed]"}


def test_steps_carry_totals_so_far(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    for number in range(3):
        database.part(f"prt_{number}", tool(BIG))
    store = database.store
    plan = plan_for(store, "compacted")
    steps = list(apply_reclaim(plan, store, Event()))
    each = plan.totals.bytes // 3
    assert [step.bytes for step in steps] == [each, 2 * each, 3 * each]
    assert [step.done for step in steps] == [0, 0, 1] and steps[0].total == 1


def test_stopped_before_the_first_step_nothing_happens(database: Database) -> None:
    database.part("prt_1", tool(BIG))
    before = fingerprint(database.path)
    stop = Event()
    stop.set()
    plan = plan_for(database.store, "compacted")
    outcome = carry_out(plan, database.store, stop)
    assert outcome.ending == "partial" and outcome.done.parts == 0
    assert fingerprint(database.path) == before


def test_read_only_is_refused_before_anything_is_written(database: Database) -> None:
    database.part("prt_1", tool(BIG))
    plan = plan_for(database.store, "compacted")
    with pytest.raises(Refused, match="read-only"):
        carry_out(plan, Store(database.path, read_only=True))
    assert database.data("prt_1").decode() == tool(BIG)
