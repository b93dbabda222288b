"""`ocdu databases`: which opencode databases exist, what they hold, where a history can be."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call
from tui.cli.output import table

if TYPE_CHECKING:
    from tui.places import Whereabouts


def add_arguments(parser: ArgumentParser) -> None:
    """It has no options of its own."""


def run(call: Call) -> Answer:
    """Every database in opencode's data directory, and the one $OPENCODE_DB names."""
    from tui.format import plural
    from tui.policy.whereabouts import explanations
    from tui.store.locate import data_directory, databases
    from tui.store.whereabouts import never_imported, whereabouts

    rows = list(whereabouts(databases()))
    in_json, missing = never_imported(data_directory())
    hints = list(explanations(rows, in_json, missing))
    data = {
        "databases": [_json(each) for each in rows],
        "json_sessions": in_json,
        "never_imported": missing,
        "hints": hints,
    }
    if not rows:
        message = f"No opencode database in {data_directory()}. Name one with --db, or run"
        return Answer("nothing", f"{message} `ocdu demo` to see ocdu at work.", data, _told(hints))
    message = f"{plural(len(rows), 'database')}. Choose one with --db PATH."
    return Answer("done", message, data, f"{_table(call, rows)}\n{_told(hints)}")


def _json(row: Whereabouts) -> dict[str, Any]:
    from tui.format import iso

    return {
        "path": str(row.path),
        "bytes": row.bytes,
        "wal_bytes": row.wal_bytes,
        "modified": iso(row.modified),
        "generation": row.generation or None,
        "sessions": row.sessions,
        "archived": row.archived,
        "projects": row.projects,
        "last_activity": iso(row.newest or None),
        "note": row.note or None,
    }


def _table(call: Call, rows: Iterable[Whereabouts]) -> str:
    from tui.format import age, clean, count, size

    lines = [
        (
            size(row.bytes),
            size(row.wal_bytes),
            row.generation.upper() if row.generation != "both" else "V1+V2",
            count(row.sessions),
            age(row.newest or row.modified, call.now),
            clean(str(row.path)) + (f"  ({clean(row.note)})" if row.note else ""),
        )
        for row in rows
    ]
    return table(("Size", "WAL", "Kind", "Sessions", "Active", "Path"), lines, "rrlrrl")


def _told(hints: Iterable[str]) -> str:
    from tui.format import clean

    return "".join(f"\n· {clean(hint)}" for hint in hints) + "\n"
