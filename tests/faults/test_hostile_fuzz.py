"""Chance as the enemy: random values in every column, random bytes in the file."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

import apsw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.damage import allow_null
from tests.factories import NOW, days_ago, execute, make_database, session
from tests.hostile import harms
from tests.picture import site_of
from tui.cli.main import main
from tui.engine.doctor import examine
from tui.forest import Forest
from tui.policy.doctor import judge
from tui.policy.prune import PrunePolicy, plan_prune
from tui.policy.reclaim import ReclaimPolicy, plan_reclaim
from tui.store.database import open_store
from tui.store.details import session_detail
from tui.store.kinds import kinds
from tui.store.largest import largest_rows, preview
from tui.store.payloads import find_payloads
from tui.store.projects import places, projects
from tui.store.rebuild import lost_sessions
from tui.store.sessions import load_sessions, running_sessions, with_last_messages
from tui.store.usage import measure_all, measure_sessions

UNHURRIED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def model() -> Path:
    """Three small trees; bodies may be NULL. Made once a run."""
    path = Path(tempfile.mkdtemp()) / "opencode.db"
    given = [session("one", events=1, children=[session("two", events=1)]),
             session("three", project="orchard", octets=3000, active=days_ago(60))]  # fmt: skip
    make_database(path, given)
    for table in ("message", "part"):
        allow_null(path, table)
    return path


@contextmanager
def copied() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copy(model(), Path(folder) / "opencode.db"))


FRAGMENTS = st.sampled_from(
    [b'{"type":"tool","state":', b'{"type":"text","text":"', b'{"role":"user","summary":',
     b'{"time":{"compacted":1},"output":"x"}', b'{"diffs":[', b'"}', b"}", b"]", b"null",
     b"\\ud83d",
     b"\xed\xa0\xbd", b"\0", b'"compacted":', b'"id":"', b"1e999", b"[[[[", b'"part":{"id":"']
)  # fmt: skip
BYTES = st.one_of(st.binary(max_size=40), st.lists(FRAGMENTS, max_size=6).map(b"".join))
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.just(0), st.just(NOW)
)
VALUES = st.one_of(
    BYTES.map(lambda data: ("CAST(? AS TEXT)", data)),
    BYTES.map(lambda data: ("?", data)),
    NUMBERS.map(lambda number: ("?", number)),
)

COLUMNS = st.sampled_from(
    [("session", name) for name in (
        "title", "directory", "parent_id", "project_id", "version", "share_url", "cost", "model",
        "agent", "tokens_input", "time_created", "time_updated", "time_archived")]
    + [("message", name) for name in ("data", "data", "time_created", "time_updated")]
    + [("part", name) for name in ("data", "data", "data", "session_id", "time_updated")]
    + [("event", name) for name in ("data", "data", "type", "seq")]
    + [("project", name) for name in ("name", "worktree", "vcs", "sandboxes")]
)  # fmt: skip
CHANGES = st.lists(st.tuples(COLUMNS, VALUES, st.integers(0, 20)), min_size=1, max_size=12)


def apply(path: Path, changes: list[Any]) -> None:
    """Set columns of some rows; what a constraint forbids stays as it was."""
    connection = apsw.Connection(str(path))
    try:
        for (table, column), (marker, value), row in changes:
            [(rows,)] = connection.execute(f"SELECT max(rowid) FROM {table}")
            try:
                connection.execute(
                    f"UPDATE {table} SET {column} = {marker} WHERE rowid = ?",
                    (value, row % rows + 1),
                )
            except apsw.ConstraintError:
                continue
    finally:
        connection.close()


def octets(path: Path, *tables: str) -> int:
    every = " UNION ALL ".join(f"SELECT octet_length(data) AS n FROM {table}" for table in tables)
    return int(execute(path, f"SELECT coalesce(sum(n), 0) FROM ({every})")[0][0])


@UNHURRIED
@given(CHANGES)
def test_no_value_in_any_column_stops_a_reader_and_every_octet_is_counted(
    changes: list[Any],
) -> None:
    with copied() as path:
        apply(path, changes)
        store = open_store(path)
        rows = with_last_messages(store, load_sessions(store))
        assert len(rows) == 3
        measured = measure_all(store)
        assert measured.bytes == octets(path, "message", "part", "event")
        assert measure_sessions(store, [row.id for row in rows]) == {
            row.id: measured.sessions.get(row.id) or measure_sessions(store, ["none"])["none"]
            for row in rows
        }
        forest = Forest.of(rows, measured.sessions)
        assert sorted(row.id for row in forest.rows) == sorted(row.id for row in rows)
        *_, by_kind = kinds(store, None)
        assert sum(by_kind.values()) == measured.bytes
        for row in rows:
            session_detail(store, row)
            for large in largest_rows(store, [row.id]):
                preview(store, large)
        projects(store)
        places(store)
        lost_sessions(store)
        running = running_sessions(store, rows, NOW)
        levels = ("compacted", "summarised")
        plan_reclaim(forest, find_payloads(store, levels), ReclaimPolicy(levels), NOW, running)
        plan_prune(forest, PrunePolicy(ids=frozenset(forest.shape.index)), NOW, running)


@UNHURRIED
@given(CHANGES)
def test_no_value_in_any_column_stops_the_doctor(changes: list[Any]) -> None:
    with copied() as path:
        apply(path, changes)
        steps = examine(site_of(path), Event(), deep=True)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                assert "unreadable" not in {each.kind for each in judge(end.value)}
                return


LOOKS = (
    ["list"], ["stats"], ["show", "ses_one"], ["files"], ["doctor"], ["doctor", "--deep"],
    ["trash", "list"], ["prune", "--older-than", "30d", "--dry-run"],
    ["reclaim", "--level", "aggressive", "--dry-run"], ["vacuum", "--dry-run"],
)  # fmt: skip


def said(*arguments: str) -> tuple[int, str, str]:
    """Exit code and both streams of one command."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(arguments), now=NOW)
    return code, out.getvalue(), err.getvalue()


@settings(UNHURRIED, max_examples=25)
@given(CHANGES)
def test_no_value_in_any_column_reaches_the_terminal_as_control(changes: list[Any]) -> None:
    with copied() as path:
        apply(path, changes)
        for look in LOOKS:
            for form in ((), ("--json",)):
                code, out, err = said(*look, *form, "--db", str(path))
                assert code in ((0, 1, 4) if look[0] == "doctor" else (0,)), err
                assert list(harms(out + err)) == []


PLACES = st.one_of(st.integers(0, 99), st.integers(0, 4095), st.integers(0, 2**20))
FLIPS = st.lists(st.tuples(PLACES, st.integers(1, 255)), min_size=1, max_size=24)


@settings(UNHURRIED, max_examples=40)
@given(FLIPS)
def test_whatever_bytes_of_the_file_are_flipped_every_look_ends_with_a_sentence(
    flips: list[tuple[int, int]],
) -> None:
    with copied() as path:
        content = bytearray(path.read_bytes())
        for place, flip in flips:
            content[place % len(content)] ^= flip
        path.write_bytes(content)
        for look in LOOKS:
            code, out, err = said(*look, "--db", str(path))
            assert code in ((0, 1, 3, 4) if look[0] == "doctor" else (0, 1, 2, 3)), (look, err)
            assert "Traceback" not in out + err
            assert "went wrong inside" not in out + err, err
            assert list(harms(out + err)) == []
            if code in (1, 2, 3) and look[0] != "doctor":
                assert err.count("\n") == 1 and err.endswith(".\n"), err
        assert path.read_bytes() == bytes(content), "looking changes nothing"
