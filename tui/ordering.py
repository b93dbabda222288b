"""The order of the outline: groups, roots and children sorted, as flat arrays with spans.

Made once for a load, a sort or a regrouping; folding, filtering and new sizes only read it.
Pure: time is an argument. Times are milliseconds UTC, sizes are payload octets.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

from tui.forest import Forest
from tui.format import DAY, clean
from tui.records import SessionRow

Grouping = Literal["project", "flat", "age"]
Sort = Literal["size", "activity", "created", "title", "messages", "cost"]
View = Literal["active", "archived", "all"]

SORTS: tuple[Sort, ...] = ("size", "activity", "created", "title", "messages", "cost")
GROUPINGS: tuple[Grouping, ...] = ("project", "flat", "age")
VIEWS: tuple[View, ...] = ("active", "archived", "all")

_BANDS = (
    (DAY, "last 24 hours"),
    (7 * DAY, "last 7 days"),
    (30 * DAY, "last 30 days"),
    (90 * DAY, "last 90 days"),
    (365 * DAY, "last year"),
)
_OLDER = "older than a year"


@dataclass(frozen=True, slots=True)
class Group:
    """A header above trees: a project or a band of age."""

    key: str
    """"project:…" or "age:…"; never looks like a session id."""
    label: str
    hint: str
    """Where the project lives, given only when another project has the same name."""
    rank: int
    """Place of an age band, the youngest 0; 0 for projects."""
    roots: tuple[int, ...]
    """Forest positions of its trees, in order."""
    active: int
    created: int
    """Newest creation among its roots."""
    missing: bool
    """True when the directory of every one of its trees is gone."""


class Order:
    """Lines in display order, every parent directly above its descendants.

    `items[p]` is a forest position, or `~g` for the header of group g; `span[p]` counts the line
    and all below it; `parent[p]` is -1 at the top. `places` leads back from forest positions, -1
    for what the view hides, and `headers` from group keys.
    """

    def __init__(
        self,
        forest: Forest,
        now: int,
        grouping: Grouping = "project",
        sort: Sort = "size",
        reverse: bool = False,
        view: View = "all",
    ) -> None:
        self.now, self.grouping, self.view = now, grouping, view
        self.sort, self.reverse = sort, reverse
        self.rows = forest.rows
        shown, context = _in_view(forest, view)
        downwards = (sort == "title") == reverse
        values = _values(forest, sort)
        # Sorting the newest first beforehand settles ties: sizes are all equal before measuring.
        ordered = sorted(forest.shape.newest_first, key=values.__getitem__, reverse=downwards)
        children: defaultdict[int, list[int]] = defaultdict(list)
        parent = forest.parent
        for i in ordered:
            if shown[i]:
                children[parent[i]].append(i)
        self.roots: Sequence[int] = children.pop(-1, [])
        self.groups: list[Group] = []
        if grouping != "flat":
            found = _groups(forest, self.roots, grouping, now)
            self.groups = _sorted_groups(found, forest, sort, downwards)
        self.top_depth = 0 if grouping == "flat" else 1
        self._flatten(forest, shown, children)
        self.context: list[int] = [self.places[i] for i in context]

    def _flatten(self, forest: Forest, shown: bytearray, children: dict[int, list[int]]) -> None:
        """Give every line its position: below the line above it, past its elder siblings."""
        size = _spans(forest, shown)
        self.places = places = [-1] * len(forest)
        total = sum(map(size.__getitem__, self.roots)) + len(self.groups)
        self.items = items = [0] * total
        self.parent = parent = [-1] * total
        self.depth = depth = [0] * total
        self.span = span = [1] * total
        self.headers: dict[str, int] = {}
        self._place_tops(size)
        # The forest is in preorder: a parent has its place before its children ask for theirs.
        for i, here in enumerate(places):
            if here < 0:
                continue
            items[here] = i
            if i not in children:
                continue
            span[here] = size[i]
            free, deeper = here + 1, depth[here] + 1
            for child in children[i]:
                places[child], parent[free], depth[free] = free, here, deeper
                free += size[child]

    def _place_tops(self, size: Sequence[int]) -> None:
        """Places for headers and roots; `size` is the lines of each root's tree."""
        free = 0
        for index, group in enumerate(self.groups):
            header, free = free, free + 1
            self.headers[group.key] = header
            self.items[header] = ~index
            for root in group.roots:
                self.places[root], self.parent[free], self.depth[free] = free, header, 1
                free += size[root]
            self.span[header] = free - header
        for root in () if self.groups else self.roots:
            self.places[root] = free
            free += size[root]

    def key(self, position: int) -> str:
        """Session id or group key of a line."""
        item = self.items[position]
        return self.rows[item].id if item >= 0 else self.groups[~item].key


def _spans(forest: Forest, shown: bytearray) -> Sequence[int]:
    """By forest position, how many shown sessions its subtree has, itself included."""
    if 0 not in shown:
        return forest.span
    sizes = list(shown)
    for i in range(len(sizes) - 1, 0, -1):
        if shown[i] and (above := forest.parent[i]) >= 0:
            sizes[above] += sizes[i]
    return sizes


def _in_view(forest: Forest, view: View) -> tuple[bytearray, list[int]]:
    """By forest position whether it is shown; and which are shown only to lead to another.

    A tree goes by its root: an active child of an archived root is archived with it. A branch
    archived on its own leaves the active view and stands under its ancestors in the other.
    """
    if view == "all":
        return bytearray(b"\x01") * len(forest), []
    archived = bytearray(len(forest))
    for i, row in enumerate(forest.rows):
        if row.archived is not None and not archived[i]:
            archived[i : i + forest.span[i]] = b"\x01" * forest.span[i]
    if view == "active":
        return bytearray(archived.translate(bytes([1, 0]) + bytes(254))), []
    context: list[int] = []
    shown = bytearray(archived)
    for i in range(len(forest)):
        above = forest.parent[i] if archived[i] else -1
        while above >= 0 and not shown[above]:
            shown[above] = 1
            context.append(above)
            above = forest.parent[above]
    return shown, context


def _values(forest: Forest, sort: Sort) -> Sequence[Any]:
    """By forest position, what this sort compares; numbers cover the subtree."""
    if sort == "activity":
        return forest.active
    if sort == "created":
        return [row.created for row in forest.rows]
    if sort == "title":
        return [row.title.strip().casefold() for row in forest.rows]
    return list(map(_subtree(forest, sort), range(len(forest))))


def _subtree(forest: Forest, sort: Sort) -> Callable[[int], float]:
    if sort == "messages":
        return forest.subtree_messages
    return forest.subtree_cost if sort == "cost" else forest.subtree_bytes


def _groups(forest: Forest, roots: Sequence[int], grouping: Grouping, now: int) -> list[Group]:
    """The groups of these trees, the newest activity first; each keeps the order of its roots."""
    rows, active = forest.rows, forest.active
    members: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for root in roots:
        if grouping == "age":
            members[_band(now - active[root])].append(root)
        else:
            members[0, rows[root].project_id].append(root)
    named = {about: _label(rows[group[0]], about, grouping) for about, group in members.items()}
    times = Counter(named.values())
    groups = [
        Group(
            key=f"{grouping}:{about[1]}",
            label=named[about],
            hint=_home(forest, group) if times[named[about]] > 1 else "",
            rank=about[0],
            roots=tuple(group),
            active=max(map(active.__getitem__, group)),
            created=max(rows[root].created for root in group),
            missing=all(rows[root].missing for root in group),
        )
        for about, group in members.items()
    ]
    return sorted(groups, key=attrgetter("active"), reverse=True)


def _band(idle: int) -> tuple[int, str]:
    for rank, (limit, label) in enumerate(_BANDS):
        if idle < limit:
            return rank, label
    return len(_BANDS), _OLDER


def _label(row: SessionRow, about: tuple[int, str], grouping: Grouping) -> str:
    return about[1] if grouping == "age" else clean(row.project).strip() or "(no project)"


def _home(forest: Forest, roots: Sequence[int]) -> str:
    """Directory of the tree last active, to tell projects of one name apart."""
    return clean(forest.rows[max(roots, key=forest.active.__getitem__)].directory)


def _sorted_groups(groups: list[Group], forest: Forest, sort: Sort, down: bool) -> list[Group]:
    def value(group: Group) -> Any:
        if sort == "activity":
            return group.active
        if sort == "created":
            return group.created
        if sort == "title":
            return group.rank, group.label.casefold()
        sums = forest.sums(group.roots)
        return {"size": sums.bytes, "messages": sums.messages, "cost": sums.cost}[sort]

    return sorted(groups, key=value, reverse=down)
