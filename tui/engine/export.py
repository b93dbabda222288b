"""Sessions, of the database or of the trash, as files that the stock `opencode import` reads."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import NamedTuple

from tui.engine.site import Site
from tui.engine.trash import Batch, batches
from tui.errors import WrongCall
from tui.store.database import Store
from tui.store.export import (
    LIVE,
    TRASH,
    Exported,
    Write,
    checked,
    new_file,
    writable,
    write_session,
)
from tui.store.session_files import SESSION_ID
from tui.store.shelf import reading


def write_live(store: Store, id: str, target: Path, stop: Event | None = None) -> Exported:
    """Write a session of the database to a new file, row by row; no other writer waits for it.

    Raises Refused when the file exists, when the session cannot be written so, or when `stop` was
    set; then nothing is kept.
    """
    with store.reading() as db, new_file(target) as write:
        return write_session(db.connection(), LIVE, id, checked(write, stop or Event()))


class Chosen(NamedTuple):
    """A session in the trash, and those of its tree below it when it is the root."""

    batch: Batch
    id: str
    tree: tuple[str, ...]


def choose(site: Site, name: str) -> Chosen:
    """The one session in the trash whose id begins with this. Raises WrongCall."""
    known = batches(site.ledger.trash_folder, site.ledger.database)
    found: dict[str, Chosen] = {}
    for each in known:  # newest first: of several copies the newest counts
        for line in each.lines:
            ids = each.members.get(line.root, (line.root,))
            for id in ids:
                tree = ids if id == line.root else (id,)
                found.setdefault(id, Chosen(each, id, tree))
    matching = [id for id in found if id == name] or [id for id in found if id.startswith(name)]
    if not name or not matching:
        raise WrongCall(f"No session in the trash is called “{name}”: see `ocdu trash list`.")
    if len(matching) > 1:
        raise WrongCall(f"“{name}” begins several sessions in the trash: write more of the id.")
    return found[matching[0]]


def export_session(site: Site, chosen: Chosen, write: Write) -> Exported:
    """Write the chosen session alone. Raises OcduError for a damaged batch or no room for it."""
    with site.ledger.undisturbed(), reading(chosen.batch.path) as connection:
        return write_session(connection, TRASH, chosen.id, write)


def export_tree(site: Site, chosen: Chosen, folder: Path) -> tuple[list[Path], Exported]:
    """Write every session of the tree to a file of its own in a folder that is made if need be."""
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    done, files = Exported(), []
    with site.ledger.undisturbed(), reading(chosen.batch.path) as connection:
        for number, id in enumerate(chosen.tree, start=1):
            name = id if SESSION_ID.fullmatch(id) else f"session-{number}"
            path = folder / f"{name}.json"
            with new_file(path) as write:
                more = write_session(connection, TRASH, id, write)
            done = Exported(*(a + b for a, b in zip(done, more, strict=True)))
            files.append(path)
    return files, done
