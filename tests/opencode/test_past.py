"""The past is what the other tests take it for; without this they could prove nothing."""

from __future__ import annotations

from tests.opencode.past import Past
from tests.opencode.witness import opencode_accepts, reading, session_rows


def test_opencode_made_six_conversations_in_two_projects_and_one_child(past: Past) -> None:
    rows = session_rows(past.home)
    roots = {key: row for key, row in rows.items() if row.parent_id is None}
    assert set(roots) == set(past.ids.values())
    assert {row.directory for row in roots.values()} == {str(each) for each in past.projects}
    assert [row.parent_id for row in rows.values() if row.parent_id] == [past.ids["family"]]


def test_opencode_marked_some_tool_output_as_compacted_but_kept_it(past: Past) -> None:
    with reading(past.home) as db:
        marked = db.execute(
            "SELECT session_id, length(json_extract(data, '$.state.output')) FROM part"
            " WHERE json_extract(data, '$.state.time.compacted') IS NOT NULL"
        ).fetchall()
        tools = "SELECT count(*) FROM part WHERE json_extract(data, '$.type') = 'tool'"
        assert len(marked) < db.execute(tools).fetchone()[0]
    assert {session for session, _ in marked} == {past.ids["pruned"]}
    assert all(characters > 40_000 for _, characters in marked)


def test_opencode_compacted_two_conversations_and_wrote_two_todos(past: Past) -> None:
    with reading(past.home) as db:
        compacted = db.execute(
            "SELECT DISTINCT session_id FROM message WHERE json_extract(data, '$.summary') = 1"
        ).fetchall()
        todos = db.execute("SELECT session_id, content FROM todo ORDER BY position").fetchall()
    assert {key for (key,) in compacted} == {past.ids["summarised"], past.ids["overflowed"]}
    assert todos == [(past.ids["family"], "sow"), (past.ids["family"], "reap")]


def test_opencode_accepts_an_untouched_copy_of_its_own_past(past: Past) -> None:
    seen = opencode_accepts(past)
    assert all(each.archived is None for each in seen.values())
