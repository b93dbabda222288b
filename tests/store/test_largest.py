"""The largest rows, and glimpses that never load them."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from tests.factories import Tool, Turn, count_rows, execute, make_database, session
from tui.records import LargeRow
from tui.store.database import open_store
from tui.store.largest import PREVIEW, largest_rows, preview


@pytest.fixture
def database(tmp_path: Path) -> Path:
    tools = [Tool(9000), Tool(7000, name="read"), Tool(10)]
    trees = [
        session("a", turns=[Turn("Sow cress", tools=tools, diffs=8000)], events=1),
        session("b", octets=30_000, children=[session("c", turns=[Turn("x" * 6000)])]),
    ]
    return make_database(tmp_path / "opencode.db", trees)


def slow(path: Path, table: str, where: str = "1") -> list[tuple[int, str]]:
    found = execute(path, f"SELECT octet_length(data), id FROM {table} WHERE {where}")
    return sorted(found, reverse=True)


def test_the_largest_of_the_file_come_first(database: Path) -> None:
    found = largest_rows(open_store(database), limit=5)
    tables = ("part", "message", "event")
    expected = sorted((row for table in tables for row in slow(database, table)), reverse=True)
    assert [(row.bytes, row.id) for row in found] == expected[:5]


def test_rows_have_the_names_people_know(database: Path) -> None:
    found = largest_rows(open_store(database), ["ses_a", "ses_c"], limit=100)
    assert {row.kind for row in found} >= {
        "tool bash", "tool read", "user message", "assistant message", "text",
        "message.updated.1", "message.part.updated.1",
    }  # fmt: skip
    assert len(found) == sum(
        len(slow(database, table, where))
        for table, where in (
            ("part", "session_id IN ('ses_a', 'ses_c')"),
            ("message", "session_id IN ('ses_a', 'ses_c')"),
            ("event", "aggregate_id IN ('ses_a', 'ses_c')"),
        )
    )


def test_only_rows_over_the_limit_count(database: Path) -> None:
    octets = slow(database, "part")[0][0]
    store = open_store(database)
    assert len(largest_rows(store, over=octets - 1)) == 1
    assert largest_rows(store, over=octets) == []
    assert largest_rows(store, ["ses_b"], over=octets) == []
    assert largest_rows(store, limit=0) == []


def test_slices_of_any_length_find_the_same(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(database)
    whole, tree = largest_rows(store), largest_rows(store, ["ses_a"])
    monkeypatch.setattr("tui.store.largest.FIRST_ROWS", 1)
    monkeypatch.setattr("tui.store.largest.MOST_ROWS", 2)
    monkeypatch.setattr("tui.store.pieces.LISTED", 2)
    assert largest_rows(store) == whole
    assert largest_rows(store, ["ses_a"]) == tree


def test_it_stops_when_told_to(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.store.largest.FIRST_ROWS", 1)
    stop = Event()
    stop.set()
    assert len(largest_rows(open_store(database), limit=100, stop=stop)) == 1


def test_a_glimpse_is_short_and_says_what_it_is(database: Path) -> None:
    store = open_store(database)
    [output] = [row for row in largest_rows(store, ["ses_a"]) if row.kind == "tool bash"][:1]
    assert preview(store, output) == "o" * PREVIEW
    [question] = [row for row in largest_rows(store, ["ses_c"]) if row.kind == "text"][:1]
    assert preview(store, question) == "x" * PREVIEW
    [diffs] = [row for row in largest_rows(store, ["ses_a"]) if row.kind == "user message"]
    assert preview(store, diffs).startswith('[{"file":"bed.txt","patch":"+++')
    assert preview(store, question._replace(id="gone")) == ""
    assert preview(store, LargeRow("sqlite_schema", "x", "", 1)) == ""


def test_of_a_huge_row_only_the_head_is_read(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.largest.LARGE", 1_000)
    store = open_store(database)
    [row] = [each for each in largest_rows(store, ["ses_b"]) if each.table == "part"][:1]
    assert preview(store, row) == '"' + "o" * (PREVIEW - 1)


@pytest.mark.parametrize("data", (b"", b"\xff\xfe{", b'{"type":"tool"', b"\x00" * 9, b'{"type":1}'))
@pytest.mark.parametrize("kind", ("TEXT", "BLOB"))
def test_a_broken_row_is_listed_and_glimpsed(database: Path, data: bytes, kind: str) -> None:
    for table in ("part", "message", "event"):
        execute(
            database,
            f"UPDATE {table} SET data = CAST(? AS {kind}), id = CAST(x'ff6f' || id AS TEXT)"
            " WHERE rowid = 1",
            data,
        )
    execute(database, "UPDATE part SET data = 7 WHERE rowid = 2")
    store = open_store(database)
    rows = largest_rows(store, limit=1000, over=-1)
    assert len(rows) == sum(count_rows(database, table) for table in ("part", "message", "event"))
    for row in rows:
        assert len(preview(store, row)) <= PREVIEW
