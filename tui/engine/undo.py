"""Undo and redo, from the journal: in order, across restarts, named before it is done.

Every undoable job keeps in the journal what reverses it: the stamps before and after an archive,
the trash batch of a prune. Undoing marks the entry `undone`; redo does the newest undone one again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass
from threading import Event
from typing import Any, cast

from tui.engine.archive import write_stamps
from tui.engine.projects import turned, write_moves
from tui.engine.prune import apply_prune
from tui.engine.reclaim import apply_reclaim, plan_again
from tui.engine.reclaim.keeping import undo_reclaim
from tui.engine.site import Site
from tui.engine.trash import apply_restore, plan_restore
from tui.errors import OcduError, Refused
from tui.format import plural
from tui.policy.plan import Ending, Item, Outcome, Plan, Step, Totals
from tui.policy.projects import Move
from tui.store.batch import TRASH
from tui.store.journal import JournalEntry

VERBS = {
    "archive": "archive",
    "unarchive": "unarchive",
    "prune": "prune",
    "reclaim": "reclaim",
    "relink": "relink",
}
"""What can be undone, as a noun."""


@dataclass(frozen=True, slots=True)
class UndoOptions:
    """The journal entry that is turned back or done again."""

    entry: JournalEntry


def plan_undo(site: Site) -> Plan:
    """Reverse the newest job that can be reversed; the item says which it is."""
    entries = site.ledger.entries()
    entry = next((each for each in entries if each.undoable and _is_kept(site, each)), None)
    return _plan("undo", entry, "Nothing to undo.")


def _is_kept(site: Site, entry: JournalEntry) -> bool:
    """False for a prune whose batch was restored by hand or emptied meanwhile."""
    return entry.batch is None or (site.ledger.trash_folder / f"{entry.batch}{TRASH}").exists()


def plan_redo(site: Site) -> Plan:
    """Do the job again that was undone last; nothing, once something new was done."""
    known = [each for each in site.ledger.entries() if each.undo is not None]
    entries = [each for each in known if each.state == "undone"]
    is_new = bool(known) and known[0].undoable and _is_kept(site, known[0])
    # Undone entries stay undone in order: the oldest of the newest run was undone last.
    entry = None if is_new or not entries else _undone_last(entries)
    return _plan("redo", entry, "Nothing to redo.")


def _undone_last(entries: list[JournalEntry]) -> JournalEntry:
    return max(entries, key=lambda entry: cast("dict[str, Any]", entry.undo).get("undone", 0))


def _plan(verb: str, entry: JournalEntry | None, nothing: str) -> Plan:
    if entry is None:
        return Plan(verb, (), message=nothing)
    title = f"{VERBS.get(entry.verb, entry.verb)} of {entry.title}"
    ids = tuple(str(each["id"]) for each in (entry.undo or {}).get("reclaimed", ()))
    item = Item(str(entry.id), title, verb, Totals(bytes=entry.payload_bytes), sessions=ids)
    return Plan(verb, (item,), options=UndoOptions(entry), message=f"{verb.capitalize()}: {title}.")


def undo_title(site: Site) -> str | None:
    """What `u` would undo, for the footer; None when there is nothing."""
    plan = plan_undo(site)
    return plan.items[0].title if plan.items else None


def apply_undo(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Turn the planned entry back. Raises OcduError with the reason when that is not possible."""
    entry = _entry(plan)
    undo = entry.undo or {}
    if "stamps" in undo:
        pairs = {id: (pair[1], pair[0]) for id, pair in undo["stamps"].items()}
        outcome = yield from _stamp(site, stop, pairs, f"The {entry.verb} of {entry.title}", "back")
    elif "moves" in undo:
        outcome = yield from write_moves((Move(*each) for each in undo["moves"]), site, stop)
    elif entry.batch and entry.verb == "reclaim":
        outcome = yield from undo_reclaim(site.store, site.ledger, entry.batch, stop)
    elif entry.batch:
        outcome = yield from apply_restore(plan_restore(site, [entry.batch]), site, stop)
    else:
        raise Refused(f"The {entry.verb} of {entry.title} cannot be undone.")
    is_cut_short = outcome.ending == "partial" and "stamps" not in undo
    if outcome.ending in ("done", "partial") and not is_cut_short:
        count = int(site.ledger.note("undone") or 0) + 1
        site.ledger.set_note("undone", str(count))
        site.ledger.update(entry.id, state="undone", undo={**undo, "undone": count})
    return outcome


def apply_redo(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Do the planned entry again: the same stamps, or a new prune of the same trees."""
    entry = _entry(plan)
    undo = entry.undo or {}
    if "stamps" in undo:
        pairs = {id: (pair[0], pair[1]) for id, pair in undo["stamps"].items()}
        what = f"The {entry.verb} of {entry.title}"
        outcome = yield from _stamp(site, stop, pairs, what, "again")
        if outcome.done.sessions:
            site.ledger.update(entry.id, state="done")
        return outcome
    if "moves" in undo:
        back = (turned(Move(*each)) for each in undo["moves"])
        outcome = yield from write_moves(back, site, stop)
        if outcome.details["paths"]:
            site.ledger.update(entry.id, state="done")
        return outcome
    if entry.verb == "reclaim":
        outcome = yield from _reclaim_again(undo, site, stop)
    else:
        outcome = yield from apply_prune(_prune_again(undo), site, stop)
    if outcome.done.sessions:
        site.ledger.update(entry.id, state="done", batch=outcome.batch)
    return outcome


def _entry(plan: Plan) -> JournalEntry:
    if not isinstance(plan.options, UndoOptions):
        raise OcduError(plan.message)
    return plan.options.entry


def _stamp(
    site: Site, stop: Event, pairs: dict[str, tuple[int | None, int | None]], what: str, way: str
) -> Generator[Step, None, Outcome]:
    done: dict[str, tuple[int | None, int | None]] = {}
    for _ in write_stamps(site, pairs, stop, done):
        yield Step(len(done), len(pairs), phase="stamping")
    kept = len(pairs) - len(done)
    ending: Ending = "done" if not kept else "partial" if done else "nothing"
    turned = "was undone" if way == "back" else "was done again"
    message = f"{what} {turned} for {plural(len(done), 'session')}."
    if kept:
        message += f" {plural(kept, 'session')} had changed since and stayed as they are."
    return Outcome(ending, message, done=Totals(sessions=len(done)))


def again(items: Iterable[Item]) -> list[dict[str, Any]]:
    """Planned trees as the journal keeps them, so that they can be pruned once more."""
    return [asdict(item) for item in items]


def _reclaim_again(undo: dict[str, Any], site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    if not undo.get("reclaimed"):
        raise Refused("The journal does not say what that reclaim took: reclaim it again.")
    again = plan_again(undo["reclaimed"])
    return (yield from apply_reclaim(again, site.store, stop, ledger=site.ledger))


def _prune_again(undo: dict[str, Any]) -> Plan:
    """The same trees; each is looked at again before it goes, as in any prune."""
    items = tuple(
        Item(**{**kept, "totals": Totals(**kept["totals"]), "sessions": tuple(kept["sessions"])})
        for kept in undo.get("trees", ())
    )
    if not items:
        raise Refused("The journal does not say which trees that prune took: prune them again.")
    return Plan("prune", items)
