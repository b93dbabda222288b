"""Jobs, from the plan handed in to the toast at the end, and what begins by itself."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

from textual import events, on
from textual.reactive import var

from tui.app.promising import Promising
from tui.app.reads import Retained
from tui.desk import Jobs, Running
from tui.format import plural
from tui.messages import Finished, Found, Measured, Progressed, Started
from tui.policy.plan import Plan
from tui.records import Payload
from tui.toasts import toast_of

if TYPE_CHECKING:
    from tui.engine.worker import Worker, WorkerEvent

log = logging.getLogger("ocdu")

RETAIN_EVERY = 3600.0
"""Seconds between two runs of the configured policies while the app is open."""


class Orders(Promising):
    """The part of the app that deals with the worker."""

    undecided: var[int] = var(0, init=False)

    def __init__(self) -> None:
        super().__init__()
        self._quiet: set[int] = set()
        """Jobs nobody ordered by a key: they are not announced when all went well."""
        self._marked: tuple[Payload, ...] = ()
        """What opencode marked as compacted, as last told."""
        self._begun_with: tuple[Payload, ...] = ()
        """What the last job of its own began with: told once more, it is old news, unless the job
        failed."""
        self._retaining = False
        """True once the policies of the configuration were begun with."""

    async def on_event(self, event: events.Event) -> None:
        """Whatever is typed or clicked comes by here: a job goes on more gently."""
        if isinstance(event, events.InputEvent) and "worker" in self.__dict__:
            self.worker.typed()
        await super().on_event(event)

    # jobs

    @cached_property
    def worker(self) -> Worker:
        """The one thread that writes; made with the first job."""
        from tui.engine.worker import Worker

        return Worker(self.site, self._from_worker)

    def submit(self, plan: Plan) -> int | None:
        """Hand a plan to the worker; None (and a toast) when there is nothing to do."""
        if plan.refused or not plan.items:
            self.say(plan.message or "Nothing to do.", "warning" if plan.refused else "information")
            return None
        if not self.may_change():
            return None
        number = self.worker.submit(plan)
        self._queue_changed()
        return number

    def may_change(self) -> bool:
        """Whether anything can be changed here; where not it is said why, before anybody is asked
        what it would be for nothing."""
        if refusal := self.site.refusal:
            self.say(refusal, "error")
        return refusal is None

    def take_up(self) -> None:
        """A vacuum that waits since an earlier ocdu is queued again, and the user is told."""
        self.ask(self.read_waiting_vacuum, self._taken_up, group="waiting")

    def _taken_up(self, plan: Plan | None) -> None:
        if plan is not None and self.submit(plan) is not None:
            back = f"{self.keys['cancel']} takes it back"
            self.say(f"A vacuum ordered earlier is taken up ({back}): {plan.message}", "warning")

    def cancel(self, job: int | None = None) -> None:
        """Stop this job, or the running one, after its current step."""
        self.worker.cancel(job)
        self._queue_changed()

    def set_pins(self, ids: Collection[str], pinned: bool) -> None:
        """Pin or unpin at once; the tree shows it with the next reading."""
        refusal = self.site.store.refusal if self.site.store.read_only else self.site.ledger.refusal
        if refusal:
            self.say(refusal, "error")
            return
        from tui.engine.pin import pin

        pin(self.site.ledger, {id: self.forest.row(id).title for id in ids}, pinned)
        what = "pinned: in no plan but by name" if pinned else "not pinned any more"
        self.say(f"{plural(len(ids), 'tree')} {what}. {self.keys['undo']} undoes it.")
        self.load()
        self.look_back()

    def _from_worker(self, event: WorkerEvent) -> None:
        """Called in the worker's thread: pass the fact on."""
        from tui.engine.worker import JobFinished, JobProgressed, JobStarted

        match event:
            case JobStarted(job, plan):
                self.tell(Started(job, plan))
            case JobProgressed(job, plan, step):
                self.tell(Progressed(job, plan, step))
            case JobFinished(job, plan, outcome):
                self.tell(Finished(job, plan, outcome))

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
        self.files_changed()
        self.jobs = Jobs(None, tuple(self.worker.waiting()), self.worker.paused)
        quiet = message.job in self._quiet and message.outcome.ending in ("done", "nothing")
        self._quiet.discard(message.job)
        if not quiet:
            self._begun_with = ()
            toast = toast_of(message.plan, message.outcome, self.keys)
            self.say(toast.text, toast.severity)
        touched = {id for item in message.plan for id in item.sessions or (item.id,)}
        self.load(touched)
        self.look_back()
        if message.plan.verb in ("reclaim", "rescue"):
            self._looked = False  # with the next measurement
            self._marked, self.undecided = (), 0  # what is left is told again
        if message.plan.verb == "rescue" and message.outcome.details.get("vacuum_waits"):
            self.ask(self.plan_vacuum, self._vacuum_planned, group="order")

    def _vacuum_planned(self, plan: Plan) -> None:
        """The end of a rescue that has to wait for opencode, as a job that lets others pass."""
        self.submit(plan)

    def _queue_changed(self, running: Running | None = None) -> None:
        self.jobs = Jobs(
            running or self.jobs.running, tuple(self.worker.waiting()), self.worker.paused
        )

    # what begins by itself

    def _is_busy(self) -> bool:
        """True while a job runs or waits, or the user wants none to begin."""
        return bool(self.worker.running or self.worker.waiting() or self.worker.paused)

    @on(Found)
    def _found(self, message: Found) -> None:
        """Unasked nothing is written and no question takes the keys: a quiet line names one."""
        self._marked = message.payloads
        consent = self.site.ledger.consent()
        if consent is None:
            self.undecided = sum(each.bytes for each in message.payloads)
        elif message.payloads == self._begun_with:
            return
        elif consent and not self._is_busy() and len(self.screen_stack) == 1:
            self._reclaim_quietly(message.payloads)  # else it is told again within the minute

    def action_consent(self) -> None:
        """Whether the reclaim in the background may write to this database."""
        if refusal := self.site.refusal:
            self.say(refusal, "warning")
        elif not self.config.compaction.reclaim:
            self.say("[compaction] reclaim = false in your configuration: nothing goes by itself.")
        else:
            self.ask(self.read_consent, self._ask_for_consent, group="order")

    def _ask_for_consent(self, known: tuple[bool | None, str]) -> None:
        from tui.screens.confirm import ConfirmDialog, consent_question

        consent, forbidden = known
        if forbidden:
            self.say(f"{forbidden} Nothing is reclaimed by itself.")
            return
        marked = self._marked or [p for p in self.payloads or () if p.level == "compacted"]

        def answered(agreed: bool | None) -> None:
            if consent:
                self._consent(not agreed)
            else:
                self._consent(bool(agreed))
                if agreed and not self._is_busy():
                    self._reclaim_quietly(tuple(marked))

        self.push_screen(ConfirmDialog(consent_question(marked, bool(consent))), answered)

    def _consent(self, given: bool) -> None:
        self.site.ledger.set_consent(given)
        self.undecided = 0
        if not given:
            change = f"{self.keys['consent']} changes that"
            self.say(f"Nothing is reclaimed by itself in this database; {change}.")

    def _reclaim_quietly(self, payloads: tuple[Payload, ...]) -> None:
        from tui.policy.reclaim import ReclaimPolicy, plan_reclaim

        policy = ReclaimPolicy(levels=("compacted",), keep=self.config.reclaim.keep)
        plan = plan_reclaim(self.forest, payloads, policy, self.now(), self.census.running)
        if plan.items and (number := self.submit(plan)) is not None:
            self._quiet.add(number)
            self._begun_with = payloads

    @on(Measured)
    def _begin_retention(self, message: Measured) -> None:
        if message.done and not self._retaining and self.config.retention.in_app:
            self._retaining = True
            self.set_interval(RETAIN_EVERY, self._retain)
            self._retain()

    def _retain(self) -> None:
        """The policies of the configuration, where nothing else is going on."""
        if not self._is_busy() and self.site.refusal is None:
            self.ask(self.read_retention, self._retention_came, group="retention")

    def _retention_came(self, found: Retained) -> None:
        if found.announcement:
            self.say(found.announcement, "warning")
        elif not self._is_busy():
            for plan in found.due:
                self.submit(plan)
