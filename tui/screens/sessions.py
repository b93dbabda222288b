"""The first screen: every session as a tree with its size, and the details of one beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar, TypeVar, cast

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.getters import query_one
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.actions import bindings
from tui.desk import freeable, last_of, this_thread
from tui.forest import Forest
from tui.ordering import GROUPINGS, SORTS, VIEWS, Grouping, Sort, View
from tui.outline import Outline
from tui.records import SessionDetail
from tui.screens.deeds import Deeds
from tui.widgets.filter_bar import FilterBar
from tui.widgets.session_detail import Gain, SessionDetailPanel, Shown, ShownGroup
from tui.widgets.session_line import Bars
from tui.widgets.session_tree import SessionTree

T = TypeVar("T")

BARS: tuple[Bars, ...] = ("bar", "percent", "both", "none")

REST = 0.08
"""Seconds the cursor must rest before the database is asked for details."""

VIEW_NAMES = {"active": "active", "archived": "archived", "all": "active and archived"}


class SessionsScreen(Deeds):
    """Looks and asks; whatever changes the database is a plan handed to the app."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(
            (
                "archive", "prune_tree", "delete", "pin", "copy_id", "filter", "next_sort",
                "reverse_sort", "next_bars", "next_view", "next_grouping", "details",
            )
        )
    ]  # fmt: skip

    filter_bar = query_one(FilterBar)
    panel = query_one(SessionDetailPanel)

    def __init__(self) -> None:
        super().__init__()
        self.grouping: Grouping = "project"
        self.sort: Sort = "size"
        self.reverse = False
        self.view: View = "active"
        self._resting: Timer | None = None
        self._sorted_for: Forest | None = None

    def body(self) -> Iterable[Widget]:
        """Filter line, tree, details, marks."""
        yield FilterBar()
        yield Horizontal(SessionTree(), SessionDetailPanel(), id="work")
        yield Static(id="marks", markup=False)

    def on_mount(self) -> None:
        """Start from the configuration and follow the forest."""
        look = self.desk.config.look
        self.grouping = cast(Grouping, look.grouping)
        self.sessions.bars = cast(Bars, look.bars)
        self.sessions.empty_text = "Reading the sessions …"
        self.sessions.focus()
        self.watch(self.app, "forest", self.show_forest, init=False)
        if len(self.desk.forest):
            self.show_forest(self.desk.forest)
        self.watch(self.app, "measure", self._say_summary, init=False)
        self.watch(self.app, "payloads", self._show_detail_soon, init=False)
        self.set_interval(30, self._grow_older)

    # showing

    def show_forest(self, forest: Forest) -> None:
        """New sessions are put in order; new sizes of the same ones only repaint."""
        before = self.sessions.outline
        same = before is not None and before.forest.shape is forest.shape
        if before is not None and same and not self.desk.measure.done:
            self.sessions.show(before.with_forest(forest))
        else:
            self._arrange()
        self._say_summary()
        self._show_detail_soon()

    def _arrange(self) -> None:
        """Sort and group anew."""
        desk = self.desk
        self.sessions.empty_text = self._why_empty()
        outline = Outline.of(
            desk.forest, desk.now(), self.grouping, self.sort, self.reverse, self.view,
            self.filter_bar.needle,
        )  # fmt: skip
        self.sessions.now = desk.now()
        self.sessions.show(outline)
        self._say_summary()

    def _why_empty(self) -> str:
        if not len(self.desk.forest):
            return "There are no sessions in this database.\nopencode was not used yet."
        if self.filter_bar.needle:
            return f"Nothing matches “{self.filter_bar.needle}”.\nEsc shows everything again."
        return f"No {VIEW_NAMES[self.view]} sessions.\nv shows the others."

    def _say_summary(self) -> None:
        outline = self.sessions.outline
        if outline is None:
            return
        arrow = "▼" if (self.sort == "title") == self.reverse else "▲"
        parts = [
            format.plural(outline.trees, "tree"),
            format.plural(outline.sessions, "session"),
            VIEW_NAMES[self.view],
            f"by {self.sort} {arrow}",
        ]
        if not self.desk.measure.done and len(self.desk.forest):
            part = self.desk.forest.measured / len(self.desk.forest)
            parts.append(f"measuring {format.percent(part)}")
        self.filter_bar.say(" · ".join(parts))

    def _grow_older(self) -> None:
        self.sessions.now = self.desk.now()

    # details

    @on(SessionTree.Highlighted)
    def _show_detail_soon(self) -> None:
        if self._resting is not None:
            self._resting.stop()
        id = self.sessions.cursor_id
        if id is None or id not in self.desk.forest:
            self._show_group()
            return
        shown = self.panel.shown
        if not isinstance(shown, Shown) or shown.detail.row.id != id:
            self._show_detail(known(self.desk.forest, id))
        self._resting = self.set_timer(REST, lambda: self._read_detail(id))

    def _read_detail(self, id: str) -> None:
        """First the row, then the kinds of bytes, which take longer in a large tree."""
        desk = self.desk
        if id in desk.forest:
            desk.ask(lambda: desk.read_detail(id), self._detail_came, group="detail")

    def _detail_came(self, detail: SessionDetail) -> None:
        desk, id = self.desk, detail.row.id
        if not self.is_attached or id != self.sessions.cursor_id or id not in desk.forest:
            return
        self._show_detail(detail)
        if not detail.kinds:
            ids = desk.forest.branch_of(id).ids

            def count() -> SessionDetail:
                return replace(detail, kinds=last_of(desk.read_kinds(this_thread(), ids)))

            desk.ask(count, self._detail_came, group="detail")

    def _show_group(self) -> None:
        """A header has its numbers already."""
        group, outline = self.sessions.cursor_group, self.sessions.outline
        position = outline.position(group.key) if group and outline else None
        if group is None or outline is None or position is None:
            self.panel.shown = None
            return
        line, desk = outline.line(position), self.desk
        gains = self._gains(outline.targets(position), "all its trees, to trash", line.bytes or 0)
        self.panel.shown = ShownGroup(
            group.label, group.hint, line.trees, line.sessions, line.messages, line.bytes,
            line.active, desk.now(), gains,
        )  # fmt: skip

    def _gains(self, roots: Iterable[str], what: str, octets: int) -> tuple[Gain, ...]:
        """What `r` and `d` would give back here."""
        desk = self.desk
        ids = {id for root in roots for id in desk.forest.tree_of(root).ids}
        found = sum(freeable(each) for each in desk.payloads or () if each.session_id in ids)
        reclaim = (Gain("r", "tool output", found),) if found else ()
        return (*reclaim, Gain("d", what, octets))

    def _show_detail(self, detail: SessionDetail) -> None:
        desk = self.desk
        tree = desk.forest.tree_of(detail.row.id)
        gains = self._gains([tree.root.id], "the whole tree, to trash", tree.bytes)
        self.panel.shown = Shown(
            detail, gains, desk.now(), desk.forest.branch_of(detail.row.id).active
        )

    def action_details(self) -> None:
        """Show or hide the panel; below 100 columns it opens under the tree."""
        self.toggle_class("-details-off" if self.app.size.width >= 100 else "-details-on")

    @on(SessionTree.Chosen)
    def _chosen(self) -> None:
        if self.app.size.width < 100:
            self.add_class("-details-on")

    # filter, order, view

    def action_filter(self) -> None:
        """Type into the filter line."""
        self.filter_bar.open()

    @on(FilterBar.Changed)
    def _filter(self, event: FilterBar.Changed) -> None:
        self.sessions.empty_text = self._why_empty()
        if self.sessions.outline is not None:
            self.sessions.show(self.sessions.outline.filtered(event.needle))
        self._say_summary()

    @on(FilterBar.Closed)
    def _back_to_tree(self) -> None:
        self.sessions.focus()

    def key_escape(self) -> None:
        """Clear the filter from within the tree, too; then close the details below."""
        if self.filter_bar.needle or self.filter_bar.has_class("-open"):
            self.filter_bar.clear()
        elif self.app.size.width < 100:
            self.remove_class("-details-on")

    def action_next_sort(self) -> None:
        """The next order."""
        self.sort, self.reverse = following(SORTS, self.sort), False
        self._arrange()

    @on(SessionTree.SortRequested)
    def _sort_by(self, event: SessionTree.SortRequested) -> None:
        self.reverse = not self.reverse if event.column == self.sort else False
        self.sort = event.column
        self._arrange()

    def action_reverse_sort(self) -> None:
        """Turn the order round."""
        self.reverse = not self.reverse
        self._arrange()

    def action_next_view(self) -> None:
        """Active, archived, all."""
        self.view = following(VIEWS, self.view)
        self._arrange()

    def action_next_grouping(self) -> None:
        """By project, not at all, by age."""
        self.grouping = following(GROUPINGS, self.grouping)
        self._arrange()

    def action_next_bars(self) -> None:
        """Bar, percent, both, none."""
        self.sessions.bars = following(BARS, self.sessions.bars)

    # marks and deeds

    @on(SessionTree.MarksChanged)
    def _show_marks(self, event: SessionTree.MarksChanged) -> None:
        line = self.query_one("#marks", Static)
        line.display = bool(event.ids)
        line.update(Content.styled(marks_line(self.desk.forest, event.ids), "$text-accent"))

    def action_copy_id(self) -> None:
        """The id under the cursor, to the clipboard."""
        if id := self.sessions.cursor_id:
            self.app.copy_to_clipboard(id)
            self.app.notify(f"Copied {format.clean(id)}", markup=False, timeout=2)


def following(values: Sequence[T], value: T) -> T:
    """The next one; after the last the first."""
    return values[(values.index(value) + 1) % len(values)]


def known(forest: Forest, id: str) -> SessionDetail:
    """What can be told about a session without asking the database."""
    tree = forest.branch_of(id)
    row = forest.row(id)
    return SessionDetail(row, tree_usage=tree.usage, tree_sessions=len(tree.rows))


def marks_line(forest: Forest, ids: Iterable[str]) -> str:
    """ "✓ 2 marked · 311 MB · 7 sessions": whole trees, each counted once."""
    trees = {tree.root.id: tree for tree in (forest.tree_of(id) for id in ids if id in forest)}
    octets = sum(tree.bytes for tree in trees.values())
    sessions = sum(len(tree.rows) for tree in trees.values())
    return (
        f" ✓ {format.plural(len(trees), 'tree')} marked · {format.size(octets)} · "
        f"{format.plural(sessions, 'session')}    - unmarks"
    )
