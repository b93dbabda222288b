"""The first line: which database, how big, how much disk is left, who has it open."""

from __future__ import annotations

from typing import NamedTuple

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui import format

Part = tuple[int, Content]
"""How soon it may be left out (0 = never) and what it says."""


class Status(NamedTuple):
    """What the header tells; None where it is not known yet."""

    path: str = ""
    generation: str = ""
    bytes: int | None = None
    wal_bytes: int = 0
    free_disk: int | None = None
    holders: tuple[tuple[str, int], ...] = ()
    """(name, pid) of every process that has the file open."""
    get_back: str = ""
    """What can be got back without deleting a session, "about 55 MB"; "" for nothing to say."""
    trash_bytes: int = 0
    """Octets of the trash; 0 while it is too small to be named."""
    trash_key: str = ""
    """What shows it."""


class StatusHeader(Widget):
    """One line that drops its least important parts as the terminal narrows."""

    DEFAULT_CSS = """
    StatusHeader { height: 1; background: $panel; color: $foreground; }
    """

    status: reactive[Status] = reactive(Status(), init=False)

    def render(self) -> RenderResult:
        """The line at the present width."""
        return status_line(self.status, self.size.width)


LOW_DISK = 2_000_000_000
"""Octets of free disk below which the header warns: a vacuum could not even start."""


def status_line(status: Status, width: int) -> Content:
    """The header as exactly one line of at most `width` cells."""
    left = _left_parts(status)
    right = _get_back(status)
    room = width - 1
    while left and _cells(left) + right.cell_length + 2 > room and any(rank for rank, _ in left):
        left.remove(max(left, key=lambda part: part[0]))
    if _cells(left) + right.cell_length + 2 > room:
        right = Content("")
    path_room = room - _cells(left) - right.cell_length - 4
    if status.path and path_room >= 8:
        path = format.tail(format.clean(status.path), path_room)
        left.insert(1, (0, Content.styled(path, "$foreground-muted")))
    gap = max(1, room - _cells(left) - right.cell_length)
    return Content.assemble(_joined(left), " " * gap, right)


def _left_parts(status: Status) -> list[Part]:
    parts: list[Part] = [(0, Content.styled(" ocdu", "bold $text-accent"))]
    if status.generation:
        parts.append((3, Content.styled(status.generation.upper(), "$foreground-muted")))
    if status.bytes is not None:
        parts.append((0, Content.styled(format.size(status.bytes), "bold")))
        if status.wal_bytes:
            parts.append((2, Content(f"+ {format.size(status.wal_bytes)} wal")))
    if status.trash_bytes:
        text = f"trash {format.size(status.trash_bytes)} (key {status.trash_key})"
        parts.append((4, Content.styled(text, "$text-warning")))
    if status.free_disk is not None:
        low = status.free_disk < LOW_DISK
        text = f"free disk {format.size(status.free_disk)}" + (" ⚠" if low else "")
        parts.append((5, Content.styled(text, "$text-warning" if low else "$foreground-muted")))
    if status.holders:
        parts.append((6, _holders(status.holders)))
    return parts


def _holders(holders: tuple[tuple[str, int], ...]) -> Content:
    name, pid = holders[0]
    text = f"{format.clean(name)} {pid}"
    if len(holders) > 1:
        text = f"{text} and {len(holders) - 1} more"
    return Content.assemble(text, (" ●", "$text-success"))


def _get_back(status: Status) -> Content:
    if not status.get_back:
        return Content("")
    return Content.assemble(
        (status.get_back, "bold $text-success"), (" to get back", "$text-success")
    )


def _joined(parts: list[Part]) -> Content:
    return Content("  ").join(content for _, content in parts)


def _cells(parts: list[Part]) -> int:
    return _joined(parts).cell_length
