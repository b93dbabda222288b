"""The law of the trash on many forests, and on a large one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.test_round_trip import forests, pruned, there_and_back
from tests.factories import Given, days_ago, execute, make_database, session
from tests.picture import assert_sound, but_history, picture, run, site_of
from tui.engine.restore import plan_restore


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(forests(), st.booleans(), st.data())
def test_restore_after_prune_is_nothing(
    tmp_path_factory: pytest.TempPathFactory, trees: list[Given], events: bool, data: st.DataObject
) -> None:
    there_and_back(tmp_path_factory.mktemp("trip"), trees, events, data)


def test_five_hundred_trees_come_back_in_every_column(tmp_path: Path) -> None:
    """As many as two years of daily work: in three groups, with helpers and shared ones."""
    trees = [
        session(
            f"tree {number}",
            active=days_ago(2 + number % 300),
            events=number % 3,
            todos=number % 2,
            share=number % 50 == 0,
            octets=number * 37 % 5000,
            children=[session(f"leaf {number}", active=days_ago(3))] if number % 4 == 0 else [],
        )
        for number in range(500)
    ]
    site = site_of(make_database(tmp_path / "opencode.db", trees))
    before = picture(site.store.path)
    batch = pruned(site, [tree.id for tree in trees], events=False)
    assert execute(site.store.path, "SELECT count(*) FROM session") == [(0,)]
    assert run(plan_restore(site, [batch]), site).done.sessions == 625
    assert but_history(picture(site.store.path)) == but_history(before)
    assert_sound(site.store.path)
