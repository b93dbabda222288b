"""Which trees a prune takes: every rule with the case that lies exactly on its edge."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import DAY, HOUR, NOW, days_ago
from tui.forest import Forest
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, needs_asking, plan_prune
from tui.records import SessionRow, Usage

MONTH = PrunePolicy(older_than=timedelta(days=30))


def row(
    id: str, active: int = days_ago(90), parent: str | None = None, **given: object
) -> SessionRow:
    fields: dict[str, object] = {
        "id": id, "parent_id": parent, "project_id": "p1", "project": "garden", "title": id,
        "directory": "/home/dev/garden", "created": 1, "updated": active, "archived": None, **given,
    }  # fmt: skip
    return SessionRow(**fields)  # type: ignore[arg-type]


def forest(*rows: SessionRow, octets: int = 100) -> Forest:
    return Forest.of(rows, {each.id: Usage(1, 2, 3, 0, octets, 0) for each in rows})


def ids(plan: Plan) -> list[str]:
    return [item.id for item in plan]


def test_a_root_with_one_active_child_is_never_pruned() -> None:
    trees = forest(row("old"), row("child", active=days_ago(1), parent="old"))
    assert ids(plan_prune(trees, MONTH, NOW)) == []


def test_the_newest_message_counts_even_when_the_row_says_otherwise() -> None:
    trees = forest(row("old", last_message=days_ago(2)))
    assert ids(plan_prune(trees, MONTH, NOW)) == []


def test_a_tree_exactly_at_the_limit_stays_and_one_millisecond_older_goes() -> None:
    trees = forest(row("edge", active=NOW - 30 * DAY), row("over", active=NOW - 30 * DAY - 1))
    assert ids(plan_prune(trees, MONTH, NOW)) == ["over"]


def test_the_plan_is_ordered_by_idleness_and_counts_descendants() -> None:
    trees = forest(row("b", active=days_ago(60)), row("a"), row("a1", parent="a"))
    plan = plan_prune(trees, MONTH, NOW)
    assert ids(plan) == ["a", "b"]
    assert (plan.totals.trees, plan.totals.sessions, plan.totals.bytes) == (2, 3, 300)
    assert (plan.totals.messages, plan.totals.parts, plan.totals.events) == (3, 6, 9)
    assert plan.items[0].sessions == ("a", "a1")


def test_every_protection_is_counted_by_its_reason() -> None:
    trees = forest(
        row("shared", shared=True), row("pinned", pinned=True), row("at work"),
        row("just now", active=NOW - HOUR + 1), row("goes", active=NOW - HOUR - 1),
    )  # fmt: skip
    policy = PrunePolicy(older_than=timedelta(0))
    plan = plan_prune(trees, policy, NOW, running={"at work"})
    assert ids(plan) == ["goes"]
    assert plan.excluded == {"shared": 1, "pinned": 1, "running": 1, "recent": 1}


def test_a_protected_child_protects_its_whole_tree() -> None:
    trees = forest(row("root"), row("child", parent="root", pinned=True))
    plan = plan_prune(trees, MONTH, NOW)
    assert ids(plan) == [] and plan.excluded == {"pinned": 1}


def test_naming_a_tree_overrides_its_protections_and_means_the_whole_tree() -> None:
    trees = forest(row("root", shared=True, active=NOW), row("child", parent="root"))
    plan = plan_prune(trees, PrunePolicy(ids=frozenset({"child"})), NOW)
    assert ids(plan) == ["root"] and plan.items[0].sessions == ("root", "child")


def test_the_newest_of_every_project_can_be_kept() -> None:
    trees = forest(
        row("a", active=days_ago(50)), row("b", active=days_ago(60)),
        row("c", active=days_ago(70), project_id="p2"),
    )  # fmt: skip
    plan = plan_prune(trees, PrunePolicy(older_than=timedelta(days=30), keep=1), NOW)
    assert ids(plan) == ["b"] and plan.excluded == {"kept": 2}


def test_scope_by_project_directory_archive_and_missing_directory() -> None:
    trees = forest(
        row("a"), row("b", project="shop"), row("c", directory="/home/dev/garden/sub"),
        row("d", directory="/home/dev/gardening"), row("e", archived=5), row("f", missing=True),
    )  # fmt: skip

    def going(**conditions: object) -> set[str]:
        policy = PrunePolicy(older_than=timedelta(days=30), **conditions)  # type: ignore[arg-type]
        return set(ids(plan_prune(trees, policy, NOW)))

    assert going(project="shop") == {"b"}
    assert going(directory="/home/dev/garden/") == {"a", "b", "c", "e", "f"}
    assert going(archived=True) == {"e"}
    assert going(missing=True) == {"f"}
    assert going(larger_than=101) == set()
    assert len(going(larger_than=100)) == 6


def test_children_means_idle_branches_of_roots_that_stay() -> None:
    trees = forest(
        row("root", active=days_ago(1)), row("done", parent="root"), row("deep", parent="done"),
        row("busy", parent="root", active=days_ago(2)), row("under", parent="busy"),
    )  # fmt: skip
    policy = PrunePolicy(older_than=timedelta(days=30), children=True)
    plan = plan_prune(trees, policy, NOW)
    assert sorted(ids(plan)) == ["done", "under"]
    assert plan.totals.sessions == 3


def test_a_budget_takes_the_oldest_until_the_rest_fits_and_zero_means_off() -> None:
    trees = forest(
        *(row(name, active=days_ago(age)) for name, age in (("a", 90), ("b", 80), ("c", 70)))
    )
    month = timedelta(days=30)
    assert ids(plan_prune(trees, PrunePolicy(older_than=month, budget=200), NOW)) == ["a"]
    assert ids(plan_prune(trees, PrunePolicy(older_than=month, budget=199), NOW)) == ["a", "b"]
    assert ids(plan_prune(trees, PrunePolicy(older_than=month, budget=0), NOW)) == ["a", "b", "c"]


def test_an_empty_plan_says_how_old_the_oldest_is() -> None:
    plan = plan_prune(forest(row("young", active=days_ago(12))), MONTH, NOW)
    assert plan.message == (
        "Nothing to prune: the tree idle longest was active 12 d ago, the limit is 30 days."
    )


def test_a_cycle_of_parents_is_one_tree_and_can_go() -> None:
    trees = forest(row("a", parent="b"), row("b", parent="a"))
    plan = plan_prune(trees, MONTH, NOW)
    assert len(plan) == 1 and set(plan.items[0].sessions) == {"a", "b"}


def test_the_prediction_adds_what_rows_of_this_file_take_beside_their_payload() -> None:
    trees = forest(row("a"), row("b", active=NOW), octets=1000)  # six rows each
    assert plan_prune(trees, MONTH, NOW, filled_bytes=3200).predicted_bytes == 1000 + 6 * 100
    assert plan_prune(trees, MONTH, NOW).predicted_bytes == 1000 + 6 * 500


def test_one_key_asks_first_only_for_what_could_be_missed() -> None:
    trees = forest(row("plain"), row("shared", shared=True), row("fresh", active=NOW - 1))
    assert needs_asking(trees, ["plain"], NOW) is None
    assert "public page" in (needs_asking(trees, ["plain", "shared"], NOW) or "")
    assert "last hour" in (needs_asking(trees, ["fresh"], NOW) or "")
    assert "at work" in (needs_asking(trees, ["plain"], NOW, running={"plain"}) or "")


def test_one_key_takes_neither_many_trees_nor_most_of_them_unasked() -> None:
    names = [f"t{n}" for n in range(50)]
    trees = forest(*map(row, names))
    assert needs_asking(trees, names[:20], NOW) is None
    assert needs_asking(trees, names[:21], NOW) == "These are more than 20 trees: 21."
    few = forest(*map(row, names[:4]))
    assert needs_asking(few, names[:2], NOW) is None
    assert "more than half of all sessions: 3 of 4" in (needs_asking(few, names[:3], NOW) or "")
    assert needs_asking(forest(row("only")), ["only"], NOW) is None


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 200), st.booleans()), max_size=12),
    st.integers(0, 100),
)
def test_no_plan_ever_holds_a_tree_younger_than_the_limit_or_protected(
    drawn: list[tuple[int, int, bool]], limit: int
) -> None:
    rows = [
        row(str(i), active=days_ago(age), parent=str(parent) if parent != i else None, pinned=pin)
        for i, (parent, age, pin) in enumerate(drawn)
    ]
    trees = forest(*rows)
    plan = plan_prune(trees, PrunePolicy(older_than=timedelta(days=limit)), NOW)
    for item in plan:
        going = [trees.row(id) for id in item.sessions]
        assert all(each.active < NOW - limit * DAY for each in going)
        assert not any(each.pinned for each in going)
    named = [id for item in plan for id in item.sessions]
    assert len(named) == len(set(named))
