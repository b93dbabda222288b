"""Sessions with an event log written as opencode writes it: every change a whole snapshot.

    history = History(path)
    history.session("ses_a")
    history.say("ses_a", "msg_1", text=3)      an event, and the row brought up to it
    history.event("ses_a", "session.next.x.1", {…})    an event alone

The clock of ids and rows is `now`, which every event moves on by a second.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import apsw

from tests.factories import DAY, NOW, days_ago, make_database
from tests.picture import forest_of, site_of
from tui.engine.site import Site
from tui.policy.plan import Plan
from tui.policy.reclaim import ReclaimPolicy, plan_reclaim
from tui.store.database import Store
from tui.store.reclaimable import find_reclaimable

Json = dict[str, Any]


def compact(value: Any) -> str:
    """JSON as opencode writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class History:
    """One database file, and a connection that plays opencode."""

    def __init__(self, path: Path) -> None:
        self.path = make_database(path)
        self.connection = apsw.Connection(str(path))
        self.connection.set_busy_timeout(5000)
        self.connection.execute("PRAGMA synchronous = OFF").fetchall()
        self.connection.execute(
            "INSERT INTO project (id, worktree, time_created, time_updated, sandboxes)"
            " VALUES ('prj', '/tmp', 1, 1, '[]')"
        )
        self.now = days_ago(2)

    @property
    def store(self) -> Store:
        """A fresh look at the file."""
        return Store(self.path)

    @property
    def site(self) -> Site:
        """The file with a ledger of its own."""
        return site_of(self.path)

    def session(
        self, id: str = "ses_a", *, owner: str | None = None, workspace: str | None = None
    ) -> None:
        """A session's row, its sequence and the event of its creation."""
        self.connection.execute(
            "INSERT INTO session (id, project_id, workspace_id, slug, directory, title, version,"
            " time_created, time_updated) VALUES (?, 'prj', ?, 's', '/tmp', ?, '1.18.33', ?, ?)",
            (id, workspace, "About " + id, self.now, self.now),
        )
        self.connection.execute("INSERT INTO event_sequence VALUES (?, -1, ?)", (id, owner))
        self.touch(id, "session.created.1")

    def touch(self, id: str = "ses_a", type: str = "session.updated.1") -> None:
        """A snapshot of the session itself."""
        self.event(
            id, type, {"sessionID": id, "info": {"id": id, "time": {"updated": self.now + 1000}}}
        )
        self.connection.execute("UPDATE session SET time_updated = ? WHERE id = ?", (self.now, id))

    def event(self, session: str, type: str, data: Json | str) -> str:
        """An event alone; returns its id."""
        self.now += 1000
        (seq,) = self.one("SELECT seq + 1 FROM event_sequence WHERE aggregate_id = ?", session)
        id = f"evt_{self.now * 4096 + 1 & 2**48 - 1:012x}{seq:014d}"
        body = data if isinstance(data, str) else compact(data)
        self.connection.execute(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?)", (id, session, seq, type, body)
        )
        self.connection.execute(
            "UPDATE event_sequence SET seq = ? WHERE aggregate_id = ?", (seq, session)
        )
        return id

    def say(self, session: str = "ses_a", id: str = "msg_1", **data: Any) -> None:
        """A message as it is now: its event, and its row with the keys in another order."""
        data = {"role": "user", "time": {"created": 1}, **data}
        info = {"id": id, "sessionID": session, **data}
        self.event(session, "message.updated.1", {"sessionID": session, "info": info})
        row = compact(dict(reversed(data.items())))
        self.connection.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET data = excluded.data, time_updated = excluded.time_updated",
            (id, session, self.now, self.now + 1, row),
        )

    def show(
        self, session: str = "ses_a", id: str = "prt_1", message: str = "msg_1", **data: Any
    ) -> None:
        """A part as it is now."""
        data = {"type": "text", **data}
        part = {"id": id, "sessionID": session, "messageID": message, **data}
        body = {"sessionID": session, "part": part, "time": self.now}
        self.event(session, "message.part.updated.1", body)
        row = compact(dict(reversed(data.items())))
        self.connection.execute(
            "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET data = excluded.data, time_updated = excluded.time_updated",
            (id, message, session, self.now, self.now + 1, row),
        )

    def remove(self, session: str, id: str, message: str = "msg_1") -> None:
        """A message or a part goes, with its event."""
        kind = "part" if id.startswith("prt_") else "message"
        ids = {"sessionID": session, "messageID": message if kind == "part" else id}
        if kind == "part":
            self.event(session, "message.part.removed.1", {**ids, "partID": id})
        else:
            self.event(session, "message.removed.1", ids)
            self.connection.execute("DELETE FROM part WHERE message_id = ?", (id,))
        self.connection.execute(f"DELETE FROM {kind} WHERE id = ?", (id,))

    def one(self, statement: str, *values: Any) -> Any:
        """The first row of a statement."""
        return self.connection.execute(statement, values).fetchone()

    def all(self, statement: str, *values: Any) -> list[Any]:
        """Every row of a statement."""
        return list(self.connection.execute(statement, values))

    def seqs(self, session: str = "ses_a") -> list[int]:
        """What is left of a log."""
        rows = self.all("SELECT seq FROM event WHERE aggregate_id = ? ORDER BY seq", session)
        return [seq for (seq,) in rows]

    def conversation(self) -> str:
        """A digest of everything but the events: it must never change."""
        digest = hashlib.sha256()
        for table in ("session", "message", "part", "todo", "event_sequence", "project"):
            for row in self.connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2"):
                digest.update(repr(row).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()


def plan_of(site: Site, *levels: str, now: int = NOW + DAY, **policy: Any) -> Plan:
    """Search and plan, as the command line does it."""
    running = policy.pop("running", frozenset())
    found = find_reclaimable(site.store, levels, files=site.files)
    return plan_reclaim(forest_of(site), found, ReclaimPolicy(levels, **policy), now, running)
