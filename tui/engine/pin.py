"""Pin and unpin at once: a line in ocdu's own database, and a journal entry that can be undone.

Nothing of opencode's is touched, so it neither waits for a job under way nor needs its lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tui.format import count, plural
from tui.store.ledger import Ledger


def pin(ledger: Ledger, titles: Mapping[str, str], pinned: bool) -> list[str]:
    """Pin or unpin sessions (id -> title); returns the ids that were not so before."""
    changed = _other(ledger, titles, pinned)
    if not changed:
        return []
    verb = "pin" if pinned else "unpin"
    first = f"“{titles[changed[0]].strip() or changed[0]}”"
    entry = ledger.begin(
        verb, first if len(changed) == 1 else f"{first} and {count(len(changed) - 1)} more"
    )
    write_pins(ledger, changed, pinned)
    ledger.update(
        entry,
        state="done",
        message=f"{plural(len(changed), 'session')} {verb}ned.",
        undo={"pins": {"ids": changed, "pinned": pinned}},
    )
    return changed


def write_pins(ledger: Ledger, ids: Sequence[str], pinned: bool) -> list[str]:
    """Write the pins alone; returns the ids that changed."""
    changed = _other(ledger, ids, pinned)
    (ledger.pin if pinned else ledger.unpin)(changed)
    return changed


def _other(ledger: Ledger, ids: Collection[str], pinned: bool) -> list[str]:
    before = ledger.pins()
    return [id for id in dict.fromkeys(ids) if (id in before) != pinned]
