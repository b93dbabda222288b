"""Walking along an index in short reads finds what one long statement finds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.store.doctor import walk
from tui.store.doctor.walk import keys_where, octets_of

KEYS = st.one_of(st.text(max_size=3), st.binary(max_size=3), st.none(), st.integers(0, 9))


@settings(max_examples=60, deadline=None)
@given(st.lists(KEYS, max_size=60), st.integers(1, 7))
def test_every_key_is_met_once_with_its_rows(values: list[str | bytes | None], limit: int) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (k TEXT, data TEXT); CREATE INDEX i ON t (k)")
    connection.executemany(
        "INSERT INTO t VALUES (CASE WHEN ?2 THEN CAST(?1 AS TEXT) ELSE ?1 END, 'xyz')",
        [(value, isinstance(value, bytes) and len(value) % 2) for value in values],
    )
    expected = Counter(
        dict(connection.execute("SELECT hex(k) || typeof(k), count(*) FROM t"
                                " WHERE k IS NOT NULL GROUP BY k"))
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "FIRST_KEYS", limit)
        patch.setattr(walk, "FEWEST_KEYS", limit)
        patch.setattr(walk, "MOST_KEYS", limit)
        found = list(keys_where(connection, "t", "k", "true"))
    met = Counter({hit.key.value.hex().upper() + hit.key.kind: hit.rows for hit in found})
    assert met == expected
    assert len(found) == len(expected)
    columns = ("k", "data")
    assert [octets_of(connection, "t", "k", columns, hit.key) for hit in found] == [
        3 * hit.rows for hit in found
    ]


def test_the_question_is_asked_of_each_key() -> None:
    with TemporaryDirectory() as folder:
        connection = apsw.Connection(str(Path(folder) / "o.db"))
        connection.execute("CREATE TABLE t (k TEXT); CREATE INDEX i ON t (k)")
        with connection:
            connection.executemany("INSERT INTO t VALUES (?)", [(f"{n:04}",) for n in range(3000)])
        found = [hit.key.text for hit in keys_where(connection, "t", "k", "k % 1000 = 7")]
        assert found == ["0007", "1007", "2007"]
        connection.close()
