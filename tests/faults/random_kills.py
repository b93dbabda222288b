"""Killed at moments nobody chose, again and again: `python -m tests.faults.random_kills VERB`.

VERB is one of `tests.faults.trial.TRIALS`. A child process carries the job out and is killed
(SIGKILL) after a random time; then ocdu starts again and everything must be there, as the trial
says. How often, and on how large a database, is told by options; the same seed gives the same
moments.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from tests.faults.trial import TRIALS, Trial, make_forest
from tui.engine import copy_back, pace, prune
from tui.engine.perform import perform
from tui.engine.reclaim import keeping
from tui.store import packing


def in_child(work: Callable[[int], None]) -> tuple[int, int]:
    """Fork; the child works and exits. Returns its pid and the end of a pipe it may write to."""
    hears, tells = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(hears)
            work(tells)
            code = 0
        finally:
            os._exit(code)
    os.close(tells)
    return pid, hears


def job(trial: Trial) -> Callable[[int], None]:
    """What the child does; it says when the phase begins in which it is to be killed."""

    def work(tells: int) -> None:
        pace.PAUSE, packing.BLOCK, copy_back.PAGES = 0.001, 50_000, 200
        keeping.GROUP_OCTETS, prune.GROUP_BYTES = 2_000_000, 20_000_000
        if trial.verb == "archive":
            pace.SLICE = 0.0  # a transaction a stamp: many moments
        site = trial.site
        told = False
        for step in perform(trial.plan(site), site, Event()):
            if not told and trial.phase in ("", step.phase):
                os.write(tells, b"!")
                told = True

    return work


def duration(trial: Trial) -> float:
    """Seconds the job takes from the word to its end, undisturbed."""
    trial.prepare()
    pid, hears = in_child(job(trial))
    os.read(hears, 1)
    began = time.perf_counter()
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - began
    os.close(hears)
    assert status == 0, "the job does not even work when it is left alone"
    trial.check(killed=False)
    return took


def kill_often(path: Path, verb: str, *, count: int, seed: int, events: bool = False) -> int:
    """Kill so many times; returns how many found the job still at work."""
    trial = TRIALS[verb](path, verb, events=events)
    chance = random.Random(seed)
    took = duration(trial)
    caught = 0
    for number in range(count):
        trial.prepare()
        pid, hears = in_child(job(trial))
        os.read(hears, 1)
        time.sleep(chance.random() * took)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(hears)
        if os.WIFSIGNALED(status):
            caught += 1
        else:  # the machine has less to do than when the time was taken
            took *= 0.7
        try:
            trial.check(killed=True)
        except BaseException as error:
            raise AssertionError(f"{verb}, kill {number} with seed {seed}: {error}") from error
    return caught


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=tuple(TRIALS))
    parser.add_argument("--folder", type=Path, required=True, help="where the database is made")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--bytes", type=int, default=3_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", action="store_true", help="keep event rows in the trash")
    given = parser.parse_args()
    # The trash lies beside the database, never in the home of whoever runs this.
    os.environ["XDG_DATA_HOME"] = str(given.folder / "data")
    path = make_forest(given.folder / "opencode.db", given.bytes)
    caught = kill_often(path, given.verb, count=given.count, seed=given.seed, events=given.events)
    print(f"{given.count} kills, {caught} in the middle: nothing lost")


if __name__ == "__main__":
    main()
