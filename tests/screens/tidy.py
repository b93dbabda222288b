"""Whether a screen is tidy: everything inside, nothing over anything else."""

from __future__ import annotations

from itertools import combinations

from textual.screen import Screen
from textual.widget import Widget


def untidy(screen: Screen[object]) -> list[str]:
    """What lies outside of its parent or over a sibling, in words; [] when all is well."""
    return [*_of(screen)]


def _of(parent: Widget) -> list[str]:
    found: list[str] = []
    shown = [
        child
        for child in parent.children
        if child.display and child.visible and not child.styles.layer.startswith("_")
        and child.region.area
    ]  # fmt: skip
    for child in shown:
        room = parent.region.shrink(parent.styles.border.spacing)
        if not room.contains_region(child.region) and not _scrolls(parent):
            found.append(f"{child!r} {child.region} sticks out of {parent!r} {room}")
    for one, other in combinations(shown, 2):
        if one.region.overlaps(other.region):
            found.append(f"{one!r} {one.region} lies over {other!r} {other.region}")
    for child in shown:
        found += _of(child)
    return found


def _scrolls(widget: Widget) -> bool:
    return widget.is_scrollable and widget.styles.overflow_y in ("auto", "scroll")
