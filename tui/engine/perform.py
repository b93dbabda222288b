"""One job from beginning to end: the lock, what was interrupted before, the journal, the deed.

The command line drives it directly, the app through `worker`.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event

from tui.engine.crash_recovery import put_right_here, recover
from tui.engine.engines import Engine, engine_of
from tui.engine.incremental import is_incremental
from tui.engine.journal import NOT_NOTED, JobLine, told_outcome
from tui.engine.leftovers import note_folder
from tui.engine.room import explained_fully
from tui.engine.site import Site
from tui.engine.waiting import is_patient, its_turn, settled
from tui.errors import OcduError
from tui.format import clean, count
from tui.policy.giving_back import FREES_PAGES, GIVEN_BACK, STILL_THERE, plan_giving_back
from tui.policy.plan import Ending, Outcome, Plan, Step, items_as_json
from tui.policy.vacuum import VacuumDecision
from tui.store.database import SQLITE_EXCEPTIONS, explained
from tui.store.size_cache import forget_usage

REWRITES = ("vacuum", "copy_out", "reclaim", "undo", "redo", "restore")
"""Verbs after which remembered sizes no longer hold although their fingerprints would: rows change
in place, or get new rowids."""

log = logging.getLogger("ocdu")


def perform(
    plan: Plan, site: Site, stop: Event, *, engine: Engine | None = None
) -> Generator[Step, None, Outcome]:
    """Carry a plan out and write the journal around it; expected failures become outcomes.

    `engine` replaces the one the verb names, for options a plan does not carry.
    """
    if plan.refused:
        return Outcome("refused", plan.message, excluded=plan.excluded)
    if not plan.items:
        return Outcome("nothing", plan.message, excluded=plan.excluded)
    if refusal := site.refusal:
        return Outcome("refused", refusal)
    engine = engine or _engine(plan.verb)
    try:
        # Whoever only waits must not keep another ocdu from working.
        yield from its_turn(plan, site, stop)
        outcome = yield from _with_lock(plan, site, stop, engine)
        while is_patient(plan) and outcome.details.get("crowded") and not stop.is_set():
            yield from its_turn(plan, site, stop, crowded=True)
            outcome = yield from _with_lock(plan, site, stop, engine)
        return settled(plan, outcome, site)
    except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
        return _failed(explained_fully(error, site))


def _with_lock(
    plan: Plan, site: Site, stop: Event, engine: Engine
) -> Generator[Step, None, Outcome]:
    with site.ledger.exclusive():
        # A relink that was killed is taken back before whatever moves paths next, not after it.
        for sentence in put_right_here(site, live=getattr(plan.options, "live", False)):
            log.warning("%s", sentence)
        if isinstance(plan.options, VacuumDecision) and plan.options.wish.temp_dir:
            note_folder(site, Path(plan.options.wish.temp_dir))
        outcome = yield from _journalled(plan, site, stop, engine)
        if plan.verb in FREES_PAGES and outcome.ending in ("done", "partial"):
            return (yield from _given_back(outcome, site, stop))
        return outcome


def _given_back(outcome: Outcome, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """An incremental file gives free pages back at once, in slices nobody notices, for a while;
    the outcome says so, or that the pages are still there."""
    with site.store.reading() as db:
        wanted = is_incremental(db.connection()) and not stop.is_set()
    from tui.engine.vacuum import vacuum_facts

    plan = plan_giving_back(vacuum_facts(site.store)) if wanted else None
    if plan is None or not plan.items:
        later = f" {STILL_THERE}" if outcome.done.bytes else ""
        return replace(outcome, message=outcome.message + later)
    try:
        said = (yield from _journalled(plan, site, stop, engine_of("vacuum"))).message
    except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:  # what was ordered is done
        said = f"Its pages are still in the file: {explained(error, site.store.path)}"
    details = {**outcome.details, GIVEN_BACK: said}
    return replace(outcome, message=f"{outcome.message} {said}", details=details)


def _journalled(
    plan: Plan, site: Site, stop: Event, engine: Engine
) -> Generator[Step, None, Outcome]:
    line = JobLine(site, plan, _title(plan))
    try:
        outcome = yield from line.followed(engine(plan, site, stop))
    except GeneratorExit:
        _put_right_now(site)
        raise
    except Exception as error:
        told = _told_of(error, site)  # now: what follows may make room
        _put_right_now(site)
        line.fail(told.ending, told.message)
        raise
    for sentence in recover(site):  # what ended early is put right at once, if it can be
        log.warning("%s", sentence)
    is_noted = line.end(
        outcome.ending,
        message=outcome.message,
        outcome=told_outcome(outcome),
        payload_bytes=outcome.done.bytes,
        predicted_bytes=outcome.predicted_bytes or plan.predicted_bytes,
        freed_bytes=outcome.freed_bytes,
        batch=outcome.batch,
        undo=_undo_of(plan, outcome),
    )
    if not is_noted and outcome.ending in ("done", "partial"):
        outcome = replace(outcome, message=outcome.message + NOT_NOTED)
    if plan.verb in REWRITES and outcome.ending in ("done", "partial"):
        forget_usage(site.ledger)
    return outcome


def _put_right_now(site: Site) -> None:
    """What an error left half done; what cannot be mended now the next start finds."""
    with suppress(OcduError, OSError, *SQLITE_EXCEPTIONS):
        put_right_here(site)


def _one_of_many(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """A step of a larger job, with a journal entry of its own."""
    return (yield from _journalled(plan, site, stop, _engine(plan.verb)))


def _engine(verb: str) -> Engine:
    if verb != "rescue":
        return engine_of(verb)
    from tui.engine.rescue import apply_rescue

    return lambda plan, site, stop: apply_rescue(plan, site, stop, _one_of_many)


TOLD = ("undo", "redo", "checkpoint", "vacuum")
"""Verbs whose items have no title of a user's: what they say of themselves needs no quotes."""


def _title(plan: Plan) -> str:
    first = clean(plan.items[0].title).strip() or plan.items[0].id
    if plan.verb in TOLD:
        return first
    return f"“{first}”" if len(plan) == 1 else f"“{first}” and {count(len(plan) - 1)} more"


def _undo_of(plan: Plan, outcome: Outcome) -> dict[str, object] | None:
    """What reverses it, for the journal; None when nothing can."""
    if outcome.ending not in ("done", "partial") or plan.verb in ("undo", "redo"):
        return None
    if "undo" in outcome.details:
        return dict(outcome.details["undo"])
    if outcome.batch:
        return {"trees": items_as_json(plan)}
    return None


def _told_of(error: Exception, site: Site) -> Outcome:
    """An error as the journal keeps it: in the words the user gets."""
    if isinstance(error, (OcduError, OSError, *SQLITE_EXCEPTIONS)):
        return _failed(explained_fully(error, site))
    return Outcome("failed", str(error))


def _failed(error: OcduError) -> Outcome:
    ending: Ending = "refused" if error.exit_code == 3 else "failed"
    return Outcome(ending, str(error))
