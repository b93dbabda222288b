"""Writing a conversation as Markdown: a new private file, never over one that is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

from tui.records import SessionRow
from tui.store.database import Store
from tui.store.export import checked, new_file
from tui.store.markdown import markdown_of


def write_markdown(
    store: Store,
    row: SessionRow,
    target: Path,
    stop: Event | None = None,
    told: Callable[[int], None] | None = None,
) -> int:
    """Write the session to `target`; returns its octets. Raises Refused when that exists.

    What was begun and could not be finished, or was stopped, is removed again.
    """
    stop = stop or Event()
    with new_file(target) as write:
        write = checked(write, stop, told)
        for text in markdown_of(store, row, stop):
            write(text.encode("utf-8", "replace"))
        write(b"")  # a last look whether it was stopped
    return target.stat().st_size
