"""The first screen: every session as a tree with its size, and the details of one beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, cast

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.actions import ACTIONS
from tui.forest import Forest
from tui.keys import Keys, bindings
from tui.ordering import Grouping
from tui.screens.arranging import Arranging
from tui.widgets.detail_panel import SessionDetailPanel
from tui.widgets.filter_bar import FilterBar
from tui.widgets.key_bar import Key
from tui.widgets.session_line import Bars
from tui.widgets.session_tree import SessionTree
from tui.widgets.welcome import HEIGHT, WIDTH, Welcome


class SessionsScreen(Arranging):
    """Looks and asks; whatever changes the database is a plan handed to the app."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(
            (
                "archive", "prune_tree", "delete", "pin", "copy_id", "filter", "next_sort",
                "reverse_sort", "next_bars", "next_view", "next_grouping", "details", "open",
                "half_down", "half_up", "export",
            )
        )
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._settled = False
        """True once all was measured: from then on the cursor stays where it is."""

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
            self._orders = {view: each.with_forest(forest) for view, each in self._orders.items()}
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
        if groups and here and tree.folds.opened == {here.key} and groups[0].key != here.key:
            tree.folds.opened = {groups[0].key}
            tree.select(groups[0].key)

    def _welcome(self, newcomer: bool) -> None:
        """The card of the first start, where there is room for it."""
        if newcomer and self.app.size.width >= WIDTH and self.app.size.height >= HEIGHT:
            self.query_one(Welcome).tell(self.desk.keys)

    def _grow_older(self) -> None:
        self.sessions.now = self.desk.now()

    def action_details(self) -> None:
        """Show or hide the panel; below 100 columns it opens under the tree."""
        self.toggle_class("-details-off" if self.app.size.width >= 100 else "-details-on")

    def action_half(self, by: int) -> None:
        """Half a page of the details down or up."""
        self.panel.scroll_half(by)

    def keys(self) -> Iterable[Key]:
        """Those of the table; and the one that scrolls the details, where there is more of them."""
        *first, help, quit = self.table_keys(action.id for action in ACTIONS if action.footer)
        keys = self.desk.keys
        both = f"{keys['half_down']} {keys['half_up']}"
        more = [Key(both, "Scroll details", "screen.half(1)")] if self.panel.is_cut else []
        return (*first, *more, help, quit)

    @on(SessionDetailPanel.Cut)
    def _tell_more(self) -> None:
        self.show_keys()

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

    async def action_back(self) -> None:
        """Clear the filter from within the tree, too; then the card, then the details below."""
        if self.filter_bar.needle or self.filter_bar.has_class("-open"):
            self.filter_bar.clear()
        elif self.query_one(Welcome).display:
            self.query_one(Welcome).display = False
        elif self.app.size.width < 100:
            self.remove_class("-details-on")

    # marks and deeds

    @on(SessionTree.MarksChanged)
    def _show_marks(self, event: SessionTree.MarksChanged) -> None:
        line = self.query_one("#marks", Static)
        line.display = bool(event.ids)
        line.update(
            Content.styled(marks_line(self.desk.forest, event.ids, self.desk.keys), "$text-accent")
        )

    def action_open(self) -> None:
        """Read the conversation of the session under the cursor."""
        if id := self.sessions.cursor_id:
            self.desk.open_conversation(id)

    def action_copy_id(self) -> None:
        """The id under the cursor, to the clipboard."""
        if (id := self.sessions.cursor_id) is not None:
            self.app.copy_to_clipboard(id)
            self.app.notify(f"Copied {format.clean(id)}", markup=False, timeout=2)


def marks_line(forest: Forest, ids: Iterable[str], keys: Keys) -> str:
    """ "✓ 2 marked · 311 MB · 7 sessions": whole trees, each counted once."""
    trees = {tree.root.id: tree for tree in (forest.tree_of(id) for id in ids if id in forest)}
    octets = sum(tree.bytes for tree in trees.values())
    sessions = sum(len(tree.rows) for tree in trees.values())
    return (
        f" ✓ {format.plural(len(trees), 'tree')} marked · {format.size(octets)} · "
        f"{format.plural(sessions, 'session')}    {keys['unmark_all']} unmarks"
    )
