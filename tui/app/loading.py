"""The sessions and their sizes: loaded, measured, kept up to date while opencode writes on."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from textual import on, work
from textual.reactive import var

from tui.app.census import Census
from tui.app.reads import Reads
from tui.config import Config
from tui.desk import Live, Measure, Surveyed, this_thread
from tui.messages import Changed, Found, Loaded, Measured, Watched
from tui.records import FileSurvey, Holder, Payload
from tui.sizes import FileSizes

if TYPE_CHECKING:
    from tui.engine.watch import Watch

SETTLE = 2.0
"""Seconds between two reloads while opencode writes: it writes many times a second."""

REST_FACTOR = 10
"""How many times as long as a reading took nothing is read again: a tenth of a core at most."""


GROWS_EVERY = 0.2
"""Seconds between two surveys shown while the files are counted."""


class Loading(Reads):
    """One reading and one measurement at a time; a request that comes meanwhile is kept."""

    live: var[Live | None] = var(None, init=False)
    measure: var[Measure] = var(Measure({}, False), init=False)
    payloads: var[tuple[Payload, ...] | None] = var(None, init=False)
    undoable: var[str | None] = var(None, init=False)
    newcomer: var[bool] = var(False, init=False)
    surveyed: var[Surveyed] = var(Surveyed(), init=False)

    config: Config
    census: Census

    def __init__(self) -> None:
        super().__init__()
        self._touched: set[str] = set()
        """Sessions that a job changed since they were read."""
        self._loading = self._load_again = self._measuring = False
        self._waits_for_reload = False
        self._growing = False
        """True while a survey is on its way from the thread to the screens."""
        self._took = 0.0
        """Seconds the last reading took."""
        self._looked = False
        """True once the payloads were looked for since they last changed."""
        self._watcher: Watch | None = None

    @property
    def running(self) -> frozenset[str]:
        """Sessions opencode is working on."""
        return self.census.running

    def load(self, touched: Collection[str] = ()) -> None:
        """Read the sessions (again), and measure what moved; one reading at a time."""
        self._touched |= set(touched)
        if self._loading:
            self._load_again = True
            return
        self._loading, self._load_again = True, False
        touched, self._touched = self._touched, set()
        self._load(touched)

    @work(thread=True, group="load", exit_on_error=False)
    def _load(self, touched: Collection[str]) -> None:
        census = self.census
        began = time.monotonic()
        with self.sentences():
            for forest in census.load(quickly=not len(self.forest)):
                self.tell(Loaded(forest))
            if census.complete:
                fresh = census.catch_up(touched)
                if fresh is None:
                    self.hand_over(self.measure_all)
                else:
                    self.tell(Measured(fresh, dict(census.tables), True))
        self._took = time.monotonic() - began
        self.hand_over(self._load_ended)

    def _load_ended(self) -> None:
        self._loading = False
        if self._load_again:
            self.load()

    def measure_all(self) -> None:
        """Measure the whole file, once at a time; rows may be read meanwhile."""
        if not self._measuring:
            self._measuring = True
            self._measure()

    @work(thread=True, group="measure", exit_on_error=False)
    def _measure(self) -> None:
        census = self.census
        with self.sentences():
            for forest in census.measure(self.stop):
                self.tell(Measured(forest, dict(census.tables), False))
        self.hand_over(self._measure_ended)

    def _measure_ended(self) -> None:
        self._measuring = False
        if self.census.complete:
            self.load()  # catches up with what moved meanwhile, and says that all is measured

    def look_for_payloads(self) -> None:
        """What a reclaim would drop at each level that does not cost much to look for."""
        from tui.policy.reclaim import UNASKED

        self.ask(
            lambda: self.read_payloads(UNASKED, None, self.stop),
            self._payloads_came,
            group="payloads",
        )

    def _payloads_came(self, found: list[Payload]) -> None:
        self.payloads = tuple(found)

    def take_up(self) -> None:
        """Go on with what an earlier ocdu left waiting."""
        raise NotImplementedError

    def look_back(self) -> None:
        """What `u` would undo."""
        self.ask(self.read_undoable, self._undoable_came, group="undo")

    def _undoable_came(self, title: str | None) -> None:
        self.undoable = title

    # the files outside the database

    def survey(self, older_than: int = 0) -> None:
        """Count them, unless that is under way or was done less than so many milliseconds ago."""
        known, now = self.surveyed, self.now()
        if not known.busy and now - known.at >= older_than:
            self.surveyed = known._replace(at=now, busy=True)
            self.ask(self._count_files, self._files_counted, group="files")

    def stop_survey(self) -> None:
        """End a count under way."""
        if self.surveyed.busy:
            self.workers.cancel_group(self, "files")
            self.surveyed = self.surveyed._replace(at=0, busy=False)

    def files_changed(self) -> None:
        """What was counted is no longer true."""
        again = self.surveyed.busy
        self.stop_survey()
        self.surveyed = self.surveyed._replace(at=0)
        if again:
            self.survey()

    def _count_files(self) -> FileSurvey:
        stop, survey, told = this_thread(), FileSurvey(), 0.0
        try:
            for survey in self.read_files(stop):
                # While one waits to be drawn, newer ones take its place: never a queue of them.
                waits = self._growing or stop.is_set() or survey.done
                if not waits and time.monotonic() - told > GROWS_EVERY:
                    self._growing, told = True, time.monotonic()
                    self.hand_over(self._files_grew, survey)
        except Exception:
            self.hand_over(self.stop_survey)
            raise
        return survey

    def _files_grew(self, survey: FileSurvey) -> None:
        self._growing = False
        # The first count grows on screen; a later one replaces the old numbers when it is whole.
        if self.surveyed.busy and not self.surveyed.survey.done:
            self.surveyed = self.surveyed._replace(survey=survey)

    def _files_counted(self, survey: FileSurvey) -> None:
        at = self.surveyed.at
        self.surveyed = Surveyed(survey, at, False, self.now() - at)

    @on(Loaded)
    def _loaded(self, message: Loaded) -> None:
        self.forest = message.forest
        if self.payloads:
            self.payloads = tuple(
                each
                for each in self.payloads
                if each.session_id in self.forest or each.level == "orphans"
            )
        if self._watcher is None:  # the sessions come first, all else after them
            self._begin_to_watch()
            if not self.site.store.read_only:  # that was asked for
                self.ask(lambda: self.site.refusal, self._refusal_came, group="refusal")
            self.look_back()
            self.take_up()
            self.measure_all()
            self.ask(self.read_newcomer, self._newcomer_came, group="newcomer")

    def _refusal_came(self, refusal: str | None) -> None:
        if refusal:
            self.say(refusal, "warning")

    def _newcomer_came(self, newcomer: bool) -> None:
        self.newcomer = newcomer

    def _begin_to_watch(self) -> None:
        from tui.engine.watch import Watch

        self._watcher = Watch(
            self.site,
            self.tell_change,
            self.tell_look,
            self.tell_found,
            search=self.config.compaction.reclaim,
        )
        self._watcher.start()

    @on(Measured)
    def _measured(self, message: Measured) -> None:
        # First the word that all is measured: with it the tree sorts what it is given.
        self.measure = Measure(message.tables, message.done)
        self.forest = message.forest
        if message.done and not self._looked:
            self._looked = True
            self.look_for_payloads()

    @on(Watched)
    def _watched(self, message: Watched) -> None:
        self.live = Live(message.sizes, message.holders, message.free_disk, message.trash_bytes)

    @on(Changed)
    def _changed(self) -> None:
        if not self._waits_for_reload:
            self._waits_for_reload = True
            self.set_timer(max(SETTLE, self._took * REST_FACTOR), self._reload)

    def _reload(self) -> None:
        self._waits_for_reload = False
        self.load()

    def tell_change(self) -> None:
        """From the watching thread: somebody wrote."""
        self.tell(Changed())

    def tell_look(self, sizes: FileSizes, holders: tuple[Holder, ...], free_disk: int) -> None:
        """From the watching thread: the live numbers."""
        from tui.store.shelf import trash_bytes

        trash = trash_bytes(self.site.ledger.trash_folder)
        self.tell(Watched(sizes, holders, free_disk, trash))

    def tell_found(self, payloads: Sequence[Payload]) -> None:
        """From the watching thread: output that opencode marked since."""
        self.tell(Found(tuple(payloads)))
