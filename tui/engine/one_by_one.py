"""How a deed on single things is told, each of which was done or left: the one shape of it."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import Any, NamedTuple

from tui.format import plural
from tui.policy.plan import Ending, Outcome, Totals


class Left(NamedTuple):
    """What was not done, in words: how many of what, and why they stayed."""

    number: int
    noun: str
    why: str
    """The rest of a sentence about them, for when nobody stopped the deed."""


def ending_of(done: int, left: int) -> Ending:
    """How it ended when so many were done, or stood so already, and so many left."""
    return "done" if not left else "partial" if done else "nothing"


def told(
    message: str,
    done: int,
    left: Left,
    *,
    stop: Event,
    totals: Totals | None = None,
    details: Mapping[str, Any] | None = None,
) -> Outcome:
    """The outcome; `message` says what was done, and what was left is added."""
    is_cut_short = bool(left.number) and stop.is_set()
    if is_cut_short:
        message += f" Stopped: {plural(left.number, left.noun)} not reached."
    elif left.number:
        message += f" {plural(left.number, left.noun)} {left.why}."
    return Outcome(
        ending_of(done, left.number),
        message,
        done=totals or Totals(),
        excluded={"changed": left.number} if left.number and not is_cut_short else {},
        details=dict(details or {}),
    )
