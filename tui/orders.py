"""Jobs, from the plan handed in to the toast at the end, and the reclaim in the background."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from textual import on
from textual.app import App
from textual.message import Message
from textual.reactive import var

from tui import format
from tui.census import Census
from tui.config import Config
from tui.desk import Jobs, Running
from tui.engine.worker import JobFinished, JobProgressed, JobStarted, Worker, WorkerEvent
from tui.errors import OcduError
from tui.messages import Changed, Failed, Finished, Found, Progressed, Started, Watched
from tui.policy.plan import Plan
from tui.policy.reclaim import ReclaimPolicy, plan_reclaim
from tui.reads import Reads
from tui.records import FileSizes, Holder, Payload
from tui.screens.confirm import ConfirmDialog, consent_question
from tui.store.database import SQLITE_EXCEPTIONS, explained
from tui.toasts import Severity, toast_of

log = logging.getLogger("ocdu")


class Orders(Reads, App[None]):
    """The half of the app that deals with the worker; `OcduApp` sets the values below."""

    jobs: var[Jobs] = var(Jobs(), init=False)

    config: Config
    census: Census
    database: Path
    worker: Worker
    stop: Event
    _quiet: set[int]

    def load(self, touched: Collection[str] = ()) -> object:
        """Read the sessions again."""
        raise NotImplementedError

    def look_back(self) -> object:
        """See what can be undone."""
        raise NotImplementedError

    def look_for_payloads(self) -> object:
        """See what can be reclaimed."""
        raise NotImplementedError

    # jobs

    def submit(self, plan: Plan) -> int | None:
        """Hand a plan to the worker; None (and a toast) when there is nothing to do."""
        if plan.refused or not plan.items:
            self.say(plan.message or "Nothing to do.", "warning" if plan.refused else "information")
            return None
        if refusal := self.site.store.refusal:
            self.say(refusal, "error")
            return None
        number = self.worker.submit(plan)
        self._queue_changed()
        return number

    def cancel(self, job: int | None = None) -> None:
        """Stop this job, or the running one, after its current step."""
        self.worker.cancel(job)
        self._queue_changed()

    def set_pins(self, ids: Collection[str], pinned: bool) -> None:
        """Pin or unpin at once; the tree shows it with the next reading."""
        ledger = self.site.ledger
        (ledger.pin if pinned else ledger.unpin)(ids)
        self.load()

    def _from_worker(self, event: WorkerEvent) -> None:
        """Called in the worker's thread: pass the fact on."""
        match event:
            case JobStarted(job, plan):
                self._pass_on(Started(job, plan))
            case JobProgressed(job, plan, step):
                self._pass_on(Progressed(job, plan, step))
            case JobFinished(job, plan, outcome):
                self._pass_on(Finished(job, plan, outcome))

    def tell_change(self) -> None:
        self._pass_on(Changed())

    def tell_look(self, sizes: FileSizes, holders: tuple[Holder, ...], free_disk: int) -> None:
        self._pass_on(Watched(sizes, holders, free_disk))

    def tell_found(self, payloads: Sequence[Payload]) -> None:
        self._pass_on(Found(tuple(payloads)))

    def _pass_on(self, message: Message) -> None:
        if not self.stop.is_set():
            # The loop may end between the question and the post: then nobody is left to be told.
            with suppress(RuntimeError):
                self.post_message(message)

    @on(Started)
    def _started(self, message: Started) -> None:
        running = Running(message.job, message.plan, None, self.now())
        self._queue_changed(running)

    @on(Progressed)
    def _progressed(self, message: Progressed) -> None:
        now = self.jobs.running
        if now is not None and now.job == message.job:
            self._queue_changed(now._replace(step=message.step))

    @on(Finished)
    def _finished(self, message: Finished) -> None:
        self.jobs = Jobs(None, tuple(self.worker.waiting()), self.worker.paused)
        quiet = message.job in self._quiet and message.outcome.ending in ("done", "nothing")
        self._quiet.discard(message.job)
        if not quiet:
            toast = toast_of(message.plan, message.outcome)
            self.say(toast.text, toast.severity)
        touched = {id for item in message.plan for id in item.sessions or (item.id,)}
        self.load(touched)
        self.look_back()
        if message.plan.verb == "reclaim":
            self.look_for_payloads()

    def _queue_changed(self, running: Running | None = None) -> None:
        self.jobs = Jobs(
            running or self.jobs.running, tuple(self.worker.waiting()), self.worker.paused
        )

    # the background reclaim

    @on(Found)
    def _found(self, message: Found) -> None:
        if self.worker.running or self.worker.waiting() or len(self.screen_stack) > 1:
            return  # it is told again within the minute
        consent = self.site.ledger.consent()
        if consent is None:
            self._ask_for_consent(message.payloads)
        elif consent:
            self._reclaim_quietly(message.payloads)

    def _ask_for_consent(self, payloads: tuple[Payload, ...]) -> None:
        def answered(agreed: bool | None) -> None:
            self.site.ledger.set_consent(bool(agreed))
            if agreed:
                self._reclaim_quietly(payloads)

        self.push_screen(ConfirmDialog(consent_question(payloads)), answered)

    def _reclaim_quietly(self, payloads: tuple[Payload, ...]) -> None:
        policy = ReclaimPolicy(levels=("compacted",))
        plan = plan_reclaim(self.forest, payloads, policy, self.now(), self.census.running)
        if plan.items and (number := self.submit(plan)) is not None:
            self._quiet.add(number)

    # telling the user

    def say(self, text: str, severity: Severity = "information") -> None:
        """A toast; never markup."""
        self.notify(format.clean(text), severity=severity, markup=False)

    @on(Failed)
    def _failed(self, message: Failed) -> None:
        self.say(message.sentence, "error")

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Around the body of a thread: failures become sentences, and the log keeps the rest."""
        try:
            yield
        except OcduError as error:
            self._pass_on(Failed(str(error)))
        except SQLITE_EXCEPTIONS as error:
            self._pass_on(Failed(str(explained(error, self.database))))
        except Exception as error:
            if not self.stop.is_set():
                self._pass_on(Failed(noted(error)))


def keep_log(path: Path) -> None:
    """Send what is logged to this file: on the terminal it would land in the middle of the app."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.propagate = False


def noted(error: Exception) -> str:
    """Keep the traceback in the log; the sentence for the user names the file."""
    log.error("Unexpected", exc_info=error)
    files = [h.baseFilename for h in log.handlers if isinstance(h, logging.FileHandler)]
    where = f" {files[0]} says more." if files else ""
    return f"Something unexpected happened ({type(error).__name__}); nothing was changed.{where}"
