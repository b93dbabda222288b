"""The trash: what lies in it, and emptying it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import NamedTuple

from tui.engine.site import Site
from tui.errors import WrongCall
from tui.format import plural, size
from tui.places import BuriedTree
from tui.policy.plan import Ending, Item, Outcome, Plan, Step, Totals
from tui.quantity import parse_age
from tui.store import batch
from tui.store.batch import TreeLine
from tui.store.database import explained, file_size
from tui.store.packing import look_into
from tui.store.shelf import shelved


class Batch(NamedTuple):
    """One trash file: the trees of one prune."""

    id: str
    path: Path
    created: int
    database: str
    lines: tuple[TreeLine, ...]
    file_bytes: int
    events: bool = True
    """False when event rows were left out."""
    members: Mapping[str, tuple[str, ...]] = {}
    """Root -> the ids of its tree, the root first."""
    directories: Mapping[str, str] = {}
    """Root -> where it worked, as far as the file says."""

    @property
    def trees(self) -> int:
        """Trees that can be brought back."""
        return len(self.lines)

    @property
    def sessions(self) -> int:
        """Sessions in them."""
        return sum(line.sessions for line in self.lines)

    @property
    def bytes(self) -> int:
        """Their payload octets, as far as they were kept."""
        return sum(line.bytes for line in self.lines)

    @property
    def titles(self) -> tuple[str, ...]:
        """What the trees were called."""
        return tuple(line.title for line in self.lines)

    @property
    def forest(self) -> tuple[BuriedTree, ...]:
        """Its trees, for looking through them."""
        return tuple(
            BuriedTree(
                line.root, line.title, line.project, self.directories.get(line.root, ""),
                line.sessions, line.bytes, self.members.get(line.root, (line.root,)),
            )
            for line in self.lines
        )  # fmt: skip


def batches(folder: Path, database: str | None = None) -> list[Batch]:
    """Every batch with something to bring back, newest first; of one database, or of all."""
    read = (_read(path) for path in shelved(folder))
    found = [each for each in read if each and each.lines and database in (None, each.database)]
    # Their names tell the second alone.
    return sorted(found, key=lambda batch: batch.created, reverse=True)


def unreadable(folder: Path) -> list[Path]:
    """Files among the batches that are none, or are damaged: they are named, never touched."""
    return [path for path in reversed(shelved(folder)) if look_into(path) is None]


def _read(path: Path) -> Batch | None:
    """A batch as its file tells; None for what is not (or not yet) one."""
    found = look_into(path)
    if found is None:
        return None
    facts = found.facts
    lines = tuple(line for line in facts.lines if line.state != batch.DELETING)
    return Batch(
        path.stem, path, facts.created, facts.database, lines if facts.rows else (),
        file_size(path), facts.events, facts.members, facts.directories,
    )  # fmt: skip


def item_of(line: TreeLine, reason: str) -> Item:
    """A tree of the trash in a plan."""
    totals = Totals(
        1, line.sessions, line.messages, line.parts, line.events, line.files, line.bytes
    )
    return Item(line.root, line.title, reason, totals, project=line.project)


# emptying


def plan_empty(
    site: Site, names: Iterable[str] | None, older_than: timedelta | None, now: int
) -> Plan:
    """Delete batches for good: the named ones, those older than a limit, or all."""
    known = batches(site.ledger.trash_folder, site.ledger.database)
    wanted = None if names is None else list(names)
    for name in wanted or ():
        if sum(each.id.startswith(name) for each in known) != 1:
            raise WrongCall(f"“{name}” is not one batch of the trash: see `ocdu trash list`.")
    limit = None if older_than is None else now - older_than / timedelta(milliseconds=1)
    going = [
        each
        for each in known
        if (wanted is None or any(each.id.startswith(name) for name in wanted))
        and (limit is None or each.created < limit)
    ]
    items = tuple(
        Item(each.id, ", ".join(each.titles[:3]), "chosen", _totals(each)) for each in going
    )
    message = "Nothing undoes this." if items else "Nothing in the trash to empty."
    freed = sum(each.file_bytes for each in going)
    return Plan("empty", items, message=message, predicted_bytes=freed)


def plan_expired(site: Site, expire: str, now: int) -> Plan:
    """Delete batches that have lain longer than the configured `[trash] expire`; "0" expires none.

    `now` in milliseconds UTC. Raises WrongCall when `expire` is no age.
    """
    age = parse_age(expire)
    if not age:
        return Plan("empty", (), message="The trash does not expire (`[trash] expire` is 0).")
    plan = plan_empty(site, None, age, now)
    items = tuple(replace(item, reason=f"older than {expire}") for item in plan)
    return replace(plan, items=items)


def _totals(each: Batch) -> Totals:
    return sum((item_of(line, "").totals for line in each.lines), Totals())


def apply_empty(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Delete the batch files; there is no way back.

    Each is looked at again: what is in it now is what goes. One that is gone by now is not counted,
    and one with an interrupted job that could not be put right yet stays: its copies may be the
    only ones.
    """
    done = Totals()
    freed, left = 0, 0
    failure = ""
    for seen, item in enumerate(plan, start=1):
        if stop.is_set():
            left += len(plan) - seen + 1
            break
        path = site.ledger.trash_folder / f"{item.id}{batch.TRASH}"
        found = _read(path) if path in shelved(site.ledger.trash_folder) else None
        if found is None or any(line.state == batch.RESTORING for line in found.lines):
            left += 1
            continue
        try:
            path.unlink()
        except OSError as error:
            failure, left = f" {explained(error, path)}", left + len(plan) - seen + 1
            break
        freed += found.file_bytes
        done += _totals(found)
        yield Step(seen, len(plan), freed, "emptying")
    return _emptied(plan, done, freed, left, failure)


def _emptied(plan: Plan, done: Totals, freed: int, left: int, failure: str) -> Outcome:
    message = f"{plural(done.trees, 'tree')} deleted for good: {size(freed)} given back."
    if left:
        message += f" {plural(left, 'batch')} stayed, or had gone before.{failure}"
    nothing: Ending = "failed" if failure else "nothing"
    ending: Ending = "done" if not left else "partial" if freed else nothing
    return Outcome(
        ending, message, done=done, predicted_bytes=plan.predicted_bytes, freed_bytes=freed
    )
