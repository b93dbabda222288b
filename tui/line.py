"""What one line of the session tree says, before anything is laid out or drawn."""

from __future__ import annotations

from dataclasses import dataclass

from tui.ordering import Group
from tui.records import SessionRow


@dataclass(frozen=True, slots=True)
class Line:
    """Everything one line of the tree says; a session's numbers cover its whole subtree."""

    key: str
    """Session id or group key: what folds, marks and the cursor remember."""
    row: SessionRow | None
    """None on a group header."""
    group: Group | None
    depth: int
    bytes: int | None
    """Payload octets measured so far; None before the first measurement."""
    complete: bool
    """False while some session of the subtree is not measured."""
    share: float | None
    """Part of the parent line's bytes, 0 to 1; None while unknown."""
    active: int
    created: int
    messages: int | None
    cost: float
    trees: int
    """Trees below a group header; 0 for a session."""
    sessions: int
    """Sessions in the subtree, the top one included."""
    folds: bool
    """True when there is something below to show or hide."""
    context: bool
    """True when it is only here because something below it was asked for."""
