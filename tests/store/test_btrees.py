"""How rows lie in the pages, and what a vacuum makes of them: the sum must be the file's."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tests.factories import make_database
from tests.swollen import make_swollen
from tui.policy.packed import packed_bytes
from tui.sizes import BTree, Cells
from tui.store import btrees
from tui.store.btrees import read_btrees
from tui.store.database import Store
from tui.store.pages import CELL_HEADER, leaf_octets, spilled

Lengths = Callable[[random.Random], int]

LENGTHS: dict[str, Lengths] = {
    "alike": lambda _: 190,
    "short and long": lambda luck: luck.choice((90, 160, 1800)),
    "one to a page": lambda luck: luck.randrange(1500, 4000),
    "beyond a page": lambda luck: luck.choice((300, 5000, 9000, 30_000)),
    "of every kind": lambda luck: int(luck.paretovariate(0.8) * 100) % 60_000,
}


def filled(path: Path, lengths: Lengths, rows: int = 6000) -> Path:
    """Parts of such lengths in a file that has seen deletes and edits."""
    make_database(path)
    luck = random.Random(5)
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF")
    with connection:
        connection.executemany(
            "INSERT INTO part VALUES (?, ?, 'ses_00000000000000000000000001', 1795400000000,"
            " 1795400000001, ?)",
            (
                (f"prt_{n * 7919 % rows:026d}", f"msg_{n // 5:026d}", "x" * lengths(luck))
                for n in range(rows)
            ),
        )
        connection.execute("DELETE FROM part WHERE rowid % 7 < 2")
        connection.execute("UPDATE part SET data = substr(data, 1, 90) WHERE rowid % 11 = 0")
    connection.close()
    return path


def vacuumed(path: Path) -> int:
    """Bytes of the same database when packed."""
    other = path.with_name("packed.db")
    connection = apsw.Connection(str(path))
    connection.execute("VACUUM INTO ?", (str(other),))
    connection.close()
    octets = other.stat().st_size
    other.unlink()
    return octets


@pytest.mark.parametrize("kind", LENGTHS)
def test_what_a_vacuum_leaves_is_foretold_within_two_percent(tmp_path: Path, kind: str) -> None:
    path = filled(tmp_path / "opencode.db", LENGTHS[kind])
    foretold = packed_bytes(read_btrees(Store(path)), (), 4096)
    assert foretold == pytest.approx(vacuumed(path), rel=0.02)


def test_a_swollen_file_is_foretold_as_well(tmp_path: Path) -> None:
    path = make_swollen(tmp_path / "opencode.db", 0.02)
    foretold = packed_bytes(read_btrees(Store(path)), (), 4096)
    assert foretold == pytest.approx(vacuumed(path), rel=0.02)


def test_cells_and_overflow_are_counted_as_they_are(tmp_path: Path) -> None:
    path = filled(tmp_path / "opencode.db", LENGTHS["beyond a page"], 700)
    trees = read_btrees(Store(path))
    connection = apsw.Connection(str(path))
    rows = connection.execute("SELECT count(*) FROM part").fetchone()
    parts = [tree for tree in trees if tree.table == "part"]
    assert [tree.is_index for tree in parts].count(False) == 1
    assert {(tree.cells,) for tree in parts} == {rows}, "entries in inner pages count as well"
    overflow = connection.execute(
        "SELECT count(*) FROM dbstat WHERE name = 'part' AND pagetype = 'overflow'"
    ).fetchone()
    assert (next(t.overflow_bytes for t in parts if not t.is_index) // 4096,) == overflow
    connection.close()


@pytest.mark.parametrize("octets", [0, 90, 4061, 4062, 4600, 5000, 8200, 30_000, 1_000_000])
def test_sql_and_python_agree_on_what_lies_in_a_leaf(octets: int) -> None:
    connection = apsw.Connection(":memory:")
    ((found,),) = connection.execute(f"SELECT {leaf_octets('?1', 4096)}", (octets,)).fetchall()
    assert found == spilled(octets, 4096)[0] + CELL_HEADER


def test_a_file_too_large_to_be_read_in_full_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_database(tmp_path / "opencode.db")
    monkeypatch.setattr(btrees, "MOST_BYTES", 10_000)
    assert read_btrees(Store(path)) == ()


def test_rows_that_go_take_their_share_of_every_index_with_them() -> None:
    table = BTree("part", False, 1000, 1_000_000, 8 * 4096)
    index = BTree("part", True, 1000, 40_000, 0)
    trees, gone = (table, index), Cells("part", 500, 500_000, 4 * 4096)
    whole, half = packed_bytes(trees, (), 4096), packed_bytes(trees, (gone,), 4096)
    assert half == pytest.approx(whole / 2, rel=0.02)
    assert packed_bytes(trees, (gone, gone), 4096) == 2 * 4096, "an empty tree keeps its page"
    assert packed_bytes(trees, (Cells("message", 9, 9, 9),), 4096) == whole
