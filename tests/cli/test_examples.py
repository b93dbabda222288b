"""The examples of the help texts: one for every command, and each a call that parses."""

from __future__ import annotations

import shlex

import pytest

from tests.cli.conftest import Ocdu
from tui.cli.examples import EXAMPLES
from tui.cli.main import VERBS, parse

LINES = [line for lines in EXAMPLES.values() for line, _ in lines]


def test_every_command_has_an_example() -> None:
    assert list(EXAMPLES) == [verb.name for verb in VERBS]


@pytest.mark.parametrize("line", LINES)
def test_an_example_parses_as_it_stands(line: str) -> None:
    program, *words = shlex.split(line.partition(" > ")[0])
    options = parse(words)
    assert program == "ocdu" and line in [shown for shown, _ in EXAMPLES[options.verb]]


def test_the_help_of_a_command_shows_them(ocdu: Ocdu) -> None:
    said = ocdu("prune", "--help")
    assert said.exit_code == 0
    assert all(line in said.out and what in said.out for line, what in EXAMPLES["prune"])
