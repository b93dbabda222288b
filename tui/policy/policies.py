"""What retention is told to do: the configuration's policies as values.

Everything is off until configured, and a value of 0 or nothing is off as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import TypeVar

from tui.config import Config
from tui.errors import WrongCall
from tui.format import plural, size
from tui.policy.reclaim import LEVELS, OF_OUTPUT, parse_levels
from tui.quantity import parse_age, parse_size

Value = TypeVar("Value")

PROTECTED = timedelta(days=1)
"""Trees active within this time are never touched, however short a policy is."""

SUBAGENTS = "subagents"
"""The reclaim level that takes what finished children leave behind."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The configured policies; None, 0 and () mean off."""

    archive_after: timedelta | None = None
    levels: tuple[str, ...] = ()
    subagents: timedelta | None = None
    """Idle time of children after which their payloads are reclaimed."""
    subagents_prune: timedelta | None = None
    """Idle time of children after which they go to the trash."""
    prune_after: timedelta | None = None
    budget: int = 0
    """Payload octets that may stay; the oldest idle trees go first."""
    trash_expire: timedelta | None = None
    """Age of a trash batch after which it is deleted for good."""
    protect: timedelta = PROTECTED
    keep: int = 0
    """Newest trees of every project that are never pruned."""
    vacuum: bool = False
    copies: bool = False
    """Copy what a reclaim takes into the trash first."""

    @property
    def active(self) -> bool:
        """True when any policy is on; a vacuum alone is none."""
        return any(
            (self.archive_after, self.levels, self.subagents, self.subagents_prune,
             self.prune_after, self.budget, self.trash_expire)
        )  # fmt: skip

    @property
    def needs_sizes(self) -> bool:
        """True when a policy has to know how much every session takes."""
        return bool(self.subagents_prune or self.prune_after or self.budget)

    @property
    def searches(self) -> tuple[str, ...]:
        """Reclaim levels whose payloads have to be looked for."""
        wanted = {*self.levels, *((SUBAGENTS,) if self.subagents else ())}
        return tuple(name for name in LEVELS if name in wanted)

    def without_output(self) -> Policies:
        """The same policies, but no tool output is dropped: where opencode's own configuration says
        prune = false."""
        levels = tuple(name for name in self.levels if name not in OF_OUTPUT)
        return replace(self, levels=levels, subagents=None)

    @property
    def fingerprint(self) -> str:
        """Changes with every change of a policy: a new one is announced before it acts."""
        text = repr([(each.name, getattr(self, each.name)) for each in fields(self)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def sentences(self) -> list[str]:
        """What the policies say, each as half a sentence."""
        said = [
            (self.archive_after, "archive trees idle for {}"),
            (self.subagents, "reclaim the output of subagents idle for {}"),
            (self.subagents_prune, "move subagents idle for {} to the trash"),
            (self.prune_after, "move trees idle for {} to the trash"),
            (self.trash_expire, "delete what has been in the trash for {} for good"),
        ]
        found = [text.format(words(limit)) for limit, text in said if limit]
        if self.levels:
            found.insert(1 if self.archive_after else 0, f"reclaim {', '.join(self.levels)}")
        if self.budget:
            found.append(f"keep {size(self.budget)}, moving the oldest idle trees to the trash")
        return found


def policies_of(config: Config) -> Policies:
    """The policies as configured. Raises WrongCall that names the key."""
    given = config.retention
    trash = getattr(config, "trash", None)
    return Policies(
        archive_after=_age("retention", "archive_after", given.archive_after),
        levels=_levels(given.levels),
        subagents=_age("retention", "subagents", given.subagents),
        subagents_prune=_age("retention", "subagents_prune", given.subagents_prune),
        prune_after=_age("retention", "prune_after", given.prune_after),
        budget=_read("retention", "budget", parse_size, given.budget) if given.budget else 0,
        trash_expire=_age("trash", "expire", getattr(trash, "expire", "")),
        protect=max(PROTECTED, _age("retention", "protect", given.protect) or PROTECTED),
        keep=config.prune.keep,
        vacuum=given.vacuum,
        copies=config.reclaim.keep,
    )


def words(age: timedelta) -> str:
    """A span of time in words: "24 hours", "30 days"."""
    hours = round(age / timedelta(hours=1))
    return plural(hours, "hour") if hours < 48 or hours % 24 else plural(hours // 24, "day")


def _age(section: str, key: str, text: str) -> timedelta | None:
    """An age as configured; None for 0 and nothing."""
    return _read(section, key, parse_age, text) or None if text.strip() else None


def _levels(text: str) -> tuple[str, ...]:
    if text.strip() in ("", "0"):
        return ()
    found = _read("retention", "levels", parse_levels, text)
    if SUBAGENTS in found:
        raise WrongCall(
            "The configuration, [retention] levels: subagents has a key of its own, "
            'subagents = "7d".'
        )
    return found


def _read(section: str, key: str, parse: Callable[[str], Value], text: str) -> Value:
    try:
        return parse(text)
    except WrongCall as error:
        raise WrongCall(f"The configuration, [{section}] {key}: {error}") from error
