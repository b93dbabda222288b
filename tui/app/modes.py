"""Which screen stands behind which mode; all but the first are imported when first wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen

from tui.screens.sessions import SessionsScreen


def dashboard() -> Screen[None]:
    from tui.screens.dashboard import DashboardScreen

    return DashboardScreen()


def files() -> Screen[None]:
    from tui.screens.files import FilesScreen

    return FilesScreen()


def trash() -> Screen[None]:
    from tui.screens.trash import TrashScreen

    return TrashScreen()


def jobs() -> Screen[None]:
    from tui.screens.jobs import JobsScreen

    return JobsScreen()


def projects() -> Screen[None]:
    from tui.screens.projects import ProjectsScreen

    return ProjectsScreen()


def search() -> Screen[None]:
    from tui.screens.search import SearchScreen

    return SearchScreen()


def conversation() -> Screen[None]:
    from tui.screens.conversation import ConversationScreen

    return ConversationScreen()


MODES: dict[str, str | Callable[[], Screen[Any]]] = {
    "sessions": SessionsScreen,
    "dashboard": dashboard,
    "files": files,
    "trash": trash,
    "jobs": jobs,
    "projects": projects,
    "search": search,
    "conversation": conversation,
}
