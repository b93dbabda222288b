"""The parser, the ways an answer ends, and what is not loaded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Ocdu
from tests.cli.terminal import on_terminal
from tests.factories import count_rows, make_database, session
from tui import __version__
from tui.cli.main import VERBS, main

CHECKOUT = Path(__file__).parents[2]


def run_process(
    *arguments: object, stdout: int = subprocess.PIPE, encoding: str = "utf-8"
) -> subprocess.CompletedProcess[str]:
    """ocdu as a process of its own, in the home of the test."""
    return subprocess.run(
        [sys.executable, "-m", "tui", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONIOENCODING": encoding},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )


def test_the_command_line_loads_neither_the_app_nor_sqlite_before_a_verb_is_known() -> None:
    heavy = "textual", "rich", "peewee", "apsw", "psutil", "humanize"
    code = f"import sys, tui.cli.main; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"


def test_a_listing_never_loads_the_app(garden: Path) -> None:
    code = (
        "import sys; from tui.cli.main import main\n"
        f"main(['list', '--db', {str(garden)!r}, '--json'])\n"
        "print('textual' in sys.modules, file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr.strip() == "False"


def test_version_and_help_work_without_a_database(ocdu: Ocdu) -> None:
    assert ocdu("--version").out == f"ocdu {__version__}\n"
    help = ocdu("--help")
    assert help.exit_code == 0
    for verb in VERBS:
        assert f"\n    {verb.name} " in help.out


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_command_has_help_that_names_the_global_options(ocdu: Ocdu, verb: str) -> None:
    said = ocdu(verb, "--help")
    assert said.exit_code == 0
    for option in ("--db", "--json", "--dry-run", "--yes", "--read-only", "--config"):
        assert option in said.out


def test_global_options_count_before_and_after_the_command(ocdu: Ocdu, garden: Path) -> None:
    before = ocdu("--db", garden, "--json", "list")
    after = ocdu("list", "--json", "--db", garden)
    assert before.exit_code == 0
    assert before.out == after.out
    said = ocdu("--dry-run", "--yes", "prune", "ses_old", "--db", garden)
    assert said.exit_code == 0
    assert count_rows(garden, "session") == 6, "a --dry-run before the command holds"


def test_ids_may_stand_on_both_sides_of_an_option(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("prune", "ses_old", "--dry-run", "ses_attic", "--json", "--db", garden)
    assert {item["id"] for item in said.json["plan"]["items"]} == {"ses_old", "ses_attic"}


def test_the_json_of_an_error_is_one_object_with_outcome_and_message(ocdu: Ocdu) -> None:
    said = ocdu("--json", "list", "--bananas")
    assert said.exit_code == 2
    assert said.json["command"] == "list"
    assert said.json["outcome"] == "failed"
    assert "--bananas" in said.json["message"]


def test_an_unexpected_exception_becomes_a_sentence_and_a_private_log(
    ocdu: Ocdu, garden: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("the cat sat on it")

    monkeypatch.setattr("tui.store.usage.measure_all", broken)
    said = ocdu("list", "--db", garden)
    assert said.exit_code == 1
    (log,) = home.rglob("ocdu.log")
    assert str(log) in said.err
    assert "the cat sat on it" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.parent.stat().st_mode & 0o077 == 0


STREAMS = (
    ("list", "--json"),
    ("show", "ses_old", "--markdown", "-"),
    ("show", "ses_old", "--export", "-"),
)


@pytest.mark.parametrize("command", STREAMS, ids=str)
def test_a_reader_that_goes_away_is_not_an_error(garden: Path, command: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        run = run_process(*command, "--db", garden, stdout=write)
    finally:
        os.close(write)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("command", STREAMS, ids=str)
def test_output_that_cannot_be_written_is_not_put_down_to_the_database(
    garden: Path, command: tuple[str, ...]
) -> None:
    with open("/dev/full", "wb") as full:
        run = run_process(*command, "--db", garden, stdout=full.fileno())
    assert run.returncode == 1 and run.stderr.count("\n") == 1
    assert run.stderr.startswith("The output could not be written")


def test_output_survives_a_terminal_without_unicode(garden: Path) -> None:
    run = run_process("stats", "--db", garden, encoding="ascii")
    assert (run.returncode, run.stderr) == (0, "")
    assert "-" * 40 in run.stdout and "?" not in run.stdout


def test_ascii_is_spoken_when_asked_for(ocdu: Ocdu, garden: Path) -> None:
    run = run_process("stats", "--ascii", "--db", garden)
    assert run.returncode == 0 and "-" * 40 in run.stdout
    assert run.stdout.isascii() and not run_process("stats", "--db", garden).stdout.isascii()


def test_python_m_tui_is_ocdu(garden: Path) -> None:
    run = run_process("list", "--json", "--db", garden)
    assert run.returncode == 0
    assert len(json.loads(run.stdout)["sessions"]) == 6


LEFT = "\x1b[?1049l"
"""What a full-screen program sends when it gives the terminal back."""


def test_another_database_is_opened_in_the_same_app(home: Path) -> None:
    folder = home / "data" / "opencode"
    first = make_database(folder / "opencode.db", [session("Near")])
    make_database(folder / "opencode-dev.db", [session("Far away", octets=90_000)])
    code, shown = on_terminal(
        {b"Near": "O", b"other database": "\r", b"Far away": "q"},
        environment=f"OPENCODE_DB={first}",
    )
    assert code == 0, shown
    assert "Far away" in shown and LEFT in shown


def test_ocdu_alone_opens_the_app_and_q_leaves_it(garden: Path) -> None:
    code, shown = on_terminal("q", once=b"ocdu", environment=f"OPENCODE_DB={garden}")
    assert code == 0, shown
    assert LEFT in shown


def test_a_terminated_app_gives_the_terminal_back(garden: Path) -> None:
    code, shown = on_terminal(signal.SIGTERM, "--db", garden, once=b"ocdu")
    assert LEFT in shown
    assert "Traceback" not in shown
    assert code in (0, 3), shown[-2000:]


def test_what_no_log_takes_is_told_on_the_screen(
    garden: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("the cat sat on it")

    (home / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "file" / "below"))
    monkeypatch.setattr("tui.store.usage.measure_all", broken)
    assert main(["list", "--db", str(garden)]) == 1
    said = capsys.readouterr().err
    assert "the cat sat on it" in said and "takes none" in said
