"""`ocdu databases`: which opencode databases exist on this machine."""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.call import Answer, Call
from tui.cli.output import table


def add_arguments(parser: ArgumentParser) -> None:
    """It has no options of its own."""


def run(call: Call) -> Answer:
    """Every database in opencode's data directory, and the one $OPENCODE_DB names."""
    from tui.format import age, clean, iso, plural, size
    from tui.store.locate import data_directory, databases

    found = databases()
    data = {
        "databases": [
            {
                "path": str(each.path),
                "bytes": each.bytes,
                "wal_bytes": each.wal_bytes,
                "modified": iso(each.modified),
            }
            for each in found
        ]
    }
    if not found:
        message = f"No opencode database in {data_directory()}. Name one with --db, or run"
        return Answer("nothing", f"{message} `ocdu demo` to see ocdu at work.", data)
    rows = [
        (
            size(each.bytes),
            size(each.wal_bytes),
            age(each.modified, call.now),
            clean(str(each.path)),
        )
        for each in found
    ]
    text = table(("Size", "WAL", "Changed", "Path"), rows, "rrrl")
    message = f"{plural(len(found), 'database')}. Choose one with --db PATH."
    return Answer("done", message, data, text + "\n")
