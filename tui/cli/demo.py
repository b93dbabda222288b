"""`ocdu demo`: a realistic database in a temporary place, opened in the app."""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

from tui.cli.call import Answer, Call
from tui.errors import WrongCall
from tui.paths import absolute


def add_arguments(parser: ArgumentParser) -> None:
    """Where it lies and whether the app opens."""
    parser.add_argument("--keep", metavar="DIR", help="make it in this folder and keep it")
    parser.add_argument("--no-open", action="store_true", help="make it and print its path")


def run(call: Call) -> Answer:
    """Make the demo; without --keep and --no-open it is gone when the app ends."""
    options = call.options
    opens = not (options.no_open or options.json)
    if opens and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise WrongCall("The demo opens the app, which needs a terminal: add --no-open.")
    if options.keep:
        folder = absolute(options.keep)
        folder.mkdir(parents=True, exist_ok=True)
        return _show(call, folder, opens)
    if not opens:
        return _show(call, Path(tempfile.mkdtemp(prefix="ocdu-demo-")), opens)
    with tempfile.TemporaryDirectory(prefix="ocdu-demo-", ignore_cleanup_errors=True) as made:
        return _show(call, Path(made), opens)


def _show(call: Call, folder: Path, opens: bool) -> Answer:
    from tui.engine.demo import make_demo

    path = make_demo(folder, now_ms=call.now)
    if not opens:
        return Answer("done", f"{path} is ready: try `ocdu --db {path}`.", {"path": str(path)})
    from argparse import Namespace

    from tui.app import run_app

    demo = Call(Namespace(**{**vars(call.options), "db": str(path)}), call.now)
    return replace(Answer("done", ""), exit_code=run_app(demo.site, demo.looked_at()))
