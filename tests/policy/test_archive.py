"""Which sessions get and lose the archive stamp."""

from __future__ import annotations

from tests.factories import NOW
from tests.policy.test_prune import forest, row
from tui.policy.archive import plan_archive, plan_unarchive


def test_archiving_any_session_stamps_its_whole_tree_with_one_time() -> None:
    trees = forest(row("root"), row("child", parent="root"), row("other"))
    plan = plan_archive(trees, ["child"], NOW)
    assert plan.options.stamps == {"root": NOW, "child": NOW}
    assert plan.totals.sessions == 2 and plan.totals.trees == 1


def test_a_child_archived_on_its_own_keeps_its_stamp() -> None:
    trees = forest(row("root"), row("child", parent="root", archived=7))
    assert plan_archive(trees, ["root"], NOW).options.stamps == {"root": NOW}


def test_unarchiving_takes_back_only_the_stamp_of_the_root() -> None:
    trees = forest(
        row("root", archived=9), row("same", parent="root", archived=9),
        row("earlier", parent="root", archived=7), row("never", parent="root"),
    )  # fmt: skip
    assert plan_unarchive(trees, ["same"]).options.stamps == {"root": 9, "same": 9}


def test_a_child_archived_alone_can_be_unarchived_alone() -> None:
    trees = forest(row("root"), row("child", parent="root", archived=7))
    assert plan_unarchive(trees, ["child"]).options.stamps == {"child": 7}


def test_nothing_to_do_says_so() -> None:
    trees = forest(row("root", archived=9))
    assert plan_archive(trees, ["root"], NOW).message == "Every session chosen is archived already."
    trees = forest(row("root"))
    assert plan_unarchive(trees, ["root"]).message == "None of the sessions chosen is archived."
