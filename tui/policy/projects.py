"""Projects, decided: which rows a moved folder concerns, and which projects are empty.

Pure: records → Plan. A path is moved as a whole or from its beginning, never in its middle:
`/code/shop` moves `/code/shop/api`, and leaves `/code/shopping` alone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tui import format
from tui.errors import WrongCall
from tui.places import ProjectRow, StoredPath
from tui.policy.plan import Item, Plan, Totals
from tui.policy.vacuum_words import held_by
from tui.records import Holder

GLOBAL = "global"
"""opencode's project for folders without git; it is always there."""

SAID = {
    "directory": "folder of a session",
    "path": "its place in the project",
    "worktree": "folder of a project",
    "sandboxes": "further folders of a project",
}
"""What a column means to people."""


class Move(NamedTuple):
    """One value that changes; written only where `before` still stands."""

    table: str
    id_column: str
    id: str
    column: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RelinkOptions:
    """Every row that a relink changes."""

    moves: tuple[Move, ...]
    old: str
    new: str
    live: bool = False
    """True when it shall be done although opencode has the file open."""


ANYHOW = "end it, or say --live on the command line and restart it afterwards"
"""What whoever orders a relink, an undo or a redo of one can do about an open opencode."""


def while_open(holders: Collection[Holder], then: str = ANYHOW) -> str:
    """Why no stored path is moved, there or back, while these have the file open, and what `then`
    is to be done; "" for none."""
    if not holders:
        return ""
    return (
        f"{held_by(tuple(holders))} using this database and may write the paths it remembers back: "
        f"{then}."
    )


def plan_relink(
    places: Sequence[StoredPath],
    old: str,
    new: str,
    *,
    new_exists: bool = True,
    holders: Collection[Holder] = (),
    live: bool = False,
) -> Plan:
    """Give every stored path that begins with `old` the beginning `new`.

    Refused while opencode has the file open, unless `live`: it remembers paths, and may write the
    old ones back. Raises WrongCall for paths that cannot be meant.
    """
    old, new = _folder(old), _folder(new)
    if old == new:
        raise WrongCall("The old and the new folder are the same.")
    moves = tuple(_moves(places, old, new))
    items = tuple(_item(move) for move in moves)
    sessions = sum(item.totals.sessions for item in items)
    others = format.plural(len(items) - sessions, "other path")
    message = f"{format.plural(sessions, 'session')} and {others} move."
    refused = False
    if not items:
        message = f"No stored path begins with {old}: see `ocdu projects`."
    elif not new_exists:
        message, refused = f"{new} is no folder: move the project there first.", True
    elif not live and (why := while_open(holders)):
        message, refused = why, True
    return Plan("relink", items, options=RelinkOptions(moves, old, new, live), message=message,
                refused=refused)  # fmt: skip


def _folder(path: str) -> str:
    """An absolute folder without the separator at its end."""
    if not (path.startswith("/") or path[1:3] in (":\\", ":/")):
        raise WrongCall(f"“{path}” is not an absolute path.")
    found = path.rstrip("/\\")
    if not found or found.endswith(":"):
        raise WrongCall("A whole disk cannot be moved: name the project's folder.")
    return found


def moved(path: str, old: str, new: str) -> str | None:
    """The path after the move; None when it lies elsewhere."""
    rest = path[len(old) :]
    if path.startswith(old) and (not rest or rest[0] in "/\\"):
        return new + rest
    return None


def _moves(places: Sequence[StoredPath], old: str, new: str) -> Iterable[Move]:
    directories = {(p.table, p.id): p.path for p in places if p.column == "directory"}
    for place in places:
        if place.column == "sandboxes":
            after = _sandboxes(place.path, old, new)
        elif place.column == "path":
            after = _relative(place.path, directories.get((place.table, place.id), ""), old, new)
        else:
            after = moved(place.path, old, new)
        if after is not None and after != place.path:
            yield Move(*place, after)


def _relative(path: str, directory: str, old: str, new: str) -> str | None:
    """`session.path` is relative to the worktree. Where that is "/" it is the folder itself."""
    after = moved(directory, old, new)
    if after is None or directory.strip("/") != path.strip("/"):
        return None
    return after.strip("/")


def _sandboxes(text: str, old: str, new: str) -> str | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        return None
    after = [moved(each, old, new) or each for each in found]
    return None if after == found else json.dumps(after, separators=(",", ":"), ensure_ascii=False)


def _item(move: Move) -> Item:
    is_session = move.table.startswith("session") and move.column == "directory"
    what = SAID[move.column] if move.table.startswith(("session", "project")) else "folder"
    if move.table == "project_directory":
        what = "folder known of a project"
    return Item(
        move.id,
        f"{move.before} → {move.after}",
        what,
        Totals(sessions=1 if is_session else 0),
        sessions=(move.id,) if is_session else (),
    )


@dataclass(frozen=True, slots=True)
class RemoveOptions:
    """Projects that go."""

    ids: tuple[str, ...]


def plan_remove(rows: Iterable[ProjectRow], names: Sequence[str]) -> Plan:
    """Remove projects that have no session in either generation.

    `names` are ids, unique beginnings of ids, or names. Raises WrongCall for one that fits nothing
    or several; a project with sessions is refused with their number.
    """
    known = {row.id: row for row in rows}
    chosen = {found.id: found for found in (_named(known, name) for name in names)}
    full = [row for row in chosen.values() if row.sessions]
    if GLOBAL in chosen:
        return Plan("remove_project", (), message=_NEVER_GLOBAL, refused=True)
    if full:
        message = (
            f"{format.clean(full[0].name)} has {format.plural(full[0].sessions, 'session')}: "
            f"`ocdu prune --project {format.clean(full[0].name)}` moves them to the trash first."
        )
        return Plan("remove_project", (), message=message, refused=True)
    items = tuple(
        Item(row.id, row.name, "no session in it" + (", folder is gone" if row.missing else ""),
             Totals())
        for row in chosen.values()
    )  # fmt: skip
    message = "opencode makes a project anew when its folder is opened again; u (undo) undoes this."
    return Plan("remove_project", items, options=RemoveOptions(tuple(chosen)), message=message)


_NEVER_GLOBAL = "The project of folders without git belongs to opencode: it stays."


def _named(known: Mapping[str, ProjectRow], name: str) -> ProjectRow:
    if name in known:
        return known[name]
    found = [row for row in known.values() if name and row.name == name] or [
        row for row in known.values() if name and row.id.startswith(name)
    ]
    if len(found) != 1:
        what = "fits several projects" if found else "is no project"
        raise WrongCall(f"“{name}” {what}: `ocdu projects` shows their ids.")
    return found[0]
