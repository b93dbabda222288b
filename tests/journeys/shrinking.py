"""The journey through a rescue, and what a swollen file must still say after it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from tests.engine.test_rescue import on_disk
from tests.factories import count_rows, execute
from tests.picture import assert_sound
from tests.visit import Visit, visit
from tui.screens.rescue import RescueDialog

KEYS = ("x", "right", "enter")
"""The whole journey; users were promised ten at most."""

NEWEST = """SELECT id, aggregate_id, seq, type FROM (SELECT *, row_number() OVER (
    PARTITION BY aggregate_id, substr(type, 1, instr(type, '.updated')),
      coalesce(data ->> '$.part.id', data ->> '$.info.id') ORDER BY seq DESC) AS age FROM event)
    WHERE age = 1 AND type LIKE '%.updated.1' ORDER BY id"""

EMPTIED = 'data LIKE \'%"patch":%\' AND data NOT LIKE \'%"patch":""%\''
"""Rows that still hold the text of a diff."""


class Shrunk(NamedTuple):
    """Bytes of database and log before, those promised, and those measured afterwards."""

    before: int
    promised: int
    after: int

    @property
    def share(self) -> float:
        """What stays, of 1."""
        return self.after / self.before

    @property
    def mistake(self) -> float:
        """By how much the promise was off, of what was freed."""
        freed = self.before - self.after
        return abs(freed - self.promised) / freed


async def opened(here: Visit) -> RescueDialog:
    """The dialog, once it knows what the vacuum would do."""
    await here.until(lambda: isinstance(here.screen, RescueDialog))
    dialog = here.screen
    assert isinstance(dialog, RescueDialog)
    await here.until(lambda: dialog.vacuum is not None)
    await here.pilot.pause()
    return dialog


def words(path: Path) -> str:
    """Hash over every part, and over every message without the texts of its diffs."""
    digest = hashlib.sha256()
    entry = "json_remove(value, '$.patch')"
    diffs = f"(SELECT json_group_array({entry}) FROM json_each(data, '$.summary.diffs'))"
    for said in (
        "SELECT * FROM part ORDER BY id",
        "SELECT id, session_id, time_created, json_replace(data, '$.summary.diffs',"
        f" json({diffs})) FROM message ORDER BY id",
        "SELECT * FROM event_sequence ORDER BY 1",
    ):
        for row in execute(path, said):
            digest.update(repr(row).encode())
    return digest.hexdigest()


async def shrink(path: Path, patience: float) -> Shrunk:
    """Rescue by keys, and prove that nothing that was said is gone; `patience` in seconds."""
    rows = [count_rows(path, table) for table in ("session", "message", "part")]
    said, newest, before = words(path), execute(path, NEWEST), on_disk(path)
    async with visit(path, patience=patience) as here:
        await here.press(KEYS[0])
        dialog = await opened(here)
        plan = dialog.plan
        assert [item.id for item in plan] == ["events", "diffs", "vacuum"]
        assert sum(item.bytes for item in plan) == plan.predicted_bytes
        await here.press(*KEYS[1:])
        await here.idle()
    assert rows == [count_rows(path, table) for table in ("session", "message", "part")]
    assert words(path) == said
    assert execute(path, NEWEST) == newest, "of each message, part and session the newest event"
    assert count_rows(path, "event", EMPTIED) == count_rows(path, "message", EMPTIED) == 0
    assert_sound(path)
    return Shrunk(before, plan.predicted_bytes, on_disk(path))
