"""Conversations of 2.x: a row is a whole step, and what 1.x says already is not said twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import execute
from tests.generations import LATER, add_in_v2, every_state, fresh, go_on_in_v2, tool_block
from tests.picture import site_of
from tui.records import Entry
from tui.store.bodies import read_body
from tui.store.search import Wanted, search_all
from tui.store.transcript import outline


def entries_of(path: Path, id: str) -> list[Entry]:
    return [each for found in outline(site_of(path).store, id) for each in found.entries]


def said(path: Path, entry: Entry) -> str:
    store, at, texts = site_of(path).store, 0, []
    while True:
        body = read_body(store, entry, at)
        texts += [text for text, _ in body.pieces]
        if body.next is None:
            return "".join(texts)
        at = body.next


def test_question_answer_and_tool_output_of_2x_are_read(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db")
    add_in_v2(path, "one", tools=[tool_block(40_000)], compacts=True)
    found = entries_of(path, "ses_one")
    kinds = [each.kind for each in found]
    assert kinds[0] == "turn" and {"text", "tool", "compaction", "boundary"} <= set(kinds)
    [tool] = [each for each in found if each.kind == "tool"]
    assert "o" * 40_000 in said(path, tool)
    assert all(said(path, each) for each in found if each.kind in ("text", "reasoning"))


def test_what_was_copied_is_said_once_and_what_2x_added_follows(tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    every_state(path)
    before = entries_of(path, "ses_same")
    assert {each.table for each in before} <= {"", "part", "message", "session_message"}
    go_on_in_v2(path, "ses_same", time=LATER)
    after = entries_of(path, "ses_same")
    assert after[: len(before)] == before
    assert {each.table for each in after[len(before) :]} <= {"", "session_message"}
    assert len({each.key for each in after}) == len(after)


@pytest.mark.parametrize("data", ["broken", "[1]", '{"content":5}', '{"content":[5]}', "5", ""])
def test_a_row_of_an_unknown_shape_is_named_and_stops_nothing(tmp_path: Path, data: str) -> None:
    path = fresh(tmp_path / "opencode.db", ["one"])
    execute(path, "UPDATE session_message SET data = ? WHERE seq = 0", data)
    found = entries_of(path, "ses_one")
    assert found
    for each in found:
        said(path, each)


def test_a_row_of_megabytes_is_not_parsed(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db", ["one"])
    add_in_v2(path, "two", tools=[tool_block(3_000_000)])
    [large] = [each for each in entries_of(path, "ses_two") if each.state == "large"]
    assert large.bytes > 3_000_000 and "ooo" in said(path, large)


def test_a_file_without_tables_of_1x_is_searched(tmp_path: Path) -> None:
    path = fresh(tmp_path / "opencode.db")
    add_in_v2(path, "one", tools=[tool_block(500)])
    hits = search_all(site_of(path).store, Wanted("ooooo"))
    assert [hit.session_id for hit in hits] == ["ses_one"]
    keys = {each.message_id for each in entries_of(path, "ses_one")}
    assert hits[0].message_id in keys
