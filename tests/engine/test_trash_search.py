"""Searching the trash: the same hits as before the prune, whatever happens meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.engine.test_prune import plan_for
from tests.factories import Tool, Turn, days_ago, execute, make_database, session
from tests.generations import every_state
from tests.picture import run, site_of
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.engine.trash_search import search_trash, search_trash_all
from tui.places import Buried
from tui.records import Hit
from tui.store import search
from tui.store.buried import search_batch
from tui.store.search import Wanted, search_all
from tui.store.shelf import passing

OLD = days_ago(60)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Roses are spoken of in a tree's child, in a tool's output and in a session that stays."""
    child = session("Look up roses", turns=[Turn("What do ROSES need?")], active=OLD)
    trees = [
        session("Beds", turns=[Turn("Dig", "Done", [Tool(30)])], children=[child], active=OLD),
        session(
            "Gruesse",
            id="ses_gre",
            turns=[Turn("ÉTÉ and roses", 'C:\\\\ "quoted" 100%')],
            active=OLD,
        ),
        session("Lawn", turns=[Turn("No roses here")], active=OLD),
    ]
    made = make_database(tmp_path / "opencode" / "opencode.db", trees)
    execute(
        made,
        "UPDATE part SET data = json_set(data, '$.state.output', 'a rose is a rose')"
        " WHERE json_extract(data, '$.type') = 'tool'",
    )
    return site_of(made)


def found(site: Site, text: str) -> list[Buried]:
    hits, left_out = search_trash_all(site, Wanted(text), 1_000, Event())
    assert left_out == ()
    return hits


def hits_of(buried: list[Buried]) -> set[Hit]:
    return {each.hit for each in buried}


@pytest.mark.parametrize("text", ["rose", "ROSES", "été", "100%", "\\", '"quoted"', "tulip", ""])
def test_what_was_found_before_a_prune_is_found_after_it(site: Site, text: str) -> None:
    gone = frozenset({"ses_beds", "ses_lookuproses", "ses_gre"})
    before = set(search_all(site.store, Wanted(text, gone)))
    run(plan_for(site, "ses_beds", "ses_gre"), site)
    assert hits_of(found(site, text)) == before


def test_both_generations_tell_the_same_in_the_trash(tmp_path: Path) -> None:
    every_state(tmp_path / "opencode.db")
    site = site_of(tmp_path / "opencode.db")
    ids = [id for (id,) in execute(site.store.path, "SELECT id FROM session")]
    before = set(search_all(site.store, Wanted("e", frozenset(ids))))
    assert before
    run(plan_for(site, *ids), site)
    pruned = {id for each in batches(site.ledger.trash_folder) for t in each.forest
              for id in t.members}  # fmt: skip
    assert hits_of(found(site, "e")) == {hit for hit in before if hit.session_id in pruned}


def test_a_hit_names_the_batch_and_the_tree_that_bring_it_back(site: Site) -> None:
    run(plan_for(site, "ses_beds"), site)
    [hit] = found(site, "what do roses")
    assert (hit.title, hit.root) == ("Look up roses", "ses_beds")
    assert run(plan_restore(site, [f"{hit.batch}/{hit.root}"]), site).done.sessions == 2
    assert found(site, "roses") == []
    assert search_all(site.store, Wanted("what do roses")) == [hit.hit]


def test_a_huge_row_is_searched_without_being_loaded(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_HIT", search._HIT.replace(str(search.LARGE), "40"))
    monkeypatch.setattr(search, "_ROW", search._ROW.replace(str(search.LARGE), "40"))
    monkeypatch.setattr(search, "LARGE", 40)
    run(plan_for(site, "ses_beds"), site)
    assert [each.hit.where for each in found(site, "is a rose")] == ["bash output"]


def test_nothing_is_left_behind_and_no_batch_is_touched(site: Site) -> None:
    run(plan_for(site, "ses_beds"), site)
    [batch] = batches(site.ledger.trash_folder)
    before = batch.path.read_bytes(), os.stat(batch.path).st_mtime_ns
    found(site, "rose")
    steps = search_trash(site, Wanted("rose"), Event())
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    stop = Event()
    for _ in search_trash(site, Wanted("rose"), stop):
        stop.set()
    assert passing(site.ledger.trash_folder) == []
    assert (batch.path.read_bytes(), os.stat(batch.path).st_mtime_ns) == before


def test_a_damaged_batch_is_named_and_stops_no_other(site: Site) -> None:
    damaged = run(plan_for(site, "ses_beds"), site).batch or ""
    whole = run(plan_for(site, "ses_lawn"), site).batch or ""
    path = site.ledger.trash_folder / f"{damaged}.trash"
    os.truncate(path, path.stat().st_size - 40)
    hits, left_out = search_trash_all(site, Wanted("roses"), 100, Event())
    assert [each.batch for each in hits] == [whole]
    [said] = left_out
    assert damaged in said and "was not searched" in said


def test_two_may_search_at_the_same_time(site: Site) -> None:
    run(plan_for(site, "ses_beds"), site)
    one, two = (search_trash(site, Wanted("roses"), Event()) for _ in range(2))
    both = list(zip(one, two, strict=True))
    assert sum(len(a.hits) for a, _ in both) == sum(len(b.hits) for _, b in both) == 1
    assert passing(site.ledger.trash_folder) == []


def test_shares_grow_to_the_end(site: Site) -> None:
    run(plan_for(site, "ses_beds"), site)
    run(plan_for(site, "ses_lawn"), site)
    shares = [step.share for step in search_trash(site, Wanted("roses"), Event())]
    assert shares == sorted(shares) and shares[-1] == 1 and len(shares) > 3


def test_the_newest_hits_of_all_batches_are_told_whatever_batch_they_lie_in(
    tmp_path: Path,
) -> None:
    """The batch made last holds the oldest words, as when one prunes the old after the new."""
    ages = {"new": 40, "old": 400, "middle": 100}
    trees = [
        session(name, turns=[Turn(f"rose {n} of {name}") for n in range(4)], active=days_ago(age))
        for name, age in ages.items()
    ]
    site = site_of(make_database(tmp_path / "opencode.db", trees))
    for name in ages:
        run(plan_for(site, f"ses_{name}"), site)
    every, _ = search_trash_all(site, Wanted("rose"), 1_000, Event())
    times = [each.hit.time for each in every]
    assert len(every) == 12 and times == sorted(times, reverse=True)
    for limit in (1, 4, 6, 11):
        assert search_trash_all(site, Wanted("rose"), limit, Event())[0] == every[:limit]


def test_a_batch_made_before_all_that_was_found_is_not_unpacked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(plan_for(site, "ses_gre"), site)
    run(plan_for(site, "ses_beds"), site)
    newer, older = batches(site.ledger.trash_folder)
    said = [older._replace(created=1), newer]
    monkeypatch.setattr("tui.engine.trash_search.batches", lambda *_: said[::-1])
    opened: list[Path] = []
    monkeypatch.setattr("tui.engine.trash_search.search_batch", _counted(opened))
    assert len(search_trash_all(site, Wanted("roses"), 1, Event())[0]) == 1
    assert opened == [newer.path]


def _counted(opened: list[Path]) -> Callable[..., Iterator[Any]]:
    def counted(path: Path, *given: Any) -> Iterator[Any]:
        opened.append(path)
        yield from search_batch(path, *given)

    return counted
