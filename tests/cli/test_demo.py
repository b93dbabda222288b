"""`ocdu demo`, `ocdu databases` and `ocdu completions`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Ocdu
from tests.factories import make_database, session
from tui.cli.main import VERBS


def test_the_demo_is_a_database_that_every_command_understands(ocdu: Ocdu, tmp_path: Path) -> None:
    said = ocdu("demo", "--no-open", "--keep", tmp_path / "d", "--json")
    assert said.json["outcome"] == "done", said.all
    path = Path(said.json["path"])
    assert path.is_relative_to(tmp_path / "d")
    listed = ocdu("list", "--json", "--db", path)
    assert len(listed.json["sessions"]) > 20
    assert ocdu("stats", "--json", "--db", path).json["messages"] > 100


def test_databases_are_listed_with_their_sizes(ocdu: Ocdu, home: Path) -> None:
    assert ocdu("databases", "--json").json["databases"] == []
    path = make_database(home / "data" / "opencode" / "opencode.db", [session("one")])
    (found,) = ocdu("databases", "--json").json["databases"]
    assert (found["path"], found["bytes"], found["wal_bytes"]) == (
        str(path),
        path.stat().st_size,
        0,
    )
    assert str(path) in ocdu("databases").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_name_every_command_and_its_options(ocdu: Ocdu, shell: str) -> None:
    said = ocdu("completions", shell)
    assert said.exit_code == 0
    for verb in VERBS:
        assert verb.name in said.out
    assert "older-than" in said.out
    assert "restore" in said.out


def test_bash_completes_commands_options_and_levels(ocdu: Ocdu, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash, "every machine that runs these tests has bash"
    script = tmp_path / "ocdu.bash"
    script.write_text(ocdu("completions", "bash").out)

    def completed(*words: str) -> set[str]:
        line = " ".join(f"'{word}'" for word in ("ocdu", *words))
        ask = f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; _ocdu; echo ${{COMPREPLY[@]}}"
        run = subprocess.run(
            [bash, "-c", f"source {script}; {ask}"], capture_output=True, text=True, check=True
        )
        return set(run.stdout.split())

    assert completed("pru") == {"prune"}
    assert completed("prune", "--old") == {"--older-than"}
    assert completed("--json", "trash", "re") == {"restore"}
    assert completed("reclaim", "--level", "sum") == {"summarised"}


def test_an_unknown_shell_is_a_wrong_call(ocdu: Ocdu) -> None:
    said = ocdu("completions", "dos")
    assert said.exit_code == 2
    assert "fish" in said.err
