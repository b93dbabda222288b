"""One job of the journal: what was planned and why, how it went, what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.desk import JobStory, JournalLine
from tui.screens.dialog import Dialog
from tui.widgets.row_table import Column, Row, RowTable

COLUMNS = (
    Column("bytes", format.SIZE_CELLS, right=True),
    Column("what"),
    Column("why", 34, from_width=76),
)


class JobDialog(Dialog[int]):
    """Only looks. Returns nothing."""

    heading = "Job"
    safe = "Close"
    first = "RowTable"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "refuse", "Close", show=False)]

    table = query_one(RowTable)

    def __init__(self, line: JournalLine) -> None:
        super().__init__()
        self.line = line

    def body(self) -> Iterable[Widget]:
        """What it was and said, how it went, and its items."""
        yield Static(id="sentences", markup=False)
        yield Static(id="went", markup=False)
        yield RowTable()

    def on_mount(self) -> None:
        """Say what the line says; read the rest in a thread."""
        self.query_one("#act").display = False
        self.query_one("#sentences", Static).update(summary(self.line))
        self.table.empty_text = "Reading …"
        desk, number = self.desk, self.line.id
        desk.ask(lambda: desk.read_job(number), self._came, group="job")

    def _came(self, story: JobStory | None) -> None:
        if not self.is_attached:
            return
        self.table.empty_text = "The journal of that time kept no plan."
        if story is not None:
            lines = phase_lines(story.phases, self.line.ended)
            self.query_one("#went", Static).update(Content("\n").join(lines))
            self.table.show(COLUMNS, item_rows(story.plan))
        else:
            self.table.show(COLUMNS, ())

    def answer(self) -> int | None:
        """There is nothing to agree to."""
        return None


def summary(line: JournalLine) -> Content:
    """Verb, object, ending and measured bytes, then the sentence of the time."""
    took = ""
    if line.ended is not None:
        took = f" after {max(0, line.ended - line.time) / 1000:.1f} s"
    numbers = []
    if line.predicted_bytes:
        numbers.append(f"predicted {format.size(line.predicted_bytes)}")
    if line.freed_bytes:
        numbers.append(f"freed {format.size(line.freed_bytes)}")
    tail = f" · {', '.join(numbers)}" if numbers else ""
    head = f"{line.verb} of {format.clean(line.title)}: {line.state}{took}{tail}"
    return Content.assemble((head, "bold"), "\n", (format.clean(line.message), "$foreground-muted"))


def phase_lines(phases: Sequence[Mapping[str, Any]], ended: int | None) -> Iterator[Content]:
    """How long each phase took and, of the last one, how far the job came in it.

    Steps count what the whole job has done, so at the end of a phase before the last their number
    would read as if it had failed. `ended` in milliseconds; None while it runs.
    """
    ends = [int(phase["at"]) for phase in phases[1:]] + [ended]
    names = [format.clean(str(phase.get("phase") or "working")) for phase in phases]
    cells = max(map(format.cells, names), default=0)
    for phase, name, end in zip(phases, names, ends, strict=True):
        told = [] if end is None else [f"{max(0, end - int(phase['at'])) / 1000:.1f} s"]
        if phase is phases[-1]:
            done, total = int(phase.get("done", 0)), int(phase.get("total", 0))
            told.append(f"{format.count(done)} of {format.count(total)}")
        yield Content.assemble(
            format.fit(name, cells), "  ", (" · ".join(told), "$foreground-muted")
        )


def item_rows(plan: Mapping[str, Any]) -> Iterator[Row]:
    """The kept items of a plan, and how many were not kept."""
    for item in plan.get("items", ()):
        title = str(item["title"] or item["id"])
        yield Row(
            str(item["id"]),
            ((format.size(int(item["bytes"])), "strong"), (title, ""), (item["reason"], "muted")),
        )
    if plan.get("more"):
        yield Row(
            "more", (("", ""), (f"… and {format.count(plan['more'])} more", "muted"), ("", ""))
        )
