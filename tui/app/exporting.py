"""Conversations written to files: one at a time, seen in the job bar, stopped by the same key."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

from textual.reactive import var

from tui.app.travel import Travel
from tui.errors import OcduError, Unexportable
from tui.format import count, plural, titled
from tui.talks import Format, Writing

OFTEN = 0.2
"""Seconds between two pictures of how far it is."""


def _so_far(whole: int, of: int, folder: Path) -> str:
    if not whole:
        return "No session was written."
    share = (
        plural(whole, "session") if whole == of else f"{count(whole)} of {plural(of, 'session')}"
    )
    return f"{share} written to {folder}."


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
        try:
            return self._written_into(target, ids, format, stop)
        finally:
            with suppress(OSError):  # with something in it, it stays
                target.rmdir()

    def _written_into(self, folder: Path, ids: Sequence[str], format: Format, stop: Event) -> str:
        """Each session that can be written; of the others the first is named, with its reason."""
        octets, whole, left_out = 0, 0, list[str]()
        for id in ids:
            file = self.free_file(id, format, folder)
            try:
                self.write_conversation(id, format, file, stop, self._counting(octets))
            except OcduError as error:
                if stop.is_set():
                    break
                if not isinstance(error, Unexportable):  # the disk: the next would meet it as well
                    raise type(error)(f"{_so_far(whole, len(ids), folder)} {error}") from error
                left_out.append(f"“{titled(self.forest.row(id).title)}”: {error}")
                continue
            octets += file.stat().st_size
            whole += 1
        said = _so_far(whole, len(ids), folder)
        if stop.is_set():
            return f"Stopped. {said}"
        if not left_out:
            return said
        more = f" {count(len(left_out) - 1)} more like it." if len(left_out) > 1 else ""
        return f"{said} Left out: {left_out[0]}{more}"

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
