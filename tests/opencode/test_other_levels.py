"""Whatever else ocdu reclaims in old conversations, opencode reads and continues them."""

from __future__ import annotations

from tests.opencode.ageing import age
from tests.opencode.ocdu import ocdu
from tests.opencode.past import Past
from tests.opencode.provider import Provider
from tests.opencode.witness import (
    PLACEHOLDER,
    RECLAIMED,
    count,
    is_reclaimed,
    opencode_accepts,
    tree,
)


def test_the_other_levels_leave_old_conversations_readable(past: Past, provider: Provider) -> None:
    age(past.home, days=45)
    family, pruned = tree(past, "family"), past.ids["pruned"]
    events, sequences = count(past, "event"), count(past, "event_sequence")
    said = ocdu(past.home, "reclaim", "--level", "stale,subagents,events,diffs,orphans")
    assert said.json["outcome"] == "done", str(said)
    assert count(past, "event_sequence") == sequences
    assert count(past, "event") < events or events == 0, str(said)

    earlier = len(provider.turns_about("Sow cress."))
    seen = opencode_accepts(past, continues="pruned", exports=["quiet"])
    (child,) = family - {past.ids["family"]}
    assert all(is_reclaimed(state) for state in seen[child].tool_states)
    request = provider.turns_about("Sow cress.")[earlier]
    assert [each == PLACEHOLDER for each in request.tool_results] == [
        "compacted" in state["time"] for state in seen[pruned].tool_states
    ]
    assert RECLAIMED not in request.text
