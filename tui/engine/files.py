"""Removing files beside the database, each judged once more in the moment it goes.

The plan names rows, not files. For every row the deed reads its folder again with the databases
and the open files of now, and leaves the row alone unless it would be called safe again and nothing
in it changed since. Then every file that still belongs to it is removed by name inside its opened
folder, so that no link can lead the deed elsewhere. Only regular files go, then the folders that
have become empty; there is no way back.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from stat import S_ISDIR, S_ISREG
from threading import Event

from tui.engine.site import Site
from tui.errors import Refused
from tui.format import clean, count, plural, size
from tui.policy.files import FilesOptions, FileTarget
from tui.policy.plan import Ending, Outcome, Plan, Step, Totals
from tui.records import FileRow
from tui.store.beta import is_copied
from tui.store.descent import Parts, remove_folder, walk
from tui.store.file_kinds import milliseconds
from tui.store.files import Scan
from tui.store.in_use import FileId, files_in_use
from tui.store.known import BETA, Known, what_is_known

TELL_EVERY = 200
"""Files between two steps: some milliseconds."""

NEVER = ("database", "opencode-next.db", "temp", "link", "other")
"""Kinds that no plan may name, whatever its rows say."""

WHOLE = ("snapshot", "storage")
"""Kinds of which a row goes as a whole or not at all, with its folders."""

FRESH = 2.0
"""Seconds that a look at databases and processes counts; hundreds of leaked packs share one."""

MOST_NAMED = 3
"""Failures told by name; the rest is counted."""


@dataclass
class _Job:
    plan: Plan
    site: Site
    stop: Event
    options: FilesOptions
    gone: Totals = field(default_factory=Totals)
    items: int = 0
    """Items dealt with."""
    excluded: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _looked: float = 0.0
    _facts: tuple[Known, frozenset[FileId]] | None = None

    def facts(self) -> tuple[Known, frozenset[FileId]]:
        """What the databases know and which files are open, at most FRESH seconds ago."""
        if self._facts is None or time.monotonic() - self._looked > FRESH:
            known = what_is_known(self.site.store.path, self.site.files)
            self._facts, self._looked = (known, files_in_use()), time.monotonic()
        return self._facts

    def step(self, phase: str) -> Step:
        total = self.plan.totals.files
        return Step(min(self.gone.files, total), total, self.gone.bytes, phase)


def apply_files(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Remove what is planned; stopping leaves the rest. Raises Refused for kinds that never go."""
    assert isinstance(plan.options, FilesOptions)
    if refusal := site.refusal:
        raise Refused(refusal)
    for target in plan.options.targets:
        kind = target.row.partition("/")[0]
        if kind in NEVER and not (kind == BETA and is_copied(site.files / BETA, site.store.path)):
            raise Refused(f"{target.row} is never removed by ocdu: nothing was changed.")
    job = _Job(plan, site, stop, plan.options)
    for target in job.options.targets:
        if stop.is_set():
            break
        yield from _remove_row(job, target)
    return _outcome(job)


def _remove_row(job: _Job, target: FileTarget) -> Iterator[Step]:
    known, in_use = job.facts()
    scan = Scan(job.site.files, known, in_use, job.options.now, below=target.path)
    rows: tuple[FileRow, ...] = ()
    for survey in scan.run(job.stop):
        rows = survey.rows
        yield job.step("checking")
    if job.stop.is_set():
        return
    job.items += 1
    row = next((row for row in rows if row.id == target.row), None)
    if reason := _objection(row, target):
        job.excluded[reason] += 1
        return
    before = job.gone.files + sum(job.excluded.values()) + len(job.failures)
    yield from _remove_files(job, scan, target)
    seen = job.gone.files + sum(job.excluded.values()) + len(job.failures) - before
    if not job.stop.is_set():
        job.excluded["changed"] += max(0, target.files - seen)


def _objection(row: FileRow | None, target: FileTarget) -> str:
    """Why the row may not go any more, as a word; "" when it still may."""
    if row is None:
        return "changed"
    if not row.safe:
        return row.reason or "changed"
    is_whole = row.kind in (*WHOLE, "tmp_pack")
    return "changed" if is_whole and row.newest > target.newest else ""


def _remove_files(job: _Job, scan: Scan, target: FileTarget) -> Iterator[Step]:
    folders: list[Parts] = []
    is_whole = target.row.partition("/")[0] in WHOLE
    for number, seen in enumerate(walk(job.site.files, target.path)):
        if number % TELL_EVERY == 0:
            yield job.step("removing")
        if job.stop.is_set():
            break
        if S_ISDIR(seen.state.st_mode):
            if is_whole and _belongs(scan.sorter.row_of_folder(seen.parts), target):
                folders.append(seen.parts)
            continue
        is_mine = S_ISREG(seen.state.st_mode) and _belongs(
            scan.sorter.row_of(seen.parts, seen.state), target
        )
        if not is_mine:
            continue
        # Looking into a database touches its -shm, which holds nothing of its own.
        is_newer = milliseconds(seen.state) > target.newest and not seen.parts[-1].endswith("-shm")
        if scan.sorter.is_open(seen.state) or is_newer:
            job.excluded["changed"] += 1
            continue
        try:
            freed = seen.folder.remove(seen.parts[-1], seen.state)
        except OSError as error:
            job.failures.append(f"{'/'.join(seen.parts)}: {error.strerror}")
            continue
        if freed is None:
            job.excluded["changed"] += 1
        else:
            job.gone += Totals(files=1, bytes=freed)
    for parts in reversed(folders):  # huge ones take tens of milliseconds each
        job.gone += Totals(bytes=remove_folder(job.site.files, parts))
        yield job.step("removing")
    yield job.step("removing")


def _belongs(row: str, target: FileTarget) -> bool:
    return row == target.row or row.startswith(target.row + "/")


def _outcome(job: _Job) -> Outcome:
    gone, plan = job.gone, job.plan
    left = len(plan) - job.items
    changed = sum(job.excluded.values())
    ending: Ending = "partial" if changed or left or job.failures else "done"
    if not gone.files:
        ending = "failed" if job.failures else "refused" if left else "nothing"
    message = f"{plural(gone.files, 'file')} removed: {size(gone.bytes)} given back."
    if changed:
        message += f" {count(changed)} changed meanwhile, or in use: not removed."
    if left:
        message += f" Stopped: {plural(left, 'place')} left untouched."
    if job.failures:
        named = "; ".join(clean(each) for each in job.failures[:MOST_NAMED])
        more = len(job.failures) - MOST_NAMED
        message += f" Not removed: {named}" + (f" and {more} more." if more > 0 else ".")
    return Outcome(
        ending, message, done=gone, excluded=dict(job.excluded),
        predicted_bytes=plan.predicted_bytes, freed_bytes=gone.bytes,
    )  # fmt: skip
