"""Move the stored paths of a project to where its folder lies now."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from threading import Event

import apsw

from tui.engine.one_by_one import Left, told
from tui.engine.pace import in_slices
from tui.engine.site import Site
from tui.errors import NotNow
from tui.format import plural
from tui.policy.plan import Outcome, Plan, Step, Totals
from tui.policy.projects import ANYHOW, Move, RelinkOptions, while_open
from tui.store.holders import holders
from tui.store.query import scalar


def apply_relink(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Write every planned path where the old one still stands. Raises NotNow while opencode has
    the file open, unless the plan minds it not."""
    assert isinstance(plan.options, RelinkOptions)
    if not plan.options.live and (why := hindered(site)):
        raise NotNow(why)
    return (yield from write_moves(plan.options.moves, site, stop))


def hindered(site: Site, then: str = ANYHOW) -> str:
    """Why no stored path is moved now, there or back, and what to do; "" where it may be."""
    return while_open(holders(site.store.path), then)


def write_moves(
    moves: Iterable[Move], site: Site, stop: Event, done: list[Move] | None = None
) -> Generator[Step, None, Outcome]:
    """Write paths in slices; the outcome holds what turns them back.

    Fills `done` with those that were written: not those that stood there before.
    """
    wanted = list(dict.fromkeys(moves))
    done = [] if done is None else done
    there: list[Move] = []
    with site.store.writing() as db:
        deeds = (partial(_write, db.connection(), move, done, there) for move in wanted)
        for count in in_slices(db.connection(), deeds, stop):
            yield Step(count, len(wanted), phase="relinking")
    sessions = len({move.id for move in done if move.table.startswith("session")})
    left = len(wanted) - len(done) - len(there)
    message = f"{plural(len(done), 'path')} of {plural(sessions, 'session')} moved."
    if there:
        message += f" {plural(len(there), 'path')} stood there already."
    return told(
        message,
        len(done),
        Left(left, "path", "had changed meanwhile and stayed"),
        stop=stop,
        totals=Totals(sessions=sessions),
        details={"paths": len(done), "undo": {"moves": [list(turned(move)) for move in done]}},
    )


def intended_moves(plan: Plan) -> list[list[str]]:
    """What turns the planned relink back, as the journal keeps it."""
    assert isinstance(plan.options, RelinkOptions)
    return [list(turned(move)) for move in plan.options.moves]


def moves_taken_back(site: Site, moves: Iterable[Sequence[str]]) -> int:
    """Write kept paths where what the relink was to write stands; how many did."""
    done: list[Move] = []
    for _ in write_moves(moves_from(moves), site, Event(), done):
        pass
    return len(done)


def moves_from(memory: Iterable[Sequence[str]]) -> Iterator[Move]:
    """Moves as the journal keeps them."""
    return (Move(*each) for each in memory)


def turned(move: Move) -> Move:
    """The way back."""
    return move._replace(before=move.after, after=move.before)


def _write(connection: apsw.Connection, move: Move, done: list[Move], there: list[Move]) -> None:
    """Where a folder is already known under its new path, both its lines stay as they are: after
    the move nobody could tell which of them was there before."""
    place = f'"{move.table}" WHERE "{move.id_column}" = ? AND "{move.column}" IS ?'
    if scalar(connection, f"SELECT EXISTS (SELECT 1 FROM {place})", (move.id, move.after)):
        there.append(move)
        return
    connection.execute(
        f'UPDATE OR IGNORE "{move.table}" SET "{move.column}" = ?'
        f' WHERE "{move.id_column}" = ? AND "{move.column}" IS ?',
        (move.after, move.id, move.before),
    )
    if connection.changes():
        done.append(move)
