"""A packed batch: read by anybody with zstd, listed without unpacking, refused when damaged."""

from __future__ import annotations

import hashlib
import json
import stat
import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.test_prune import OLD, plan_for
from tests.factories import make_database, session
from tests.picture import run, site_of
from tui.errors import OcduError
from tui.store import batch
from tui.store.packing import _zstd, look_into, pack, unpack
from tui.store.shelf import take_down


def drain(steps: Iterator[int]) -> int:
    """Octets done at the end."""
    return max(steps, default=0)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    trees = [session("Sow [red]cress\x1b[2J", active=OLD, octets=50_000, events=1), session("b")]
    site = site_of(make_database(tmp_path / "o.db", trees))
    made = run(plan_for(site, trees[0].id), site).batch
    return site.ledger.trash_folder / f"{made}.trash"


def test_anybody_who_has_zstd_gets_the_sqlite_file(packed: Path, tmp_path: Path) -> None:
    """What `zstd -d FILE` does: pass over the skippable frame, decompress the other one."""
    raw = packed.read_bytes()
    magic, length = struct.unpack("<II", raw[:8])
    assert 0x184D2A50 <= magic <= 0x184D2A5F
    header = json.loads(raw[8 : 8 + length])
    plain = _zstd().decompress(raw)
    assert plain.startswith(b"SQLite format 3\0")
    assert (len(plain), hashlib.sha256(plain).hexdigest()) == (
        header["plain_bytes"], header["sha256"],
    )  # fmt: skip
    (tmp_path / "plain.db").write_bytes(plain)
    connection = apsw.Connection(str(tmp_path / "plain.db"))
    assert list(connection.execute("SELECT count(*) FROM part")) == [(3,)]
    connection.close()


def test_what_it_says_of_itself_is_what_the_file_inside_says(packed: Path, tmp_path: Path) -> None:
    found = look_into(packed)
    assert found is not None and found.is_packed
    drain(unpack(packed, tmp_path / "plain.db"))
    with batch.opened(tmp_path / "plain.db") as connection:
        assert batch.facts(connection) == found.facts
    assert found.facts.lines[0].title == "Sow [red]cress\x1b[2J"
    assert found.plain_bytes == (tmp_path / "plain.db").stat().st_size


def test_it_is_private_and_nothing_else_is_left_in_the_folder(packed: Path) -> None:
    assert stat.S_IMODE(packed.stat().st_mode) == 0o600
    assert [each.name for each in packed.parent.iterdir()] == [packed.name]


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_no_damaged_byte_goes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, place: float, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    plain = folder / "20260101-000000-abcd.unfinished"
    _plain_batch(plain)
    whole = folder / "whole.trash"
    drain(pack(plain, whole))
    raw = bytearray(whole.read_bytes())
    raw[int(place * len(raw))] ^= flip
    damaged = folder / "damaged.trash"
    damaged.write_bytes(raw)
    back = folder / "back.db"
    if (found := look_into(damaged)) is not None and found.is_packed:
        try:
            drain(unpack(damaged, back))
        except OcduError as error:
            assert "damaged" in str(error) and not back.exists()
            return
        # Only the header's own words may differ, and those do not decide what comes back.
        assert back.read_bytes() == plain.read_bytes()


def _plain_batch(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(batch._LAYOUT.replace("trash.", ""))
    connection.execute("INSERT INTO ocdu_manifest VALUES ('format', 2), ('created', 5)")
    connection.execute("INSERT INTO ocdu_file VALUES ('ses_a', 'x', 0, 0, randomblob(40000))")
    connection.close()


def test_a_batch_that_was_cut_off_is_damaged_and_stays(packed: Path, tmp_path: Path) -> None:
    whole = packed.read_bytes()
    packed.write_bytes(whole[: len(whole) - 100])
    with pytest.raises(OcduError, match="damaged"):
        drain(unpack(packed, tmp_path / "back.db"))
    assert not (tmp_path / "back.db").exists()
    with pytest.raises(OcduError, match="damaged"):
        drain(take_down(packed))
    assert [each.name for each in packed.parent.iterdir()] == [packed.name]


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"SQLite format 3\0" + b"\0" * 5000, struct.pack("<II", 0x184D2A5C, 1 << 31),
     struct.pack("<II", 0x184D2A5C, 2) + b"{}", struct.pack("<II", 0x184D2A5C, 2) + b"[]",
     struct.pack("<II", 0x184D2A5C, 13) + b'{"format": 9}'],
    ids=["empty", "short", "no database", "endless", "says nothing", "a list", "of tomorrow"],
)  # fmt: skip
def test_what_is_no_batch_is_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.trash").write_bytes(content)
    assert look_into(tmp_path / "a.trash") is None
    (tmp_path / "b.trash").symlink_to(tmp_path / "a.trash")
    assert look_into(tmp_path / "b.trash") is None
    assert look_into(tmp_path / "nothing.trash") is None


def test_packing_that_is_given_up_leaves_nothing_half(tmp_path: Path) -> None:
    plain = tmp_path / "20260101-000000-abcd.unfinished"
    _plain_batch(plain)
    before = plain.read_bytes()
    steps = pack(plain, tmp_path / "target")
    next(steps)
    steps.close()
    assert not (tmp_path / "target").exists()
    assert plain.read_bytes() == before


def test_a_large_batch_passes_in_blocks(tmp_path: Path) -> None:
    plain = tmp_path / "20260101-000000-abcd.unfinished"
    _plain_batch(plain)
    connection = apsw.Connection(str(plain))
    connection.execute("INSERT INTO ocdu_file VALUES ('ses_b', 'y', 0, 0, zeroblob(60000000))")
    connection.close()
    tracemalloc.start()
    drain(pack(plain, tmp_path / "target"))
    drain(unpack(tmp_path / "target", tmp_path / "back"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    assert (tmp_path / "target").stat().st_size < 1_000_000
    assert (tmp_path / "back").stat().st_size == plain.stat().st_size
