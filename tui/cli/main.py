"""`ocdu`: the parser, the way from a verb to its file, and the exit codes.

Nothing of SQLite or Textual is loaded here; a verb's module is imported when the verb was typed.
"""

from __future__ import annotations

import argparse
import difflib
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from threading import current_thread, main_thread
from typing import Any, NamedTuple, NoReturn

from tui import __version__
from tui.cli.call import Answer, Call
from tui.cli.examples import examples_text
from tui.cli.output import say, say_beside, speak_plainly
from tui.errors import WrongCall


class Verb(NamedTuple):
    """A word of the command line, the file it lives in, and what it does."""

    name: str
    module: str
    help: str


VERBS = (
    Verb("list", "list", "sessions with their sizes, largest tree first"),
    Verb("show", "show", "all about one session"),
    Verb("search", "search", "find what was said, in every conversation"),
    Verb("stats", "stats", "where the bytes are and what you can get back"),
    Verb("archive", "archive", "archive the trees of these sessions"),
    Verb("unarchive", "archive", "take an archive back"),
    Verb("pin", "pin", "protect sessions from every plan that does not name them"),
    Verb("unpin", "pin", "take the protection back"),
    Verb("prune", "prune", "move old trees to the trash, or these ones"),
    Verb("reclaim", "reclaim", "drop heavy output, keep the conversation"),
    Verb("rescue", "rescue", "get back as much as possible without deleting a session"),
    Verb("vacuum", "vacuum", "give free pages back to the file system"),
    Verb("checkpoint", "checkpoint", "fold the write-ahead log into the database"),
    Verb("trash", "trash", "list, restore, export or empty what was pruned"),
    Verb("files", "files", "what lies beside the database, and what of it may go"),
    Verb(
        "projects", "projects", "what each project takes; relink a moved one, remove an empty one"
    ),
    Verb("auto", "auto", "carry out the retention policies of the configuration"),
    Verb("doctor", "doctor", "what is broken or left over, and what mends it"),
    Verb("undo", "undo", "take the last change back"),
    Verb("redo", "undo", "do again what was taken back"),
    Verb("recover", "recover", "rebuild sessions that only the event history still knows"),
    Verb("jobs", "jobs", "what ocdu changed, and what each job was and did"),
    Verb("databases", "databases", "which opencode databases exist here"),
    Verb("config", "config", "show, check or edit the configuration"),
    Verb("demo", "demo", "try ocdu on a made-up database"),
    Verb("completions", "completions", "completions for bash, zsh or fish"),
)
"""Every command, in the order of the help text."""

MODULES = {verb.name: f"tui.cli.{verb.module}" for verb in VERBS}


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are sentences of ours."""

    def error(self, message: str) -> NoReturn:
        """Raise WrongCall with argparse's complaint and where to read on."""
        unknown = re.search(r"argument COMMAND: invalid choice: '(.*?)' \(", message)
        if unknown:
            close = difflib.get_close_matches(unknown[1], MODULES, n=1)
            hint = f"did you mean `ocdu {close[0]}`?" if close else "see `ocdu --help`."
            raise WrongCall(f"There is no command “{unknown[1]}”: {hint}")
        raise WrongCall(f"{message[:1].upper()}{message[1:]}: see `{self.prog} --help`.")


def make_parser(verbs: Sequence[str]) -> Parser:
    """The parser; options of a verb are only there for the verbs named, whose files it imports."""
    parser = Parser(
        prog="ocdu",
        description="See where opencode's disk space goes, session by session, and get it back. "
        "Without a command the app opens.",
        epilog="Exit codes: 0 done or nothing to do, 1 failed, 2 wrong call, 3 refused and nothing "
        "changed, 4 partly done. The configuration is config.toml in the user's configuration "
        "folder, `~/.config/ocdu` on Linux.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ocdu {__version__}")
    add_global_options(parser, is_root=True)
    commands = parser.add_subparsers(dest="verb", metavar="COMMAND", title="commands")
    for verb in VERBS:
        wanted = verb.name in verbs
        own = commands.add_parser(
            verb.name,
            help=verb.help,
            description=verb.help.capitalize(),
            epilog=examples_text(verb.name),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add_global_options(own, is_root=False)
        if wanted:
            import_module(MODULES[verb.name]).add_arguments(own)
    return parser


def add_global_options(parser: argparse.ArgumentParser, *, is_root: bool) -> None:
    """The options that every command takes, before or after its name.

    Behind the name they set nothing when absent, or they would undo what stood before it.
    """
    options: tuple[tuple[str, str | None, str], ...] = (
        ("--db", "PATH", "the database (default: $OPENCODE_DB, else opencode's data directory)"),
        ("--config", "FILE", "another configuration file"),
        ("--json", None, "one JSON object on standard output"),
        ("--dry-run", None, "show what would happen and change nothing"),
        ("--yes", None, "do it without asking"),
        ("--read-only", None, "refuse every change"),
        ("--ascii", None, "draw with ASCII alone"),
        ("--force", None, "write although the file lies on a network file system"),
    )
    group = parser.add_argument_group("everywhere")
    for name, value, help in options:
        given: dict[str, Any] = {"help": help}
        if value is None:
            given |= {"action": "store_true", "default": False}
        else:
            given |= {"metavar": value, "default": None}
        if not is_root:
            given["default"] = argparse.SUPPRESS
        group.add_argument(name, **given)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was typed. Raises WrongCall, or SystemExit for --help and --version."""
    parser = make_parser([each for each in arguments if each in MODULES])
    options, rest = parser.parse_known_args(arguments)
    # argparse takes a list of ids only in one piece: `prune A --permanent B` leaves B over.
    strangers = [each for each in rest if each.startswith("-") and each != "-"]
    ids = getattr(options, "ids", None)
    if strangers or (rest and ids is None):
        prog = f"ocdu {options.verb}" if options.verb else "ocdu"
        raise WrongCall(f"`{prog}` does not know {' '.join(strangers or rest)}: see --help.")
    if rest and ids is not None:
        options.ids = [*ids, *rest]
    return options


def main(argv: Sequence[str] | None = None, *, now: int | None = None) -> int:
    """Carry out one command line and return its exit code. `now` in ms UTC, for tests."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = next((each for each in arguments if each in MODULES), None)
    call: Call | None = None
    speak_plainly("--ascii" in arguments)
    with ended_politely():
        try:
            call = Call(parse(arguments), int(time.time() * 1000) if now is None else now)
            answer = answer_to(call)
        except SystemExit as end:  # argparse after --help and --version
            return end.code if isinstance(end.code, int) else 0
        except KeyboardInterrupt:
            answer = Answer("refused", "Interrupted: nothing was changed.")
        except Exception as error:
            from tui.cli.log import complaint

            answer = complaint(error, arguments, call.path if call else None)
    if call is not None:
        verb = call.options.verb
    code = say(answer, verb, as_json="--json" in arguments)
    if call is not None and call.refusal and answer.outcome != "refused":
        say_beside(call.refusal)
    return code


def answer_to(call: Call) -> Answer:
    """The answer to one call. Raises OcduError for what is wrong or refused."""
    if call.options.verb is None:
        return _open_app(call)
    found: Answer = import_module(MODULES[call.options.verb]).run(call)
    return found


def _open_app(call: Call) -> Answer:
    if call.options.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise WrongCall("The app needs a terminal: `ocdu list` and `ocdu stats` work without one.")
    from tui.app import run_app

    return Answer("done", "", exit_code=run_app(call.site, call.looked_at()))


@contextmanager
def ended_politely() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C, so that a deed ends between two of its steps."""
    if current_thread() is not main_thread():
        yield
        return

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
