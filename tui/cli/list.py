"""`ocdu list`: every session with its size; for people the trees, largest first."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call
from tui.cli.output import badges, table
from tui.errors import WrongCall

if TYPE_CHECKING:
    from tui.forest import Forest


def add_arguments(parser: ArgumentParser) -> None:
    """Which sessions, and how people see them."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--archived", action="store_true", help="only archived sessions")
    which.add_argument("--active", action="store_true", help="only sessions that are not archived")
    which.add_argument("--all", action="store_true", help="both (the default)")
    parser.add_argument("--project", metavar="P", help="only sessions of this project")
    parser.add_argument(
        "--filter",
        metavar="TEXT",
        default="",
        help="only what the filter line of the app would find: words of title, directory or id, "
        "is:archived|shared|pinned|missing|running|child|root, size:>10MB, idle:30d, project:P, "
        "dir:D, gen:v1|v2|both; all must hold, - in front turns one round",
    )
    parser.add_argument("--limit", metavar="N", type=int, help="only the N largest trees")
    parser.add_argument(
        "--tree", action="store_true", help="show subagents indented below their root"
    )


def run(call: Call) -> Answer:
    """All sessions, tree by tree, the largest tree first."""
    from tui.format import plural, size

    forest = call.measured(call.forest_with_directories)
    places = list(_places(call, forest))
    roots = sum(forest.parent[i] < 0 for i in places)
    usages = [forest.usage_of(forest.rows[i].id) for i in places]
    octets = sum(usage.bytes for usage in usages if usage)
    message = f"{plural(len(places), 'session')} in {plural(roots, 'tree')}, {size(octets)}."
    data = {"sessions": [session_json(forest, i) for i in places]}
    return Answer("done", message, data, "" if call.options.json else _text(call, forest, places))


def _places(call: Call, forest: Forest) -> Iterator[int]:
    """Positions of the sessions asked for: trees by size, each root before its children."""
    options = call.options
    wanted = _narrowed(call, forest)
    trees = sorted(forest.shape.roots, key=forest.subtree_bytes, reverse=True)
    if wanted is not None:
        trees = [i for i in trees if not wanted.isdisjoint(range(i, i + forest.span[i]))]
    if options.limit is not None:
        trees = trees[: max(0, options.limit)]
    for root in trees:
        for i in range(root, root + forest.span[root]):
            row = forest.rows[i]
            if wanted is not None and i not in wanted:
                continue
            if options.project not in (None, row.project, row.project_id):
                continue
            if (options.archived and not row.archived) or (options.active and row.archived):
                continue
            yield i


def _narrowed(call: Call, forest: Forest) -> frozenset[int] | None:
    """Positions that `--filter` leaves; None without one. Raises WrongCall for a wrong word."""
    from tui.narrowing import parse_narrowing
    from tui.sieve import found_in

    narrowing = parse_narrowing(call.options.filter)
    if narrowing.complaint:
        raise WrongCall(narrowing.complaint)
    if not narrowing.restricts:
        return None
    return frozenset(found_in(forest, narrowing, call.now).places)


def session_json(forest: Forest, i: int) -> dict[str, Any]:
    """One session by contract. A session whose parent is gone counts as the root of its tree."""
    from tui.format import iso
    from tui.records import NOTHING

    row = forest.rows[i]
    usage = forest.usage_of(row.id) or NOTHING
    is_root = forest.parent[i] < 0
    return {
        "id": row.id,
        "parent_id": row.parent_id,
        "project": row.project,
        "directory": row.directory,
        "title": row.title,
        "created": iso(row.created),
        "updated": iso(row.updated),
        "last_activity": iso(forest.active[i] if is_root else row.active),
        "archived": iso(row.archived),
        "shared": row.shared,
        "pinned": row.pinned,
        "messages": usage.messages,
        "parts": usage.parts,
        "bytes": usage.bytes,
        "tree_bytes": forest.subtree_bytes(i),
        "generation": row.generation,
    }


def _text(call: Call, forest: Forest, places: list[int]) -> str:
    from tui.format import age, clean, count, size, titled

    rows = []
    for i in places:
        row = forest.rows[i]
        if not (call.options.tree or call.options.filter) and forest.parent[i] >= 0:
            continue
        indent = "  " * forest.depth[i]
        special = badges(row)
        title = titled(row.title)
        rows.append(
            (
                size(forest.subtree_bytes(i)),
                age(forest.active[i], call.now),
                count(forest.subtree_messages(i)),
                count(forest.span[i] - 1) if forest.span[i] > 1 else "",
                clean(row.project),
                clean(row.id),
                indent + title + (f"  [{special}]" if special else ""),
            )
        )
    headers = ("Size", "Active", "Messages", "Children", "Project", "Id", "Title")
    return table(headers, rows, "rrrrlll") + "\n" if rows else ""
