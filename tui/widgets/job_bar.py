"""What the worker does now: the verb, how far it is, how long it will take."""

from __future__ import annotations

from typing import NamedTuple

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui import format
from tui.desk import Jobs, Running
from tui.keys import Keys
from tui.talks import Writing

DOING = {
    "archive": "archiving",
    "unarchive": "unarchiving",
    "prune": "pruning",
    "reclaim": "reclaiming",
    "rescue": "getting space back",
    "vacuum": "vacuuming",
    "copy_out": "rebuilding",
    "checkpoint": "folding the log in",
    "restore": "restoring",
    "empty": "emptying the trash",
    "files": "removing files",
    "recover": "rebuilding",
    "relink": "relinking",
    "remove_project": "removing a project",
    "undo": "undoing",
    "redo": "doing again",
}


class JobBar(Widget):
    """One line while a job runs or waits, or something is undecided; gone otherwise."""

    DEFAULT_CSS = """
    JobBar { height: 1; display: none; background: $surface; color: $foreground; }
    JobBar.-busy { display: block; }
    """

    jobs: reactive[Jobs] = reactive(Jobs(), init=False)
    now: reactive[int] = reactive(0, repaint=False, init=False)
    writing: reactive[Writing | None] = reactive(None, init=False)
    """An export under way; a job is shown before it."""
    undecided: reactive[int] = reactive(0, init=False)
    """Octets that could go by themselves, if the user said so; 0 for none."""
    action_keys = Keys()
    """The keys as the user has them."""

    def watch_jobs(self, jobs: Jobs) -> None:
        """Appear with the first job, vanish with the last."""
        busy = jobs.running or jobs.waiting or self.writing or self.undecided
        self.set_class(bool(busy), "-busy")

    def watch_writing(self) -> None:
        """Appear and vanish with it."""
        self.watch_jobs(self.jobs)

    def watch_undecided(self) -> None:
        """Appear and vanish with it."""
        self.watch_jobs(self.jobs)

    async def on_click(self) -> None:
        """Open what the line speaks of."""
        jobs = self.jobs
        busy = jobs.running or jobs.waiting
        await self.app.run_action("app.show_jobs" if busy else "app.consent")

    def render(self) -> RenderResult:
        """The line at the present width."""
        jobs = self.jobs
        if self.writing is not None and jobs.running is None:
            return writing_line(self.writing, self.size.width, self.action_keys)
        if self.undecided and not (jobs.running or jobs.waiting):
            return undecided_line(self.undecided, self.action_keys["consent"], self.size.width)
        return job_line(jobs, self.now, self.size.width, self.action_keys)


def undecided_line(octets: int, key: str, width: int) -> Content:
    """What opencode needs no more, and the key that decides; the longest words that fit."""
    amount = format.size(octets)
    for words in (
        f"{amount} of output that opencode marked compacted could be dropped by itself: ",
        f"{amount} of compacted output could go by itself: ",
        f"{amount} could go by itself: ",
    ):
        line = Content.assemble(
            (" ◷ ", "$text-success"), words, (key, "bold $text-accent"), " decides"
        )
        if line.cell_length <= width:
            return line
    return line.truncate(width, ellipsis=True)


def writing_line(writing: Writing, width: int, keys: Keys) -> Content:
    """How far an export is, and what stops it."""
    name = format.clip(format.clean(writing.name), 28)
    bar = format.share_bar(writing.part, 15)
    told = format.percent(writing.part) if writing.part is not None else ""
    line = Content.assemble(
        (" ▶ ", "$text-success"), f"writing “{name}”  ", (bar, "$primary on $primary-muted"),
        f"  {told}  {format.size(writing.done)}",
    )  # fmt: skip
    hint = f"{keys['cancel']} stops"
    room = width - line.cell_length - len(hint) - 1
    if room < 1:
        return line.truncate(width, ellipsis=True)
    return Content.assemble(line, " " * room, (hint, "$foreground-muted"))


class _Shape(NamedTuple):
    """How much of a job is told."""

    named: bool
    bar: int
    phase: bool
    short: bool
    """The most important of the keys alone."""


SHAPES = (
    _Shape(True, 15, True, False), _Shape(True, 5, True, False), _Shape(True, 5, False, False),
    _Shape(True, 0, False, True), _Shape(False, 0, False, True),
)  # fmt: skip
"""From the longest; the shortest fits into 40 cells with all that matters."""


def job_line(jobs: Jobs, now: int, width: int, keys: Keys) -> Content:
    """The job bar as one line of at most `width` cells: what has no room gives way, and of the
    rest how far it is and the key that stops it are the last."""
    if jobs.running is None:
        return Content(f" ◷ {_waiting(jobs, keys)}").truncate(width, ellipsis=True)
    for shape in SHAPES:
        line, hint = _told(jobs, jobs.running, now, shape), _hint(jobs, keys, shape.short)
        room = width - line.cell_length - len(hint) - 1
        if room >= 1:
            return Content.assemble(line, " " * room, (hint, "$foreground-muted"))
    return line.truncate(width, ellipsis=True)


def _told(jobs: Jobs, running: Running, now: int, shape: _Shape) -> Content:
    head = Content.assemble(
        (" ‖ " if jobs.paused else " ▶ ", "$text-warning" if jobs.paused else "$text-success"),
        format.clean(_title(running, shape.named)),
    )
    more = f"  +{len(jobs.waiting)} waiting" if jobs.waiting and not shape.short else ""
    return Content.assemble(head, "  ", _progress(running, now, shape), (more, "$foreground-muted"))


def _hint(jobs: Jobs, keys: Keys, short: bool) -> str:
    pause, stops = keys["pause"], f"{keys['cancel']} stops"
    first = f"{pause} goes on" if jobs.paused else f"{pause} pauses"
    if short:
        return first if jobs.paused else stops
    return f"{first}  {stops}"


def _waiting(jobs: Jobs, keys: Keys) -> str:
    if any(getattr(plan.options, "way", "") == "wait" for _, plan in jobs.waiting):
        back = f"{keys['cancel']} takes it back"
        return f"the vacuum begins when nobody uses the database any more   {back}"
    return f"{format.plural(len(jobs.waiting), 'job')} waiting"


def _title(running: Running, named: bool) -> str:
    plan = running.plan
    doing = DOING.get(plan.verb, plan.verb)
    if not named:
        return doing
    if len(plan.items) == 1:
        return f"{doing} “{format.clip(format.titled(plan.items[0].title), 28)}”"
    sessions = plan.totals.sessions
    return f"{doing} {format.plural(sessions, 'session')}" if sessions else doing


def _progress(running: Running, now: int, shape: _Shape) -> Content:
    step = running.step
    if step is None:
        return Content.styled("starting", "$foreground-muted")
    part = step.done / step.total if step.total else None
    words = [step.phase] if step.phase and shape.phase else []
    if part is not None:
        words.append(f"{part:4.0%}")
    if step.bytes:
        words.append(format.size(step.bytes))
    if shape.phase and (left := _time_left(running, now)):
        words.append(left)
    bar = f"{format.share_bar(part, shape.bar)}" if shape.bar else ""
    return Content.assemble(
        (bar, "$primary on $primary-muted"), "  " if bar else "", format.clean("  ".join(words))
    )


def _time_left(running: Running, now: int) -> str:
    step = running.step
    if step is None or not step.total or not step.done:
        return ""
    spent = (now - running.began) / 1000
    if spent < 2:
        return ""  # too early to tell
    return f"{format.duration(spent * (step.total - step.done) / step.done)} left"
