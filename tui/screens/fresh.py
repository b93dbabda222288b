"""A page whose facts are read when it is shown, and again after every job."""

from __future__ import annotations

from tui.desk import Jobs
from tui.policy.plan import Plan
from tui.screens.page import Page


class Fresh(Page):
    """Subclasses say what `read` asks for, and show the answer when it comes."""

    def on_mount(self) -> None:
        """Follow the jobs: each may change what stands here."""
        self.watch(self.app, "jobs", self._job_changed, init=False)

    def on_screen_resume(self) -> None:
        """Look again whenever it is shown."""
        self.read()

    def _job_changed(self, before: Jobs, after: Jobs) -> None:
        if before.running is not None and after.running is None:
            self.job_ended(before.running.plan)

    def job_ended(self, plan: Plan) -> None:
        """A job is over: what it was about may have changed."""
        if self.is_current:
            self.read()

    def read(self) -> None:
        """Ask anew."""
        raise NotImplementedError
