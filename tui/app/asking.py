"""How screens ask: a blocking question runs in a thread of its own, its answer comes back here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from textual import on
from textual.message import Message
from textual.worker import get_current_worker

from tui.app.litter import Tidy
from tui.app.log import noted
from tui.app.notices import Notices
from tui.config import Config
from tui.engine.site import Site
from tui.errors import OcduError
from tui.keys import Keys
from tui.messages import Failed, Recovered
from tui.store.database import SQLITE_EXCEPTIONS, explained

if TYPE_CHECKING:
    pass

log = logging.getLogger("ocdu")

MOST_LARGE = 500
"""Rows among the largest that are listed: nobody reads on."""

Answer = TypeVar("Answer")


class Asking(Tidy, Notices):
    """The threads in which screens are answered."""

    site: Site
    config: Config
    keys: Keys
    database: Path
    stop: Event
    """Set when the app ends."""

    def ask(
        self, question: Callable[[], Answer], then: Callable[[Answer], None], *, group: str
    ) -> None:
        """Answer in a thread, then go on with it here; a newer question of the group replaces it.

        Failures are told to the user; `then` must not mind that its screen may be gone.
        """

        def answer() -> None:
            worker = get_current_worker()
            with self.sentences():
                found = question()
                if not worker.is_cancelled:
                    self.hand_over(then, found)

        self.run_worker(answer, thread=True, group=group, exclusive=True, exit_on_error=False)

    def hand_over(self, then: Callable[..., None], *values: object) -> None:
        """From a thread: run this in the app, unless that has ended meanwhile. Does not wait."""
        with suppress(RuntimeError):
            self.call_later(then, *values)

    def tell(self, message: Message) -> None:
        """From a thread: post a fact, unless the app has ended."""
        if not self.stop.is_set():
            # The loop may end between the question and the post: then nobody is left to be told.
            with suppress(RuntimeError):
                self.post_message(message)

    @on(Failed)
    def _failed(self, message: Failed) -> None:
        self.say(message.sentence, "error")

    @on(Recovered)
    def _recovered(self, message: Recovered) -> None:
        self.say(message.sentence, "warning")

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Around the body of a thread: failures become sentences, and the log keeps the rest."""
        try:
            yield
        except OcduError as error:
            self.tell(Failed(str(error)))
        except (OSError, *SQLITE_EXCEPTIONS) as error:
            self.tell(Failed(str(explained(error, self.database))))
        except Exception as error:
            if not self.stop.is_set():
                self.tell(Failed(noted(error)))

    def now(self) -> int:
        """Milliseconds UTC."""
        raise NotImplementedError
