"""Undo and redo, from the journal: in order, across restarts, named before it is done.

Every undoable job keeps in the journal what reverses it: the stamps before and after an archive,
the trash batch of a prune, the ids of a pin (`tui.engine.undo_ways` turns each kind). Undoing marks
the entry `undone`; redo does the newest undone one again. What was cut short, or met a lock or a
full disk, stays to be turned; what cannot be turned any more is set aside with its reason, so that
it is in the way of nothing older.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from threading import Event

from tui.engine.room import explained_fully
from tui.engine.site import Site
from tui.engine.undo_ways import Turn, Way, comes_back, goes_again, way_of
from tui.errors import NotNow, OcduError, Refused
from tui.policy.plan import Item, Outcome, Plan, Step, Totals
from tui.store.database import SQLITE_EXCEPTIONS
from tui.store.journal import TURNED, JournalEntry

log = logging.getLogger("ocdu")

NOT_TURNED = (
    " It could not be noted in ocdu's journal, whose disk is full: it may be offered once more; "
    "what is in the trash can be restored from there."
)


@dataclass(frozen=True, slots=True)
class UndoOptions:
    """The journal entry that is turned back or done again."""

    entry: JournalEntry
    live: bool = False
    """True when it shall be done although opencode has the file open."""


def plan_undo(site: Site, *, live: bool = False) -> Plan:
    """Reverse the newest job that can be reversed; the item says which it is.

    Refused where that job would be refused now, as a relink is while opencode has the file open,
    unless `live`.
    """
    entry = _to_undo(site)
    totals = comes_back(site, entry) if entry else Totals()
    return _plan(site, "undo", entry, totals, live)


def _to_undo(site: Site) -> JournalEntry | None:
    return next((each for each in site.ledger.remembered() if _can_undo(site, each)), None)


def _can_undo(site: Site, entry: JournalEntry) -> bool:
    way = way_of(entry)
    return entry.undoable and way is not None and way.is_there(site, entry)


def plan_redo(site: Site, *, live: bool = False) -> Plan:
    """Do the job again that was undone last; nothing, once something new was done. Refused as
    `plan_undo` is."""
    entry = site.ledger.undone_last()
    for newer in site.ledger.remembered():
        if entry is None or newer.id <= entry.id:
            break
        if _can_undo(site, newer):
            entry = None
    totals = goes_again(entry) if entry else Totals()
    return _plan(site, "redo", entry, totals, live)


def _plan(site: Site, verb: str, entry: JournalEntry | None, totals: Totals, live: bool) -> Plan:
    if entry is None:
        return Plan(verb, (), message=f"Nothing to {verb}.")
    title = _titled(entry)
    ids = tuple(str(each["id"]) for each in (entry.undo or {}).get("reclaimed", ()))
    item = Item(str(entry.id), title, verb, totals, sessions=ids)
    why = _hindered(site, entry, live)
    message = f"{verb.capitalize()}: {title}." + (f" {why}" if why else "")
    return Plan(verb, (item,), options=UndoOptions(entry, live), message=message, refused=bool(why))


def _hindered(site: Site, entry: JournalEntry, live: bool) -> str:
    """Why it is not turned now; "" where it may be."""
    way = way_of(entry)
    return "" if live or way is None else way.hindered(site)


def undo_title(site: Site) -> str | None:
    """What `u` would undo, for the footer; None when there is nothing."""
    entry = _to_undo(site)
    return _titled(entry) if entry else None


def _titled(entry: JournalEntry) -> str:
    return f"{entry.verb} of {entry.title}"


def apply_undo(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Turn the planned entry back. Raises OcduError with the reason when that is not possible."""
    entry, way = _chosen(plan)
    outcome = yield from _turned(way.back, plan, site, stop)
    if outcome.ending in ("done", "partial") and not _is_unfinished(outcome, stop):
        return _noted(outcome, lambda: _note_undone(site, entry))
    return outcome


def _note_undone(site: Site, entry: JournalEntry) -> None:
    count = int(site.ledger.note("undone") or 0) + 1
    site.ledger.set_note("undone", str(count))
    site.ledger.update(entry.id, state=TURNED, undo={**(entry.undo or {}), TURNED: count})


def _noted(outcome: Outcome, note: Callable[[], None]) -> Outcome:
    """What is done does not become a failure because it could not be noted."""
    try:
        note()
    except SQLITE_EXCEPTIONS as error:
        log.warning("What was turned could not be noted in the journal: %s", error)
        return replace(outcome, message=outcome.message + NOT_TURNED)
    return outcome


def apply_redo(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Do the planned entry again: the same stamps or pins, or a new prune of the same trees."""
    entry, way = _chosen(plan)
    outcome = yield from _turned(way.again, plan, site, stop)
    if outcome.ending in ("done", "partial"):
        # What went this time is what comes back: it may have changed between undo and redo.
        changed = {"batch": outcome.batch} if outcome.batch else {}
        memory = {"undo": outcome.details["undo"]} if "undo" in outcome.details else {}
        columns = {"state": "done", **changed, **memory}
        return _noted(outcome, lambda: site.ledger.update(entry.id, **columns))
    return outcome


def _chosen(plan: Plan) -> tuple[JournalEntry, Way]:
    if not isinstance(plan.options, UndoOptions):
        raise OcduError(plan.message)
    entry = plan.options.entry
    way = way_of(entry)
    if way is None:
        raise Refused(f"The {entry.verb} of {entry.title} cannot be undone.")
    return entry, way


def _turned(turn: Turn, plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Turn an entry; one that comes to nothing, and will not another time, is set aside."""
    entry, _ = _chosen(plan)
    if why := _hindered(site, entry, plan.options.live):
        raise NotNow(why)
    try:
        outcome = yield from turn(site, entry, stop)
    except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
        told = explained_fully(error, site)
        if told.may_pass:
            raise
        raise type(told)(_set_aside(plan, site, entry, str(told))) from error
    if outcome.ending == "nothing" and not _is_unfinished(outcome, stop):
        return replace(outcome, message=_set_aside(plan, site, entry, outcome.message))
    return outcome


def _is_unfinished(outcome: Outcome, stop: Event) -> bool:
    """True when what is left may well be turned another time."""
    is_cut_short = outcome.ending != "done" and stop.is_set()
    return is_cut_short or bool(outcome.details.get("unfinished"))


def _set_aside(plan: Plan, site: Site, entry: JournalEntry, why: str) -> str:
    """Pass the entry over from now on; the reason, and what is next."""
    site.ledger.set_aside(entry, why)
    following = plan_undo(site) if plan.verb == "undo" else plan_redo(site)
    said = f"{why} It is set aside"
    if following.items:
        return f"{said}: {plan.verb} again goes on with the {following.items[0].title}."
    return f"{said}; there is nothing else to {plan.verb}."
