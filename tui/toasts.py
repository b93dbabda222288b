"""What a finished job is told as: what happened, how much, and how to take it back."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tui import format
from tui.keys import Keys
from tui.policy.giving_back import GIVEN_BACK
from tui.policy.plan import Outcome, Plan
from tui.policy.prune import without_history

Severity = Literal["information", "warning", "error"]

SEVERITY: dict[str, Severity] = {"failed": "error", "refused": "error", "partial": "warning"}
"""By ending; the rest is information."""


class Toast(NamedTuple):
    """A short notice in the corner."""

    text: str
    severity: Severity


def toast_of(plan: Plan, outcome: Outcome, keys: Keys) -> Toast:
    """The notice for this outcome, with the keys as the user has them."""
    severity = SEVERITY.get(outcome.ending, "information")
    told = _TOLD.get(plan.verb)
    if outcome.ending != "done" or told is None:
        return Toast(outcome.message, severity)
    return Toast(told(plan, outcome, keys), severity)


def _what(plan: Plan, outcome: Outcome) -> str:
    done = outcome.done
    if len(plan.items) == 1:
        title = format.clip(format.clean(plan.items[0].title).strip(), 40)
        more = f" ({format.plural(done.sessions, 'session')})" if done.sessions > 1 else ""
        return f"“{title}”{more}"
    return f"{format.plural(done.trees, 'tree')} ({format.plural(done.sessions, 'session')})"


def _archived(plan: Plan, outcome: Outcome, keys: Keys) -> str:
    what = _what(plan, outcome)
    return f"{what} archived; this frees no space. {keys['undo']} undoes it."


def _unarchived(plan: Plan, outcome: Outcome, keys: Keys) -> str:
    return f"{_what(plan, outcome)} is active again. {keys['undo']} undoes it."


def _pruned(plan: Plan, outcome: Outcome, keys: Keys) -> str:
    amount = format.size(outcome.done.bytes)
    without = "" if outcome.details.get("events_kept", True) else without_history(plan.items)
    later = f"The file shrinks after a vacuum ({keys['vacuum']})."
    shrinks = outcome.details.get(GIVEN_BACK, later)
    what = _what(plan, outcome)
    if outcome.batch is None:
        return f"{what} deleted for good — {amount}. {shrinks}"
    undo = f"{keys['undo']} undoes it."
    return f"{what} moved to trash — {amount}{without}. {undo} {shrinks}"


_TOLD = {"archive": _archived, "unarchive": _unarchived, "prune": _pruned}
