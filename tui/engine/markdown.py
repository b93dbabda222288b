"""Writing a conversation as Markdown: a new private file, never over one that is there."""

from __future__ import annotations

import os
from pathlib import Path

from tui.errors import Refused
from tui.records import SessionRow
from tui.store.database import Store
from tui.store.markdown import markdown_of


def write_markdown(store: Store, row: SessionRow, target: Path) -> int:
    """Write the session to `target`; returns its octets. Raises Refused when that exists.

    What was begun and could not be finished is removed again.
    """
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Refused(f"{target} exists already: name another file.") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.writelines(markdown_of(store, row))
        return target.stat().st_size
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def free_name(folder: Path, row: SessionRow) -> Path:
    """A name in the folder that is not taken, made of the title and safe everywhere."""
    words = "".join(char if char.isalnum() and char.isascii() else "-" for char in row.title)
    stem = "-".join(word for word in words.lower().split("-") if word)[:60] or "session"
    numbers = (f"{stem}{f'-{n}' if n else ''}.md" for n in range(10_000))
    return next((folder / name for name in numbers if not (folder / name).exists()), folder / stem)
