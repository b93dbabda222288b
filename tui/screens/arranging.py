"""Which sessions the tree shows, in which order: sorts, groups, views and the filter line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from textual import on
from textual.getters import query_one

from tui import format
from tui.narrowing import parse_narrowing
from tui.ordering import GROUPINGS, SORTS, VIEWS, Grouping, Sort, View
from tui.outline import Outline
from tui.screens.details import Details
from tui.widgets.filter_bar import FilterBar
from tui.widgets.filter_words import completed, hint_of
from tui.widgets.session_line import Bars
from tui.widgets.session_tree import SessionTree

T = TypeVar("T")

BARS: tuple[Bars, ...] = ("bar", "percent", "both", "none")

VIEW_NAMES = {"active": "active", "archived": "archived", "all": "active and archived"}


class Arranging(Details):
    """Sorts once for an order, in a thread where a key would wait, and keeps what was sorted."""

    filter_bar = query_one(FilterBar)

    def __init__(self) -> None:
        super().__init__()
        self.grouping: Grouping = "project"
        self.sort: Sort = "size"
        self.reverse = False
        self.view: View = "active"
        self._orders: dict[View, Outline] = {}
        """Outlines of the present order; a filter searches "all", whatever the view hides."""
        self._looking_at: dict[View, Outline] | None = None
        """Those for which "all" is being made."""

    def _arrange(self) -> None:
        """Sort and group anew."""
        self._orders = {}
        needle = self.filter_bar.needle
        view: View = "all" if parse_narrowing(needle).restricts else self.view
        self._show(self._ordered(view).filtered(needle))

    def _ordered(self, view: View) -> Outline:
        """The outline of a view without a filter, sorted once."""
        if view not in self._orders:
            self._orders[view] = self._sorted(view)
        return self._orders[view]

    def _sorted(self, view: View) -> Outline:
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
            wrong = parse_narrowing(self.filter_bar.needle).complaint
            nothing = f"Nothing matches “{self.filter_bar.needle}”.\nEsc shows everything again."
            return f"{nothing}\n{wrong}" if wrong else nothing
        return f"No {VIEW_NAMES[self.view]} sessions.\n{keys['next_view']} shows the others."

    def _say_summary(self) -> None:
        outline = self.sessions.outline
        if outline is None:
            return
        arrow = "▼" if (self.sort == "title") == self.reverse else "▲"
        parts = [format.plural(outline.trees, "tree"), format.plural(outline.sessions, "session")]
        if parse_narrowing(self.filter_bar.needle).complaint:
            parts.insert(0, "⚠ a word is not understood")
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

    # filter, order, view

    def action_filter(self) -> None:
        """Type into the filter line."""
        self._look_wider()
        self.filter_bar.open()

    @on(FilterBar.Changed)
    def _filter(self, event: FilterBar.Changed) -> None:
        """A filter searches every session, whatever the view shows without one."""
        self.filter_bar.hint(hint_of(event.needle, self.desk.forest))
        shown = self.sessions.outline
        if shown is None:
            return
        if not parse_narrowing(event.needle).restricts:
            self._show(self._ordered(self.view).filtered(event.needle))
        else:
            self._look_wider()
            self._show(self._orders.get("all", shown).filtered(event.needle))

    def _look_wider(self) -> None:
        """Put all sessions in order, in a thread: no key waits for it."""
        orders = self._orders
        if self._looking_at is orders:
            return
        self._looking_at = orders
        if self.view == "active" and 1 not in self.desk.forest.shape.archived:
            orders["all"] = self._ordered("active")

        def put_in_order() -> tuple[dict[View, Outline], Outline]:
            return orders, (orders.get("all") or self._sorted("all")).get_ready()

        self.desk.ask(put_in_order, self._wider_came, group="wider")

    def _wider_came(self, found: tuple[dict[View, Outline], Outline]) -> None:
        orders, outline = found
        if not self.is_attached or orders is not self._orders or "all" in orders:
            return  # sorted otherwise meanwhile, or other sessions, or nothing new
        orders["all"] = outline
        needle = self.filter_bar.needle
        if parse_narrowing(needle).restricts:
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


def following(values: Sequence[T], value: T) -> T:
    """The next one; after the last the first."""
    return values[(values.index(value) + 1) % len(values)]
