"""Bring trees back from the trash, byte for byte."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import apsw

from tui.engine.absent import buried_of, restore_first
from tui.engine.pace import as_steps
from tui.engine.restoring import restore_tree
from tui.engine.room import explained_fully
from tui.engine.site import Site
from tui.engine.trash import Batch, batches, item_of
from tui.errors import OcduError, Refused, WrongCall
from tui.format import plural, size
from tui.policy.plan import Ending, Outcome, Plan, Step, Totals
from tui.store import batch, kept_payload
from tui.store.batch import TreeLine
from tui.store.database import SQLITE_EXCEPTIONS, transaction
from tui.store.kept import drop_dead_weight
from tui.store.shelf import put_back, take_down


@dataclass(frozen=True, slots=True)
class TrashOptions:
    """Which trees of which batches: batch id -> roots."""

    roots: dict[str, tuple[str, ...]]


def plan_restore(site: Site, names: Sequence[str]) -> Plan:
    """Bring back whole batches or single trees; names are ids of either, or unique beginnings, or
    BATCH/ROOT for the one tree of this very batch.

    Raises WrongCall for an unknown or ambiguous name.
    """
    known = batches(site.ledger.trash_folder, site.ledger.database)
    chosen: dict[str, dict[str, TreeLine]] = {}
    for name in names:
        for each, line in _named(known, name):
            chosen.setdefault(each.id, {})[line.root] = line
    items = tuple(
        item_of(line, f"in the trash as {id}")
        for id, lines in chosen.items()
        for line in lines.values()
    )
    options = TrashOptions({id: tuple(lines) for id, lines in chosen.items()})
    return Plan("restore", items, options=options, message="" if items else "The trash is empty.")


def _named(known: list[Batch], name: str) -> list[tuple[Batch, TreeLine]]:
    exact = [(b, line) for b in known for line in b.lines if name == f"{b.id}/{line.root}"]
    if exact:
        return exact
    whole = [each for each in known if each.id == name] or [
        each for each in known if name and each.id.startswith(name)
    ]
    if len(whole) == 1:
        return [(whole[0], line) for line in whole[0].lines]
    if whole:
        raise WrongCall(f"“{name}” begins several batches: {', '.join(b.id for b in whole)}.")
    lines = [(each, line) for each in known for line in each.lines]
    trees = (
        [(each, line) for each, line in lines if line.root == name]
        or [(each, line) for each, line in lines if name and line.root.startswith(name)]
        or [(each, line) for each, line in lines if name in each.members.get(line.root, ())]
    )
    if not trees:
        raise WrongCall(f"Nothing in the trash is called “{name}”: see `ocdu trash list`.")
    if len({line.root for _, line in trees}) > 1:
        raise WrongCall(f"“{name}” begins several trees in the trash: write more of the id.")
    return trees[:1]


def apply_restore(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Put trees back, byte for byte; the batch file goes when nothing is left in it.

    Raises OcduError when not even the first tree can be restored, e.g. because its id exists again.
    """
    assert isinstance(plan.options, TrashOptions)
    # By batch as well: what reclaims kept has the same root in each of them.
    places = [(id, root) for id, roots in plan.options.roots.items() for root in roots]
    totals = {place: item.totals for place, item in zip(places, plan, strict=True)}
    back: list[Totals] = []
    failure: OcduError | None = None
    with site.store.writing() as db:
        for id, roots in plan.options.roots.items():
            wanted = {root: totals[id, root] for root in roots}
            try:
                yield from _restore_batch(db.connection(), site, id, wanted, back, len(plan), stop)
            except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
                failure = explained_fully(error, site)
                if not isinstance(failure, Refused):
                    break
    if failure is not None and not back:
        raise failure
    done = sum(back, Totals())
    outcome = _restore_outcome(done, len(plan) - len(back), str(failure or ""))
    if stop.is_set() or (failure is not None and failure.may_pass):
        return replace(outcome, details={"unfinished": outcome.ending != "done"})
    return outcome


def _restore_batch(
    connection: apsw.Connection,
    site: Site,
    id: str,
    wanted: Mapping[str, Totals],
    back: list[Totals],
    total: int,
    stop: Event,
) -> Iterator[Step]:
    """Unpack a batch, restore these trees of it, pack the rest; fills `back` with what is back."""
    packed = site.ledger.trash_folder / f"{id}{batch.TRASH}"
    path = yield from as_steps(take_down(packed), Step(len(back), total, phase="unpacking"))
    assert path is not None
    failure: OcduError | None = None
    try:
        for root, totals in wanted.items():
            if stop.is_set():
                break
            yield Step(len(back), total, sum(each.bytes for each in back), "restoring")
            try:
                with batch.attached(connection, path):
                    for _ in restore_tree(connection, site, root):
                        yield Step(len(back), total, phase="restoring")
                    left = batch.tree_line(connection, root)
                    is_kept = left is not None and left.state == batch.KEPT
                    said = _said_of_kept(connection, site, left) if left and is_kept else ""
                if left is not None and is_kept:
                    failure = failure or Refused(said)
                    totals = _less(totals, left)
                    if not totals.bytes:
                        continue
            except Refused as error:  # it stays; the others need not
                failure = failure or error
                continue
            back.append(totals)
    except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
        failure = explained_fully(error, site)  # now: what follows may make room
    if failure is None or not _is_half_restored(path):  # such a one stays unfinished work
        _drop_restored(path)
        yield from as_steps(put_back(path, stop), Step(len(back), total, phase="packing"))
    if failure is not None:
        raise failure


def _is_half_restored(path: Path) -> bool:
    """True when a tree is partly back and could not be taken out: its copies are needed still."""
    try:
        with batch.opened(path) as connection:
            return any(line.state == batch.RESTORING for line in batch.tree_lines(connection))
    except SQLITE_EXCEPTIONS:
        return True


def _said_of_kept(connection: apsw.Connection, site: Site, left: TreeLine) -> str:
    """Why rows of the attached batch did not get back what a reclaim took."""
    buried = buried_of(connection, site.ledger, kept_payload.sessions(connection))
    said = [restore_first(buried, "restore this")] if buried else []
    if kept := left.messages + left.parts - kept_payload.rows_of(connection, buried):
        rows = plural(kept, "row")
        said.append(
            f"{rows} had changed since and stay as they are; their copies stay in the trash."
        )
    return " ".join(said)


def _less(planned: Totals, left: TreeLine) -> Totals:
    """What of the payloads of a reclaim came back, when this is left of them."""
    return replace(
        planned,
        sessions=max(planned.sessions - left.sessions, 1),
        messages=planned.messages - left.messages,
        parts=planned.parts - left.parts,
        bytes=planned.bytes - left.bytes,
    )


def _drop_restored(path: Path) -> None:
    """Take copies of what is back in place out of the file; on a full disk they stay in it."""
    with suppress(*SQLITE_EXCEPTIONS, OSError):
        with batch.opened(path) as connection:
            if not batch.tree_lines(connection):
                return
            with transaction(connection, "BEGIN"):
                dropped = drop_dead_weight(connection)
        if dropped:
            batch.shrink(path)


def _restore_outcome(back: Totals, left: int, failure: str) -> Outcome:
    message = f"{plural(back.sessions, 'session')} ({size(back.bytes)}) restored from the trash."
    if failure:
        message += f" {failure}"
    if left:
        message += f" {plural(left, 'tree')} stayed in the trash."
    stayed: Ending = "partial" if back.trees else "nothing"
    return Outcome(stayed if left or failure else "done", message, done=back)
