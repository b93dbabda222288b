"""The first screen: every session as a tree with its size, and the details of one beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, TypeVar, cast

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.actions import bindings
from tui.forest import Forest
from tui.narrowing import parse_narrowing
from tui.ordering import GROUPINGS, SORTS, VIEWS, Grouping, Sort, View
from tui.outline import Outline
from tui.screens.details import Details
from tui.widgets.filter_bar import FilterBar
from tui.widgets.filter_words import completed, hint_of
from tui.widgets.session_detail import SessionDetailPanel
from tui.widgets.session_line import Bars
from tui.widgets.session_tree import SessionTree
from tui.widgets.welcome import HEIGHT, WIDTH, Welcome

T = TypeVar("T")

BARS: tuple[Bars, ...] = ("bar", "percent", "both", "none")

VIEW_NAMES = {"active": "active", "archived": "archived", "all": "active and archived"}


class SessionsScreen(Details):
    """Looks and asks; whatever changes the database is a plan handed to the app."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(
            (
                "archive", "prune_tree", "delete", "pin", "copy_id", "filter", "next_sort",
                "reverse_sort", "next_bars", "next_view", "next_grouping", "details", "open",
            )
        )
    ]  # fmt: skip

    filter_bar = query_one(FilterBar)

    def __init__(self) -> None:
        super().__init__()
        self.grouping: Grouping = "project"
        self.sort: Sort = "size"
        self.reverse = False
        self.view: View = "active"
        self._settled = False
        """True once all was measured: from then on the cursor stays where it is."""
        self._wide: Outline | None = None
        """All sessions in the present order, whatever the view hides: what a filter searches."""

    def body(self) -> Iterable[Widget]:
        """Filter line, tree, details, marks."""
        yield FilterBar()
        yield Horizontal(SessionTree(), SessionDetailPanel(), id="work")
        yield Welcome()
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
        self.watch(self.app, "payloads", self.show_detail_soon, init=False)
        self.watch(self.app, "newcomer", self._welcome)
        self.set_interval(30, self._grow_older)

    # showing

    def show_forest(self, forest: Forest) -> None:
        """New sessions are put in order; new sizes of the same ones only repaint."""
        before = self.sessions.outline
        same = before is not None and before.forest.shape is forest.shape
        done = self.desk.measure.done
        whole = forest.measured == len(forest)
        self.sessions.confirmed = done
        if before is not None and same and not done and not (whole and not before.forest.measured):
            self.sessions.show(before.with_forest(forest))
            self._wide = self._wide and self._wide.with_forest(forest)
        else:
            self._arrange()
        if done and not self._settled:
            self._settled = True
            self._begin_at_the_largest()
        self._say_summary()
        self.show_detail_soon()

    def _begin_at_the_largest(self) -> None:
        """Sizes come after the first picture: who has not moved yet looks at the largest group."""
        tree, here = self.sessions, self.sessions.cursor_group
        groups = tree.outline.order.groups if tree.outline else ()
        if groups and here and tree.opened == {here.key} and groups[0].key != here.key:
            tree.opened = {groups[0].key}
            tree.select(groups[0].key)

    def _arrange(self) -> None:
        """Sort and group anew."""
        self._wide = None
        needle = self.filter_bar.needle
        if not parse_narrowing(needle).restricts:
            self._show(self._ordered(self.view).filtered(needle))
        else:
            self._wide = self._ordered("all")
            self._show(self._wide.filtered(needle))

    def _ordered(self, view: View) -> Outline:
        desk = self.desk
        return Outline.of(desk.forest, desk.now(), self.grouping, self.sort, self.reverse, view)

    def _show(self, outline: Outline) -> None:
        self.sessions.empty_text = self._why_empty()
        self.sessions.now = self.desk.now()
        self.sessions.show(outline)
        self._say_summary()

    def _why_empty(self) -> str:
        keys = self.desk.keys
        if not len(self.desk.forest):
            others = f"{keys['databases']} shows where others can be."
            return f"There are no sessions in this database.\n{others}"
        if self.filter_bar.needle:
            return f"Nothing matches “{self.filter_bar.needle}”.\nEsc shows everything again."
        return f"No {VIEW_NAMES[self.view]} sessions.\n{keys['next_view']} shows the others."

    def _say_summary(self) -> None:
        outline = self.sessions.outline
        if outline is None:
            return
        arrow = "▼" if (self.sort == "title") == self.reverse else "▲"
        parts = [format.plural(outline.trees, "tree"), format.plural(outline.sessions, "session")]
        if not outline.is_filtered:
            parts.append(VIEW_NAMES[self.view])
        elif outline.archived:
            parts.append(f"{format.count(outline.archived)} archived")
        if outline.is_filtered and outline.found.similar and outline.trees:
            parts.append("similar titles")
        parts.append(f"by {self.sort} {arrow}")
        if not self.desk.measure.done and len(self.desk.forest):
            part = self.desk.forest.measured / len(self.desk.forest)
            parts.append("checking sizes" if part == 1 else f"measuring {format.percent(part)}")
        self.filter_bar.say(" · ".join(parts))

    def _welcome(self, newcomer: bool) -> None:
        """The card of the first start, where there is room for it."""
        if newcomer and self.app.size.width >= WIDTH and self.app.size.height >= HEIGHT:
            self.query_one(Welcome).tell(self.desk.keys)

    def _grow_older(self) -> None:
        self.sessions.now = self.desk.now()

    def action_details(self) -> None:
        """Show or hide the panel; below 100 columns it opens under the tree."""
        self.toggle_class("-details-off" if self.app.size.width >= 100 else "-details-on")

    @on(SessionTree.Chosen)
    def _chosen(self) -> None:
        if self.app.size.width < 100:
            self.add_class("-details-on")

    def show_session(self, id: str) -> bool:
        """Put the cursor on a session, whatever hides it; False when it is gone."""
        if id not in self.desk.forest:
            return False
        self.filter_bar.clear()
        archived = self.desk.forest.tree_of(id).root.archived or self.desk.forest.row(id).archived
        if self.view == ("active" if archived else "archived"):
            self.view = "all"
        self._arrange()
        self.sessions.focus()
        return self.sessions.select(id)

    # filter, order, view

    def action_filter(self) -> None:
        """Type into the filter line."""
        self.filter_bar.open()

    @on(FilterBar.Changed)
    def _filter(self, event: FilterBar.Changed) -> None:
        """A filter searches every session, whatever the view shows without one."""
        self.filter_bar.hint(hint_of(event.needle, self.desk.forest))
        shown = self.sessions.outline
        restricts = parse_narrowing(event.needle).restricts
        if shown is None:
            return
        if not restricts and shown.is_filtered:
            self._arrange()
        elif restricts and self._wide is None:
            self._look_wider()
            self._show(shown.filtered(event.needle))
        else:
            self._show((self._wide if restricts and self._wide else shown).filtered(event.needle))

    def _look_wider(self) -> None:
        """Put all sessions in order, in a thread: no key waits for it."""
        if self.view == "all" or not any(row.archived for row in self.desk.forest.rows):
            self._wide = self._ordered(self.view)
            return
        forest = self.desk.forest
        self.desk.ask(lambda: (forest, self._ordered("all")), self._wider_came, group="wider")

    def _wider_came(self, found: tuple[Forest, Outline]) -> None:
        forest, outline = found
        needle = self.filter_bar.needle
        if self.is_attached and forest is self.desk.forest and parse_narrowing(needle).restricts:
            self._wide = outline
            self._show(outline.filtered(needle))

    @on(FilterBar.Completing)
    def _complete(self, event: FilterBar.Completing) -> None:
        whole = completed(event.needle, self.desk.forest)
        if whole != event.needle:
            self.filter_bar.complete(whole)
        else:
            self.sessions.focus()

    @on(FilterBar.SearchWanted)
    async def _search(self) -> None:
        await self.app.run_action("app.search")

    @on(FilterBar.Closed)
    def _back_to_tree(self) -> None:
        self.sessions.focus()

    async def action_back(self) -> None:
        """Clear the filter from within the tree, too; then the card, then the details below."""
        if self.filter_bar.needle or self.filter_bar.has_class("-open"):
            self.filter_bar.clear()
        elif self.query_one(Welcome).display:
            self.query_one(Welcome).display = False
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

    def action_open(self) -> None:
        """Read the conversation of the session under the cursor."""
        if id := self.sessions.cursor_id:
            self.desk.open_conversation(id)

    def action_copy_id(self) -> None:
        """The id under the cursor, to the clipboard."""
        if (id := self.sessions.cursor_id) is not None:
            self.app.copy_to_clipboard(id)
            self.app.notify(f"Copied {format.clean(id)}", markup=False, timeout=2)


def following(values: Sequence[T], value: T) -> T:
    """The next one; after the last the first."""
    return values[(values.index(value) + 1) % len(values)]


def marks_line(forest: Forest, ids: Iterable[str]) -> str:
    """ "✓ 2 marked · 311 MB · 7 sessions": whole trees, each counted once."""
    trees = {tree.root.id: tree for tree in (forest.tree_of(id) for id in ids if id in forest)}
    octets = sum(tree.bytes for tree in trees.values())
    sessions = sum(len(tree.rows) for tree in trees.values())
    return (
        f" ✓ {format.plural(len(trees), 'tree')} marked · {format.size(octets)} · "
        f"{format.plural(sessions, 'session')}    - unmarks"
    )
