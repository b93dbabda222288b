"""Whatever ocdu does to a database, the opencode that made it reads on as if nothing happened."""

from __future__ import annotations

from typing import Any

from tests.opencode.ageing import age
from tests.opencode.ocdu import ocdu
from tests.opencode.past import TITLES, Past
from tests.opencode.provider import Provider
from tests.opencode.witness import (
    PLACEHOLDER,
    RECLAIMED,
    is_reclaimed,
    opencode_accepts,
    rows_of,
    tree,
)


def test_opencode_sees_what_ocdu_archives_and_unarchives(past: Past) -> None:
    family = tree(past, "family")
    said = ocdu(past.home, "archive", past.ids["family"])
    assert (said.json["outcome"], said.json["done"]["sessions"]) == ("done", 2), str(said)
    seen = opencode_accepts(past, continues="family", exports=["family"])
    stamps = {key: each.archived for key, each in seen.items()}
    assert {key for key, stamp in stamps.items() if stamp is not None} == family
    assert len({stamps[key] for key in family}) == 1, "one stamp for the whole tree"

    said = ocdu(past.home, "unarchive", past.ids["family"])
    assert (said.json["outcome"], said.json["done"]["sessions"]) == ("done", 2), str(said)
    seen = opencode_accepts(past, continues="family")
    assert [key for key, each in seen.items() if each.archived is not None] == []


def test_opencode_sends_its_own_placeholder_for_reclaimed_output(
    past: Past, provider: Provider
) -> None:
    pruned = past.ids["pruned"]
    said = ocdu(past.home, "reclaim", "--level", "compacted")
    assert said.json["outcome"] == "done", str(said)
    earlier = len(provider.turns_about("Sow cress."))
    seen = opencode_accepts(past, continues="pruned", exports=["pruned"])

    states = seen[pruned].tool_states
    taken = [state for state in states if is_reclaimed(state)]
    assert taken == [state for state in states if "compacted" in state["time"]]
    assert 0 < len(taken) < len(states)
    assert not any("walnut" in str(state["metadata"]) for state in taken), "no second copy stays"
    for key in seen.keys() - {pruned}:
        assert not any(is_reclaimed(state) for state in seen[key].tool_states)

    request = provider.turns_about("Sow cress.")[earlier]
    assert [each == PLACEHOLDER for each in request.tool_results] == [
        is_reclaimed(state) for state in states
    ]
    assert RECLAIMED not in request.text


def test_output_the_model_still_sees_is_not_taken_with_the_summarised(
    past: Past, provider: Provider
) -> None:
    age(past.home, days=1)
    said = ocdu(past.home, "reclaim", "--level", "compacted,summarised")
    assert said.json["outcome"] == "done", str(said)
    earlier = len(provider.turns_about("Sow cress."))
    seen = opencode_accepts(past, continues="summarised", exports=["summarised"])

    states = seen[past.ids["summarised"]].tool_states
    taken = [f"chestnut-{turn}" for turn, state in enumerate(states) if is_reclaimed(state)]
    kept = [f"chestnut-{turn}" for turn, state in enumerate(states) if not is_reclaimed(state)]
    assert taken, "what lies before the summary is never sent again"
    request = provider.turns_about("Sow cress.")[earlier]
    assert [word in request.text for word in kept] == [True] * len(kept)
    assert PLACEHOLDER not in request.text
    assert RECLAIMED not in request.text
    assert any(is_reclaimed(state) for state in seen[past.ids["overflowed"]].tool_states)


def test_a_pruned_tree_comes_back_from_the_trash_in_every_column(past: Past) -> None:
    family = tree(past, "family")
    before = rows_of(past.home, family)
    said = ocdu(past.home, "prune", past.ids["family"])
    assert (said.json["outcome"], said.json["done"]["sessions"]) == ("done", 2), str(said)
    assert not any(rows_of(past.home, family).values())
    others = [title for title in TITLES if title != "family"]
    seen = opencode_accepts(past, exports=others)
    assert not family & seen.keys()

    batch = said.json["batch"]
    said = ocdu(past.home, "trash", "restore", str(batch))
    assert said.json["outcome"] == "done", str(said)
    assert _but_history(rows_of(past.home, family)) == _but_history(before)
    opencode_accepts(past, continues="family", exports=["family"])


def _but_history(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Without event rows, which the trash leaves out unless told otherwise."""
    return {table: found for table, found in rows.items() if table != "event"}


def test_what_is_pruned_for_good_is_given_back_by_a_vacuum(past: Past) -> None:
    pruned = tree(past, "pruned")
    said = ocdu(past.home, "prune", past.ids["pruned"], "--permanent")
    assert (said.json["outcome"], said.json["batch"]) == ("done", None), str(said)
    assert not any(rows_of(past.home, pruned).values())
    opencode_accepts(past)

    stats = ocdu(past.home, "stats").json["database"]
    assert stats["free_bytes"] > 0
    assert stats["holders"] == []
    ocdu(past.home, "checkpoint")
    before = past.home.db.stat().st_size
    said = ocdu(past.home, "vacuum")
    assert said.json["outcome"] == "done", str(said)
    assert before - past.home.db.stat().st_size >= stats["free_bytes"] * 0.9, str(said)
    opencode_accepts(past, exports=["summarised"])
