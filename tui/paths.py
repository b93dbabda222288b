"""Paths as users type them, and from where they count."""

from __future__ import annotations

import os
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
