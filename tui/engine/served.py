"""Deleting with the help of the server that owns the database.

A running 2.x server deletes its sessions itself, so that it stops what it does for them and tells
its screens. It takes the rows of 2.x and the counter; those of 1.x, and whatever it leaves, are
deleted by us afterwards. Where no server owns the file all rows are ours.

One that owns the file and does not say what it executes may execute anything. Then a session is
only touched if its own rows show that it rests; the others stay, with that reason.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import apsw

from tui.policy.plan import Item
from tui.store.query import scalar
from tui.store.schema import Schema
from tui.store.server import Server, server_of
from tui.store.sessions import may_be_at_work


class Service:
    """What the server that owns the database is asked during one job."""

    def __init__(self, database: Path, schema: Schema) -> None:
        """Looks for the server; a file that 2.x does not use has none."""
        self._database = database
        self._schema = schema
        self._server: Server | None = server_of(database) if schema.has("session_v2") else None
        self._refuses = False
        self.is_silent = False
        """True for a server that owns the file and does not say what it executes."""
        self.active: frozenset[str] = frozenset()
        """Sessions it is executing, as of the last look: never to be touched."""
        self.asked: set[str] = set()
        """Roots it was asked to delete: rows of these trees may be gone."""
        self.look()

    @property
    def deletes(self) -> bool:
        """True while a server owns the file, answers, and has refused nothing."""
        return self._server is not None and not self.is_silent and not self._refuses

    def look(self) -> None:
        """Ask what it executes now; one that did not say once is not waited for again."""
        if self._server is None or self.is_silent:
            return
        active = self._server.active()
        if active is not None:
            self.active = active
        elif server_of(self._database) is None:
            self._server, self.active = None, frozenset()  # it has ended
        else:
            self.is_silent = True

    def works_for(self, connection: apsw.Connection, ids: Iterable[str]) -> bool:
        """True when it executes one of these sessions, or may do so for all that is known."""
        now = time.time_ns() // 1_000_000
        return any(
            id in self.active
            or (self.is_silent and may_be_at_work(connection, self._schema, id, now))
            for id in ids
        )

    def told(self, left: str, verb: str) -> str:
        """Why these trees or sessions ("2 trees") stay, and what to do about it."""
        if not self.is_silent or self._server is None:
            return f"{left} at work stayed."
        return (
            f"{left} may be at work and stayed: the opencode server (pid {self._server.pid}) does "
            "not say what it works on. Wait until it answers, or end it with `opencode service "
            f"stop`, then {verb} again."
        )

    def delete(self, connection: apsw.Connection, item: Item) -> None:
        """Let it delete what it knows of a tree. Must not be called inside a transaction.

        The tree must have been compared with its copy by now: what the server takes is gone.
        """
        if self._server is None or not self.deletes:
            return
        for id in _tops(connection, item.sessions):
            self.asked.add(item.id)
            if not self._server.delete(id):
                self._refuses = True  # the rest is ours; what it executes it is asked still
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
