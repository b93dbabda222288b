"""The trash: what lies in it, bringing trees back, emptying it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import NamedTuple

import apsw

from tui.engine.burial import Removal
from tui.engine.pace import in_slices
from tui.engine.putting_back import put_back_deeds
from tui.engine.site import Site
from tui.engine.watermark import mend_watermark
from tui.errors import OcduError, Refused, WrongCall
from tui.format import plural, size
from tui.policy.plan import Ending, Item, Outcome, Plan, Step, Totals
from tui.store import batch, session_files
from tui.store.batch import TreeLine
from tui.store.database import SQLITE_EXCEPTIONS, explained, file_size, transaction
from tui.store.generations import exists
from tui.store.kept import kept_tables, missing_project


class Batch(NamedTuple):
    """One trash file: the trees of one prune."""

    id: str
    path: Path
    created: int
    database: str
    lines: tuple[TreeLine, ...]
    file_bytes: int

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
        """Their payload octets."""
        return sum(line.bytes for line in self.lines)

    @property
    def titles(self) -> tuple[str, ...]:
        """What the trees were called."""
        return tuple(line.title for line in self.lines)


@dataclass(frozen=True, slots=True)
class TrashOptions:
    """Which trees of which batches: batch id -> roots."""

    roots: dict[str, tuple[str, ...]]


def batches(folder: Path, database: str | None = None) -> list[Batch]:
    """Every batch with something to bring back, newest first; of one database, or of all."""
    found = [_read(path) for path in sorted(folder.glob(f"*{batch.TRASH}"), reverse=True)]
    return [each for each in found if each and each.lines and database in (None, each.database)]


def unreadable(folder: Path) -> list[Path]:
    """Files among the batches that are none, or are damaged: they are named, never touched."""
    return [path for path in sorted(folder.glob(f"*{batch.TRASH}")) if _read(path) is None]


def _read(path: Path) -> Batch | None:
    """A batch as its file tells; None for what is not (or not yet) one."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with _opened(path) as connection:
            manifest = dict(connection.execute("SELECT name, value FROM trash.ocdu_manifest"))
            lines = batch.tree_lines(connection)
    except apsw.Error:
        return None
    kept = tuple(line for line in lines if line.state != batch.DELETING)
    return Batch(
        path.stem,
        path,
        int(manifest.get("created", 0)),
        str(manifest.get("database", "")),
        kept if manifest.get("rows") else (),
        file_size(path),
    )


@contextmanager
def _opened(path: Path) -> Iterator[apsw.Connection]:
    """A batch alone, as schema `trash` of a connection of its own."""
    connection = apsw.Connection(":memory:")
    try:
        with batch.attached(connection, path):
            yield connection
    finally:
        connection.close()


# bringing back


def plan_restore(site: Site, names: Sequence[str]) -> Plan:
    """Bring back whole batches or single trees; names are ids of either, or unique beginnings.

    Raises WrongCall for an unknown or ambiguous name.
    """
    known = batches(site.ledger.trash_folder, site.ledger.database)
    chosen: dict[str, dict[str, TreeLine]] = {}
    for name in names:
        for each, line in _named(known, name):
            chosen.setdefault(each.id, {})[line.root] = line
    items = tuple(
        _item(line, f"in the trash as {id}")
        for id, lines in chosen.items()
        for line in lines.values()
    )
    options = TrashOptions({id: tuple(lines) for id, lines in chosen.items()})
    return Plan("restore", items, options=options, message="" if items else "The trash is empty.")


def _named(known: list[Batch], name: str) -> list[tuple[Batch, TreeLine]]:
    whole = [each for each in known if each.id == name] or [
        each for each in known if name and each.id.startswith(name)
    ]
    if len(whole) == 1:
        return [(whole[0], line) for line in whole[0].lines]
    if whole:
        raise WrongCall(f"“{name}” begins several batches: {', '.join(b.id for b in whole)}.")
    trees = [(each, line) for each in known for line in each.lines if line.root == name] or [
        (each, line) for each in known for line in each.lines if name and line.root.startswith(name)
    ]
    if not trees:
        raise WrongCall(f"Nothing in the trash is called “{name}”: see `ocdu trash list`.")
    if len({line.root for _, line in trees}) > 1:
        raise WrongCall(f"“{name}” begins several trees in the trash: write more of the id.")
    return trees[:1]


def _item(line: TreeLine, reason: str) -> Item:
    totals = Totals(
        1, line.sessions, line.messages, line.parts, line.events, line.files, line.bytes
    )
    return Item(line.root, line.title, reason, totals, project=line.project)


def apply_restore(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Put trees back, byte for byte; the batch file goes when nothing is left in it.

    Raises OcduError when not even the first tree can be restored, e.g. because its id exists again.
    """
    assert isinstance(plan.options, TrashOptions)
    totals = {item.id: item.totals for item in plan}
    back = Totals()
    seen, failure = 0, ""
    with site.store.writing() as db:
        for id, roots in plan.options.roots.items():
            path = batch.begin(site.ledger.trash_folder / f"{id}{batch.TRASH}")
            try:
                for root in roots:
                    if stop.is_set() or failure:
                        break
                    yield Step(seen, len(plan), back.bytes, "restoring")
                    yield from _restored(db.connection(), site, path, root, seen, len(plan))
                    seen += 1
                    back += totals[root]
            except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
                if not seen:
                    raise
                failure = str(explained(error, site.store.path))
            finally:
                batch.close(path)
    return _restore_outcome(back, len(plan) - seen, failure)


def _restored(
    connection: apsw.Connection, site: Site, path: Path, root: str, seen: int, total: int
) -> Iterator[Step]:
    with batch.attached(connection, path):
        for _ in restore_tree(connection, site, root):
            yield Step(seen, total, phase="restoring")


def _restore_outcome(back: Totals, left: int, failure: str) -> Outcome:
    message = f"{plural(back.sessions, 'session')} ({size(back.bytes)}) restored from the trash."
    if failure:
        message += f" {failure}"
    if left:
        message += f" {plural(left, 'tree')} stayed in the trash."
    ending: Ending = "partial" if left else "done"
    return Outcome(ending, message, done=back)


def restore_tree(connection: apsw.Connection, site: Site, root: str) -> Iterator[int]:
    """Put one tree of the attached batch back, whether or not an earlier try got half-way.

    Either all of it or nothing: whatever goes wrong, what this run inserted is taken out again and
    the copies stay. Raises Refused for a conflict of ids, or what SQLite raised.
    """
    line = batch.tree_line(connection, root)
    if line is None:
        return
    ids = batch.members(connection, root)
    begun_before = line.state != batch.GONE
    if not begun_before:
        _check_place(connection, site, line, ids)
        with transaction(connection, "BEGIN"):
            batch.set_state(connection, root, batch.RESTORING)
    refused: list[str] = []
    try:
        deeds = put_back_deeds(connection, site.store.schema, ids, refused)
        yield from in_slices(connection, deeds, Event())
        with transaction(connection):
            for id in ids:
                mend_watermark(connection, site.store.schema, id)
        for id in ids:
            session_files.restore_files(connection, site.files, id)
    except (OcduError, OSError, *SQLITE_EXCEPTIONS):
        if not begun_before:
            _take_out(connection, site, root, ids)
        raise
    site.store.sync()  # the copies go next
    with transaction(connection, "BEGIN"):
        if refused:
            # Rows that belonged to nothing before: opencode never showed them. They stay here.
            batch.set_state(connection, root, batch.RESTORED)
        else:
            batch.forget_tree(connection, root)


def _check_place(
    connection: apsw.Connection, site: Site, line: TreeLine, ids: tuple[str, ...]
) -> None:
    """Before the first row: is the place free, and is there a place for everything?"""
    kept_tables(connection, site.store.schema)
    for id in ids:
        if exists(connection, id):
            raise Refused(f"{id} exists in the database again: “{line.title}” stays in the trash.")
        if missing_project(connection, id):
            raise Refused(
                f"The project of {id} is neither in the database nor in the trash: "
                f"“{line.title}” stays in the trash."
            )


def _take_out(connection: apsw.Connection, site: Site, root: str, ids: tuple[str, ...]) -> None:
    """Undo half a restore; where even that fails, the next start finishes it."""
    with suppress(*SQLITE_EXCEPTIONS):
        removal = Removal(connection, site.store.schema, ids)
        for _ in in_slices(connection, removal.deeds(), Event()):
            pass
        with transaction(connection, "BEGIN"):
            batch.set_state(connection, root, batch.GONE)


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
    message = "" if items else "Nothing in the trash to empty."
    freed = sum(each.file_bytes for each in going)
    return Plan("empty", items, message=message, predicted_bytes=freed)


def _totals(each: Batch) -> Totals:
    return sum((_item(line, "").totals for line in each.lines), Totals())


def apply_empty(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Delete the batch files; there is no way back."""
    done = Totals()
    freed = 0
    for seen, item in enumerate(plan, start=1):
        if stop.is_set():
            break
        path = site.ledger.trash_folder / f"{item.id}{batch.TRASH}"
        freed += file_size(path)
        path.unlink(missing_ok=True)
        done += item.totals
        yield Step(seen, len(plan), freed, "emptying")
    message = f"{plural(done.trees, 'tree')} deleted for good: {size(freed)} given back."
    ending: Ending = "done" if done.trees == plan.totals.trees else "partial"
    return Outcome(
        ending, message, done=done, predicted_bytes=plan.predicted_bytes, freed_bytes=freed
    )
