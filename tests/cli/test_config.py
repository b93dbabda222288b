"""`ocdu config`: what holds, where it lies, what is wrong with it, and an editor."""

from __future__ import annotations

import re
import shlex
import stat
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from tests.cli.conftest import Ocdu
from tui.actions import ACTIONS
from tui.cli.call import default_config
from tui.cli.config import commented, documentation
from tui.config import Config, load_config


def test_every_key_is_told(ocdu: Ocdu) -> None:
    for section in fields(Config):
        docs = documentation()[section.name]
        value = getattr(Config(), section.name)
        keys = [""] if section.name == "keys" else [each.name for each in fields(value)]
        assert [key for key in keys if not docs.get(key)] == [], section.name


def test_what_it_shows_is_a_configuration_that_means_the_same(ocdu: Ocdu, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[prune]\nkeep = 7\n[look]\nbars = "both"\n[keys]\narchive = "X"\n')
    shown = tmp_path / "shown.toml"
    shown.write_text(ocdu("config", "--config", file).out.rpartition("\n/")[0])
    assert load_config(shown) == load_config(file) != Config()
    shown.write_text(commented(Config()))
    assert load_config(shown) == Config()


def test_every_action_is_shown_with_its_key(ocdu: Ocdu, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[keys]\nempty_all = "X"\n')
    said = ocdu("config", "--config", file).out
    assert re.search(r'^empty_all = "X" +# Trash: Empty all$', said, re.MULTILINE)
    for action in ACTIONS:
        assert re.search(rf'^(# )?{action.id} = "', said, re.MULTILINE), action.id


def test_a_key_for_an_action_that_is_not_there_is_named_with_its_line(
    ocdu: Ocdu, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[keys]\narchive = "x"\narchiv = "y"\n')
    said = ocdu("config", "check", "--config", file)
    assert said.exit_code == 2 and "line 3" in said.err and "archiv" in said.err


@pytest.mark.parametrize(
    ("key", "why"), [('"blubb"', "no key"), ('"a"', "“archive” too"), ("5", "action = ")]
)
def test_a_key_that_cannot_be_is_named_with_its_line(
    ocdu: Ocdu, tmp_path: Path, key: str, why: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[prune]\nkeep = 3\n[keys]\nundo = {key}\n")
    said = ocdu("config", "check", "--config", file)
    assert said.exit_code == 2 and "line 4" in said.err and why in said.err


def test_the_file_is_named_whether_it_exists_or_not(ocdu: Ocdu) -> None:
    said = ocdu("config", "path", "--json")
    assert said.json["path"] == str(default_config()) and said.json["exists"] is False


def test_a_wrong_line_is_named(ocdu: Ocdu, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[prune]\n\nkeep = 'many'\n")
    said = ocdu("config", "check", "--config", file)
    assert said.exit_code == 2 and "line 3" in said.err
    file.write_text("[prune]\nkeep = 3\n")
    assert ocdu("config", "check", "--config", file).exit_code == 0


def editor(folder: Path, does: str) -> str:
    """A program that does this with the file it is given."""
    script = folder / "editor.py"
    script.write_text(f"import sys, pathlib\nfile = pathlib.Path(sys.argv[1])\n{does}\n")
    return shlex.join([sys.executable, str(script)])


def test_the_editor_gets_a_file_with_every_default_and_the_result_is_checked(
    ocdu: Ocdu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = default_config()
    monkeypatch.setenv("EDITOR", editor(tmp_path, "assert file.read_text()"))
    monkeypatch.delenv("VISUAL", raising=False)
    assert ocdu("config", "edit").exit_code == 0
    assert load_config(path) == Config()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    monkeypatch.setenv("VISUAL", editor(tmp_path, "file.write_text('[look]\\nbars = 3')"))
    said = ocdu("config", "edit")
    assert said.exit_code == 2 and "line 2" in said.err


def test_without_an_editor_the_file_is_named(ocdu: Ocdu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    said = ocdu("config", "edit")
    assert said.exit_code == 2 and str(default_config()) in said.err
    monkeypatch.setenv("EDITOR", "/no/such/editor")
    assert ocdu("config", "edit", "--dry-run").exit_code == 3
    assert not default_config().exists()
    assert ocdu("config", "edit").exit_code == 2
