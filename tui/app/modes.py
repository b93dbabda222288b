"""The screens one can be on. Each is imported when it is shown first: the first picture is not
theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen

from tui.screens.sessions import SessionsScreen


def _dashboard() -> Screen[None]:
    from tui.screens.dashboard import DashboardScreen

    return DashboardScreen()


def _files() -> Screen[None]:
    from tui.screens.files import FilesScreen

    return FilesScreen()


def _trash() -> Screen[None]:
    from tui.screens.trash import TrashScreen

    return TrashScreen()


def _jobs() -> Screen[None]:
    from tui.screens.jobs import JobsScreen

    return JobsScreen()


def _projects() -> Screen[None]:
    from tui.screens.projects import ProjectsScreen

    return ProjectsScreen()


def _search() -> Screen[None]:
    from tui.screens.search import SearchScreen

    return SearchScreen()


def _dig() -> Screen[None]:
    from tui.screens.dig import DigScreen

    return DigScreen()


def _conversation() -> Screen[None]:
    from tui.screens.conversation import ConversationScreen

    return ConversationScreen()


def _largest() -> Screen[None]:
    from tui.screens.largest import LargestScreen

    return LargestScreen()


MODES: dict[str, str | Callable[[], Screen[Any]]] = {
    "sessions": SessionsScreen,
    "dashboard": _dashboard,
    "files": _files,
    "trash": _trash,
    "jobs": _jobs,
    "projects": _projects,
    "search": _search,
    "dig": _dig,
    "conversation": _conversation,
    "largest": _largest,
}
