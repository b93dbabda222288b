"""What every job works on: one opencode database, ocdu's ledger, and the folder of other files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tui.store.database import Store, open_store
from tui.store.ledger import Ledger, default_folder
from tui.store.locate import files_directory


@dataclass(frozen=True)
class Site:
    """An opened place of work. Cheap; nothing in it stays connected between two questions."""

    store: Store
    ledger: Ledger
    files: Path
    """opencode's data directory for this database: storage/, snapshot/, tool-output/."""

    @property
    def refusal(self) -> str | None:
        """Why nothing may be changed here, as a sentence; None when it may: every change needs the
        database, and ocdu's own folder, where it is noted first."""
        return self.store.refusal or self.ledger.refusal


def open_site(path: Path, *, read_only: bool = False, force: bool = False) -> Site:
    """Open a database with ocdu's ledger. Raises OcduError with the sentence for bad input."""
    store = open_store(path, read_only=read_only, force=force)
    return Site(store, Ledger(default_folder(), path), files_directory(path))
