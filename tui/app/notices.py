"""Notices in the corner: what was done last, and what failed. Never a pile of them."""

from __future__ import annotations

from textual import on
from textual.app import App
from textual.notifications import Notify

from tui import format
from tui.messages import DialogOpened
from tui.toasts import Severity


class Notices(App[int]):
    """The part of the app that tells.

    What went well is told until something else did: an older notice names a number, or what `u`
    would undo, that the newer one has made untrue. What failed stays its time. The journal of the
    jobs keeps all of it.
    """

    def say(self, text: str, severity: Severity = "information") -> None:
        """A toast; never markup."""
        self.notify(format.clean(text), severity=severity, markup=False)

    def on_notify(self, event: Notify) -> None:
        """Before a notice is shown: the one of the deed before makes room."""
        if event.notification.severity == "information":
            self.hush()

    @on(DialogOpened)
    def hush(self) -> None:
        """Take away what tells that something went well."""
        for notice in list(self._notifications):
            if notice.severity == "information":
                self._unnotify(notice, refresh=False)
        self._refresh_notifications()
