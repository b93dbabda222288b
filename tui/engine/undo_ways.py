"""How each kind of memory in the journal is turned back and done again: one table, `WAYS`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from threading import Event
from typing import Any, NamedTuple

from tui.engine.absent import buried_of, restore_first
from tui.engine.archive import standing, write_stamps
from tui.engine.one_by_one import ending_of
from tui.engine.pin import write_pins
from tui.engine.project_removal import bring_back, remove_projects
from tui.engine.projects import hindered, moves_from, turned, write_moves
from tui.engine.prune import apply_prune
from tui.engine.reclaim import apply_reclaim, plan_again
from tui.engine.reclaim.keeping import undo_reclaim
from tui.engine.restore import apply_restore, plan_restore
from tui.engine.site import Site
from tui.errors import NotNow, Refused
from tui.format import plural
from tui.policy.plan import Outcome, Plan, Step, Totals, items_from_json
from tui.policy.prune import PrunePolicy
from tui.store.batch import TRASH, UNFINISHED
from tui.store.journal import TURNED, JournalEntry
from tui.store.packing import look_into
from tui.store.shelf import WAITING

Turn = Callable[[Site, JournalEntry, Event], Generator[Step, None, Outcome]]
"""Turns one entry, back or again; the outcome says what of it came true. `unfinished` among its
details means that the rest may well be turned another time."""


class Way(NamedTuple):
    """How one kind of memory is turned back and done again."""

    back: Turn
    again: Turn
    is_there: Callable[[Site, JournalEntry], bool] = lambda site, entry: True
    """False when what it needs is gone: then it is passed over."""
    hindered: Callable[[Site], str] = lambda site: ""
    """Why it is not turned now, either way, unless told to all the same; "" where it may be."""


def way_of(entry: JournalEntry) -> Way | None:
    """By the key in the entry's `undo` that names its kind."""
    return next((way for kind, way in WAYS.items() if kind in (entry.undo or {})), None)


def comes_back(site: Site, entry: JournalEntry) -> Totals:
    """What turning an entry back brings or touches, as far as it is known beforehand."""
    path = site.ledger.trash_folder / f"{entry.batch}{TRASH}"
    found = look_into(path) if entry.batch else None
    if found is None:
        return goes_again(entry)
    lines = found.facts.lines
    return Totals(
        sessions=sum(line.sessions for line in lines), bytes=sum(line.bytes for line in lines)
    )


def goes_again(entry: JournalEntry) -> Totals:
    """What doing an entry again takes or touches, as far as it is known beforehand."""
    memory = entry.undo or {}
    sessions = len(memory.get("stamps") or memory.get("reclaimed") or ())
    sessions += len(memory.get("pins", {}).get("ids", ()))
    sessions += sum(len(each.get("sessions", ())) for each in memory.get("trees") or ())
    return Totals(sessions=sessions, bytes=entry.payload_bytes)


def _memory(entry: JournalEntry, kind: str) -> Any:
    return (entry.undo or {})[kind]


def _told(
    what: str, done: int, wanted: int, buried: Mapping[str, str] | None = None, verb: str = ""
) -> Outcome:
    """`buried` are the ones in the trash, with the trees they come back with: they are waited for,
    unless others could be turned."""
    kept = wanted - done - len(buried or ())
    ending = ending_of(done, wanted - done)
    message = f"{what} for {plural(done, 'session')}."
    if kept:
        message += f" {plural(kept, 'session')} had changed since and stayed as they are."
    if not buried:
        return Outcome(ending, message, done=Totals(sessions=done))
    if done and verb == "redo":  # what was done again is not offered once more
        message += f" {plural(len(buried), 'session')} in the trash stayed as they are."
        return Outcome("partial", message, done=Totals(sessions=done))
    return Outcome(
        "partial" if done else "refused",
        f"{message} {restore_first(buried, verb)}",
        done=Totals(sessions=done),
        details={"unfinished": True},
    )


def _undone(entry: JournalEntry) -> str:
    return f"The {entry.verb} of {entry.title} was undone"


def _done_again(entry: JournalEntry) -> str:
    return f"The {entry.verb} of {entry.title} was done again"


# archive and unarchive

Pair = tuple[int | None, int | None]


def _stamps_back(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    pairs = {id: (pair[1], pair[0]) for id, pair in _memory(entry, "stamps").items()}
    return (yield from _stamp(site, stop, pairs, _undone(entry), "undo"))


def _stamps_again(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    pairs = {id: (pair[0], pair[1]) for id, pair in _memory(entry, "stamps").items()}
    return (yield from _stamp(site, stop, pairs, _done_again(entry), "redo"))


def _stamp(
    site: Site, stop: Event, pairs: Mapping[str, Pair], what: str, verb: str
) -> Generator[Step, None, Outcome]:
    done: dict[str, Pair] = {}
    for _ in write_stamps(site, pairs, stop, done):
        yield Step(len(done), len(pairs), phase="stamping")
    # An undo that was killed has turned some of them before.
    left = {id: pair[1] for id, pair in pairs.items() if id not in done}
    there = standing(site, left)
    with site.store.reading() as db:
        buried = buried_of(db.connection(), site.ledger, left)
    return _told(what, len(done) + there, len(pairs), buried, verb)


# prune


def _trees_back(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    path = site.ledger.trash_folder / f"{entry.batch}{TRASH}"
    if path.with_suffix(UNFINISHED).exists():
        raise NotNow(f"{WAITING} ({path.stem}): nothing was changed. See `ocdu doctor`.")
    if look_into(path) is None:
        raise Refused(f"The batch {path} is damaged: nothing was changed, and the file stays.")
    return (yield from apply_restore(plan_restore(site, [path.stem]), site, stop))


def _trees_again(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    """The same trees; each is looked at again before it goes, as in any prune."""
    items = items_from_json(_memory(entry, "trees"))
    if not items:
        raise Refused(
            f"The journal does not say what that {entry.verb} took: order it anew, as you did."
        )
    policy = PrunePolicy(
        ids=frozenset(item.id for item in items), events=bool((entry.undo or {}).get("events"))
    )
    return (yield from apply_prune(Plan("prune", items, options=policy), site, stop))


def _batch_is_there(site: Site, entry: JournalEntry) -> bool:
    """False for a prune whose batch was restored by hand or emptied meanwhile."""
    return entry.state == TURNED or (
        entry.batch is not None and (site.ledger.trash_folder / f"{entry.batch}{TRASH}").exists()
    )


# pin and unpin


def _pins_back(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    memory = _memory(entry, "pins")
    return (yield from _pin(site, memory["ids"], not memory["pinned"], _undone(entry)))


def _pins_again(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    memory = _memory(entry, "pins")
    return (yield from _pin(site, memory["ids"], memory["pinned"], _done_again(entry)))


def _pin(site: Site, ids: list[str], pinned: bool, what: str) -> Generator[Step, None, Outcome]:
    done = write_pins(site.ledger, ids, pinned)
    yield Step(len(done), len(ids), phase="pinning")
    return _told(what, len(done), len(ids))


# reclaim with kept payloads


def _payload_back(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    return (yield from undo_reclaim(site.store, site.ledger, entry.batch or "", stop))


def _payload_again(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    """The same sessions and levels; what qualifies is looked up anew."""
    plan = plan_again(_memory(entry, "reclaimed"))
    with site.store.reading() as db:
        ids = [item.id for item in plan]
        buried = buried_of(db.connection(), site.ledger, ids)
    outcome = yield from apply_reclaim(plan, site.store, stop, ledger=site.ledger)
    if not buried or outcome.ending != "nothing":
        return outcome
    raise NotNow(restore_first(buried, "redo"))


# relink


def _moves_back(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    return (yield from write_moves(moves_from(_memory(entry, "moves")), site, stop))


def _moves_again(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    forth = map(turned, moves_from(_memory(entry, "moves")))
    return (yield from write_moves(forth, site, stop))


# removing an empty project


def _projects_back(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    return (yield from bring_back(_memory(entry, "projects"), site, stop))


def _projects_again(site: Site, entry: JournalEntry, stop: Event) -> Generator[Step, None, Outcome]:
    return (yield from remove_projects(list(_memory(entry, "projects")), site, stop))


WAYS: dict[str, Way] = {
    "stamps": Way(_stamps_back, _stamps_again),
    "trees": Way(_trees_back, _trees_again, _batch_is_there),
    "pins": Way(_pins_back, _pins_again),
    "reclaimed": Way(_payload_back, _payload_again, _batch_is_there),
    "moves": Way(_moves_back, _moves_again, hindered=hindered),
    "projects": Way(_projects_back, _projects_again),
}
"""Key in a journal entry's `undo` -> how it is turned. A further kind of job adds its line here and
puts its key into `Outcome.details["undo"]`."""
