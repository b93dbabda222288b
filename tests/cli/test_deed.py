"""Asking on a terminal, and ending politely in the middle of a deed."""

from __future__ import annotations

import json
import os
import signal
import threading
from argparse import Namespace
from collections.abc import Callable, Generator
from pathlib import Path
from threading import Event

import pytest

from tests.cli.conftest import Ocdu
from tests.cli.terminal import on_terminal
from tests.factories import NOW, count_rows, days_ago, execute, make_database, session
from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out
from tui.engine.prune import apply_prune
from tui.engine.site import Site
from tui.policy.plan import Outcome, Plan, Step
from tui.policy.prune import PrunePolicy, plan_prune


@pytest.mark.parametrize("typed", ["\n", "n\n", "maybe\n", "yellow\n", "\x04"])
def test_whatever_is_not_a_clear_yes_changes_nothing(garden: Path, typed: str) -> None:
    code, shown = on_terminal(typed, "prune", "ses_old", "--db", garden)
    assert code == 0, shown
    assert "Move 1 tree to the trash" in shown
    assert "Nothing was changed." in shown
    assert count_rows(garden, "session") == 6


def test_a_yes_does_it(garden: Path) -> None:
    code, shown = on_terminal("y\n", "prune", "ses_old", "--db", garden)
    assert code == 0, shown
    assert count_rows(garden, "session") == 4


def test_a_warning_stands_before_the_question(garden: Path) -> None:
    code, shown = on_terminal("n\n", "prune", "ses_shed", "--db", garden)
    assert code == 0
    assert shown.index("public page") < shown.index("[y/N]")


def test_ctrl_c_at_the_question_is_a_no(garden: Path) -> None:
    code, shown = on_terminal("\x03", "prune", "ses_old", "--db", garden)
    assert code == 3, shown
    assert "Interrupted: nothing was changed." in shown
    assert "Traceback" not in shown
    assert count_rows(garden, "session") == 6


def test_json_never_asks(garden: Path) -> None:
    code, shown = on_terminal("", "prune", "ses_old", "--json", "--db", garden)
    assert code == 0
    assert json.loads(shown)["outcome"] == "planned"
    assert count_rows(garden, "session") == 6


def test_on_a_terminal_lines_are_cut_to_its_width(tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", [session("very long " * 30, id="ses_long")])
    code, shown = on_terminal("", "list", "--db", path)
    assert code == 0
    assert max(len(line) for line in shown.splitlines()) <= 80


# interruptions


def call_of(path: Path) -> Call:
    """A call with --yes on this database."""
    given = {"json": True, "yes": True, "dry_run": False, "read_only": False, "force": False}
    return Call(Namespace(db=str(path), config=None, verb="prune", **given), NOW)


@pytest.fixture
def orchard(tmp_path: Path) -> Path:
    """Thirty trees of two sessions."""
    given = [
        session(f"s{n}", active=days_ago(90), octets=3000,
                children=[session(f"c{n}", active=days_ago(90))])
        for n in range(30)
    ]  # fmt: skip
    return make_database(tmp_path / "opencode.db", given)


Engine = Callable[[Plan, Site, Event], Generator[Step, None, Outcome]]


def interrupted_by(number: int, phase: str) -> Engine:
    """The prune, which is sent this signal at its first step of this phase."""

    def engine(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
        steps = apply_prune(plan, site, stop)
        sent = False
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            if not sent and step.phase == phase:
                sent = True
                os.kill(os.getpid(), number)
            yield step

    return engine


def interrupted(path: Path, number: int, phase: str) -> Answer:
    """Prune everything in the orchard, with a signal on the way."""
    call = call_of(path)
    policy = PrunePolicy(ids=frozenset(row.id for row in call.forest.rows))
    plan = plan_prune(call.measured(call.forest), policy, NOW)
    return carry_out(call, plan, "Prune", engine=interrupted_by(number, phase))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_deed_between_two_trees(
    orchard: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)  # a transaction for every deed
    answer = interrupted(orchard, number, "deleting")
    left = count_rows(orchard, "session", "parent_id IS NULL")
    assert 0 < left < 30
    assert count_rows(orchard, "session") == 2 * left, "no tree is half gone"
    assert execute(orchard, "PRAGMA foreign_key_check") == []
    assert answer.data["done"]["trees"] == 30 - left
    assert answer.outcome == "partial", answer.message


def test_a_signal_before_anything_is_deleted_changes_nothing_and_says_so(orchard: Path) -> None:
    answer = interrupted(orchard, signal.SIGINT, "to trash")
    assert answer.outcome == "refused"
    assert "untouched" in answer.message or "nothing was changed" in answer.message
    assert count_rows(orchard, "session") == 60


def test_afterwards_the_signals_are_as_before(orchard: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    interrupted(orchard, signal.SIGINT, "deleting")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_sigterm_while_planning_ends_with_a_sentence(
    ocdu: Ocdu, garden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("tui.policy.prune.plan_prune", interrupt)
    said = ocdu("prune", "--yes", "--db", garden)
    assert (said.exit_code, said.err) == (3, "Interrupted: nothing was changed.\n")


def test_a_command_works_outside_the_main_thread(orchard: Path) -> None:
    answers: list[Answer] = []
    ids = frozenset({"ses_s1"})

    def work() -> None:
        call = call_of(orchard)
        plan = plan_prune(call.with_trees_measured(call.forest, ids), PrunePolicy(ids=ids), NOW)
        answers.append(carry_out(call, plan, "Prune"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert [answer.outcome for answer in answers] == ["done"]
