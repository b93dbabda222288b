"""Compact copies that a killed vacuum left behind: removed at the next start, wherever they lie."""

from __future__ import annotations

from pathlib import Path

from tui.engine.site import Site
from tui.format import plural
from tui.store.disk import remove_leftovers

NOTE = "copy folder"
"""Where the last copy lay that was not beside the database."""


def note_folder(site: Site, folder: Path) -> None:
    """A copy is about to be made in this folder."""
    site.ledger.set_note(NOTE, str(folder))


def sweep(site: Site) -> list[str]:
    """Remove copies whose makers are dead; a sentence when there were any."""
    noted = site.ledger.note(NOTE)
    folders = [site.store.path.parent, *([Path(noted)] if noted else [])]
    there = [folder for folder in folders if folder.is_dir()]
    removed = [file for folder in there for file in remove_leftovers(site.store.path, folder)]
    if not removed:
        return []
    return [f"An interrupted vacuum left {plural(len(removed), 'temporary file')}: removed."]
