"""The reclaim in the background: a quiet line, a key that asks; never without consent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest
from textual.message import Message

from tests.factories import NOW, Tool, count_rows, days_ago, execute, make_database, session
from tests.picture import picture
from tests.visit import SIZES, Visit, visit
from tui.config import Config
from tui.engine import watch
from tui.engine.site import open_site
from tui.messages import Found
from tui.records import Payload
from tui.screens.confirm import ConfirmDialog
from tui.store.payloads import find_payloads
from tui.widgets.filter_bar import FilterBar
from tui.widgets.job_bar import JobBar


def marked(path: Path) -> Path:
    """One session with output that opencode marked as compacted."""
    tools = [Tool(50_000, compacted=True), Tool(3_000)]
    return make_database(
        path / "opencode.db", [session("Long talk", active=days_ago(3), tools=tools)]
    )


def outputs(path: Path) -> list[str]:
    found = execute(
        path, "SELECT data ->> '$.state.output' FROM part WHERE data ->> '$.type' = 'tool'"
    )
    return sorted(str(text) for (text,) in found)


async def offered(here: Visit) -> None:
    """The quiet line stands there."""
    await here.until(lambda: here.app.undecided > 0)


async def asked(here: Visit) -> None:
    """After B."""
    await here.press("B")
    await here.until(lambda: isinstance(here.screen, ConfirmDialog))


def bar(here: Visit) -> str:
    return str(here.screen.query_one(JobBar).render())


async def test_unasked_no_question_takes_a_key_and_nothing_is_written(tmp_path: Path) -> None:
    """Who types on through the moment of the discovery types into what they see."""
    path = marked(tmp_path)
    before = picture(path)
    async with visit(path, config=Config()) as here:
        await here.press("slash", *"lon")
        await offered(here)
        await here.press("g", "enter", "enter")
        assert len(here.app.screen_stack) == 1
        assert here.screen.query_one(FilterBar).needle == "long"
        assert "kB of output that opencode marked compacted could be dropped by itself" in bar(here)
        assert bar(here).endswith("B decides")
        await here.idle()
        assert here.app.site.ledger.consent() is None
    assert picture(path) == before


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_quiet_line_names_its_key_in_every_terminal(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with visit(marked(tmp_path), size, config=Config()) as here:
        await offered(here)
        await here.pilot.pause()
        assert bar(here).endswith("B decides")
        assert len(bar(here)) <= size[0]
        await here.pilot.click(JobBar)
        await here.until(lambda: isinstance(here.screen, ConfirmDialog))


async def test_not_now_is_the_safe_choice_and_nothing_is_written(tmp_path: Path) -> None:
    path = marked(tmp_path)
    before = picture(path)
    async with visit(path, config=Config()) as here:
        await offered(here)
        await asked(here)
        await here.press("enter")
        await here.idle()
        assert here.app.site.ledger.consent() is False
        assert here.app.undecided == 0
        assert "B changes that" in here.toasts[-1]
    assert picture(path) == before


async def test_the_answer_can_be_changed_at_any_time(tmp_path: Path) -> None:
    path = marked(tmp_path)
    ledger = open_site(path).ledger
    ledger.set_consent(False)
    async with visit(path, config=Config()) as here:
        await here.until(lambda: here.app.payloads is not None)
        await asked(here)
        await here.press("right", "enter")
        await here.until(lambda: "[reclaimed]" in outputs(path))
        await here.idle()
        assert ledger.consent() is True
        await asked(here)
        assert here.button() == "Stop doing so"
        await here.press("escape")
        assert ledger.consent() is True
        await asked(here)
        await here.press("right", "enter")
        assert ledger.consent() is False


async def test_where_the_configuration_forbids_it_the_key_says_so(tmp_path: Path) -> None:
    async with visit(marked(tmp_path)) as here:
        await here.press("B")
        assert "[compaction] reclaim = false" in here.toasts[-1]
        assert len(here.app.screen_stack) == 1


async def test_with_consent_marked_output_goes_and_the_rest_stays(tmp_path: Path) -> None:
    path = marked(tmp_path)
    async with visit(path, config=Config()) as here:
        await offered(here)
        await asked(here)
        await here.press("right", "enter")
        await here.until(lambda: outputs(path) == ["[reclaimed]", "o" * 3_000])
        await here.idle()
        assert here.app.site.ledger.consent() is True
        assert here.toasts == []  # what nobody ordered is not announced
        assert here.app.undecided == 0


async def test_consent_given_once_is_enough(tmp_path: Path) -> None:
    path = marked(tmp_path)
    async with visit(path, config=Config()) as here:
        await offered(here)
        await asked(here)
        await here.press("right", "enter")
        await here.until(lambda: "[reclaimed]" in outputs(path))
        await here.idle()
    execute(
        path,
        "UPDATE part SET time_updated = ?, data = json_set(data, '$.state.time.compacted', ?)"
        " WHERE data ->> '$.state.output' LIKE 'ooo%'",
        NOW,
        NOW,
    )
    async with visit(path, config=Config()) as here:
        await here.until(lambda: outputs(path) == ["[reclaimed]", "[reclaimed]"])


async def test_reclaim_by_key_shows_the_bytes_and_takes_only_them(tmp_path: Path) -> None:
    path = marked(tmp_path)
    async with visit(path) as here:
        await here.press("r")
        await here.until(lambda: here.button().startswith("Reclaim 1 tool output"))
        here.screen.query_one("#act").focus()
        await here.press("enter")
        await here.idle()
        assert outputs(path) == ["[reclaimed]", "o" * 3_000]
        assert here.toasts


# beside an opencode that goes on writing


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same intervals, a thousand times as fast."""
    for name in ("EVERY", "HOLDERS_EVERY", "HOLDERS_REST", "SEARCH_EVERY", "SEARCH_LATEST"):
        monkeypatch.setattr(watch, name, getattr(watch, name) / 1000)
    monkeypatch.setattr("tui.app.loading.SETTLE", 0.01)


def mark(path: Path, where: str = "1", time: int = NOW) -> None:
    """As opencode's own prune does it, on a connection of its own."""
    execute(
        path,
        "UPDATE part SET time_updated = ?, data = json_set(data, '$.state.time.compacted', ?)"
        f" WHERE data ->> '$.type' = 'tool' AND {where}",
        time,
        time,
    )


def unmarked(path: Path) -> Path:
    tools = [Tool(20_000), Tool(30_000)]
    return make_database(path / "o.db", [session("Talk", active=days_ago(3), tools=tools)])


def agreed(path: Path) -> None:
    """The question was answered in an earlier visit."""
    open_site(path).ledger.set_consent(True)


def is_gone(path: Path, octets: int) -> bool:
    return "o" * octets not in outputs(path)


async def test_what_opencode_marks_while_the_app_is_open_is_reclaimed(
    tmp_path: Path, hurried: None
) -> None:
    path = unmarked(tmp_path)
    agreed(path)
    async with visit(path, config=Config()) as here:
        for octets in (20_000, 30_000):
            mark(path, f"octet_length(data ->> '$.state.output') = {octets}")
            await here.until(partial(is_gone, path, octets))
        assert outputs(path) == ["[reclaimed]", "[reclaimed]"]
        await here.idle()
        assert here.toasts == []
        assert [entry.verb for entry in here.app.site.ledger.entries()] == ["reclaim"] * 2


async def test_what_a_job_already_took_begins_no_second_one(tmp_path: Path, hurried: None) -> None:
    """The watcher may tell once more of what it found before that job."""
    path = unmarked(tmp_path)
    agreed(path)
    async with visit(path, config=Config()) as here:
        told: list[Found] = []
        post = here.app.post_message

        def twice(message: Message) -> bool:
            if isinstance(message, Found):
                told.append(message)
            return post(message)

        here.app.post_message = twice  # type: ignore[method-assign]
        mark(path)
        await here.until(lambda: outputs(path) == ["[reclaimed]", "[reclaimed]"])
        await here.idle()
        assert told
        post(told[0])
        await here.idle()
        assert [entry.verb for entry in here.app.site.ledger.entries()] == ["reclaim"]


async def test_z_keeps_it_from_beginning_until_it_is_pressed_again(
    tmp_path: Path, hurried: None
) -> None:
    path = unmarked(tmp_path)
    agreed(path)
    async with visit(path, config=Config()) as here:
        await here.press("z")
        assert "rests" in here.toasts[0]
        mark(path)
        told: list[object] = []
        watcher = here.app._watcher
        assert watcher is not None
        offered = watcher._on_found

        def both(found: Sequence[Payload]) -> None:
            told.append(found)
            offered(found)

        watcher._on_found = both
        await here.until(lambda: len(told) >= 3)
        assert "[reclaimed]" not in outputs(path)
        await here.press("z")
        await here.until(lambda: outputs(path) == ["[reclaimed]", "[reclaimed]"])


async def test_after_a_restart_it_goes_on_from_its_watermark(tmp_path: Path, hurried: None) -> None:
    path = unmarked(tmp_path)
    agreed(path)
    ledger = open_site(path).ledger
    async with visit(path, config=Config()) as here:
        mark(path, "octet_length(data ->> '$.state.output') = 20000")
        await here.until(lambda: "[reclaimed]" in outputs(path))
        await here.until(lambda: ledger.watermark("compacted") == NOW)
    # Marked in between, one of them with a time that was searched long ago.
    mark(path, "octet_length(data ->> '$.state.output') = 30000", NOW + 1)
    other = Tool(40_000, compacted=True)
    strange = make_database(tmp_path / "s.db", [session("Past", active=days_ago(9), tools=[other])])
    for table in ("session", "message", "part"):
        copy_rows(strange, path, table)
    async with visit(path, config=Config()) as here:
        await here.until(lambda: ledger.watermark("compacted") == NOW + 1)
        await here.idle()
    assert outputs(path) == ["[reclaimed]", "[reclaimed]", "o" * 40_000], "no second whole search"


def copy_rows(source: Path, target: Path, table: str) -> None:
    connection = apsw.Connection(str(target))
    connection.execute("ATTACH ? AS other", (str(source),))
    connection.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table}")
    connection.close()


async def test_where_opencode_forbids_pruning_nothing_is_asked_and_nothing_written(
    tmp_path: Path, home: Path, hurried: None
) -> None:
    path = marked(tmp_path)
    agreed(path)
    said = home / "config" / "opencode" / "opencode.jsonc"
    said.parent.mkdir()
    said.write_text('{ "compaction": { "prune": false }, /* keep it */ }')
    before, written = picture(path), said.read_text()
    async with visit(path, config=Config()) as here:
        watcher = here.app._watcher
        assert watcher is not None
        await here.until(lambda: bool(watcher._why_not))
        assert picture(path) == before
        assert said.read_text() == written
        said.write_text("{}")
        await here.until(lambda: "[reclaimed]" in outputs(path))


async def test_a_pinned_session_is_left_alone_and_looked_at_no_more_than_others(
    tmp_path: Path, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = marked(tmp_path)
    agreed(path)
    site = open_site(path)
    site.ledger.pin(["ses_longtalk"])
    searches: list[object] = []
    real = find_payloads

    def counted(*given: Any, **more: Any) -> Any:
        searches.append(given)
        return real(*given, **more)

    monkeypatch.setattr(watch, "find_payloads", counted)
    async with visit(path, config=Config()) as here:
        told: list[object] = []
        watcher = here.app._watcher
        assert watcher is not None
        watcher._on_found = told.append
        await here.until(lambda: len(told) >= 5)
        assert len(searches) <= 2, "without a write nothing is searched again"
    assert "[reclaimed]" not in outputs(path)
    assert count_rows(path, "part") == 4
