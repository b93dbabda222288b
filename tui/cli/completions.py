"""`ocdu completions`: completions for bash, zsh and fish, generated from the parser."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import NamedTuple

from tui.cli.call import Answer, Call

VALUES = {"level": ("compacted", "summarised", "migrated", "conservative", "aggressive")}
"""Words to complete behind options that argparse does not know the choices of."""


class Option(NamedTuple):
    """One option of a command: "--db", whether a value follows, and its help."""

    name: str
    takes_value: bool
    help: str


class Command(NamedTuple):
    """One command with its options and the words that may follow it."""

    name: str
    help: str
    options: tuple[Option, ...]
    words: tuple[str, ...]


def add_arguments(parser: ArgumentParser) -> None:
    """The shell."""
    parser.add_argument("shell", choices=sorted(SCRIPTS), help="bash, zsh or fish")


def run(call: Call) -> Answer:
    """The script, on standard output."""
    script = SCRIPTS[call.options.shell](commands())
    return Answer("done", "", {"script": script}, script.rstrip("\n"))


def commands() -> list[Command]:
    """Every command as the parser knows it."""
    from tui.cli.main import VERBS, make_parser

    names = [verb.name for verb in VERBS]
    parser = make_parser(names)
    # argparse offers no other way to ask what a parser accepts.
    choices = next(action.choices for action in parser._actions if action.dest == "verb")
    assert choices is not None
    found = []
    for verb in VERBS:
        own: ArgumentParser = dict(choices)[verb.name]
        found.append(Command(verb.name, verb.help, _options(own), _words(own)))
    return found


def _options(parser: ArgumentParser) -> tuple[Option, ...]:
    return tuple(
        Option(action.option_strings[-1], action.nargs != 0, action.help or "")
        for action in parser._actions
        if action.option_strings
    )


def _words(parser: ArgumentParser) -> tuple[str, ...]:
    places = (action for action in parser._actions if not action.option_strings)
    return tuple(str(word) for action in places for word in action.choices or ())


def _bash(found: list[Command]) -> str:
    cases = "\n".join(
        f"        {each.name}) words='"
        + " ".join([*each.words, *(option.name for option in each.options)])
        + "' ;;"
        for each in found
    )
    names = " ".join(each.name for each in found)
    return f"""# bash completion for ocdu: source it, or put it into bash_completion.d
_ocdu() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" command= each
    for each in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case " {names} " in *" $each "*) command="$each"; break ;; esac
    done
    case "$before" in
        --db|--config|--keep|--temp-dir) COMPREPLY=( $(compgen -f -- "$word") ); return ;;
        --level) COMPREPLY=( $(compgen -W '{" ".join(VALUES["level"])}' -- "$word") ); return ;;
    esac
    local words='{names} --db --json --version --help'
    case "$command" in
{cases}
    esac
    COMPREPLY=( $(compgen -W "$words" -- "$word") )
}}
complete -o default -F _ocdu ocdu
"""


def _zsh(found: list[Command]) -> str:
    listed = "\n".join(f"        {_quoted(f'{each.name}:{each.help}')}" for each in found)
    cases = "\n".join(
        f"        {each.name}) _values -w {each.name} "
        + " ".join(_quoted(word) for word in (*each.words, *(o.name for o in each.options)))
        + " ;;"
        for each in found
    )
    return f"""#compdef ocdu
# zsh completion for ocdu: put it into a folder of $fpath as _ocdu
_ocdu() {{
    local -a commands
    commands=(
{listed}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    case "$words[CURRENT-1]" in
        --db|--config|--keep|--temp-dir) _files; return ;;
        --level) _values level {" ".join(VALUES["level"])}; return ;;
    esac
    case "$words[2]" in
{cases}
    esac
}}
compdef _ocdu ocdu
"""


def _fish(found: list[Command]) -> str:
    lines = ["# fish completion for ocdu: put it into completions/ocdu.fish", "complete -c ocdu -f"]
    for each in found:
        lines.append(
            f"complete -c ocdu -n __fish_use_subcommand -a {each.name} -d {_quoted(each.help)}"
        )
        inside = f"-n '__fish_seen_subcommand_from {each.name}'"
        if each.words:
            lines.append(f"complete -c ocdu {inside} -a '{' '.join(each.words)}'")
        for option in each.options:
            value = " -r" if option.takes_value else ""
            name = option.name.removeprefix("--")
            lines.append(f"complete -c ocdu {inside} -l {name}{value} -d {_quoted(option.help)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """One word of a shell; fish and zsh agree on single quotes but not on escaping them."""
    return "'" + text.replace("\\", "").replace("'", "’") + "'"


SCRIPTS: dict[str, Callable[[list[Command]], str]] = {"bash": _bash, "fish": _fish, "zsh": _zsh}
