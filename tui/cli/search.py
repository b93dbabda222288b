"""`ocdu search`: what was said, in every conversation of the file or of the trash, newest first."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call
from tui.errors import WrongCall

if TYPE_CHECKING:
    from tui.forest import Forest
    from tui.places import Buried
    from tui.policy.plan import Ending
    from tui.records import Hit
    from tui.store.search import Wanted

LIMIT = 100
"""Hits told when nothing else is said."""


def add_arguments(parser: ArgumentParser) -> None:
    """What is searched for, and where."""
    parser.add_argument("text", metavar="TEXT", help="what was said; case does not count")
    parser.add_argument("--trash", action="store_true", help="in the sessions of the trash instead")
    parser.add_argument("--project", metavar="P", help="only sessions of this project")
    parser.add_argument(
        "--since", metavar="AGE", help="only what was said in the last 30d, 12h, 2w, 3m"
    )
    parser.add_argument(
        "--kind", metavar="K[,K…]", help="only these kinds: text, tool, reasoning, file, error"
    )
    parser.add_argument(
        "--limit", metavar="N", type=int, default=LIMIT, help=f"hits at most (default: {LIMIT})"
    )


def run(call: Call) -> Answer:
    """Hits with a snippet each; the search ends with the last one that is told."""
    from tui.format import plural
    from tui.store.search import search_all

    if call.options.trash:
        return _in_trash(call)
    forest = call.forest
    wanted = _wanted(call, forest)
    limit = max(1, call.options.limit)
    hits = search_all(call.site.store, wanted, limit)
    sessions = plural(len({hit.session_id for hit in hits}), "session")
    message = f"{plural(len(hits), 'hit')} in {sessions}."
    if len(hits) == limit:
        message = f"The newest {message} There may be more: see --limit."
    data = {"hits": [_hit_json(hit, forest) for hit in hits], "complete": len(hits) < limit}
    text = "" if call.options.json else _text(call, hits, forest)
    return Answer("done" if hits else "nothing", message, data, text)


def _in_trash(call: Call) -> Answer:
    """The same in the batches of the trash, each hit with what brings its tree back."""
    from tui.engine.trash_search import search_trash_all
    from tui.format import plural

    limit = max(1, call.options.limit)
    wanted, project = _wanted(call, None), call.options.project
    found, left_out = search_trash_all(call.site, wanted, limit, call.stop, project)
    trees = plural(len({(each.batch, each.root) for each in found}), "tree")
    message = f"{plural(len(found), 'hit')} in {trees} of the trash."
    if len(found) == limit:
        message += " There may be more: see --limit."
    if found:
        message += " `ocdu trash restore ID` brings a tree back."
    data = {
        "hits": [_buried_json(each) for each in found],
        "complete": len(found) < limit and not left_out,
    }
    text = "" if call.options.json else _buried_text(call, found)
    said = " ".join([message, *left_out])
    ending: Ending = "partial" if left_out else "done" if found else "nothing"
    return Answer(ending, said, data, text)


def _wanted(call: Call, forest: Forest | None) -> Wanted:
    """What was typed, understood; without sessions to choose from where there is no forest.

    Raises WrongCall.
    """
    from tui.quantity import parse_age
    from tui.store.search import Wanted
    from tui.store.words import KINDS

    options = call.options
    if not options.text:
        raise WrongCall("Nothing to search for: name a text.")
    kinds = frozenset(options.kind.split(",")) if options.kind else frozenset(KINDS)
    if unknown := sorted(kinds - set(KINDS)):
        raise WrongCall(f"There is no kind “{unknown[0]}”: choose from {', '.join(KINDS)}.")
    since = 0
    if options.since:
        since = call.now - int(parse_age(options.since).total_seconds() * 1000)
    sessions = None
    if options.project is not None and forest is not None:
        named = {options.project}
        found = (row for row in forest.rows if named & {row.project, row.project_id})
        sessions = frozenset(row.id for row in found)
        if not sessions:
            raise WrongCall(f"There is no project “{options.project}”: see `ocdu list`.")
    return Wanted(options.text, sessions, since, kinds)


def _hit_json(hit: Hit, forest: Forest) -> dict[str, Any]:
    from tui.format import iso

    row = forest.row(hit.session_id) if hit.session_id in forest else None
    return {
        **hit._asdict(),
        "time": iso(hit.time),
        "title": row.title if row else None,
        "project": row.project if row else None,
        "archived": iso(row.archived) if row else None,
    }


def _buried_json(found: Buried) -> dict[str, Any]:
    from tui.format import iso

    named = {"title": found.title, "project": found.project, "archived": None}
    where = {"batch": found.batch, "root": found.root}
    return {**found.hit._asdict(), "time": iso(found.hit.time), **named, **where}


def _text(call: Call, hits: list[Hit], forest: Forest) -> str:
    rows = (forest.row(hit.session_id) if hit.session_id in forest else None for hit in hits)
    titles = (row.title if row else "(not among the sessions)" for row in rows)
    heads = (f"{title}  {hit.session_id}" for title, hit in zip(titles, hits, strict=True))
    return _listed(call, zip(heads, hits, strict=True))


def _buried_text(call: Call, found: list[Buried]) -> str:
    heads = (f"{each.title}  {each.root}  in {each.batch}" for each in found)
    return _listed(call, zip(heads, (each.hit for each in found), strict=True))


def _listed(call: Call, hits: Iterable[tuple[str, Hit]]) -> str:
    """Session by session, as they come; below each its hits."""
    from tui.format import age, clean

    lines: list[str] = []
    before = ""
    for head, hit in hits:
        if head != before:
            before = head
            lines += ["", clean(head)]
        told = f"{hit.kind} {hit.where}".strip()
        lines.append(f"  {age(hit.time, call.now):>6}  {clean(told):<20}  {clean(hit.snippet)}")
    return "\n".join(lines[1:]) + "\n" if lines else ""
