"""ocdu at work while opencode is in the middle of a turn: nobody notices."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.opencode.ageing import age
from tests.opencode.ocdu import CHECKOUT, ocdu
from tests.opencode.past import Past
from tests.opencode.provider import Call, Provider, Reply, bash
from tests.opencode.server import Server
from tests.opencode.witness import conversation, opencode_accepts

BEGIN_SECONDS = 30.0
"""The slow turn has begun once its bash command has said so."""

NOTICEABLE = 0.25
"""Seconds a neighbour may wait at worst, whatever ocdu announced."""

STORY = " ".join(f"word-{number}" for number in range(40))


@dataclass
class Living:
    """A server in the middle of a turn, and a second conversation that never stops."""

    past: Past
    server: Server
    provider: Provider
    gate: Path
    turn: Future[str]
    others: Future[int]
    finished: threading.Event = field(default_factory=threading.Event)

    @property
    def session(self) -> str:
        """The session that is being generated."""
        return self.past.ids["spoken"]

    def finish(self) -> None:
        """Let the turn come to its end."""
        self.gate.touch()
        self.provider.hurry.set()
        self.finished.set()


def slow_bash(begun: Path, gate: Path) -> Call:
    """A command that prints all the time until the gate is opened; every line is stored."""
    loop = f"for i in $(seq 1 2000); do [ -e {gate} ] && break; echo tick $i; sleep 0.1; done"
    arguments = {"command": f"touch {begun}; {loop}; echo open", "description": "wait"}
    return Call("bash", {**arguments, "timeout": 230_000})


@pytest.fixture
def living(newest_past: Past, provider: Provider, tmp_path: Path) -> Iterator[Living]:
    """opencode generating in `spoken` and answering turn after turn in `summarised`."""
    age(newest_past.home, days=45)
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    story = (Reply(calls=(slow_bash(begun, gate),)), Reply(STORY, pause=0.2))
    with (
        Server(newest_past.home, newest_past.alpha) as server,
        ThreadPoolExecutor(max_workers=2) as pool,
    ):
        stop = threading.Event()
        spoken = newest_past.ids["spoken"]
        turn = pool.submit(server.converse, spoken, newest_past.beta, "Tell a story.", *story)
        others = pool.submit(keep_talking, server, newest_past, stop)
        alive = Living(newest_past, server, provider, gate, turn, others, stop)
        try:
            wait_for(begun)
            yield alive
        finally:
            alive.finish()
    provider.hurry.clear()


def keep_talking(server: Server, past: Past, stop: threading.Event) -> int:
    """Turn after turn with a tool call until told to stop; the number of turns."""
    turns = 0
    while not stop.is_set():
        plan = (Reply(calls=(bash(5, f"almond-{turns}"),)), Reply("Picked."))
        server.converse(past.ids["summarised"], past.beta, "Pick almonds.", *plan)
        turns += 1
    return turns


def wait_for(file: Path) -> None:
    """Return once the file is there."""
    deadline = time.monotonic() + BEGIN_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline, "the slow turn did not begin"
        time.sleep(0.05)


def test_a_running_opencode_is_named_with_its_pid(living: Living) -> None:
    said = ocdu(living.past.home, "stats")
    assert living.server.pid in {each["pid"] for each in said.json["database"]["holders"]}, str(
        said
    )


def test_the_session_being_generated_is_never_pruned_by_a_policy(living: Living) -> None:
    said = ocdu(living.past.home, "prune", "--older-than", "0", "--dry-run")
    assert said.json["excluded"].get("running", 0) >= 1, str(said)
    assert living.session not in {item["id"] for item in said.json["plan"]["items"]}, str(said)


def test_opencode_notices_nothing_of_ocdu_working_beside_it(living: Living) -> None:
    home, ids = living.past.home, living.past.ids
    listed = ocdu(home, "list").json["sessions"]
    assert {each["id"] for each in listed} >= set(ids.values())
    ocdu(home, "stats")
    for deed in (
        ("archive", ids["quiet"]),
        ("reclaim", "--level", "compacted,summarised", ids["pruned"], ids["overflowed"]),
        ("prune", ids["overflowed"]),
        ("prune", ids["family"], "--permanent"),
        ("checkpoint",),
    ):
        said = ocdu(home, *deed)
        assert said.json["outcome"] == "done", str(said)
        assert not living.turn.done(), "the turn must still be under way"
        living.server.get(f"/session/{ids['quiet']}/message", living.past.alpha)
    vacuum_beside(living)
    assert not living.turn.done(), "the turn must still be under way"

    living.finish()
    assert living.turn.result() == STORY
    assert living.others.result() > 0
    last = conversation(living.server, living.session, living.past.beta)[-1]
    assert last["info"]["time"]["completed"]
    assert living.server.is_alive
    living.server.stop()
    assert home.complaints() == []
    seen = opencode_accepts(living.past)
    assert not {ids["family"], ids["overflowed"]} & seen.keys()


def vacuum_beside(living: Living) -> None:
    """A vacuum either keeps the lock it announced or refuses and changes nothing."""
    before = living.past.home.db.stat().st_size
    said = ocdu(living.past.home, "vacuum", exit_code=None)
    assert (said.exit_code, said.json["outcome"]) in {(0, "done"), (3, "refused")}, str(said)
    if said.exit_code:
        assert living.past.home.db.stat().st_size >= before
    else:
        details = said.json["details"]
        longest = max(details["announced_lock_seconds"], NOTICEABLE)
        assert details["lock_seconds"] <= longest, str(said)
        assert living.past.home.db.stat().st_size < before, str(said)


WAITER = """
import sys
from pathlib import Path
from threading import Event
from tui.engine import vacuum
from tui.engine.site import open_site
from tui.engine.perform import perform
from tui.policy import vacuum as policy
# On such a disk nobody may have the database open.
policy.ASSUMED_SPEED, vacuum.WORTH_MEASURING = 100.0, 10**12
site = open_site(Path(sys.argv[1]))
plan = policy.plan_vacuum(vacuum.vacuum_facts(site.store, wish=policy.Wish(patient=True)))
steps = perform(plan, site, Event())
while True:
    try:
        print(next(steps).phase, flush=True)
    except StopIteration as end:
        print(end.value.ending, flush=True)
        break
"""


def test_a_vacuum_waits_for_opencode_and_runs_by_itself_once_it_has_ended(living: Living) -> None:
    home, ids = living.past.home, living.past.ids
    ocdu(home, "prune", ids["family"], ids["overflowed"], "--permanent")
    before = home.db.stat().st_size
    waiter = subprocess.Popen(
        [sys.executable, "-c", WAITER, str(home.db)],
        env={**home.environment, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert waiter.stdout is not None
        first = waiter.stdout.readline()
        assert first.startswith("waiting") and str(living.server.pid) in first
        living.server.get(f"/session/{ids['quiet']}/message", living.past.alpha)
        living.finish()
        assert living.turn.result() == STORY
        assert living.others.result() > 0
        assert waiter.poll() is None and home.db.stat().st_size >= before
        living.server.stop()
        said, _ = waiter.communicate(timeout=60)
    finally:
        waiter.kill()
        waiter.wait(timeout=30)
    assert said.splitlines()[-1] == "done", said
    assert home.db.stat().st_size < before
    assert home.complaints() == []
    assert ids["family"] not in opencode_accepts(living.past)


def test_a_file_is_made_incremental_and_shrinks_under_a_generating_opencode(
    living: Living,
) -> None:
    home, ids = living.past.home, living.past.ids
    said = ocdu(home, "vacuum", "--to-incremental")
    details = said.json["details"]
    assert said.json["outcome"] == "done" and details["auto_vacuum"] == 2, str(said)
    assert details["lock_seconds"] <= max(details["announced_lock_seconds"], NOTICEABLE), str(said)
    before = home.db.stat().st_size
    for deed in ("family", "overflowed"):
        ocdu(home, "prune", ids[deed], "--permanent")
    ocdu(home, "vacuum", exit_code=None)
    ocdu(home, "checkpoint", exit_code=None)
    assert not living.turn.done(), "the turn must still be under way"
    assert home.db.stat().st_size < before
    living.finish()
    assert living.turn.result() == STORY
    assert living.others.result() > 0
    living.server.stop()
    assert home.complaints() == []
    assert ids["family"] not in opencode_accepts(living.past)
