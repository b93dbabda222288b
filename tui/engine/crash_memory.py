"""What reverses a job that is killed before it can say what it did, and taking such a job back.

Half an archive or half a relink is of no use to anybody: the next start takes it back. Of a
recovery it makes the session whole that was under way. What a prune or a reclaim took lies in its
batch, which tells of it (`tui.engine.crash_recovery`).
"""

from __future__ import annotations

from typing import Any

from tui.engine.archive import intended_stamps, stamps_taken_back
from tui.engine.project_removal import intended_rows, rows_taken_back, standing_rows
from tui.engine.projects import hindered, intended_moves, moves_taken_back
from tui.engine.site import Site
from tui.errors import NotNow
from tui.format import plural
from tui.policy.plan import Plan
from tui.store.journal import JournalEntry


def intended_undo(plan: Plan, site: Site) -> dict[str, Any] | None:
    """What the journal keeps of a job from its beginning; None where nothing can reverse it."""
    if plan.verb in ("archive", "unarchive"):
        return {"stamps": intended_stamps(plan)}
    if plan.verb == "relink":
        return {"moves": intended_moves(plan)}
    if plan.verb == "remove_project":
        return {"projects": intended_rows(plan, site)}
    if plan.verb == "recover":
        return {"recovering": [item.id for item in plan]}
    if plan.verb == "reclaim":
        from tui.engine.reclaim import kept_sessions  # its engine loads it anyway

        return {"reclaimed": kept_sessions(plan)}
    if plan.verb == "redo":
        from tui.engine.undo import UndoOptions  # the same

        assert isinstance(plan.options, UndoOptions)
        memory = plan.options.entry.undo or {}
        if projects := memory.get("projects"):
            return {"projects": standing_rows(projects, site)}
        again = memory.get("reclaimed")
        return {"reclaimed": again} if again else None
    return None


LATER = "end it, then start ocdu again"
"""What to do about an open opencode, at the next start."""


def take_back(site: Site, entry: JournalEntry, *, live: bool = False) -> str | None:
    """Reverse what a killed archive or relink did, or finish a recovery; what became of it.

    None for other jobs. Exactly what it changed: a stamp or a path that is not what the job was to
    write stays. Raises NotNow for a relink while opencode has the file open, unless `live`.
    """
    memory = entry.undo or {}
    if stamps := memory.get("stamps"):
        back = plural(stamps_taken_back(site, stamps), "session")
        return f"it was taken back for {back}, nothing remains"
    if moves := memory.get("moves"):
        if not live and (why := hindered(site, LATER)):
            raise NotNow(why)
        back = plural(moves_taken_back(site, moves), "path")
        return f"it was taken back for {back}, nothing remains: relink again"
    if projects := memory.get("projects"):
        back = plural(rows_taken_back(site, projects), "project")
        return f"it was taken back for {back}, nothing remains"
    if "recovering" in memory:
        from tui.engine.recover import finish_recover  # for this rare case only

        begun = finish_recover(site, memory["recovering"])
        return "the session under way was finished" if begun else "it had not begun"
    return None
