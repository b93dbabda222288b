"""Ages and sizes as users write them: "30d", "2 GB"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from tui.errors import WrongCall

AGES = {
    "": timedelta(days=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "m": timedelta(days=30),
    "y": timedelta(days=365),
}
"""Units of an age; a bare number means days, as in the proposal these options come from."""

RESTS = {**AGES, "m": timedelta(minutes=1), "min": timedelta(minutes=1)}
"""Units of how long a session rests: no session rests for months on purpose, but for 30 minutes."""

SIZES = {
    "": 1,
    "b": 1,
    **{unit + "b": 1000**power for power, unit in enumerate("kmgt", 1)},
    **{unit: 1000**power for power, unit in enumerate("kmgt", 1)},
    **{unit + "ib": 1024**power for power, unit in enumerate("kmgt", 1)},
}
"""Units of a size, lower case; powers of 1000 unless written with an i."""

LONGEST = timedelta(days=365 * 200)
"""More than that is a slip of the finger, and would overflow a date."""


def parse_age(text: str) -> timedelta:
    """ "30", "30d", "12h", "2w", "3m" or "1y" as a time span. Raises WrongCall."""
    return _span(text, AGES, "age", "30 (days), 12h, 30d, 2w, 3m or 1y")


def parse_rest(text: str) -> timedelta:
    """ "30m" (minutes), "1h", "2d", "2w" or "7" (days) as a time span. Raises WrongCall."""
    return _span(text, RESTS, "age", "30m (minutes), 1h, 2d, 2w or 7 (days)")


def _span(text: str, units: Mapping[str, timedelta], what: str, examples: str) -> timedelta:
    found = re.fullmatch(r"\s*(\d{1,6}(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if not found or found[2] not in units:
        raise WrongCall(f"“{text}” is not an {what}: write {examples}.")
    span = float(found[1]) * units[found[2]]
    if span > LONGEST:
        raise WrongCall(f"“{text}” is longer than opencode exists: write {examples}.")
    return span


def parse_size(text: str) -> int:
    """ "2GB", "500 MB", "1.5GiB" or plain octets as octets. Raises WrongCall."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if not found or found[2] not in SIZES:
        raise WrongCall(f"“{text}” is not a size: write 500MB, 2GB or 1.5GiB.")
    return int(float(found[1]) * SIZES[found[2]])
