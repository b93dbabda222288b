"""Whoever changed the keys reads their own: in toasts, dialogs, empty places and last lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Static

from tests.factories import make_database
from tests.visit import Visit, garden, visit
from tui.actions import ACTIONS
from tui.config import Compaction, Config
from tui.desk import Jobs, Running
from tui.keys import Keys, written
from tui.policy.plan import Item, Outcome, Plan, Totals
from tui.policy.vacuum import VacuumDecision
from tui.screens.board import advice_text
from tui.screens.gains import Known, advice, get_back
from tui.screens.help import help_text
from tui.screens.jobs import JobsScreen
from tui.screens.search import SearchScreen
from tui.screens.trash import TrashScreen
from tui.toasts import toast_of
from tui.widgets.conversation import Conversation
from tui.widgets.job_bar import JobBar, job_line
from tui.widgets.key_bar import KeyBar
from tui.widgets.session_tree import SessionTree
from tui.widgets.welcome import Welcome

OWN = {action.id: f"f{number}" for number, action in enumerate(ACTIONS, start=1)}
"""A key for every action that no other has, and no text names by accident."""

KEYS = Keys(OWN)
CONFIG = Config(compaction=Compaction(reclaim=False), keys=OWN)


def text_of(screen: object, id: str) -> str:
    """What a line of a screen says."""
    found = screen.query_one(id, Static)  # type: ignore[attr-defined]
    return str(found.content)


async def do(here: Visit, action: str) -> None:
    """Press the user's own key of an action, and wait for what it orders."""
    await here.press(OWN[action])
    await here.idle()


def test_a_key_is_written_as_people_write_it() -> None:
    keys = Keys({"undo": "U,ctrl+z", "help": "question_mark", "filter": "", "pin": "space"})
    assert (keys["undo"], keys["help"], keys["filter"], keys["pin"]) == ("U", "?", "/", "space")
    assert keys.all_of("undo") == "U ctrl+z" and keys.all_of("search") == "F ctrl+f"
    assert [written(key) for key in ("slash", "minus", "at", "f4")] == ["/", "-", "@", "f4"]
    assert set(keys) == {action.id for action in ACTIONS}


async def test_every_action_runs_with_the_users_own_key_and_its_toast_names_undo(
    tmp_path: Path,
) -> None:
    async with visit(garden(tmp_path), config=CONFIG) as here:
        for action in ("pin", "undo", "archive", "undo", "prune_tree"):
            if action != "undo":
                await here.go_to("ses_oldroses")
            await do(here, action)
            if action == "undo":
                continue
            assert f"{KEYS['undo']} undoes it" in here.toasts[-1]
        assert f"vacuum ({KEYS['vacuum']})" in here.toasts[-1]
        await do(here, "undo")
        assert "ses_oldroses" in here.sessions()


def test_toasts_of_what_cannot_be_undone_name_the_vacuum() -> None:
    plan = Plan("prune", (Item("a", "A", "", Totals(trees=1, sessions=1)),))
    text = toast_of(plan, Outcome("done", "", done=plan.totals), KEYS).text
    assert text.endswith(f"The file shrinks after a vacuum ({KEYS['vacuum']}).")


async def test_dialogs_name_them(tmp_path: Path) -> None:
    async with visit(garden(tmp_path), config=CONFIG) as here:
        await here.press(OWN["prune"])
        assert f"{KEYS['undo']} undoes it" in text_of(here.screen, "#fate")
        await here.press("escape", OWN["vacuum"])
        await here.until(lambda: "Looking" not in text_of(here.screen, "#facts"))
        make_free = f"{KEYS['rescue']}, {KEYS['reclaim']} or {KEYS['prune_tree']} make pages free"
        assert make_free in text_of(here.screen, "#facts")
        await here.press("escape")
        await here.go_to("ses_sharedbeds")
        await here.press(OWN["prune_tree"])
        assert f"{KEYS['undo']} brings it back" in text_of(here.screen, "#sentences")
        await here.press("escape", OWN["delete"])
        assert f"{KEYS['undo']} cannot undo this" in text_of(here.screen, "#sentences")
        await here.press("escape", OWN["help"])
        assert re.search(rf"^{KEYS['undo']} +Undo", text_of(here.screen, "#keys"), re.MULTILINE)
        await here.press(OWN["help"])
        assert not here.screen.query("#keys")


async def test_empty_places_name_them(tmp_path: Path) -> None:
    empty = make_database(tmp_path / "opencode" / "opencode.db", [])
    async with visit(empty, config=CONFIG) as here:
        assert f"{KEYS['databases']} shows where" in here.tree.empty_text
        await here.press(OWN["show_trash"])
        trash = here.screen
        assert isinstance(trash, TrashScreen)
        await here.until(lambda: "empty" in trash.table.empty_text)
        assert f"with {KEYS['prune_tree']} or {KEYS['prune']} comes" in trash.table.empty_text
        await here.press(OWN["show_jobs"])
        jobs = here.screen
        assert isinstance(jobs, JobsScreen)
        await here.until(lambda: f"{KEYS['show_dashboard']} shows" in jobs.table.empty_text)
        await here.press(OWN["largest"])
        largest = here.screen
        await here.until(
            lambda: f"{KEYS['show_dashboard']} tells" in largest.table.empty_text  # type: ignore[attr-defined]
        )
        await here.press(OWN["largest"], OWN["search"], "x", "enter")
        assert isinstance(here.screen, SearchScreen)


async def test_views_without_sessions_and_the_last_lines_name_them(tmp_path: Path) -> None:
    async with visit(garden(tmp_path), config=CONFIG) as here:
        shown = [key.key for key in here.screen.query_one(KeyBar).keys]
        assert shown and all(key.startswith("f") for key in shown)
        for id in ("ses_putaway",):
            execute_archived(here.path, id)
        await do(here, "rescan")
        await here.press(OWN["next_view"])
        tree = here.screen.query_one(SessionTree)
        assert f"{KEYS['next_view']} shows the others" in tree.empty_text


def execute_archived(path: Path, id: str) -> None:
    from tests.factories import execute

    execute(path, "UPDATE session SET time_archived = NULL WHERE id = ?", id)


def test_the_first_card_the_dashboard_and_the_job_bar_name_them() -> None:
    lines = {row.action: row for row in get_back(Known(keys=KEYS))}
    assert lines["vacuum"].key == KEYS["vacuum"]
    assert lines["reclaim:events"].key == KEYS["reclaim"]
    assert f"{KEYS['reclaim']} does" in lines["reclaim:stale"].loses
    assert f"{KEYS['undo']} brings it back" in lines["prune"].loses
    found = advice(Known(), None)
    assert "Counting" in str(advice_text(found, [KEYS[id] for id in found.actions]))
    plan = Plan("vacuum", (), options=VacuumDecision("wait", "waits"))
    waits = str(job_line(Jobs(None, ((1, plan),)), 0, 120, KEYS))
    assert f"{KEYS['cancel']} takes it back" in waits
    runs = str(job_line(Jobs(Running(1, plan, None, 0)), 0, 120, KEYS))
    assert f"{KEYS['pause']} pauses  {KEYS['cancel']} stops" in runs


async def test_the_widgets_of_every_page_have_them(tmp_path: Path) -> None:
    async with visit(garden(tmp_path), config=CONFIG) as here:
        for action in ("show_dashboard", "show_files", "show_trash", "show_projects"):
            await here.press(OWN[action])
            await here.pilot.pause()
            assert here.screen.query_one(JobBar).action_keys["cancel"] == KEYS["cancel"]
        await here.press(OWN["show_sessions"])
        await here.go_to("ses_oldroses")
        await here.press(OWN["open"])
        reading = {key.action: key.key for key in here.screen.query_one(KeyBar).keys}
        assert reading["screen.filter"] == KEYS["filter"]
        await here.press("escape")
        here.screen.query_one(Welcome).tell(here.app.keys)
        assert KEYS["rescue"] in text_of(here.screen, "Welcome")


async def test_single_screens_have_them_too(tmp_path: Path) -> None:
    async with visit(garden(tmp_path), config=CONFIG) as here:
        await here.go_to("ses_oldroses")
        await do(here, "mark")
        assert f"{KEYS['unmark_all']} unmarks" in text_of(here.screen, "#marks")
        await do(here, "unmark_all")
        assert not here.tree.marks
        await here.go_to("ses_oldroses")
        await do(here, "prune_tree")
        for action in ("show_trash", "show_files", "show_jobs", "show_projects"):
            await here.press(OWN[action])
            await here.idle()
            named = [key.key for key in here.screen.query_one(KeyBar).keys]
            assert [key for key in named if not re.fullmatch("f[0-9]+|↵", key)] == [], action
        await here.press(OWN["show_trash"])
        await do(here, "empty_all")
        assert text_of(here.screen, "#sentences").startswith("1 session in the trash")
        await here.press("escape")
        await do(here, "restore")
        await here.until(lambda: "ses_oldroses" in here.sessions())
        await here.press(OWN["show_projects"])
        await here.idle()
        await do(here, "relink")
        assert here.screen.query("#new")
        await here.press("escape", OWN["show_sessions"], OWN["reclaim"])
        assert f"{KEYS['scope']} for whom" in str(here.screen.query_one("#frame").border_subtitle)
        await here.press("escape", OWN["prune"], "escape")
        await here.go_to("ses_oldroses")
        await here.press(OWN["open"])
        await here.until(lambda: bool(here.screen.query_one(Conversation).entries))
        await here.press(OWN["show_in_tree"])
        assert here.tree.cursor_id == "ses_oldroses"


async def test_a_key_that_was_given_away_does_nothing(tmp_path: Path) -> None:
    async with visit(garden(tmp_path), config=CONFIG) as here:
        before = here.tree.cursor
        await here.press("j", "space", "G", "L", "E", "J")
        assert (here.tree.cursor, here.tree.marks) == (before, set())


def test_the_help_names_every_one_of_them() -> None:
    text = str(help_text(KEYS, 100))
    for action in ACTIONS:
        assert re.search(rf"^{KEYS[action.id]} ", text, re.MULTILINE), action.id
    assert f"{KEYS['filter']}/ does the same" in text


# no text names a key by itself

ROOT = Path(__file__).parent.parent.parent / "tui"
LETTERS = "".join(
    key for action in ACTIONS for key in action.keys.split(",") if re.fullmatch("[b-zA-Z]", key)
)
NAMES_A_KEY = re.compile(
    rf"(?<![\w’'./-])(?<!opencode )[{LETTERS}0-9](?= (undo|bring|take|give|show|tell|list|"
    rf"search|pause|stop|go|change|decide|does|make|move|lift|restore|"
    rf"relink|again|or [a-zA-Z]\b|is pressed))"
    rf"|(?<= )\((?:the )?(?:key )?[{LETTERS}]\)|\b(?:then|press|key) [{LETTERS}0-9]\b(?!\w)"
)


def literals() -> Iterator[tuple[Path, str]]:
    """Every text in the code that is no docstring."""
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = {
            id(node.value)
            for each in ast.walk(tree)
            if isinstance(body := getattr(each, "body", None), list)
            for node in body
            if isinstance(node, ast.Expr)
        }
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) else None
            is_said = isinstance(node, ast.Constant) and id(node) in said
            if isinstance(text, str) and " " in text.strip() and not is_said:
                yield path, text


def test_no_text_names_a_key_by_itself() -> None:
    found = []
    for path, text in literals():
        for hit in NAMES_A_KEY.finditer(text):
            found.append(f"{path.name}: …{text[max(0, hit.start() - 20) : hit.end() + 20]}…")
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["It is gone; u brings it back.", "after a vacuum (V).", "reclaim first, then V", "see key 5",
     "4 lists what is in it", "cancel it: Z takes it back"],
)  # fmt: skip
def test_such_a_text_would_be_noticed(text: str) -> None:
    assert NAMES_A_KEY.search(text)
