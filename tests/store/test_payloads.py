"""The search for payloads: exact sums, short reads, a watermark, and nothing written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests import factories
from tests.damage import allow_null
from tests.engine.reclaim.parts import BIG, Database, compact, tool
from tests.factories import Tool, execute, make_database
from tui.policy.reclaim import LEVELS
from tui.store.database import Store
from tui.store.judging import overflow_bytes, turns
from tui.store.payloads import WATERMARK_MARGIN, Found, find_payloads

BOTH = ("compacted", "summarised")
PLAIN = tool(BIG, mark=None)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "opencode.db")
    yield made
    made.close()


def as_dict(found: Found) -> dict[tuple[str, str], tuple[int, int]]:
    return {(p.session_id, p.level): (p.parts, p.bytes) for p in found}


def digests(*paths: Path) -> str:
    """Read in another process: closing the file here would drop SQLite's locks."""
    script = (
        "import hashlib, pathlib, sys\n"
        "for path in sys.argv[1:]:\n"
        "    print(hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest())"
    )
    ran = subprocess.run([sys.executable, "-c", script, *map(str, paths)], capture_output=True)
    assert ran.returncode == 0
    return ran.stdout.decode()


def test_a_row_without_data_stops_no_level(tmp_path: Path) -> None:
    """As a tool might leave it: opencode's own table allows no NULL."""
    talk = factories.session("Talk", id="ses_a", tools=[Tool(5000, compacted=True)])
    path = make_database(tmp_path / "nulls.db", [talk])
    allow_null(path, "message")
    execute(path, "UPDATE message SET data = NULL")
    found = as_dict(find_payloads(Store(path), tuple(LEVELS)))
    assert found["ses_a", "compacted"][0] == 1


def test_octets_are_exact_and_largest_come_first(database: Database) -> None:
    database.session("ses_b")
    database.message(900, "ses_b")
    database.part("prt_1", tool("é" * 1000))
    database.part("prt_2", tool("y" * 300), 900, "ses_b")
    database.part("prt_3", tool("y" * 9000), 900, "ses_b")
    found = find_payloads(database.store, ["compacted"])
    marker = len("[reclaimed]")
    assert [each[:4] for each in found] == [
        ("ses_b", "compacted", 2, 300 + 9000 - 2 * marker),
        ("ses_a", "compacted", 1, 2000 - marker),
    ]


def test_named_sessions_are_found_alike_and_others_not(database: Database) -> None:
    for n, session in enumerate(("ses_b", "ses_c")):
        database.session(session)
        database.message(900 + n, session)
        database.part(f"prt_{n}", tool(BIG), 900 + n, session)
        database.part(f"prt_{n}s", PLAIN, 900 + n, session)
        database.compaction(950 + n, session=session)
    everywhere = as_dict(find_payloads(database.store, BOTH))
    one = as_dict(find_payloads(database.store, BOTH, session_ids=["ses_c", "ses_c", "ses_none"]))
    assert len(everywhere) == 4
    assert one == {key: sums for key, sums in everywhere.items() if key[0] == "ses_c"}
    assert find_payloads(database.store, BOTH, session_ids=[]) == []


def test_a_part_of_both_levels_counts_under_compacted(database: Database) -> None:
    database.part("prt_1", tool(BIG))
    database.part("prt_2", PLAIN)
    database.compaction(100)
    both = as_dict(find_payloads(database.store, BOTH))
    assert both["ses_a", "compacted"][0] == both["ses_a", "summarised"][0] == 1
    alone = as_dict(find_payloads(database.store, ["summarised"]))
    assert alone.keys() == {("ses_a", "summarised")} and alone["ses_a", "summarised"][0] == 2


def test_searching_in_tiny_slices_gives_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        database.part(f"prt_{number}", tool(BIG, mark=1 if number % 2 else None), 10 + number)
    database.compaction(100)
    database.connection.execute("DELETE FROM part WHERE rowid BETWEEN 20 AND 40")
    whole = find_payloads(database.store, BOTH)
    monkeypatch.setattr("tui.store.judging.FIRST_SLICE", 1)
    monkeypatch.setattr("tui.store.judging.READ_SLICE", 0.0)
    sliced = find_payloads(database.store, BOTH)
    assert sliced == whole and all(each.rowids and each.page_bytes for each in whole)


def test_a_read_shrinks_when_it_takes_too_long_and_covers_every_row_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter(range(1_000_000))  # every look at the clock is a second later
    monkeypatch.setattr("tui.store.judging.time.perf_counter", lambda: next(clock))
    pieces = list(turns(range(10, 5010), Event()))
    assert [first for first, _ in pieces[1:]] == [last + 1 for _, last in pieces[:-1]]
    assert pieces[0][0] == 10 and pieces[-1][1] == 5009
    widths = [last - first + 1 for first, last in pieces]
    assert widths[0] == 2000 and widths[1] == 80 and widths[-1] == 1


def test_a_watermark_skips_what_was_not_written_since(database: Database) -> None:
    hour = 3_600_000
    database.part("prt_1", tool(BIG), updated=10 * hour)
    database.part("prt_2", compact({"type": "text", "text": "hi"}), updated=11 * hour)
    first = find_payloads(database.store, ["compacted"], since_updated=0)
    assert len(first) == 1 and first.watermark == 11 * hour
    again = find_payloads(database.store, ["compacted"], since_updated=first.watermark)
    assert again == [] and again.watermark == first.watermark
    database.part("prt_3", tool(BIG), updated=12 * hour)
    database.part("prt_4", tool(BIG), updated=11 * hour - WATERMARK_MARGIN + 1)
    later = find_payloads(database.store, ["compacted"], since_updated=first.watermark)
    assert [p.parts for p in later] == [2] and later.watermark == 12 * hour


def test_an_empty_database_holds_nothing(database: Database) -> None:
    found = find_payloads(database.store, BOTH, since_updated=0)
    assert found == [] and found.complete and found.watermark == 0


def test_a_stopped_search_says_so(database: Database) -> None:
    database.part("prt_1", tool(BIG))
    stop = Event()
    stop.set()
    found = find_payloads(database.store, BOTH, stop=stop)
    assert found == [] and not found.complete


def test_progress_rises_to_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.store.judging.FIRST_SLICE", 3)
    for number in range(20):
        database.part(f"prt_{number}", tool(BIG))
    shares: list[float] = []
    find_payloads(database.store, BOTH, on_progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > 2


def test_malformed_rows_are_counted_by_session_without_bytes(database: Database) -> None:
    database.part("prt_1", tool(BIG)[:-1])
    database.part("prt_2", tool(None))
    database.part("prt_3", tool(BIG))
    found = find_payloads(database.store, ["compacted"])
    assert as_dict(found)["ses_a", "malformed"] == (2, 0)
    assert as_dict(found)["ses_a", "compacted"][0] == 1


def test_a_session_id_that_is_no_text_stops_nobody(database: Database) -> None:
    database.part("prt_1", tool(BIG))
    database.part("prt_2", tool(BIG))
    database.connection.execute("PRAGMA foreign_keys=OFF")
    database.connection.execute(
        "UPDATE part SET session_id = CAST(x'ff73' AS TEXT) WHERE id = 'prt_1'"
    )
    found = find_payloads(database.store, BOTH)
    assert {p.session_id for p in found} == {"ses_a", "\ufffds"}


def test_the_search_writes_nothing_and_leaves_no_transaction(database: Database) -> None:
    database.part("prt_1", tool(BIG))
    database.compaction(100)
    wal = database.path.with_name("opencode.db-wal")
    before = digests(database.path, wal)
    find_payloads(database.store, BOTH)
    assert digests(database.path, wal) == before
    # With a reader left behind, TRUNCATE would report busy.
    busy: Any = database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy[0] == 0


@pytest.mark.parametrize("size", [10, 3900, 3950, 4000, 5000, 8192, 20_000, 65_536, 300_001])
def test_overflow_pages_are_those_that_sqlite_takes(database: Database, size: int) -> None:
    ids = ("i" * 30, "m" * 30, "s" * 30)
    database.session(ids[2])
    database.message(1, ids[2], id=ids[1])
    database.connection.execute(
        "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", (*ids, 10**12, 10**12, "x" * size)
    )
    count: Any = database.connection.execute(
        "SELECT count(*) FROM dbstat WHERE name = 'part' AND pagetype = 'overflow'"
    ).fetchone()
    assert overflow_bytes(size, 4096) == count[0] * 4096
