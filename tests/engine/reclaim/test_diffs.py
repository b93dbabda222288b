"""Level diffs: the texts go, the entries stay, and every other byte is as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
)
from tui.engine.reclaim import apply_reclaim

PATCH = "@@ -0,0 +1,200 @@\n" + "+line\n" * 200


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "opencode.db")
    yield made
    made.close()


def user(database: Database, data: Any, id: str = "msg_1") -> str:
    """A user message whose data is this, as text or to be written."""
    text = data if isinstance(data, str) else compact(data)
    database.message(1, id=id, role="user")
    database.connection.execute("UPDATE message SET data = ? WHERE id = ?", (text, id))
    return text


def data(database: Database, id: str = "msg_1") -> str:
    row: Any = database.connection.execute(
        "SELECT data FROM message WHERE id = ?", (id,)
    ).fetchone()
    return str(row[0])


def message(*entries: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "time": {"created": 1}, "summary": {"diffs": list(entries), **more}}


def entry(patch: str = PATCH, **more: Any) -> dict[str, Any]:
    return {"file": "f0.txt", "patch": patch, "additions": 200, "deletions": 0, **more}


def reclaim(database: Database) -> None:
    carry_out(plan_for(database.store, "diffs"), database.store)


def test_the_patch_becomes_an_empty_string_and_nothing_else_changes(database: Database) -> None:
    before = user(database, message(entry(status="added"), entry("x" * 999), title="Sow"))
    others = fingerprint(database.path)
    plan = plan_for(database.store, "diffs")
    outcome = carry_out(plan, database.store)
    assert data(database) == before.replace(json.dumps(PATCH)[1:-1], "").replace("x" * 999, "")
    assert outcome.done.bytes == plan.totals.bytes == len(before) - len(data(database))
    assert (outcome.done.messages, outcome.done.parts) == (1, 0)
    after = fingerprint(database.path)
    assert [key for key in others if others[key] != after[key]] == ["message msg_1"]


def test_whole_files_before_and_after_go_as_well(database: Database) -> None:
    old = {"file": "a", "before": PATCH, "after": PATCH * 2, "additions": 1, "deletions": 2}
    user(database, message(old))
    reclaim(database)
    assert json.loads(data(database))["summary"]["diffs"] == [{**old, "before": "", "after": ""}]


def test_numbers_escapes_and_foreign_keys_stay_to_the_byte(database: Database) -> None:
    odd = (
        '{"role":"user","z":1.50,"n":123456789012345678901234567890,"summary":{"diffs":[{"file":'
        '"a\\/b \\u00e9é \\ud800","patch":"' + "p" * 900 + '","additions":1E+05,"more":[1.0,'
        '{"patch":"stays"}],"patch2":null}],"body":"\\"diffs\\":[{"},"e":"\\u0000"}'
    )
    user(database, odd)
    reclaim(database)
    assert data(database) == odd.replace("p" * 900, "")


@pytest.mark.parametrize(
    "left",
    [
        message(entry(), "a string"),
        message(entry(), None),
        compact(message(entry())) + " ",
        compact(message(entry()))[:-1],
    ],
    ids=["string entry", "null entry", "not minified", "malformed"],
)
def test_an_unknown_shape_is_counted_and_left_alone(database: Database, left: Any) -> None:
    before = user(database, left)
    user(database, message(entry()), "msg_2")
    plan = plan_for(database.store, "diffs")
    assert plan.excluded == {"malformed": 1}
    carry_out(plan, database.store)
    assert data(database) == before
    assert json.loads(data(database, "msg_2"))["summary"]["diffs"][0]["patch"] == ""


@pytest.mark.parametrize(
    "left",
    [
        message(),
        message(entry("")),
        message({"file": "a", "patch": None, "additions": 1}),
        message({"file": "a"}),
        {**message(entry()), "role": "assistant"},
        {"role": "user", "summary": {"diffs": {"0": entry()}}},
        {"role": "user", "summary": True, "text": '"diffs":[{"patch":"x"}]'},
    ],
)
def test_what_holds_no_text_of_diffs_is_not_touched(database: Database, left: Any) -> None:
    before = user(database, left)
    plan = plan_for(database.store, "diffs")
    assert len(plan) == 0 and plan.excluded == {}
    assert data(database) == before


def test_a_second_run_changes_nothing(database: Database) -> None:
    user(database, message(entry(), entry()))
    reclaim(database)
    before = fingerprint(database.path)
    assert len(plan_for(database.store, "diffs")) == 0
    assert fingerprint(database.path) == before


def test_sessions_that_do_not_rest_stay(database: Database) -> None:
    user(database, message(entry()))
    database.connection.execute("UPDATE session SET time_updated = ?", (NOW - 3_599_999,))
    assert plan_for(database.store, "diffs").excluded == {"recent": 1}
    named = plan_for(database.store, "diffs", session_ids=frozenset({"ses_a"}))
    assert named.totals.messages == 1


def test_a_session_that_moved_on_keeps_the_rest(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    for number in range(3):
        user(database, message(entry()), f"msg_{number}")
    steps = apply_reclaim(plan_for(database.store, "diffs"), database.store, Event())
    next(steps)
    database.connection.execute("UPDATE session SET time_updated = time_updated + 1")
    outcome = ending_of(steps)
    assert outcome.done.messages == 1 and outcome.excluded == {"changed": 1}


def test_thousands_of_entries_are_predicted_to_the_page(database: Database) -> None:
    user(database, message(*[entry(f"{n} {PATCH}") for n in range(3000)]))
    plan = plan_for(database.store, "diffs")
    outcome = carry_out(plan, database.store)
    assert outcome.done.bytes == plan.totals.bytes > 3_000_000
    assert outcome.freed_bytes == pytest.approx(outcome.predicted_bytes, rel=0.02)
    assert len(json.loads(data(database))["summary"]["diffs"]) == 3000


texts = st.text(max_size=60)
entries = st.fixed_dictionaries(
    {"file": texts},
    optional={
        "patch": texts | st.none(), "before": texts, "after": texts | st.integers(),
        "additions": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        "status": texts, "extra": st.lists(st.dictionaries(texts, texts, max_size=2), max_size=2),
    },
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(entries, max_size=5), st.booleans())
def test_any_message_loses_its_texts_and_no_other_byte(
    tmp_path_factory: pytest.TempPathFactory, given_entries: list[Any], ascii_only: bool
) -> None:
    database = Database(tmp_path_factory.mktemp("diffs") / "opencode.db")

    def written(values: list[Any]) -> str:
        return json.dumps(message(*values), separators=(",", ":"), ensure_ascii=ascii_only)

    before = user(database, written(given_entries))
    reclaim(database)
    emptied = [
        {key: "" if key in ("patch", "before", "after") and isinstance(value, str) else value
         for key, value in each.items()}
        for each in given_entries
    ]  # fmt: skip
    assert data(database) == written(emptied)
    assert len(before) >= len(data(database))
    database.close()
