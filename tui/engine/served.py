"""Deleting with the help of the server that owns the database.

A running 2.x server deletes its sessions itself, so that it stops what it does for them and tells
its screens. It takes the rows of 2.x and the counter; those of 1.x, and whatever it leaves, are
deleted by us afterwards. Where no server owns the file, or it does not answer, all rows are ours.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from tui.policy.plan import Item
from tui.store.query import scalar
from tui.store.schema import Schema
from tui.store.server import Server, server_of


class Service:
    """What the server that owns the database is asked during one job."""

    def __init__(self, database: Path, schema: Schema) -> None:
        """Looks for the server; a file that 2.x does not use has none."""
        self._server: Server | None = server_of(database) if schema.has("session_v2") else None
        self.active: frozenset[str] = frozenset()
        """Sessions it is executing, as of the last look: never to be touched."""
        self.asked: set[str] = set()
        """Roots it was asked to delete: rows of these trees may be gone."""
        self.look()

    @property
    def is_there(self) -> bool:
        """True while a server owns the file and answers."""
        return self._server is not None

    def look(self) -> None:
        """Ask what it executes now; one that does not say is not asked for anything more."""
        if self._server is not None:
            active = self._server.active()
            if active is None:
                self._server = None
            else:
                self.active = active

    def delete(self, connection: apsw.Connection, item: Item) -> None:
        """Let it delete what it knows of a tree. Must not be called inside a transaction.

        The tree must have been compared with its copy by now: what the server takes is gone.
        """
        if self._server is None:
            return
        for id in _tops(connection, item.sessions):
            self.asked.add(item.id)
            if not self._server.delete(id):
                self._server = None
                return


def _tops(connection: apsw.Connection, ids: tuple[str, ...]) -> list[str]:
    """The sessions of 2.x in a tree that have no parent there: it deletes children itself."""
    parents = {
        id: scalar(
            connection, "SELECT coalesce(parent_id, '') FROM main.session_v2 WHERE id = ?", (id,)
        )
        for id in ids
    }
    return [id for id in ids if parents[id] is not None and parents.get(parents[id]) is None]
