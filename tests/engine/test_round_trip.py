"""The law of the trash: prune, then restore, and every column of every row is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import NOW, Given, Tool, Turn, days_ago, execute, make_database, session
from tests.picture import Picture, assert_sound, but_history, forest_of, picture, run, site_of
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.policy.prune import PrunePolicy, plan_prune

TURN = st.builds(
    Turn,
    text=st.text(max_size=20),
    tools=st.lists(st.builds(Tool, st.integers(0, 3000), st.booleans()), max_size=3),
    diffs=st.integers(0, 50),
)


@st.composite
def forests(draw: st.DrawFn) -> list[Given]:
    """Sessions in trees of any shape over several projects, with whatever a session may own."""
    count = draw(st.integers(1, 14))
    children: dict[int, list[Given]] = {}
    for number in reversed(range(count)):
        made = session(
            draw(st.text(max_size=12)) or "untitled",
            id=f"ses_{number}",
            project=draw(st.sampled_from(["garden", "house"])),
            active=days_ago(draw(st.integers(2, 400))),
            archived=draw(st.none() | st.integers(1, NOW)),
            turns=tuple(draw(st.lists(TURN, max_size=3))),
            events=draw(st.integers(0, 2)),
            owner=draw(st.sampled_from([None, None, None, "other machine"])),
            todos=draw(st.integers(0, 2)),
            share=draw(st.booleans()),
            children=children.pop(number, []),
        )
        parent = draw(st.integers(-1, number - 1)) if number else -1
        children.setdefault(parent, []).append(made)
    return children[-1]


@contextmanager
def own_home(path: Path) -> Iterator[None]:
    """Examples of one test share its home: each gets a trash of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(path / "data"))
        yield


def pruned(site: Site, roots: list[str], *, events: bool) -> str:
    """The batch these trees went to."""
    policy = PrunePolicy(ids=frozenset(roots), events=events)
    outcome = run(plan_prune(forest_of(site), policy, NOW), site)
    assert outcome.ending == "done", outcome.message
    return outcome.batch or ""


def others(path: Path, gone: set[str]) -> list[object]:
    """All rows of all sessions that were to stay."""
    marks = ", ".join("?" * len(gone))
    keys = {"session": "id", "event": "aggregate_id", "event_sequence": "aggregate_id"}
    return [
        execute(
            path,
            f'SELECT * FROM "{table}" WHERE "{keys.get(table, "session_id")}" NOT IN ({marks})'
            " ORDER BY rowid",
            *gone,
        )
        for table in ("session", "message", "part", "todo", "session_share", *list(keys)[1:])
    ]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(forests(), st.booleans(), st.data())
def test_restore_after_prune_is_nothing(
    tmp_path_factory: pytest.TempPathFactory, trees: list[Given], events: bool, data: st.DataObject
) -> None:
    """A few examples for every day; `tests.faults.test_round_trip` tries many."""
    there_and_back(tmp_path_factory.mktemp("trip"), trees, events, data)


def there_and_back(folder: Path, trees: list[Given], events: bool, data: st.DataObject) -> None:
    """To the trash and back, in two steps."""
    path = make_database(folder / "opencode.db", trees)
    with own_home(folder):
        site = site_of(path)
        roots = data.draw(st.lists(st.sampled_from([t.id for t in trees]), min_size=1, unique=True))
        forest = forest_of(site)
        gone = {id for root in roots for id in forest.tree_of(root).ids}
        before, untouched = picture(path), others(path, gone)
        batch = pruned(site, roots, events=events)
        assert others(path, gone) == untouched
        assert_sound(path)
        back = data.draw(st.permutations(roots))
        for root in back[:1]:
            assert run(plan_restore(site, [root]), site).ending == "done"
        if batches(site.ledger.trash_folder):
            assert run(plan_restore(site, [batch]), site).ending == "done"
        assert _as_configured(picture(path), events) == _as_configured(before, events)
        assert batches(site.ledger.trash_folder) == []


def _as_configured(found: Picture, events: bool) -> Picture:
    return found if events else but_history(found)
