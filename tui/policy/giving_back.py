"""What an incremental file gives back by itself after a deed that freed pages in it.

Nobody ordered that, so it is never the copy of the whole file, and it has BRIEF seconds; what is
left then stays until a vacuum. It is announced with the deed, in the words of the vacuum itself.
"""

from __future__ import annotations

from dataclasses import replace

from tui.policy.plan import Plan
from tui.policy.vacuum import INCREMENTAL, VacuumFacts, is_worthwhile, plan_vacuum
from tui.policy.vacuum_slices import BRIEF
from tui.sizes import FileSizes

FREES_PAGES = ("prune", "reclaim")
"""Verbs after which an incremental file gives pages back by itself. Of a rescue the vacuum is a
step, which may be left out."""

STILL_THERE = "The file shrinks after a vacuum."
"""Said after such a deed where the pages that became free are still in the file."""

GIVEN_BACK = "given_back"
"""Key in an outcome's details: the sentence about what such a deed made the file give back."""

NEVER_SHORT = 1 << 62
"""Octets of disk: slices need next to none, and do not mind who has the file open."""


def plan_giving_back(facts: VacuumFacts) -> Plan:
    """The slices after a deed, on what is free now; nothing where it is not worth it."""
    return plan_vacuum(replace(facts, asked_explicitly=False, in_slices=True, seconds=BRIEF))


def announced(plan: Plan, sizes: FileSizes) -> str:
    """What a plan will make an incremental file give back, as a sentence; "" for nothing.

    `sizes` are those of now.
    """
    if plan.verb not in FREES_PAGES or not plan.items or not sizes.incremental:
        return ""
    free = sizes.free_pages + plan.predicted_bytes // max(1, sizes.page_size)
    expected = sizes._replace(free_pages=min(free, sizes.page_count))
    if not is_worthwhile(expected):
        return ""
    facts = VacuumFacts(expected, free_disk=NEVER_SHORT, free_temp=NEVER_SHORT)
    said = plan_giving_back(replace(facts, auto_vacuum=INCREMENTAL)).message
    return f"Afterwards {said[:1].lower()}{said[1:]}"
