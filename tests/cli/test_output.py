"""Tables and totals as text."""

from __future__ import annotations

from tests.factories import NOW
from tui.cli.output import plan_json, plan_text, table, totals_text
from tui.policy.plan import Item, Outcome, Plan, Totals


def test_columns_are_aligned_and_wide_characters_counted() -> None:
    text = table(("N", "Name"), [("1", "日本"), ("200", "x")], "rl")
    assert text == "  N  Name\n  1  日本\n200  x"
    text = table(("Name", "N"), [("日本", "1"), ("abc", "20")], "lr")
    assert text == "Name   N\n日本   1\nabc   20"


def test_totals_name_only_what_there_is() -> None:
    assert totals_text(Totals(trees=1, sessions=2, bytes=4096)) == "1 tree, 2 sessions, 4.1 kB"
    assert totals_text(Totals()) == "0 B"


def plan(items: int) -> Plan:
    """A plan with so many items."""
    each = Item("ses_x", "[red]\x1b[1m", "idle", Totals(trees=1, bytes=10), seen_active=NOW)
    return Plan("prune", (each,) * items, excluded={"pinned": 2}, predicted_bytes=7)


def test_people_see_the_first_items_and_how_many_more() -> None:
    text = plan_text(plan(25))
    assert text.count("idle") == 20
    assert "… and 5 more" in text
    assert "Left out: 2 pinned" in text
    assert "\x1b" not in text
    assert plan_text(plan(0)) == ""


def test_json_holds_all_items_and_adds_up_what_was_left_out() -> None:
    outcome = Outcome("partial", "", Totals(trees=3), {"pinned": 1, "changed": 4}, freed_bytes=5)
    found = plan_json(plan(25), outcome)
    assert len(found["plan"]["items"]) == 25
    assert found["excluded"] == {"pinned": 3, "changed": 4}
    assert (found["predicted_bytes"], found["freed_bytes"], found["batch"]) == (7, 5, None)


def test_steps_of_the_whole_database_have_no_column_for_sessions_they_do_not_count() -> None:
    steps = Plan("rescue", (Item("events", "  events ", "nothing", Totals(bytes=10)),))
    assert plan_text(steps).splitlines()[:2] == ["Bytes  Why      What", " 10 B  nothing  events"]
