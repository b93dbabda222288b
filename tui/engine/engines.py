"""Who carries out a plan of which verb; each engine is imported when its verb comes up.

A command line that archives one tree does not wait for what copies databases back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from importlib import import_module
from threading import Event

from tui.engine.site import Site
from tui.policy.plan import Outcome, Plan, Step

Engine = Callable[[Plan, Site, Event], Generator[Step, None, Outcome]]

ENGINES = {
    "archive": "archive.apply_archive",
    "unarchive": "archive.apply_unarchive",
    "prune": "prune.apply_prune",
    "files": "files.apply_files",
    "restore": "restore.apply_restore",
    "empty": "trash.apply_empty",
    "recover": "recover.apply_recover",
    "relink": "projects.apply_relink",
    "remove_project": "project_removal.apply_remove_project",
    "undo": "undo.apply_undo",
    "redo": "undo.apply_redo",
}
"""Verb -> module and function; the others want something else than plan, site and stop."""


def engine_of(verb: str) -> Engine:
    """The engine of a verb. Raises KeyError for a verb nobody carries out."""
    match verb:
        case "reclaim":
            from tui.engine.reclaim import apply_reclaim

            return lambda plan, site, stop: apply_reclaim(
                plan, site.store, stop, files=site.files, ledger=site.ledger
            )
        case "vacuum":
            from tui.engine.vacuum import apply_vacuum

            return lambda plan, site, stop: apply_vacuum(plan, site.store, stop)
        case "copy_out":
            from tui.engine.reclaim.copied_out import copy_out_history

            return copy_out_history
        case "checkpoint":
            from tui.engine.checkpoint import apply_checkpoint

            return lambda plan, site, stop: apply_checkpoint(plan, site.store, stop)
    module, _, function = ENGINES[verb].partition(".")
    found: Engine = getattr(import_module(f"tui.engine.{module}"), function)
    return found
