"""Rescue, done: one reclaim after the other, each planned when its turn comes, then the vacuum.

Every step has its own entry in the journal. Stopping ends the step under way as it always does,
and no further one begins; what was done stays done.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from threading import Event

from tui.engine.background import in_background
from tui.engine.checkpoint import on_disk
from tui.engine.reclaim.copied_out import copy_out_plan
from tui.engine.reclaim.search import search_levels
from tui.engine.site import Site
from tui.engine.vacuum import WORTH_MEASURING, vacuum_facts
from tui.errors import OcduError
from tui.format import plural, size
from tui.policy.plan import Ending, Item, Outcome, Plan, Step, Totals
from tui.policy.rescue import (
    INCREMENTAL,
    VACUUM,
    RescueOptions,
    VacuumFacts,
    plan_giving_back,
    plan_level,
    rescue_levels,
)
from tui.records import Payload
from tui.store.btrees import read_btrees
from tui.store.database import SQLITE_EXCEPTIONS, Store, explained
from tui.store.disk import write_speed
from tui.store.holders import holders
from tui.store.sessions import load_sessions, running_sessions, with_last_messages

Journalled = Callable[[Plan, Site, Event], Generator[Step, None, Outcome]]
"""Carries out one plan, whatever its verb, with a journal entry of its own."""

SCALE = 1000
"""Steps of the progress bar that each step of the chain has to itself."""


@dataclass(slots=True)
class _Run:
    """What a rescue knows on its way."""

    options: RescueOptions

    plan: Plan
    site: Site
    stop: Event
    journalled: Journalled
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Step -> how it ended."""
    problem: str = ""
    is_rebuilt: bool = False
    """True when the file was rebuilt without its superseded history: it has shrunk already."""
    furthest: int = 0

    @property
    def freed(self) -> int:
        """Bytes given back or freed inside the file so far, as the steps measured them."""
        return sum(each.freed_bytes for each in self.outcomes.values())

    def progress(self, at: int, step: Step) -> Step:
        """A step's own progress as progress of the whole."""
        part = min(SCALE, SCALE * step.done // step.total) if step.total else 0
        # A vacuum has several phases, each with a count of its own: the bar never goes back.
        self.furthest = max(self.furthest, at * SCALE + part)
        where = f"{at + 1} of {len(self.plan)}: {self.plan.items[at].title}"
        return Step(
            self.furthest,
            len(self.plan) * SCALE,
            self.freed + step.bytes,
            f"{where}, {step.phase}" if step.phase else where,
            step.interruptible,
        )


def apply_rescue(
    plan: Plan, site: Site, stop: Event, journalled: Journalled
) -> Generator[Step, None, Outcome]:
    """Carry out the chain. `freed_bytes` is what database and log shrank by, by stat(); where no
    vacuum came about, the pages that became free inside the file.

    Raises an OcduError when the first step fails; after that a failure ends it "partial".
    """
    assert isinstance(plan.options, RescueOptions)
    run = _Run(plan.options, plan, site, stop, journalled)
    before = on_disk(site.store)
    for at, item in enumerate(plan):
        if stop.is_set():
            break
        try:
            outcome = yield from _one(run, at, item)
        except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
            if not any(each.ending == "done" for each in run.outcomes.values()):
                raise
            run.problem = str(explained(error, site.store.path))
            break
        if outcome is not None:
            run.outcomes[item.id] = outcome
    after = on_disk(site.store)
    return _outcome(run, before, after)


def rescue_facts(store: Store, payloads: Iterable[Payload]) -> VacuumFacts:
    """What the vacuum at the end depends on, and how full the pages are that it packs; the disk's
    speed is measured where much will be free by then, although nothing may be now."""
    facts = vacuum_facts(store)
    octets = sum(each.bytes for each in payloads)
    if octets and facts.auto_vacuum != INCREMENTAL:
        facts = replace(facts, trees=read_btrees(store))
    expected = facts.sizes.free_bytes + octets
    if facts.write_speed or expected < WORTH_MEASURING or facts.refusal:
        return facts
    return replace(facts, write_speed=write_speed(store.path.parent))


def _one(run: _Run, at: int, item: Item) -> Generator[Step, None, Outcome | None]:
    """Plan one step on what is there now, then do it; None when it was stopped before."""
    yield run.progress(at, Step(0, 1))
    if item.id == VACUUM:
        step_plan = plan_giving_back(vacuum_facts(run.site.store))
    else:
        found = yield from _search(run, at, item.id)
        if found is None:
            return None
        step_plan = _planned(run, item.id, found)
    if not step_plan.items:
        return Outcome("refused" if step_plan.refused else "nothing", step_plan.message)
    if item.id == "events" and VACUUM in {each.id for each in run.plan}:
        copied = copy_out_plan(step_plan, vacuum_facts(run.site.store))
        outcome = (yield from _journalled(run, at, copied)) if copied is not None else None
        if outcome is not None and (outcome.ending == "done" or run.stop.is_set()):
            run.is_rebuilt = outcome.ending == "done"
            return outcome  # else it is deleted in slices, as beside a running opencode
    return (yield from _journalled(run, at, step_plan))


def _journalled(run: _Run, at: int, plan: Plan) -> Generator[Step, None, Outcome]:
    steps = run.journalled(plan, run.site, run.stop)
    try:
        while True:
            yield run.progress(at, next(steps))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    finally:
        steps.close()


def _search(run: _Run, at: int, level: str) -> Generator[Step, None, list[Payload] | None]:
    """Look for what the step takes; None when stopped.

    Levels before it that were switched off are looked for as well, so that what is theirs stays.
    """
    known = rescue_levels()
    earlier = known[: known.index(level)]
    names = [*(name for name in earlier if name not in run.options.levels), level]
    enough = Event()
    share = [0.0]

    def work() -> list[Payload]:
        return search_levels(run.site, names, enough, lambda part: share.__setitem__(0, part))

    def progress() -> Step:
        # The search is the smaller half: the bar must not stand at its end while rows are written.
        return run.progress(at, Step(int(share[0] * 30), 100, phase="looking"))

    found = yield from in_background(work, enough.set, run.stop, progress)
    return None if run.stop.is_set() else found


def _planned(run: _Run, level: str, found: list[Payload]) -> Plan:
    site, now = run.site, run.options.now_ms
    rows = with_last_messages(
        site.store,
        load_sessions(site.store, pinned=site.ledger.pins(), check_directories=False),
    )
    at_work: frozenset[str] = frozenset()
    if holders(site.store.path):
        at_work = running_sessions(site.store, rows, now)
    return plan_level(rows, found, level, now, at_work, keep=run.options.keep)


def _outcome(run: _Run, before: dict[str, int], after: dict[str, int]) -> Outcome:
    was, stands = sum(before.values()), sum(after.values())
    ended = run.outcomes
    vacuum = ended.get(VACUUM)
    shrunk = run.is_rebuilt or (vacuum is not None and vacuum.ending == "done")
    freed = max(0, was - stands) if shrunk else run.freed
    done = sum((each.done for each in ended.values()), Totals())
    ending = _ending(run)
    excluded = {
        reason: sum(each.excluded.get(reason, 0) for each in ended.values())
        for reason in sorted({reason for each in ended.values() for reason in each.excluded})
    }
    return Outcome(
        ending,
        _said(run, ending, freed, f"{size(was)} to {size(stands)}" if shrunk else ""),
        done=done,
        excluded=excluded,
        predicted_bytes=run.plan.predicted_bytes,
        freed_bytes=freed,
        details={
            "vacuum_waits": vacuum is not None and vacuum.ending == "refused",
            "before": before,
            "after": after,
            "steps": [
                {
                    "step": name,
                    "outcome": each.ending,
                    "message": each.message,
                    "predicted_bytes": each.predicted_bytes,
                    "freed_bytes": each.freed_bytes,
                }
                for name, each in ended.items()
            ],
        },
    )


def _ending(run: _Run) -> Ending:
    endings = {each.ending for each in run.outcomes.values()}
    whole = len(run.outcomes) == len(run.plan) and not run.problem
    if whole and endings <= {"done", "nothing"}:
        return "done" if "done" in endings else "nothing"
    if whole and endings <= {"refused", "nothing"}:
        return "refused"
    return "partial"


def _said(run: _Run, ending: Ending, freed: int, shrank: str) -> str:
    if ending == "nothing":
        return "Nothing was there to get back any more; nothing was changed."
    predicted = size(run.plan.predicted_bytes)
    vacuum = run.outcomes.get(VACUUM)
    if shrank:
        text = f"Got back {size(freed)} ({predicted} predicted): from {shrank} on disk."
    elif freed:
        text = f"{size(freed)} became free inside the file ({predicted} predicted)."
    else:
        text = "Nothing came free."
    if vacuum is not None and vacuum.ending not in ("done", "nothing"):
        text += f" The vacuum is still to come: {vacuum.message}"
    elif run.problem or ending == "partial":
        text += (
            f" Stopped after {len(run.outcomes)} of {plural(len(run.plan), 'step')}. {run.problem}"
        )
    return f"{text.rstrip()} No session was deleted."
