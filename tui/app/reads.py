"""What screens read through the app: one method a question, each for a thread of its own.

What only a later key needs is imported by the method that needs it: the first picture waits for
nothing it does not show.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from textual import on
from textual.app import App
from textual.message import Message
from textual.reactive import var
from textual.worker import get_current_worker

from tui import format
from tui.config import Config
from tui.desk import Freed, JobStory, JournalLine, TrashBatch
from tui.engine.site import Site
from tui.errors import OcduError
from tui.forest import Forest
from tui.messages import Failed, Recovered
from tui.policy.plan import Plan
from tui.records import FileSurvey, LargeRow, Payload, ProjectRow, SessionDetail, Whereabouts
from tui.store.database import SQLITE_EXCEPTIONS, explained
from tui.toasts import Severity

if TYPE_CHECKING:
    from tui.policy.vacuum import VacuumFacts

log = logging.getLogger("ocdu")

MOST_LARGE = 500
"""Rows among the largest that are listed: nobody reads on."""

Answer = TypeVar("Answer")


class Retained(NamedTuple):
    """What retention wants to do, or says instead of doing it."""

    due: tuple[Plan, ...] = ()
    announcement: str = ""


class Reads(App[None]):
    """The blocking half of `Desk`, and the threads it is asked in."""

    site: Site
    config: Config
    forest: var[Forest] = var(Forest.of(()), init=False)
    database: Path
    stop: Event
    """Set when the app ends."""

    def ask(
        self, question: Callable[[], Answer], then: Callable[[Answer], None], *, group: str
    ) -> None:
        """Answer in a thread, then go on with it here; a newer question of the group replaces it.

        Failures are told to the user; `then` must not mind that its screen may be gone.
        """

        def answer() -> None:
            worker = get_current_worker()
            with self.sentences():
                found = question()
                if not worker.is_cancelled:
                    self.hand_over(then, found)

        self.run_worker(answer, thread=True, group=group, exclusive=True, exit_on_error=False)

    def hand_over(self, then: Callable[..., None], *values: object) -> None:
        """From a thread: run this in the app, unless that has ended meanwhile. Does not wait."""
        with suppress(RuntimeError):
            self.call_later(then, *values)

    def tell(self, message: Message) -> None:
        """From a thread: post a fact, unless the app has ended."""
        if not self.stop.is_set():
            # The loop may end between the question and the post: then nobody is left to be told.
            with suppress(RuntimeError):
                self.post_message(message)

    def say(self, text: str, severity: Severity = "information") -> None:
        """A toast; never markup."""
        self.notify(format.clean(text), severity=severity, markup=False)

    @on(Failed)
    def _failed(self, message: Failed) -> None:
        self.say(message.sentence, "error")

    @on(Recovered)
    def _recovered(self, message: Recovered) -> None:
        self.say(message.sentence, "warning")

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Around the body of a thread: failures become sentences, and the log keeps the rest."""
        try:
            yield
        except OcduError as error:
            self.tell(Failed(str(error)))
        except SQLITE_EXCEPTIONS as error:
            self.tell(Failed(str(explained(error, self.database))))
        except Exception as error:
            if not self.stop.is_set():
                self.tell(Failed(noted(error)))

    def now(self) -> int:
        """Milliseconds UTC."""
        raise NotImplementedError

    def read_detail(self, session_id: str) -> SessionDetail:
        """All about one session."""
        from tui.store.details import session_detail

        forest = self.forest
        tree = forest.branch_of(session_id)
        own = forest.usage_of(session_id)
        return session_detail(self.site.store, tree.root, own, tree.usage, len(tree.rows))

    def read_kinds(
        self, stop: Event, ids: Collection[str] | None = None
    ) -> Iterator[dict[str, int]]:
        """Octets by kind, growing; of these sessions or of the whole file."""
        from tui.store.kinds import in_groups, kinds

        return map(in_groups, kinds(self.site.store, ids, stop))

    def read_largest(self, ids: Collection[str], limit: int, stop: Event) -> list[LargeRow]:
        """The largest single rows of these sessions."""
        from tui.store.largest import largest_rows

        return largest_rows(self.site.store, ids, limit, stop=stop)

    def read_large(self, stop: Event) -> Iterator[list[tuple[str, LargeRow]]]:
        """(session id, row) of the rows over 1 MB of the whole file, the largest first, growing.

        Session by session, the largest first: what matters comes at once, and on 7.7 GB all of it
        in a quarter of the time that a run through the tables takes.
        """
        from tui.store.largest import OVER, largest_rows

        forest = self.forest
        usage = {row.id: forest.usage_of(row.id) for row in forest.rows}
        sizes = {id: OVER + 1 if each is None else each.bytes for id, each in usage.items()}
        found: list[tuple[str, LargeRow]] = []
        floor = OVER
        for id in sorted(sizes, key=lambda id: -sizes[id]):
            if sizes[id] <= floor or stop.is_set():
                break  # not one row of those that follow can be among the largest
            rows = largest_rows(self.site.store, [id], MOST_LARGE, floor, stop)
            if rows:
                found = [*found, *((id, row) for row in rows)]
                found = sorted(found, key=lambda each: -each[1].bytes)[:MOST_LARGE]
                floor = found[-1][1].bytes if len(found) == MOST_LARGE else floor
                yield found
        yield found

    def read_preview(self, row: LargeRow) -> str:
        """The first characters of what makes a row large; as they stand in the database."""
        from tui.store.largest import preview

        return preview(self.site.store, row)

    def read_payloads(
        self, levels: Sequence[str], ids: Collection[str] | None, stop: Event
    ) -> list[Payload]:
        """What the reclaim levels could drop; incomplete when `stop` was set."""
        from tui.store.reclaimable import find_reclaimable

        site = self.site
        return find_reclaimable(site.store, levels, session_ids=ids, files=site.files, stop=stop)

    def read_rescue(self, stop: Event) -> tuple[list[Payload], VacuumFacts]:
        """What the steps of a rescue could take, and what a vacuum depends on."""
        from tui.engine.rescue import rescue_facts
        from tui.policy.rescue import rescue_levels

        found = self.read_payloads(rescue_levels(), None, stop)
        return found, rescue_facts(self.site.store, found)

    def read_retention(self) -> Retained:
        """What the configured policies want now; new ones are announced first, in the journal."""
        from tui.engine.retention import announce, is_announced, prepare_retention
        from tui.policy.policies import policies_of

        policies = policies_of(self.config)
        if not policies.active:
            return Retained()
        found = prepare_retention(self.site, policies, self.now(), self.stop)
        if not is_announced(self.site, policies):
            return Retained(announcement=announce(self.site, found, policies).message)
        return Retained(found.due)

    def plan_vacuum(self, to_incremental: bool = False) -> Plan:
        """What a vacuum would do now; it waits for its turn where it must."""
        from tui.engine.vacuum import vacuum_facts
        from tui.policy.vacuum import Wish, plan_vacuum

        wish = Wish(patient=True, to_incremental=to_incremental)
        return plan_vacuum(vacuum_facts(self.site.store, wish=wish))

    def read_waiting_vacuum(self) -> Plan | None:
        """The vacuum that an earlier ocdu could not begin, as a plan of now; None without one."""
        from tui.engine.waiting import taken_up

        return taken_up(self.site)

    def plan_checkpoint(self) -> Plan:
        """What folding the write-ahead log in would give."""
        from tui.policy.vacuum import plan_checkpoint

        return plan_checkpoint(self.site.store.sizes())

    def read_undoable(self) -> str | None:
        """What `u` would undo, in words; first what an earlier ocdu left half done is put right."""
        from tui.engine.recovery import put_right
        from tui.engine.undo import undo_title

        for sentence in put_right(self.site):
            self.tell(Recovered(sentence))
        return undo_title(self.site)

    def plan_undo(self) -> Plan:
        """Reverse the newest job that can be reversed."""
        from tui.engine.undo import plan_undo

        return plan_undo(self.site)

    def plan_redo(self) -> Plan:
        """Do again what was undone last."""
        from tui.engine.undo import plan_redo

        return plan_redo(self.site)

    def read_files(self, stop: Event) -> Iterator[FileSurvey]:
        """The rest of the data directory, growing."""
        from tui.store.files import survey_files

        return survey_files(self.site.store, self.site.files, self.now(), stop)

    def read_trash(self) -> Sequence[TrashBatch]:
        """Batches of this database, newest first."""
        from tui.engine.trash import batches

        return batches(self.site.ledger.trash_folder, self.site.ledger.database)

    def plan_restore(self, names: Sequence[str]) -> Plan:
        """Bring batches or sessions back."""
        from tui.engine.trash import plan_restore

        return plan_restore(self.site, names)

    def plan_empty(self, names: Sequence[str] | None, older_than: timedelta | None) -> Plan:
        """Delete batches for good."""
        from tui.engine.trash import plan_empty

        return plan_empty(self.site, names, older_than, self.now())

    def read_journal(self) -> Sequence[JournalLine]:
        """What ocdu did to this database, newest first."""
        return self.site.ledger.entries()

    def read_job(self, number: int) -> JobStory | None:
        """All about one job of the journal."""
        return self.site.ledger.record(number)

    def read_databases(self) -> tuple[Sequence[Whereabouts], int, int]:
        """Every database of this user, the open one among them."""
        from tui.store.locate import databases, found_at
        from tui.store.whereabouts import never_imported, whereabouts

        found = {each.path: each for each in databases()}
        found.setdefault(self.database, found_at(self.database))
        return list(whereabouts(found.values())), *never_imported(self.site.files)

    def read_projects(self) -> Sequence[ProjectRow]:
        """Every project, and whether its folder exists."""
        from tui.store.projects import projects

        return projects(self.site.store)

    def plan_relink(self, old: str, new: str) -> Plan:
        """Move stored paths."""
        from tui.policy.projects import plan_relink
        from tui.store.holders import holders
        from tui.store.projects import places

        store = self.site.store
        folder = os.path.abspath(os.path.expanduser(new))
        return plan_relink(
            places(store), old, folder, new_exists=os.path.isdir(folder),
            holders=holders(store.path),
        )  # fmt: skip

    def read_history(self) -> Sequence[tuple[int, int]]:
        """(time in ms, octets on disk), oldest first."""
        return self.site.ledger.history()

    def read_freed(self) -> Freed:
        """What was given back today (since local midnight) and ever."""
        local = datetime.fromtimestamp(self.now() / 1000).astimezone()
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        ledger = self.site.ledger
        return Freed(ledger.freed(int(midnight.timestamp() * 1000)), ledger.freed())


def keep_log(path: Path) -> None:
    """Send what is logged to this file: on the terminal it would land in the middle of the app."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = PrivateLog(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.propagate = False


class PrivateLog(logging.FileHandler):
    """A log that nobody else can read: tracebacks name folders and titles."""

    def _open(self) -> Any:
        path = Path(self.baseFilename)
        path.touch(mode=0o600)
        path.chmod(0o600)
        return super()._open()


def noted(error: Exception) -> str:
    """Keep the traceback in the log; the sentence for the user names the file."""
    log.error("Unexpected", exc_info=error)
    files = [h.baseFilename for h in log.handlers if isinstance(h, logging.FileHandler)]
    where = f" {files[0]} says more." if files else ""
    return f"Something unexpected happened ({type(error).__name__}); nothing was changed.{where}"
