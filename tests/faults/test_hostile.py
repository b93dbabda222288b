"""A hostile database: shown, sized and deletable, and nobody beside it is touched."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Ocdu, Said
from tests.cli.conftest import ocdu as ocdu
from tests.factories import NOW, execute
from tests.hostile import (
    BODIES,
    COLUMNS,
    IDS,
    OLD,
    ORDINARY,
    TIMES,
    TITLES,
    Planted,
    chain,
    everything_but,
    harms,
    plant,
    secrets_in,
    traps_are_whole,
)
from tests.picture import (
    Picture,
    assert_sound,
    but_history,
    forest_of,
    picture,
    run,
    site_of,
)
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.policy.archive import plan_archive
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, plan_prune
from tui.policy.reclaim import ReclaimPolicy, plan_reclaim
from tui.store.payloads import find_payloads
from tui.store.shelf import reading

NAMES = (
    *(f"title: {name}" for name in TITLES),
    *(f"body: {name}" for name in BODIES),
    *(f"time: {name}" for name in TIMES),
    *(f"column: {name}" for name in COLUMNS),
    *(f"id: {name}" for name in IDS),
    "cycle a", "cycle b", "linked",
)  # fmt: skip

LOOKS = (
    ["list"],
    ["list", "--tree"],
    ["stats"],
    ["files"],
    ["files", "--dry-run"],
    ["doctor"],
    ["doctor", "--deep"],
    ["doctor", "--fix", "--dry-run"],
    ["trash", "list"],
    ["undo", "--dry-run"],
    ["redo", "--dry-run"],
    ["prune", "--older-than", "30d", "--dry-run"],
    ["prune", "--older-than", "30d", "--permanent", "--dry-run"],
    ["prune", "--missing", "--dry-run"],
    ["reclaim", "--level", "aggressive", "--dry-run"],
    ["vacuum", "--dry-run"],
    ["checkpoint", "--dry-run"],
    ["databases"],
)


def expected_code(look: list[str]) -> int:
    """A doctor says by its exit code what it found: warnings, and errors where it reads bodies."""
    if look[0] != "doctor":
        return 0
    return 1 if "--deep" in look else 4


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Made once; tests work on copies."""
    return plant(tmp_path_factory.mktemp("hostile") / "home" / "opencode" / "opencode.db")


@pytest.fixture
def planted(model: Planted, tmp_path: Path) -> Planted:
    """A copy of the whole hostile place, traps included."""
    place = tmp_path / "place"
    shutil.copytree(model.path.parents[1], place, symlinks=True)
    return Planted(place / "opencode" / "opencode.db", model.ids)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.pace.PAUSE", 0.0)


def assert_harmless(said: Said) -> None:
    """Nothing that steers a terminal, no secret, no defect of ours."""
    assert list(harms(said.all)) == []
    assert secrets_in(said.all) == []
    assert "went wrong inside" not in said.all


# looking


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("look", LOOKS, ids=" ".join)
def test_every_look_ends_well(
    ocdu: Ocdu, planted: Planted, look: list[str], form: list[str]
) -> None:
    before = planted.path.read_bytes()
    said = ocdu(*look, *form, "--db", planted.path)
    assert_harmless(said)
    assert said.exit_code == expected_code(look), said.all
    if form:
        assert said.json["command"] == look[0]
        assert said.out.isascii()
    assert planted.path.read_bytes() == before
    assert traps_are_whole(planted.path.parent)


@pytest.mark.parametrize("name", NAMES)
def test_every_session_is_shown_by_its_id(ocdu: Ocdu, planted: Planted, name: str) -> None:
    id = planted.ids[name]
    for form in ([], ["--json"]):
        said = ocdu("show", *form, "--db", planted.path, "--", id)
        assert_harmless(said)
        assert said.exit_code == 0, said.all
        if form:
            assert said.json["session"]["id"] == id
            assert sum(said.json["session"]["kinds"].values()) == said.json["session"]["tree_bytes"]


def test_every_session_is_listed_with_its_octets(ocdu: Ocdu, planted: Planted) -> None:
    said = ocdu("list", "--json", "--db", planted.path)
    listed = {each["id"]: each["bytes"] for each in said.json["sessions"]}
    assert set(listed) == {*planted.ids.values(), *ORDINARY}
    for id, octets in listed.items():
        [(expected,)] = execute(
            planted.path,
            "SELECT coalesce(sum(octet_length(data)), 0) FROM (SELECT data FROM message WHERE"
            " session_id = ?1 UNION ALL SELECT data FROM part WHERE session_id = ?1"
            " UNION ALL SELECT data FROM event WHERE aggregate_id = ?1)",
            id,
        )
        assert octets == expected, id


def test_the_sums_by_kind_are_the_octets_of_the_tables(ocdu: Ocdu, planted: Planted) -> None:
    said = ocdu("stats", "--json", "--db", planted.path).json
    [(octets,)] = execute(
        planted.path,
        "SELECT sum(octet_length(data)) FROM (SELECT data FROM message UNION ALL"
        " SELECT data FROM part UNION ALL SELECT data FROM event)",
    )
    assert sum(said["bytes"].values()) == sum(said["tables"].values()) == octets


# every verb, each hostile session


def site_at(planted: Planted) -> Site:
    return site_of(planted.path)


def pruned(site: Site, id: str, *, permanent: bool = False, events: bool = False) -> Plan:
    policy = PrunePolicy(ids=frozenset([id]), permanent=permanent, events=events)
    return plan_prune(forest_of(site), policy, NOW)


def kept(found: Picture, *, events: bool) -> Picture:
    """What the trash must give back: all, or all but event rows."""
    return found if events else but_history(found)


def tree_ids(site: Site, id: str) -> tuple[str, ...]:
    return forest_of(site).tree_of(id).ids


@pytest.mark.parametrize("name", NAMES)
def test_archiving_and_unarchiving_changes_nothing_else(planted: Planted, name: str) -> None:
    site, id = site_at(planted), planted.ids[name]
    ids = tree_ids(site, id)
    was_archived = forest_of(site).row(id).archived is not None
    before = everything_but(planted.path, ids)
    plan = plan_archive(forest_of(site), frozenset([id]), NOW)
    outcome = run(plan, site)
    assert outcome.ending == ("nothing" if was_archived else "done"), outcome.message
    assert forest_of(site).row(id).archived is not None
    assert everything_but(planted.path, ids) == before


HOMELESS = ("column: project that is gone", "column: project of bytes")
"""No foreign key lets a session in without its project; so a restore must wait for one."""


@pytest.mark.parametrize("name", HOMELESS)
def test_a_session_without_a_project_waits_in_the_trash_for_one(
    planted: Planted, name: str
) -> None:
    site, id = site_at(planted), planted.ids[name]
    whole = but_history(picture(planted.path))
    [(project,)] = execute(planted.path, "SELECT project_id FROM session WHERE id = ?", id)
    outcome = run(pruned(site, id), site)
    refused = run(plan_restore(site, [str(outcome.batch)]), site)
    assert refused.ending == "refused" and "stays in the trash" in refused.message
    execute(planted.path, "INSERT INTO project (id, worktree, time_created, time_updated,"
                          " sandboxes) VALUES (?, '/', 1, 1, '[]')", project)  # fmt: skip
    assert run(plan_restore(site, [str(outcome.batch)]), site).ending == "done"
    execute(planted.path, "DELETE FROM project WHERE id = ?", project)
    assert but_history(picture(planted.path)) == whole


@pytest.mark.parametrize("events", [True, False], ids=["with events", "as by default"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in HOMELESS])
def test_to_the_trash_and_back_is_byte_for_byte(planted: Planted, name: str, events: bool) -> None:
    site, id = site_at(planted), planted.ids[name]
    ids = tree_ids(site, id)
    whole, others = picture(planted.path), everything_but(planted.path, ids)
    outcome = run(pruned(site, id, events=events), site)
    assert outcome.ending == "done", outcome.message
    assert outcome.done.sessions == len(ids)
    assert not set(ids) & set(forest_of(site).shape.index)
    assert everything_but(planted.path, ids) == others
    back = run(plan_restore(site, [str(outcome.batch)]), site)
    assert back.ending == "done", back.message
    assert kept(picture(planted.path), events=events) == kept(whole, events=events)
    assert everything_but(planted.path, ids) == others, "nobody else's history goes"
    assert traps_are_whole(planted.path.parent)


@pytest.mark.parametrize("name", NAMES)
def test_deleting_for_good_leaves_the_others_byte_for_byte(planted: Planted, name: str) -> None:
    site, id = site_at(planted), planted.ids[name]
    ids = tree_ids(site, id)
    others = everything_but(planted.path, ids)
    outcome = run(pruned(site, id, permanent=True), site)
    assert outcome.ending == "done", outcome.message
    assert everything_but(planted.path, ids) == others
    assert everything_but(planted.path, ()) == others, "nothing of it is left"
    assert traps_are_whole(planted.path.parent)


@pytest.mark.parametrize("name", NAMES)
def test_reclaiming_leaves_the_others_byte_for_byte(planted: Planted, name: str) -> None:
    site, id = site_at(planted), planted.ids[name]
    ids = frozenset(tree_ids(site, id))
    execute(
        planted.path,
        "UPDATE part SET data = json_set(data, '$.state.time.compacted', 1)"
        " WHERE session_id = ? AND CASE WHEN typeof(data) = 'text' AND json_valid(data)"
        " THEN json_type(data, '$.state.time') = 'object' END",
        id,
    )
    others = everything_but(planted.path, ids)
    levels = ("compacted", "summarised")
    found = find_payloads(site.store, levels, session_ids=ids)
    plan = plan_reclaim(forest_of(site), found, ReclaimPolicy(levels, session_ids=ids), NOW)
    outcome = run(plan, site)
    assert outcome.ending in ("done", "nothing"), outcome.message
    assert everything_but(planted.path, ids) == others
    if not name.startswith("body: "):
        assert outcome.done.parts == 1, "the ordinary tool output went"


@pytest.mark.parametrize("events", [True, False], ids=["with events", "as by default"])
def test_all_of_it_at_once(ocdu: Ocdu, planted: Planted, tmp_path: Path, events: bool) -> None:
    """By policy, to the trash, back by undo, and then for good."""
    told = tmp_path / "told.toml"
    told.write_text(f"[trash]\nevents = {str(events).lower()}\n")
    prune = ("prune", "--older-than", "0", "--yes", "--config", told, "--db", planted.path)
    homeless = [planted.ids[name] for name in HOMELESS]
    before = everything_but(planted.path, homeless)
    said = ocdu(*prune, "--json")
    assert said.exit_code == 0, said.json["message"]
    assert_harmless(said)
    left = {id for (id,) in execute(planted.path, "SELECT id FROM session")}
    assert left == {"ses_quiet", planted.ids["column: share url"], planted.ids["time: far"]}
    for look in (["trash", "list"], ["undo", "--dry-run"]):
        for form in ([], ["--json"]):
            assert_harmless(ocdu(*look, *form, "--db", planted.path))
    undone = ocdu("undo", "--yes", "--json", "--db", planted.path)
    assert (undone.exit_code, "2 trees stayed" in undone.json["message"]) == (4, True)
    after = everything_but(planted.path, homeless)
    assert {table for table in before if after[table] != before[table]} <= (
        set() if events else {"event"}
    )
    gone = ocdu(*prune, "--permanent")
    assert gone.exit_code == 0
    assert_harmless(gone)
    assert traps_are_whole(planted.path.parent)
    assert (planted.path.parent / "storage" / "session_diff" / "ses_linked.json").is_symlink()


# what is written


def test_all_that_ocdu_writes_is_private_and_holds_no_foreign_file(
    ocdu: Ocdu, planted: Planted, home: Path
) -> None:
    for id in ("ses_quiet", planted.ids["linked"], planted.ids["id: upwards"]):
        said = ocdu("prune", "--yes", "--db", planted.path, "--", id)
        assert said.exit_code == 0, said.all
        assert_harmless(said)
    ocdu("archive", "ses_calm", "--yes", "--db", planted.path)
    ocdu("pin", "--db", planted.path, "--", planted.ids["id: escape"])
    written = [path for path in home.rglob("*") if "ocdu" in str(path.relative_to(home))]
    assert any(path.suffix == ".trash" for path in written)
    for path in written:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
        if path.is_file():
            is_batch = path.suffix == ".trash"
            allowed = ["shr-5520bd"] if is_batch else []
            found = plain(path) if is_batch else path.read_bytes()
            assert [each for each in secrets_in(found) if each not in allowed] == []


def test_a_share_secret_survives_in_the_trash(ocdu: Ocdu, planted: Planted, home: Path) -> None:
    ocdu("prune", "ses_quiet", "--yes", "--db", planted.path)
    [batch] = (home / "data" / "ocdu" / "trash").glob("*.trash")
    assert secrets_in(plain(batch)) == ["shr-5520bd"]


def plain(batch: Path) -> bytes:
    """What a batch holds, unpacked."""
    with reading(batch) as connection:
        [(file,)] = connection.execute(
            "SELECT file FROM pragma_database_list WHERE name = 'trash'"
        ).fetchall()
        return Path(str(file)).read_bytes()


# sizes no generator of rows makes in passing


def test_a_chain_of_ten_thousand_parents(ocdu: Ocdu, tmp_path: Path) -> None:
    path = chain(tmp_path / "opencode" / "opencode.db", 10_000)
    for look in (["list"], ["list", "--tree"], ["stats"], ["doctor"], ["show", "ses_top"],
                 ["prune", "--older-than", "30d", "--dry-run"]):  # fmt: skip
        for form in ([], ["--json"]):
            said = ocdu(*look, *form, "--db", path)
            assert said.exit_code == 0, said.all[-300:]
    others = everything_but(path, [f"ses_{n}" for n in range(1, 10_001)] + ["ses_top"])
    said = ocdu("prune", "ses_5000", "--yes", "--json", "--db", path)
    assert said.exit_code == 0 and said.json["done"]["sessions"] in (10_001, 5001)
    assert everything_but(path, [f"ses_{n}" for n in range(1, 10_001)] + ["ses_top"]) == others
    assert_sound(path)


def test_a_row_of_sixty_four_megabytes(ocdu: Ocdu, planted: Planted) -> None:
    id = planted.ids["title: ansi"]
    execute(
        planted.path,
        'UPDATE part SET data = \'{"type":"tool","tool":"bash","state":{"output":"\' ||'
        " printf('%.*c', 64000000, 'x') || '\"}}' WHERE id = (SELECT min(id) FROM part"
        " WHERE session_id = ?)",
        id,
    )
    for look in (["list"], ["stats"], ["show", id], ["doctor", "--deep"]):
        said = ocdu(*look, "--json", "--db", planted.path)
        assert said.exit_code == expected_code(look)
        assert_harmless(said)
    site = site_at(planted)
    others = everything_but(planted.path, [id])
    outcome = run(pruned(site, id), site)
    assert outcome.ending == "done" and outcome.done.bytes > 64_000_000
    assert everything_but(planted.path, ()) == others


def test_an_id_that_is_no_utf8_is_shown_and_harms_nobody(ocdu: Ocdu, planted: Planted) -> None:
    execute(planted.path, "UPDATE session SET id = CAST(x'7365735FFF' AS TEXT)"
                          " WHERE id = ?", planted.ids["title: ansi"])  # fmt: skip
    said = ocdu("list", "--json", "--db", planted.path)
    assert "ses_�" in {each["id"] for each in said.json["sessions"]}
    before = picture(planted.path)
    for verb in (["archive"], ["prune"], ["prune", "--permanent"], ["reclaim"]):
        said = ocdu(*verb, "--yes", "--json", "--db", planted.path, "--", "ses_�")
        assert "went wrong inside" not in said.all
        assert said.exit_code in (0, 3, 4)
        assert {
            name: each for name, each in picture(planted.path).items() if each != before[name]
        } == {}
    assert OLD < NOW
