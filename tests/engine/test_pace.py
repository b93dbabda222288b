"""Transactions in slices: a pause after each where somebody else has the file open, and only there.

How long a neighbour really waits is tested in `tests/faults` and measured by `tests.benchmarks`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import apsw
import pytest

from tests.event_history import History, plan_of
from tests.factories import DAY, NOW, make_database, session
from tests.neighbour import Holder
from tests.picture import forest_of, run, site_of
from tui.engine import pace
from tui.engine.pace import Deed, in_slices, rest
from tui.engine.site import Site
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, plan_prune
from tui.store.company import Company
from tui.store.database import open_store

DEEDS = 12


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return make_database(tmp_path / "opencode.db", [session("Sow cress")])


@pytest.fixture
def connection(database: Path) -> Iterator[apsw.Connection]:
    with open_store(database).writing() as db:
        yield db.connection()


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every pause, in seconds; a transaction for each deed."""
    taken: list[float] = []
    monkeypatch.setattr(pace, "SLICE", 0.0)
    monkeypatch.setattr(pace, "_typed", -pace.ATTENTION)
    clock = SimpleNamespace(
        sleep=taken.append, perf_counter=time.perf_counter, monotonic=time.monotonic
    )
    monkeypatch.setattr(pace, "time", clock)
    return taken


def nothing() -> None:
    """A deed."""


def test_alone_nobody_is_waited_for(connection: apsw.Connection, rests: list[float]) -> None:
    assert list(in_slices(connection, [nothing] * DEEDS, Event())) == list(range(1, DEEDS + 1))
    assert rests == []


def test_while_somebody_has_the_file_every_transaction_is_followed_by_a_pause(
    connection: apsw.Connection, database: Path, rests: list[float]
) -> None:
    with Holder(database):
        list(in_slices(connection, [nothing] * DEEDS, Event()))
    assert rests == [pace.PAUSE] * (DEEDS - 1)


@pytest.mark.parametrize("reading", [False, True], ids=["idle", "reading"])
def test_who_comes_in_the_middle_is_noticed_after_the_transaction_under_way(
    connection: apsw.Connection, database: Path, rests: list[float], reading: bool
) -> None:
    comes, goes = 4, 9
    pauses_before: list[int] = []
    with ExitStack() as house:

        def deeds() -> Iterator[Deed]:
            for number in range(DEEDS):
                yield partial(deed, number)

        def deed(number: int) -> None:
            """With the write lock held, as whoever opens the file then meets it."""
            pauses_before.append(len(rests))
            if number == comes:
                house.enter_context(Holder(database, reading))
            if number == goes:
                house.close()

        list(in_slices(connection, deeds(), Event()))
    noticed = [0] * (comes + 1) + list(range(1, goes - comes + 1))
    assert pauses_before == noticed + [goes - comes] * (DEEDS - goes - 1)


def test_where_nobody_can_tell_there_are_pauses(
    connection: apsw.Connection, rests: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.company.DESCRIPTORS", "/nowhere")
    list(in_slices(connection, [nothing] * DEEDS, Event()))
    assert rests == [pace.PAUSE] * (DEEDS - 1)


def test_while_somebody_types_in_this_process_there_are_pauses(
    connection: apsw.Connection, rests: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr("tui.engine.pace.time.monotonic", lambda: now[0])
    pauses_before: list[int] = []

    def deed(number: int) -> None:
        pauses_before.append(len(rests))
        if number == 2:
            pace.typed()
        if number == 5:
            now[0] += pace.ATTENTION

    list(in_slices(connection, [partial(deed, number) for number in range(9)], Event()))
    assert pauses_before == [0, 0, 0, 1, 2, 3, 3, 3, 3]


def test_a_pause_counts_from_the_last_commit(
    connection: apsw.Connection, database: Path, rests: list[float]
) -> None:
    with Holder(database):
        rest(Company(connection), since=time.perf_counter() - 1)
        rest(Company(connection), since=time.perf_counter())
    assert rests[0] == 0
    assert 0 < rests[1] <= pace.PAUSE


def pauses_of(path: Path, verb: str, rests: list[float]) -> list[float]:
    """The pauses of a job on this database."""
    site = site_of(path)
    plan = plan_of(site, "events") if verb == "events" else everything(site)
    rests.clear()
    outcome = run(plan, site)
    assert outcome.ending == "done", outcome
    return [each for each in rests if each > 0]


def everything(site: Site) -> Plan:
    forest = forest_of(site)
    return plan_prune(forest, PrunePolicy(ids=frozenset(forest.shape.index)), NOW + DAY)


@pytest.mark.parametrize("verb", ["prune", "events"])
def test_a_job_pauses_for_others_alone(
    tmp_path: Path, rests: list[float], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr("tui.engine.reclaim.BATCH", 3)
    monkeypatch.setattr("tui.engine.reclaim.events.BUNCH_ROWS", 3)
    for folder in ("alone", "beside"):
        (tmp_path / folder).mkdir()
        history = History(tmp_path / folder / "opencode.db")
        for number in range(4):
            id = f"ses_{number}"
            history.session(id)
            for value in range(20):
                history.say(id, f"msg_{number}{value % 3}", value=value)
            history.touch(id)
        history.close()
    assert pauses_of(tmp_path / "alone" / "opencode.db", verb, rests) == []
    with Holder(tmp_path / "beside" / "opencode.db"):
        assert len(pauses_of(tmp_path / "beside" / "opencode.db", verb, rests)) >= 15
