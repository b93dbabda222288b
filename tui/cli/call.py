"""One call of ocdu: what was typed, the database it is about, and the sessions in it.

Everything is opened on first demand, so that `ocdu --help` loads nothing of SQLite.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from tui.errors import OcduError, WrongCall
from tui.paths import typed
from tui.policy.plan import Ending

if TYPE_CHECKING:
    from tui.config import Config
    from tui.engine.site import Site
    from tui.forest import Forest
    from tui.records import Usage

MOST_CANDIDATES = 5
"""Ids named when a shortened one fits several: a line, not a page."""


LOOKS = ("list", "show", "search", "stats", "files", "jobs", "databases", "doctor")
"""Commands that change nothing, and so do not put right what was interrupted either."""

INTERRUPTED = (
    "An earlier ocdu was interrupted: what is shown may be half done. "
    "The next change, or `ocdu trash list`, finishes it or rolls it back."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say: the contract's four keys, further JSON, and text for people."""

    outcome: Ending
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the JSON object beside `ocdu`, `command`, `outcome` and `message`."""
    text: str = ""
    """Shown to people before the message; never part of the JSON."""
    exit_code: int | None = None
    """Where the outcome alone does not say it: 2 for a wrong call."""


@dataclass
class Call:
    """What was typed, the time it counts from (ms UTC), and the wish to stop."""

    options: Namespace
    now: int
    stop: Event = field(default_factory=Event)
    running: frozenset[str] = frozenset()
    """Sessions at work in an opencode that has the file open; known once a forest was read."""
    path: Path | None = None
    """The database file, once it is known which one."""
    refusal: str = ""
    """Why nothing can be changed there, once it was opened and unless that was asked for."""

    @cached_property
    def config(self) -> Config:
        """The configuration. Raises WrongCall, naming the line, when it is broken."""
        from tui.config import load_config

        named = self.options.config
        path = typed(named) if named else default_config()
        if named and not os.path.isfile(path):
            raise WrongCall(f"There is no configuration file {path}.")
        return load_config(path)

    def looked_at(self) -> Config:
        """The configuration with what the call says about looks."""
        config = self.config
        if not self.options.ascii:
            return config
        return replace(config, look=replace(config.look, ascii=True))

    @cached_property
    def site(self) -> Site:
        """The database with ocdu's ledger. Raises OcduError for every kind of bad input."""
        from tui.engine.site import open_site
        from tui.store.locate import choose_database

        _ = self.config  # a broken configuration is told before anything is opened
        self.path = choose_database(self.options.db)
        site = open_site(self.path, read_only=self.options.read_only, force=self.options.force)
        if self.options.verb is not None:  # the app does so itself, once it stands on the screen
            self.refusal = "" if self.options.read_only else site.refusal or ""
            self._mind_interruptions(site)
        return site

    def _mind_interruptions(self, site: Site) -> None:
        """Say what an earlier ocdu left unfinished; put it right where the call may write."""
        from tui.format import clean
        from tui.store.shelf import has_unfinished

        if self.options.verb in LOOKS or self.options.dry_run or self.options.read_only:
            if has_unfinished(site.ledger.trash_folder) and _is_ours(site):
                print(INTERRUPTED, file=sys.stderr)
            return
        from tui.engine.crash_recovery import put_right

        for sentence in put_right(site):
            print(clean(sentence), file=sys.stderr)

    @cached_property
    def pins(self) -> frozenset[str]:
        """Ids of pinned sessions. Raises OcduError when ocdu's own folder cannot be used."""
        from tui.store.database import SQLITE_EXCEPTIONS

        ledger = self.site.ledger
        try:
            return ledger.pins()
        except SQLITE_EXCEPTIONS as error:
            raise OcduError(
                f"ocdu cannot use its own folder {ledger.folder} ({error}): make it writable for "
                "you, or set XDG_DATA_HOME."
            ) from error

    @cached_property
    def forest(self) -> Forest:
        """Every session with its last activity; no sizes."""
        return self._forest(check_directories=False)

    @cached_property
    def forest_with_directories(self) -> Forest:
        """The same, knowing whose directory no longer exists (one stat a directory)."""
        return self._forest(check_directories=True)

    def _forest(self, check_directories: bool) -> Forest:
        from tui.forest import Forest
        from tui.store.holders import holders
        from tui.store.sessions import load_sessions, running_sessions, with_last_messages

        store = self.site.store
        rows = load_sessions(store, pinned=self.pins, check_directories=check_directories)
        rows = with_last_messages(store, rows)
        if holders(store.path):
            self.running = running_sessions(store, rows, self.now)
            rows = [row._replace(running=row.id in self.running) for row in rows]
        return Forest.of(rows)

    def measured(self, forest: Forest) -> Forest:
        """The forest with the sizes of all its sessions."""
        from tui.store.usage import measure_all

        return with_all_usage(forest, measure_all(self.site.store).sessions)

    def with_trees_measured(self, forest: Forest, ids: Iterable[str]) -> Forest:
        """The forest with the sizes of the trees these sessions belong to."""
        from tui.store.usage import measure_sessions

        wanted = {id for chosen in ids for id in forest.tree_of(chosen).ids}
        return forest.with_usage(measure_sessions(self.site.store, wanted))

    def ids(self, forest: Forest, named: Sequence[str]) -> list[str]:
        """Full ids for what was typed, each once. Raises WrongCall for unknown and ambiguous."""
        return list(dict.fromkeys(full_id(forest, each) for each in named))


def _is_ours(site: Site) -> bool:
    """Whether what lies there unfinished is of this database."""
    from tui.engine.crash_recovery import unfinished

    return bool(unfinished(site))


def with_all_usage(forest: Forest, usage: Mapping[str, Usage]) -> Forest:
    """The forest with these sizes, where a session without any rows counts as measured."""
    from tui.records import NOTHING

    return forest.with_usage({row.id: usage.get(row.id, NOTHING) for row in forest.rows})


def full_id(forest: Forest, named: str) -> str:
    """The one session whose id begins with this. Raises WrongCall."""
    found = forest.matching_ids(named)
    if len(found) == 1:
        return found[0]
    if not found:
        raise WrongCall(f"No session's id begins with “{named}”: `ocdu list` shows them all.")
    shown = ", ".join(found[:MOST_CANDIDATES])
    more = f" and {len(found) - MOST_CANDIDATES} more" if len(found) > MOST_CANDIDATES else ""
    raise WrongCall(f"“{named}” is the beginning of {len(found)} ids: {shown}{more}.")


def default_config() -> Path:
    """The configuration file of this user, whether it exists or not."""
    import platformdirs

    return Path(platformdirs.user_config_dir("ocdu", appauthor=False)) / "config.toml"
