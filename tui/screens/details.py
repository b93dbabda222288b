"""What the panel beside the tree tells: asked for once the cursor rests, piece by piece."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from textual import on
from textual.getters import query_one
from textual.timer import Timer

from tui.desk import freeable, last_of, this_thread
from tui.forest import Forest
from tui.records import LargeRow, Payload, SessionDetail
from tui.screens.deeds import Deeds
from tui.widgets.detail_panel import SessionDetailPanel
from tui.widgets.session_detail import Gain, Shown, ShownGroup
from tui.widgets.session_tree import SessionTree

LEVELS = {
    "compacted": "compacted output",
    "summarised": "summarised output",
    "events": "event history",
}
"""Levels of reclaim that the details name, and what they call it."""

LARGEST = 5
"""Single rows that the details name."""

REST = 0.08
"""Seconds the cursor must rest before the database is asked for details."""


class Details(Deeds):
    """A page with a session tree and a panel about what is under its cursor."""

    panel = query_one(SessionDetailPanel)

    def __init__(self) -> None:
        super().__init__()
        self._resting: Timer | None = None
        self._freeable: Freeable | None = None

    @on(SessionTree.Highlighted)
    def show_detail_soon(self) -> None:
        """Once the cursor rests; what needs no database at once, but while the tree has no focus:
        then somebody types, and every letter moves the cursor."""
        if self._resting is not None:
            self._resting.stop()
        if self.sessions.has_focus:
            self._show_known()
        self._resting = self.set_timer(REST, self._rested)

    def _show_known(self) -> None:
        id = self.sessions.cursor_id
        if id is None or id not in self.desk.forest:
            self._show_group()
            return
        shown = self.panel.shown
        if not isinstance(shown, Shown) or shown.detail.row.id != id:
            self._show_detail(known(self.desk.forest, id))

    def _rested(self) -> None:
        """First the row, then the kinds of bytes, which take longer in a large tree."""
        self._show_known()
        desk, id = self.desk, self.sessions.cursor_id
        if id is not None and id in desk.forest:
            desk.ask(lambda: desk.read_detail(id), self._detail_came, group="detail")

    def _detail_came(self, detail: SessionDetail) -> None:
        desk, id = self.desk, detail.row.id
        if not self.is_attached or id != self.sessions.cursor_id or id not in desk.forest:
            return
        self._show_detail(detail)
        ids = desk.forest.branch_of(id).ids
        if not detail.kinds and detail.tree_usage.bytes:

            def count() -> SessionDetail:
                return replace(detail, kinds=last_of(desk.read_kinds(this_thread(), ids)))

            desk.ask(count, self._detail_came, group="detail")
        elif detail.kinds and self.app.size.width >= 100:
            desk.ask(
                lambda: (id, tuple(desk.read_largest(ids, LARGEST, this_thread()))),
                self._largest_came,
                group="detail",
            )

    def _largest_came(self, found: tuple[str, tuple[LargeRow, ...]]) -> None:
        id, rows = found
        shown = self.panel.shown if self.is_attached else None
        if isinstance(shown, Shown) and shown.detail.row.id == id:
            self.panel.shown = shown._replace(largest=rows)

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
            line.active, desk.now(), gains, desk.keys["mark"],
        )  # fmt: skip

    def _gains(self, roots: Iterable[str], what: str, octets: int) -> tuple[Gain, ...]:
        """What a reclaim and a prune would give back in these trees."""
        payloads, forest = self.desk.payloads, self.desk.forest
        counted, keys = payloads is not None, self.desk.keys
        if self._freeable is None or not self._freeable.is_of(payloads, forest):
            self._freeable = Freeable(payloads, forest)
        found = self._freeable.of(roots)
        reclaim = [
            Gain(keys["reclaim"], what, found[each]) for each, what in LEVELS.items() if counted
        ]
        return (*reclaim, Gain(keys["prune_tree"], what, octets))

    def _show_detail(self, detail: SessionDetail) -> None:
        desk = self.desk
        tree = desk.forest.tree_of(detail.row.id)
        gains = self._gains([tree.root.id], "the whole tree, to trash", tree.bytes)
        before = self.panel.shown
        same = isinstance(before, Shown) and before.detail.row.id == detail.row.id
        self.panel.shown = Shown(
            detail,
            gains,
            desk.now(),
            desk.forest.branch_of(detail.row.id).active,
            before.largest if same and isinstance(before, Shown) else (),
            tree.root.id != detail.row.id,
        )


class Freeable:
    """Octets that reclaim levels would free, added up by tree once for all lines of the tree."""

    def __init__(self, payloads: Sequence[Payload] | None, forest: Forest) -> None:
        self._payloads, self._forest = payloads, forest
        self._trees: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for each in payloads or ():
            if each.session_id in forest:
                self._trees[forest.root_of(each.session_id)][each.level] += freeable(each)

    def is_of(self, payloads: Sequence[Payload] | None, forest: Forest) -> bool:
        """Whether these would give the same sums; new sizes of the same sessions do."""
        return self._payloads is payloads and self._forest.shape is forest.shape

    def of(self, ids: Iterable[str]) -> Counter[str]:
        """Octets by level in the trees of these sessions, each tree counted once."""
        found: Counter[str] = Counter()
        for root in {self._forest.root_of(id) for id in ids}:
            if root in self._trees:
                found.update(self._trees[root])
        return found


def known(forest: Forest, id: str) -> SessionDetail:
    """What can be told about a session without asking the database."""
    tree = forest.branch_of(id)
    row = forest.row(id)
    return SessionDetail(row, tree_usage=tree.usage, tree_sessions=len(tree.rows))
