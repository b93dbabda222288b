"""Why a session does not show up: one sentence for each reason, each with the next step."""

from __future__ import annotations

from pathlib import Path

from tui.places import Whereabouts
from tui.policy.whereabouts import explanations

MAIN = Whereabouts(Path("/d/opencode.db"), sessions=5, projects=1, generation="v1")
DEV = Whereabouts(Path("/d/opencode-dev.db"), sessions=2, projects=1, generation="v1")


def told(*rows: Whereabouts, json: int = 0, missing: int = 0, at: Path | None = None) -> list[str]:
    return list(explanations(rows, json, missing, at))


def test_where_nothing_is_hidden_nothing_is_said() -> None:
    assert told(MAIN, at=MAIN.path) == [] and told() == []


def test_sessions_of_another_channel_are_counted_only_where_one_is_open() -> None:
    [sentence] = told(MAIN, DEV, at=MAIN.path)
    assert "2 sessions more" in sentence and "channel" in sentence
    assert told(MAIN, DEV) == []


def test_json_files_count_only_when_something_was_never_imported() -> None:
    assert told(MAIN, json=9) == []
    [sentence] = told(MAIN, json=9, missing=4)
    assert "4 of 9 sessions" in sentence and "1.15" in sentence


def test_files_of_one_name_are_told_apart() -> None:
    elsewhere = MAIN._replace(path=Path("/e/opencode.db"), archived=3)
    assert [sentence.split(" in ")[1].split(":")[0] for sentence in told(MAIN, elsewhere)] == [
        "e/opencode.db"
    ]


def test_each_reason_names_the_file_and_the_next_step() -> None:
    row = MAIN._replace(in_events_only=1, missing=2, archived=3, projects=4)
    sentences = told(row)
    for sentence, count, step in zip(
        sentences, ("1", "2", "3", "4"),
        ("ocdu recover", "ocdu projects relink", "ocdu unarchive", "folder"), strict=True,
    ):  # fmt: skip
        assert "opencode.db" in sentence and count in sentence and step in sentence
