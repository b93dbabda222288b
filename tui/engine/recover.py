"""Rebuild sessions from their events: session, messages and parts as they were at the end.

In slices, parents first, each row only where there is none; doing it again adds what is missing. A
rebuilt session carries a label behind its title. Nothing is deleted.

Whole objects are what 1.x writes, and rows of 1.x are what they make: in a file of both generations
a rebuilt session is one that 1.x shows and 2.x does not, as are those that 1.x begins there. What
2.x wrote in a history cannot be rebuilt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from threading import Event

import apsw

from tui.engine.one_by_one import ending_of
from tui.engine.pace import Deed, in_slices
from tui.engine.site import Site
from tui.errors import Refused
from tui.format import plural
from tui.policy.plan import Outcome, Plan, Step, Totals
from tui.policy.recover import RecoverOptions
from tui.store.generations import exists
from tui.store.rebuild import (
    MESSAGE_STATEMENT,
    PART_STATEMENT,
    SESSION,
    Newest,
    is_of_2x,
    is_rebuilt,
    newest_events,
    project_statement,
    session_statement,
)
from tui.store.schema import Schema


def apply_recover(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Rebuild the planned sessions; one that got a row meanwhile is left as it is."""
    assert isinstance(plan.options, RecoverOptions)
    if not site.store.schema.has("session"):
        raise Refused(
            "Only opencode 1.x wrote histories that a session can be rebuilt from, and this file "
            "has no place for its sessions: nothing was changed."
        )
    made: Counter[str] = Counter()
    seen = 0
    with site.store.writing() as db:
        connection = db.connection()
        for id in plan.options.ids:
            if stop.is_set():
                break
            deeds = _deeds(connection, site.store.schema, id, made)
            for _ in in_slices(connection, deeds, stop):
                yield Step(seen, len(plan), phase="rebuilding")
            seen += 1
    return _outcome(plan, made, len(plan) - seen, is_beside_2x=site.store.schema.has("session_v2"))


def finish_recover(site: Site, ids: Sequence[str]) -> bool:
    """Go on with the session that a killed job was at; False when it had not begun with any.

    Only the last it began can be unfinished. The ones before it are whole, and opencode may have
    gone on with them: nothing that was removed there since comes back.
    """
    made: Counter[str] = Counter()
    with site.store.writing() as db:
        connection = db.connection()
        begun = next((id for id in reversed(ids) if is_rebuilt(connection, id)), None)
        if begun is not None:
            deeds = _deeds(connection, site.store.schema, begun, made, begun_before=True)
            for _ in in_slices(connection, deeds, Event()):
                pass
    return begun is not None


def _deeds(
    connection: apsw.Connection,
    schema: Schema,
    id: str,
    made: Counter[str],
    *,
    begun_before: bool = False,
) -> Iterator[Deed]:
    if exists(connection, id) and not begun_before:
        made["changed"] += 1
        return
    if is_of_2x(connection, schema, id):
        made["of_2x"] += 1
        return
    rows, unreadable = newest_events(connection, id)
    made["unreadable"] += unreadable
    if not rows or rows[0].table != SESSION:
        made["headless"] += 1
        return
    for row in rows[begun_before:]:
        yield partial(_make, connection, schema, row, made)


def _make(connection: apsw.Connection, schema: Schema, row: Newest, made: Counter[str]) -> None:
    if row.table == SESSION:
        connection.execute(project_statement(), {"row": row.rowid})
        connection.execute(session_statement(schema), {"row": row.rowid})
    else:
        statement = MESSAGE_STATEMENT if row.table == "message" else PART_STATEMENT
        connection.execute(statement, {"row": row.rowid})
    made[row.table if connection.changes() else "left"] += 1


def _outcome(plan: Plan, made: Counter[str], not_begun: int, *, is_beside_2x: bool) -> Outcome:
    done = Totals(made[SESSION], made[SESSION], made["message"], made["part"])
    message = (
        f"{plural(done.sessions, 'session')} rebuilt with {plural(done.messages, 'message')} and "
        f"{plural(done.parts, 'part')}; the title says so."
    )
    if is_beside_2x and done.sessions:
        message += " 2.x does not show sessions of 1.x: open them in opencode 1.x, or export them."
    for count, what in (
        (made["unreadable"], "unreadable event"),
        (made["left"], "part without its message"),
        (made["headless"], "history without a session"),
    ):
        if count:
            message += f" {plural(count, what)} could not be used."
    if made["of_2x"]:
        message += (
            f" {plural(made['of_2x'], 'history')} of opencode 2.x, which keeps no whole messages "
            "there, cannot be rebuilt: import an export of it, or a copy of the file."
        )
    left = not_begun + made["changed"] + made["headless"] + made["of_2x"]
    ending = ending_of(done.sessions, left)
    if made["of_2x"] and not done.sessions:
        ending = "refused"
    excluded = {"changed": made["changed"]} if made["changed"] else {}
    return Outcome(ending, message, done=done, excluded=excluded)
