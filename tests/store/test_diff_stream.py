"""Messages too large for JSON functions lose the texts of their diffs to the same byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.engine.reclaim.parts import Database, carry_out, compact, plan_for
from tests.engine.reclaim.test_diffs import entries, message, texts
from tui.store.diff_stream import Emptier


def emptied(data: bytes, width: int) -> bytes:
    emptier, left = Emptier(), b""
    for at in range(0, len(data), width):
        left += b"".join(emptier.feed(data[at : at + width]))
    return left


values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["patch", "before", "diffs", "summary", "x\"", "\\"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(entries, max_size=4), values, st.booleans(), st.integers(1, 40))
def test_in_pieces_of_any_width_only_the_texts_of_diffs_go(
    found: list[Any], more: Any, ascii_only: bool, width: int
) -> None:
    def written(diffs: list[Any]) -> bytes:
        data = {**message(*diffs, more=more), "also": more}
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=ascii_only)
        return text.encode("utf-8", "surrogatepass")

    wanted = [
        {key: "" if key in ("patch", "before", "after") and isinstance(value, str) else value
         for key, value in each.items()}
        for each in found
    ]  # fmt: skip
    assert emptied(written(found), width) == written(wanted)


@given(st.binary(max_size=200), st.integers(1, 9))
@example(b'"', 1)
def test_bytes_that_are_no_json_end_somewhere(data: bytes, width: int) -> None:
    left = emptied(data, width)
    assert len(left) <= len(data)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Everything over 20 kB is large."""
    for module in ("diff_stream", "payloads"):
        monkeypatch.setattr(f"tui.store.{module}.LARGEST_DIFFS", 20_000)
    from tui.store.diff_texts import DIFFS

    object.__setattr__(DIFFS, "largest", 20_000)
    monkeypatch.setattr("tui.store.diff_stream.PIECE", 777)
    made = Database(tmp_path / "opencode.db")
    made.message(1, role="user")
    yield made
    object.__setattr__(DIFFS, "largest", 1_000_000)
    made.close()


def big() -> dict[str, Any]:
    patch = '@@ "é" \\ \n' * 40
    return message(*({"file": f"f{n}", "patch": patch, "additions": n} for n in range(60)))


def write(database: Database, data: str) -> None:
    database.connection.execute("UPDATE message SET data = ?", (data,))


def data(database: Database) -> str:
    row: Any = database.connection.execute("SELECT data FROM message").fetchone()
    return str(row[0])


def test_a_large_message_is_predicted_and_slimmed(database: Database) -> None:
    before = compact(big())
    write(database, before)
    plan = plan_for(database.store, "diffs")
    outcome = carry_out(plan, database.store)
    assert outcome.ending == "done" and outcome.done.bytes == plan.totals.bytes > 20_000
    assert outcome.freed_bytes == pytest.approx(outcome.predicted_bytes, rel=0.02)
    expected = big()
    for each in expected["summary"]["diffs"]:
        each["patch"] = ""
    assert data(database) == compact(expected)
    assert len(plan_for(database.store, "diffs")) == 0


@pytest.mark.parametrize("end", ["}", "", '{"role":"user"}'])
def test_a_large_message_that_is_no_json_is_counted_and_left(database: Database, end: str) -> None:
    before = compact(big())[:-1] + (end + "}" if end == "}" else end)
    write(database, before)
    plan = plan_for(database.store, "diffs")
    assert len(plan) == 0 and plan.excluded == {"malformed": 1}
    assert data(database) == before


def test_a_large_message_that_somebody_wrote_meanwhile_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(database, compact(big()))
    plan = plan_for(database.store, "diffs")
    from tui.store import diff_stream

    slim = diff_stream.slim

    def meddled(connection: Any, rowid: int, stop: Event) -> Any:
        found = slim(connection, rowid, stop)
        database.connection.execute("UPDATE message SET time_updated = time_updated + 1")
        return found

    monkeypatch.setattr("tui.engine.reclaim.diffs.slim", meddled)
    outcome = carry_out(plan, database.store)
    assert outcome.done.messages == 0 and outcome.excluded == {"changed": 1}
    assert data(database) == compact(big())
