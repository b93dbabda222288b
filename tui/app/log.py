"""The log of the app: on the terminal it would land in the middle of the picture."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

log = logging.getLogger("ocdu")


def keep_log(path: Path) -> None:
    """Send what is logged to this file: on the terminal it would land in the middle of the app."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = PrivateLog(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.propagate = False


class PrivateLog(logging.FileHandler):
    """A log that nobody else can read: tracebacks name folders and titles."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, if the file can be opened."""
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """A full or read-only disk takes no log, and the app no traceback in its middle."""

    def _open(self) -> Any:
        path = Path(self.baseFilename)
        path.touch(mode=0o600)
        path.chmod(0o600)
        return super()._open()


def noted(error: Exception) -> str:
    """Keep the traceback in the log; the sentence for the user names the file."""
    log.error("Unexpected", exc_info=error)
    handlers = (h for h in log.handlers if isinstance(h, logging.FileHandler))
    files = [h.baseFilename for h in handlers if Path(h.baseFilename).exists()]
    where = f" {files[0]} says more." if files else ""
    return f"Something unexpected happened ({type(error).__name__}); nothing was changed.{where}"
