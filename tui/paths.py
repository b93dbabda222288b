"""Paths as users type them, and from where they count."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def typed(text: str) -> Path:
    """A path, with ~ for a home; for a user nobody knows it stays as typed, as in a shell."""
    return Path(os.path.expanduser(text))


def here() -> Path:
    """The present folder; the home where that was removed meanwhile, as work trees are."""
    try:
        return Path.cwd()
    except OSError:
        return Path.home()


def absolute(text: str) -> Path:
    """A typed path, from here."""
    return here() / typed(text)


def told_apart(paths: Iterable[Path]) -> dict[Path, str]:
    """Each path by its name, with as many of its folders as it takes to tell it from the others."""
    found = {path: 1 for path in paths}

    def end(path: Path) -> tuple[str, ...]:
        return path.parts[-found[path] :]

    while True:
        ends = Counter(map(end, found))
        alike = [path for path in found if ends[end(path)] > 1 and found[path] < len(path.parts)]
        if not alike:
            return {path: str(Path(*end(path))) for path in found}
        for path in alike:
            found[path] += 1
