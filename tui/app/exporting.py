"""Conversations written to files: one at a time, seen in the job bar, stopped by the same key."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

from textual.reactive import var

from tui.app.travel import Travel
from tui.format import plural
from tui.talks import Format, Writing

OFTEN = 0.2
"""Seconds between two pictures of how far it is."""


class Exporting(Travel):
    """No job of the worker: it reads, changes nothing, and may run beside one."""

    writing: var[Writing | None] = var(None, init=False)
    """None while nothing is written."""

    _stop_writing: Event | None = None

    def export(self, ids: Sequence[str], format: Format, target: Path, octets: int) -> None:
        """Write one session to a file, or several into a folder; about so many octets in all."""
        if self.writing is not None:
            self.say(f"Another export is being written: {self.keys['cancel']} stops it.")
            return
        stop = self._stop_writing = Event()
        known = [id for id in ids if id in self.forest]
        self.writing = Writing(target.name, 0, octets)

        def write() -> str:
            try:
                return self._written(known, format, target, stop)
            finally:
                self.hand_over(self._written_all)

        self.ask(write, self.say, group="export")

    def _written(self, ids: Sequence[str], format: Format, target: Path, stop: Event) -> str:
        """In a thread: write them all, and say what was written."""
        if len(ids) == 1:
            return self.write_conversation(ids[0], format, target, stop, self._counting(0))
        self.make_folder(target)
        done = 0
        for id in ids:
            told = self._counting(done)
            file = self.free_file(id, format, target)
            try:
                self.write_conversation(id, format, file, stop, told)
            finally:
                if stop.is_set():
                    self.tell_written(plural(ids.index(id), "session"), target)
            done += file.stat().st_size
        return f"{plural(len(ids), 'session')} written to {target}."

    def tell_written(self, sessions: str, target: Path) -> None:
        """From a thread: what is whole before the writing was stopped."""
        self.hand_over(self.say, f"{sessions} written to {target} before.")

    def _counting(self, before: int) -> Callable[[int], None]:
        """Told how many octets of a file are written, it shows them now and then."""
        shown = time.monotonic()

        def told(octets: int) -> None:
            nonlocal shown
            if time.monotonic() - shown > OFTEN:
                shown = time.monotonic()
                self.hand_over(self._grew, before + octets)

        return told

    def _grew(self, octets: int) -> None:
        if self.writing is not None:
            self.writing = self.writing._replace(done=octets)

    def _written_all(self) -> None:
        self.writing = self._stop_writing = None

    def stop_writing(self) -> bool:
        """Stop the export under way; False where there is none."""
        if self._stop_writing is None:
            return False
        self._stop_writing.set()
        return True
