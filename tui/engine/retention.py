"""Retention, prepared: looks at the site, lets the policy plan, and announces what is new.

With a timer nobody sees the output. So the first unattended run of new or changed policies changes
nothing: it writes what it would do into the journal, and the next run does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Event

from tui.engine.reclaim.search import search_levels
from tui.engine.site import Site
from tui.engine.trash import plan_empty
from tui.engine.vacuum import vacuum_facts
from tui.policy.giving_back import announced
from tui.policy.plan import Outcome, Plan
from tui.policy.retention import (
    Policies,
    forest_of,
    plan_retention,
    proposal,
    vacuum_afterwards,
    words,
)
from tui.records import NOTHING, SessionRow, Usage
from tui.store.holders import holders
from tui.store.opencode_config import pruning
from tui.store.session_files import count_files
from tui.store.sessions import load_sessions, running_sessions, with_last_messages
from tui.store.usage import measure_all

NOTE = "retention"
"""Name of the ledger's note with the fingerprint of the policies that were announced."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What the policies come to today."""

    policies: Policies
    plans: tuple[Plan, ...]
    notes: tuple[str, ...] = ()
    """Sentences: what is left alone, and why; a vacuum that would be worth it."""

    @property
    def due(self) -> tuple[Plan, ...]:
        """Plans with something to do."""
        return tuple(plan for plan in self.plans if plan.items)


def prepare_retention(
    site: Site, policies: Policies, now: int, stop: Event | None = None
) -> Retention:
    """Look at everything the policies need, and no more; blocking. `now` in milliseconds UTC."""
    stop = stop or Event()
    notes = []
    said = pruning()
    if not said.allowed and policies.searches != policies.without_output().searches:
        policies = policies.without_output()
        notes.append(f"Tool output is not reclaimed by itself: {said.why}")
    rows, running = _sessions(site, now)
    usage: dict[str, Usage] = {}
    if policies.needs_sizes:
        found = measure_all(site.store).sessions
        usage = {row.id: found.get(row.id, NOTHING) for row in rows}
    levels = policies.searches
    payloads = search_levels(site, levels, stop)
    facts = vacuum_facts(site.store, asked=False)
    plans = plan_retention(
        forest_of(rows, usage),
        policies,
        now,
        running=running,
        payloads=payloads,
        files=count_files(site.files, [row.id for row in rows]),
        facts=facts,
        expired=_expired(site, policies, now),
    )
    if not policies.vacuum and (sentence := proposal(facts, plans)):
        notes.append(sentence)
    return Retention(policies, plans, tuple(notes))


def at_its_turn(plan: Plan, site: Site) -> Plan:
    """The plan as it has to be now: a vacuum is decided on what the deeds before it left."""
    return (
        vacuum_afterwards(vacuum_facts(site.store, asked=False)) if plan.verb == "vacuum" else plan
    )


def is_announced(site: Site, policies: Policies) -> bool:
    """True when these very policies were announced for this database before."""
    return site.ledger.note(NOTE) == policies.fingerprint


def announce(site: Site, found: Retention, configured: Policies) -> Outcome:
    """Say in the journal what would be done, and remember that it was said; changes nothing."""
    due = " ".join(told_due(site, found)) or "Nothing is due today."
    message = (
        f"New policies: {'; '.join(configured.sentences())}. {due} "
        "This run only announces it; the next one does it."
    )
    entry = site.ledger.begin("auto", "retention announced", _predicted(found.plans))
    site.ledger.update(entry, state="planned", message=message)
    remember_announced(site, configured)
    return Outcome("planned", message, predicted_bytes=_predicted(found.plans))


def told_due(site: Site, found: Retention) -> list[str]:
    """A sentence for each plan with something to do, and for what it makes the file give back."""
    sizes = site.store.sizes()
    each = ((plan.message, announced(plan, sizes)) for plan in found.due)
    return [sentence for pair in each for sentence in pair if sentence]


def remember_announced(site: Site, policies: Policies) -> None:
    """From now on these policies are carried out for this database."""
    site.ledger.set_note(NOTE, policies.fingerprint)


def _predicted(plans: Iterable[Plan]) -> int:
    return sum(plan.predicted_bytes for plan in plans if plan.verb != "vacuum")


def _sessions(site: Site, now: int) -> tuple[Sequence[SessionRow], frozenset[str]]:
    store = site.store
    rows = load_sessions(store, pinned=site.ledger.pins(), check_directories=False)
    rows = with_last_messages(store, rows)
    running: frozenset[str] = frozenset()
    if holders(store.path):
        running = running_sessions(store, rows, now)
        rows = [row._replace(running=row.id in running) for row in rows]
    return rows, running


def _expired(site: Site, policies: Policies, now: int) -> Plan | None:
    """Batches of the trash that are older than told."""
    limit = policies.trash_expire
    if not limit:
        return None
    plan = plan_empty(site, None, limit, now)
    items = tuple(replace(item, reason=f"in the trash for {words(limit)}") for item in plan)
    return replace(plan, items=items)
