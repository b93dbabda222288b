"""Sessions that a deed looks for and does not find: those in the trash come back when told to."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import apsw

from tui.engine.trash import batches
from tui.format import plural
from tui.store.generations import exists
from tui.store.ledger import Ledger

NAMED = 5
"""Trees named in one sentence."""


def buried_of(connection: apsw.Connection, ledger: Ledger, ids: Collection[str]) -> dict[str, str]:
    """Of these sessions those that are in the trash instead of the database, and the root of the
    tree each of them comes back with."""
    absent = {id for id in ids if not exists(connection, id)}
    found: dict[str, str] = {}
    for each in batches(ledger.trash_folder, ledger.database) if absent else ():
        for line in each.lines:
            for id in absent.intersection(each.members.get(line.root, (line.root,))):
                found.setdefault(id, line.root)
    return found


def restore_first(buried: Mapping[str, str], verb: str) -> str:
    """What is to be done about sessions in the trash before `verb` can do its work on them."""
    roots = list(dict.fromkeys(buried.values()))
    named = " ".join(roots[:NAMED]) + (" …" if len(roots) > NAMED else "")
    lie = "lies" if len(buried) == 1 else "lie"
    return (
        f"{plural(len(buried), 'session')} {lie} in the trash: "
        f"`ocdu trash restore {named}` first, then {verb} again."
    )
