"""Undo and redo, from the journal: in order, across restarts, named before it is done.

Every undoable job keeps in the journal what reverses it: the stamps before and after an archive,
the trash batch of a prune, the ids of a pin. Undoing marks the entry `undone`; redo does the newest
undone one again. Which kind of memory is turned back how stands in one table, `WAYS`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from threading import Event
from typing import Any, NamedTuple, cast

from tui.engine.archive import write_stamps
from tui.engine.pin import write_pins
from tui.engine.projects import moves_from, turned, write_moves
from tui.engine.prune import apply_prune
from tui.engine.reclaim import apply_reclaim, plan_again
from tui.engine.reclaim.keeping import undo_reclaim
from tui.engine.restore import apply_restore, plan_restore
from tui.engine.site import Site
from tui.errors import OcduError, Refused
from tui.format import plural
from tui.policy.plan import (
    Ending,
    Item,
    Outcome,
    Plan,
    Step,
    Totals,
    items_as_json,
    items_from_json,
)  # fmt: skip
from tui.policy.prune import PrunePolicy
from tui.store.batch import TRASH
from tui.store.journal import JournalEntry


@dataclass(frozen=True, slots=True)
class UndoOptions:
    """The journal entry that is turned back or done again."""

    entry: JournalEntry


Turn = Callable[[Site, JournalEntry, Event], Generator[Step, None, Outcome]]
"""Turns one entry, back or again; the outcome says what of it came true."""


class Way(NamedTuple):
    """How one kind of memory is turned back and done again."""

    back: Turn
    again: Turn
    is_there: Callable[[Site, JournalEntry], bool] = lambda site, entry: True
    """False when what it needs is gone: then it is passed over."""
    can_go_on: bool = False
    """True when an undo that was cut short can be gone on with: the entry stays to be undone."""


def plan_undo(site: Site) -> Plan:
    """Reverse the newest job that can be reversed; the item says which it is."""
    entries = site.ledger.entries()
    entry = next((each for each in entries if each.undoable and _is_there(site, each)), None)
    return _plan("undo", entry, "Nothing to undo.")


def _way(entry: JournalEntry) -> Way | None:
    """By the key in the entry's `undo` that names its kind."""
    return next((way for kind, way in WAYS.items() if kind in (entry.undo or {})), None)


def _is_there(site: Site, entry: JournalEntry) -> bool:
    way = _way(entry)
    return way is not None and way.is_there(site, entry)


def plan_redo(site: Site) -> Plan:
    """Do the job again that was undone last; nothing, once something new was done."""
    known = [each for each in site.ledger.entries() if each.undo is not None]
    entries = [each for each in known if each.state == "undone"]
    is_new = bool(known) and known[0].undoable and _is_there(site, known[0])
    # Undone entries stay undone in order: the oldest of the newest run was undone last.
    entry = None if is_new or not entries else _undone_last(entries)
    return _plan("redo", entry, "Nothing to redo.")


def _undone_last(entries: list[JournalEntry]) -> JournalEntry:
    return max(entries, key=lambda entry: cast("dict[str, Any]", entry.undo).get("undone", 0))


def _plan(verb: str, entry: JournalEntry | None, nothing: str) -> Plan:
    if entry is None:
        return Plan(verb, (), message=nothing)
    title = f"{entry.verb} of {entry.title}"
    ids = tuple(str(each["id"]) for each in (entry.undo or {}).get("reclaimed", ()))
    item = Item(str(entry.id), title, verb, Totals(bytes=entry.payload_bytes), sessions=ids)
    return Plan(verb, (item,), options=UndoOptions(entry), message=f"{verb.capitalize()}: {title}.")


def undo_title(site: Site) -> str | None:
    """What `u` would undo, for the footer; None when there is nothing."""
    plan = plan_undo(site)
    return plan.items[0].title if plan.items else None


def apply_undo(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Turn the planned entry back. Raises OcduError with the reason when that is not possible."""
    entry, way = _chosen(plan)
    outcome = yield from way.back(site, entry, stop)
    is_cut_short = outcome.ending == "partial" and way.can_go_on
    if outcome.ending in ("done", "partial") and not is_cut_short:
        count = int(site.ledger.note("undone") or 0) + 1
        site.ledger.set_note("undone", str(count))
        undo = {**(entry.undo or {}), "undone": count}
        site.ledger.update(entry.id, state="undone", undo=undo)
    return outcome


def apply_redo(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Do the planned entry again: the same stamps or pins, or a new prune of the same trees."""
    entry, way = _chosen(plan)
    outcome = yield from way.again(site, entry, stop)
    if outcome.ending in ("done", "partial"):
        changed = {"batch": outcome.batch} if outcome.batch else {}
        site.ledger.update(entry.id, state="done", **changed)
    return outcome


def _chosen(plan: Plan) -> tuple[JournalEntry, Way]:
    if not isinstance(plan.options, UndoOptions):
        raise OcduError(plan.message)
    entry = plan.options.entry
    way = _way(entry)
    if way is None:
        raise Refused(f"The {entry.verb} of {entry.title} cannot be undone.")
    return entry, way


# archive and unarchive

Pair = tuple[int | None, int | None]


def _stamps_back(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    pairs = {id: (pair[1], pair[0]) for id, pair in _memory(entry, "stamps").items()}
    return (yield from _stamp(site, stop, pairs, f"The {entry.verb} of {entry.title} was undone"))


def _stamps_again(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    pairs = {id: (pair[0], pair[1]) for id, pair in _memory(entry, "stamps").items()}
    what = f"The {entry.verb} of {entry.title} was done again"
    return (yield from _stamp(site, stop, pairs, what))


def _stamp(
    site: Site, stop: Event, pairs: dict[str, Pair], what: str
) -> Generator[Step, None, Outcome]:
    done: dict[str, Pair] = {}
    for _ in write_stamps(site, pairs, stop, done):
        yield Step(len(done), len(pairs), phase="stamping")
    return _told(what, len(done), len(pairs))


def _told(what: str, done: int, wanted: int) -> Outcome:
    kept = wanted - done
    ending: Ending = "done" if not kept else "partial" if done else "nothing"
    message = f"{what} for {plural(done, 'session')}."
    if kept:
        message += f" {plural(kept, 'session')} had changed since and stayed as they are."
    return Outcome(ending, message, done=Totals(sessions=done))


def _memory(entry: JournalEntry, kind: str) -> Any:
    return (entry.undo or {})[kind]


# prune


def _trees_back(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    return (yield from apply_restore(plan_restore(site, [entry.batch or ""]), site, stop))


def _trees_again(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    """The same trees; each is looked at again before it goes, as in any prune."""
    items = items_from_json(_memory(entry, "trees"))
    if not items:
        raise Refused("The journal does not say which trees that prune took: prune them again.")
    policy = PrunePolicy(
        ids=frozenset(item.id for item in items), events=bool((entry.undo or {}).get("events"))
    )
    return (yield from apply_prune(Plan("prune", items, options=policy), site, stop))


def _batch_is_there(site: Site, entry: JournalEntry) -> bool:
    """False for a prune whose batch was restored by hand or emptied meanwhile."""
    return entry.state == "undone" or (
        entry.batch is not None and (site.ledger.trash_folder / f"{entry.batch}{TRASH}").exists()
    )


# pin and unpin


def _pins_back(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    memory = _memory(entry, "pins")
    done = write_pins(site.ledger, memory["ids"], not memory["pinned"])
    yield Step(len(done), len(memory["ids"]), phase="pinning")
    what = f"The {entry.verb} of {entry.title} was undone"
    return _told(what, len(done), len(memory["ids"]))


def _pins_again(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    memory = _memory(entry, "pins")
    done = write_pins(site.ledger, memory["ids"], memory["pinned"])
    yield Step(len(done), len(memory["ids"]), phase="pinning")
    what = f"The {entry.verb} of {entry.title} was done again"
    return _told(what, len(done), len(memory["ids"]))


# reclaim with kept payloads


def _payload_back(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    return (yield from undo_reclaim(site.store, site.ledger, entry.batch or "", stop))


def _payload_again(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    """The same sessions and levels; what qualifies is looked up anew."""
    plan = plan_again(_memory(entry, "reclaimed"))
    return (yield from apply_reclaim(plan, site.store, stop, ledger=site.ledger))


# relink


def _moves_back(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    return (yield from write_moves(moves_from(_memory(entry, "moves")), site, stop))


def _moves_again(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    forth = map(turned, moves_from(_memory(entry, "moves")))
    return (yield from write_moves(forth, site, stop))


WAYS: dict[str, Way] = {
    "stamps": Way(_stamps_back, _stamps_again),
    "trees": Way(_trees_back, _trees_again, _batch_is_there, can_go_on=True),
    "pins": Way(_pins_back, _pins_again),
    "reclaimed": Way(_payload_back, _payload_again, _batch_is_there, can_go_on=True),
    "moves": Way(_moves_back, _moves_again),
}
"""Key in a journal entry's `undo` -> how it is turned. A further kind of job adds its line here and
puts its key into `Outcome.details["undo"]`."""


def again(items: Iterable[Item]) -> list[dict[str, Any]]:
    """Planned trees as the journal keeps them, so that they can be pruned once more."""
    return items_as_json(items)
