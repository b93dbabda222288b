"""`ocdu rescue`: the same plan as key `x`, asked for or told."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest

from tests.cli.conftest import Ocdu
from tests.cli.terminal import on_terminal
from tests.engine.test_rescue import bloated, conversation, on_disk
from tests.factories import count_rows
from tests.neighbour import Holder
from tests.picture import picture, site_of


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return bloated(tmp_path / "opencode.db")


def test_a_dry_run_names_every_step_and_changes_nothing(ocdu: Ocdu, full: Path) -> None:
    before = picture(full)
    said = ocdu("rescue", "--dry-run", "--json", "--db", full)
    assert said.exit_code == 0 and said.json["outcome"] == "planned"
    assert [item["id"] for item in said.json["plan"]["items"]] == [
        "compacted", "summarised", "vacuum",
    ]  # fmt: skip
    assert said.json["predicted_bytes"] == said.json["plan"]["totals"]["bytes"]
    assert picture(full) == before


def test_without_a_terminal_and_without_yes_nothing_changes(ocdu: Ocdu, full: Path) -> None:
    before = picture(full)
    said = ocdu("rescue", "--db", full)
    assert "add --yes" in said.out and picture(full) == before


def test_with_yes_the_file_shrinks_and_the_talk_stays(ocdu: Ocdu, full: Path) -> None:
    talk, before, sessions = conversation(full), on_disk(full), count_rows(full, "session")
    said = ocdu("rescue", "--yes", "--json", "--db", full).json
    assert said["outcome"] == "done"
    assert said["freed_bytes"] == before - on_disk(full)
    assert [step["step"] for step in said["details"]["steps"]] == [
        "compacted", "summarised", "vacuum",
    ]  # fmt: skip
    assert said["details"]["before"]["db"] > said["details"]["after"]["db"]
    assert (conversation(full), count_rows(full, "session")) == (talk, sessions)


def test_again_there_is_nothing(ocdu: Ocdu, full: Path) -> None:
    ocdu("rescue", "--yes", "--db", full)
    said = ocdu("rescue", "--yes", "--json", "--db", full)
    assert (said.exit_code, said.json["outcome"]) == (0, "nothing")


def test_steps_can_be_left_out_and_wrong_ones_are_named(ocdu: Ocdu, full: Path) -> None:
    said = ocdu("rescue", "--without", "vacuum,compacted", "--dry-run", "--json", "--db", full).json
    assert [item["id"] for item in said["plan"]["items"]] == ["summarised"]
    wrong = ocdu("rescue", "--without", "sessions", "--db", full)
    assert wrong.exit_code == 2 and "“sessions”" in wrong.err


def test_read_only_refuses(ocdu: Ocdu, full: Path) -> None:
    before = picture(full)
    said = ocdu("rescue", "--yes", "--read-only", "--db", full)
    assert said.exit_code == 3 and "--read-only" in said.err
    assert picture(full) == before


def test_on_a_terminal_it_warns_and_asks(full: Path) -> None:
    before = picture(full)
    code, shown = on_terminal("n\n", "rescue", "--db", full)
    assert code == 0 and "cannot be read again" in shown and "[y/N]" in shown
    assert picture(full) == before


def test_with_wait_the_vacuum_comes_when_the_last_one_has_gone(
    ocdu: Ocdu, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.policy.vacuum.LIVE_LOCK", 0.0)
    before, ledger = on_disk(full), site_of(full).ledger
    assert ledger.entries() == []  # its file is there before two threads ask for it
    holder = Holder(full)

    def leave_when_it_waits() -> None:
        while ("vacuum", "refused") not in {(e.verb, e.state) for e in ledger.entries()}:
            Event().wait(0.01)
        holder.leave()

    with holder:
        other = Thread(target=leave_when_it_waits, daemon=True)
        other.start()
        said = ocdu("rescue", "--yes", "--wait", "--json", "--db", full).json
        other.join()
    assert said["outcome"] == "done", said["message"]
    assert said["vacuum"]["outcome"] == "done"
    assert on_disk(full) < before / 2
