"""What symptoms mean, and what of it is mended."""

from __future__ import annotations

import pytest

from tui.policy.doctor import (
    MEANINGS,
    REPAIRS,
    SEVERITIES,
    MendOptions,
    judge,
    plan_mend,
    summary,
    worst,
)
from tui.policy.plan import Item, Plan, Totals
from tui.records import Symptom

MB = 1_000_000


def test_no_symptom_is_health() -> None:
    assert judge([]) == []
    assert worst([]) == "ok"
    assert summary([], deep=True) == "Nothing is wrong."


def test_the_gravest_comes_first_and_the_larger_before_the_smaller() -> None:
    found = judge(
        [
            Symptom("missing_directory", 3, 9 * MB),
            Symptom("orphan_todo", 1, 10),
            Symptom("orphan_part", 1, 5 * MB),
            Symptom("malformed_json", 1, 10),
        ]
    )
    assert [each.kind for each in found] == [
        "malformed_json", "orphan_part", "orphan_todo", "missing_directory",
    ]  # fmt: skip
    assert worst(found) == "error"
    assert summary(found, deep=True) == (
        "1 error, 2 warnings, 1 note; `ocdu doctor --fix` mends 2 of them."
    )


def test_symptoms_of_one_kind_are_told_together() -> None:
    [found] = judge([Symptom("quick_check", 1, 5, (), ("a",)), Symptom("quick_check", 2, None)])
    assert (found.count, found.bytes, found.says) == (3, None, ("a",))


@pytest.mark.parametrize(
    ("file_bytes", "free", "told"),
    [
        (1000 * MB, 50 * MB, True),
        (1000 * MB, 50 * MB - 1, False),
        (100 * MB, 10 * MB, True),
        (100 * MB, 10 * MB - 1, False),
        (0, 0, False),
    ],
)
def test_free_pages_are_worth_telling_where_a_vacuum_is_worth_proposing(
    file_bytes: int, free: int, told: bool
) -> None:
    found = judge([Symptom("free_pages", free // 4096, free, (), (str(file_bytes),))])
    assert bool(found) == told


def test_orphans_are_mended_by_the_reclaim_that_was_planned() -> None:
    [found] = judge([Symptom("orphan_todo", 2, 10)])
    assert found.fix == "orphans"
    plan = plan_mend(
        [found], MendOptions(orphans=Plan("reclaim", (Item("ses_x", "x", "", Totals()),)))
    )
    assert [item.id for item in plan] == ["orphans"]
    assert len(plan_mend([found], MendOptions())) == 0


def test_what_may_be_a_lost_session_is_never_mended() -> None:
    [found] = judge([Symptom("session_in_events_only", 1, 10)])
    assert (found.fix, "ocdu recover" in found.mend) == ("", True)
    assert plan_mend([found], MendOptions()).message == "Nothing can be mended without guessing."


def test_orphans_of_a_project_are_a_note_and_stay() -> None:
    [found] = judge([Symptom("unowned_permission", 1, 10)])
    assert (found.severity, found.fix) == ("note", "")
    assert found.what == "row of permission without its owner"


def test_repairs_come_in_their_order() -> None:
    kinds = (
        "counter_behind_events", "leftover_copy", "counter_behind_messages", "interrupted_job",
    )  # fmt: skip
    found = judge([Symptom(kind, 1) for kind in kinds])
    assert [item.id for item in plan_mend(found, MendOptions())] == [
        "recovery", "leftovers", "counters", "counters",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", MEANINGS)
def test_every_meaning_is_one_sentence_with_what_mends_it(kind: str) -> None:
    meaning = MEANINGS[kind]
    assert meaning.severity in SEVERITIES
    assert meaning.fix in ("", *REPAIRS)
    assert meaning.mend.endswith(".")
    [found] = judge([Symptom(kind, 1, 60 * MB, (), ("7",))])
    assert "{" not in found.meaning + found.mend + found.what


def test_what_was_heard_is_shortened_in_the_sentence_and_whole_beside_it() -> None:
    heard = tuple(f"disk {n}" for n in range(5))
    [found] = judge([Symptom("quick_check", 5, None, (), heard)])
    assert "disk 2 …." in found.meaning and "disk 3" not in found.meaning
    assert found.says == heard
