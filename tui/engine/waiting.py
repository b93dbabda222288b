"""A vacuum that waits for its turn: noted in the ledger, so that it survives whoever waits.

The note stands from the moment the waiting begins until the vacuum is done, or until the user takes
it back. Whoever of us opens this database next, finding nobody at it any more, takes it up.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import NamedTuple

import psutil

from tui.engine.site import Site
from tui.engine.vacuum import vacuum_facts
from tui.policy.plan import Outcome, Plan, Step
from tui.policy.vacuum import VacuumDecision, Wish, plan_vacuum
from tui.policy.vacuum_words import held_by
from tui.store.database import Store
from tui.store.holders import holders
from tui.store.ledger import Ledger

NOTE = "waiting vacuum"

STANDS = (
    "It stays noted: the next ocdu that opens this database takes it up, and "
    "`ocdu vacuum --withdraw` takes it back."
)

POLL = 0.5
"""Seconds between two looks whether the last holder has gone."""


class Noted(NamedTuple):
    """A vacuum that was ordered and has not come to its turn yet."""

    wish: Wish
    since: int
    """When it was ordered, milliseconds UTC."""
    pid: int
    """The ocdu that waits with it, or did."""
    born: float
    """When that process began: its number may be somebody else's by now."""

    @property
    def waits_elsewhere(self) -> bool:
        """True while another ocdu is still waiting with it."""
        if self.pid == os.getpid():
            return False
        try:
            return bool(abs(psutil.Process(self.pid).create_time() - self.born) < 1)
        except psutil.Error:
            return False


def note(ledger: Ledger, wish: Wish) -> None:
    """Keep that this vacuum waits, and with whom; an older note keeps its date."""
    before = noted(ledger)
    folder = str(wish.temp_dir) if wish.temp_dir else None
    kept = {
        "to_incremental": wish.to_incremental,
        "temp_dir": folder,
        "since": before.since if before else time.time_ns() // 1_000_000,
        "pid": os.getpid(),
        "born": psutil.Process().create_time(),
    }
    ledger.set_note(NOTE, json.dumps(kept))


def noted(ledger: Ledger) -> Noted | None:
    """The vacuum that waits for this database; None without one, or without a readable one."""
    try:
        kept = json.loads(ledger.note(NOTE) or "null")
        folder = Path(kept["temp_dir"]) if kept["temp_dir"] else None
        wish = Wish(True, bool(kept["to_incremental"]), folder)
        return Noted(wish, int(kept["since"]), int(kept["pid"]), float(kept["born"]))
    except (ValueError, TypeError, KeyError):
        return None


def withdraw(ledger: Ledger) -> bool:
    """Take the waiting vacuum back; False when none was waiting."""
    was_there = noted(ledger) is not None
    if was_there:
        ledger.set_note(NOTE, "")
    return was_there


def taken_up(site: Site) -> Plan | None:
    """The waiting vacuum as a plan of now, for whoever opens this database next.

    None when none waits, when another ocdu still waits with it, or when there is nothing left to
    give back: then its note is forgotten.
    """
    waiting = noted(site.ledger)
    if waiting is None or waiting.waits_elsewhere or site.refusal:
        return None
    plan = plan_vacuum(vacuum_facts(site.store, wish=waiting.wish))
    if not plan.items and not plan.refused:
        withdraw(site.ledger)
    return plan if plan.items else None


def must_wait(plan: Plan) -> bool:
    """True for a vacuum that can only begin when nobody has the database open."""
    return isinstance(plan.options, VacuumDecision) and plan.options.way == "wait"


def its_turn(
    plan: Plan, site: Site, stop: Event, *, crowded: bool = False
) -> Generator[Step, None, None]:
    """Wait, where the plan must and the user wants to; the note stands meanwhile.

    `crowded` when it was tried and somebody was in the way, whatever the plan said.
    """
    if is_patient(plan) and (crowded or must_wait(plan)):
        note(site.ledger, plan.options.wish)
        yield from until_alone(site.store, stop)


def is_patient(plan: Plan) -> bool:
    """True for a vacuum that shall wait rather than be refused."""
    return isinstance(plan.options, VacuumDecision) and plan.options.wish.patient


def settled(plan: Plan, outcome: Outcome, site: Site) -> Outcome:
    """Forget the note of a vacuum that came to its end, or say that it still stands."""
    if plan.verb != "vacuum":
        return outcome
    if outcome.ending in ("done", "nothing"):
        withdraw(site.ledger)
    elif is_patient(plan) and noted(site.ledger):
        return replace(outcome, message=f"{outcome.message} {STANDS}")
    return outcome


def until_alone(store: Store, stop: Event) -> Iterator[Step]:
    """Wait until nobody else has the database open."""
    while not stop.is_set() and (found := holders(store.path)):
        yield Step(0, 0, phase=f"waiting: {held_by(found)} using the database")
        stop.wait(POLL)
