"""Every shape of bad input: one clear sentence, the right exit code, nothing lost, no traceback."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import apsw
import psutil
import pytest

from tests.cli.conftest import Ocdu, Said
from tests.factories import (
    NOW,
    Tool,
    count_rows,
    days_ago,
    execute,
    make_database,
    session,
)
from tui.cli.main import main
from tui.errors import NotNow
from tui.store.models import Migration, Part
from tui.store.unwritable import Lockless

CHECKOUT = Path(__file__).parents[2]


def is_one_sentence(said: Said, exit_code: int, *words: str) -> bool:
    """One line on standard error that names these, and this exit code."""
    assert said.exit_code == exit_code, said.all
    assert said.err.count("\n") == 1, said.err
    for word in words:
        assert word in said.err, said.err
    return True


# where nothing is, or something else


def test_no_database_says_where_it_looked_and_what_to_do(ocdu: Ocdu, home: Path) -> None:
    said = ocdu("list")
    assert is_one_sentence(said, 3, str(home / "data" / "opencode"), "--db", "ocdu demo")


def test_a_named_database_that_is_not_there(ocdu: Ocdu, tmp_path: Path) -> None:
    said = ocdu("list", "--db", tmp_path / "no.db")
    assert is_one_sentence(said, 3, str(tmp_path / "no.db"), "--db", "ocdu demo")
    assert list(tmp_path.glob("no.db*")) == [], "looking must not make one"


def test_several_databases_are_listed(ocdu: Ocdu, home: Path) -> None:
    folder = home / "data" / "opencode"
    for name in ("opencode.db", "opencode-dev.db"):
        make_database(folder / name, [session("one")])
    assert is_one_sentence(ocdu("list"), 2, "2 databases", "opencode-dev.db", "--db")
    found = ocdu("databases", "--json").json["databases"]
    assert {Path(each["path"]).name for each in found} == {"opencode.db", "opencode-dev.db"}


def test_the_only_database_needs_no_name(ocdu: Ocdu, home: Path) -> None:
    make_database(home / "data" / "opencode" / "opencode.db", [session("one")])
    assert len(ocdu("list", "--json").json["sessions"]) == 1


def test_a_text_file(ocdu: Ocdu, tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    path.write_text("Dear diary, " * 1000)
    assert is_one_sentence(ocdu("list", "--db", path), 3, "not an SQLite database")


def test_an_encrypted_file(ocdu: Ocdu, tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    path.write_bytes(random.Random(1).randbytes(40_960))
    assert is_one_sentence(ocdu("stats", "--db", path), 3, "encrypted")


def test_a_file_of_zero_bytes(ocdu: Ocdu, tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    path.touch()
    assert is_one_sentence(ocdu("list", "--db", path), 3, "is empty")
    assert path.stat().st_size == 0


def test_a_directory(ocdu: Ocdu, tmp_path: Path) -> None:
    assert is_one_sentence(ocdu("list", "--db", tmp_path), 3, "is a directory")


def test_a_database_of_another_program(ocdu: Ocdu, tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    execute(path, "CREATE TABLE cat (name TEXT)")
    said = ocdu("prune", "--older-than", "0", "--yes", "--db", path)
    assert is_one_sentence(said, 3, "not one of opencode")


def test_a_database_that_is_just_being_created(ocdu: Ocdu, tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    execute(path, "PRAGMA journal_mode = WAL")
    execute(path, "PRAGMA user_version = 1")
    assert path.stat().st_size > 0
    assert is_one_sentence(ocdu("list", "--db", path), 3, "no tables yet")


# damage


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A database of a few hundred pages."""
    given = [session(f"s{n}", active=days_ago(90 - n), octets=20_000) for n in range(40)]
    return make_database(tmp_path / "opencode.db", given)


@pytest.mark.parametrize("verb", ["list", "stats", "prune"])
def test_a_truncated_database(ocdu: Ocdu, large: Path, verb: str) -> None:
    os.truncate(large, large.stat().st_size // 3)
    before = large.read_bytes()
    said = ocdu(verb, "--yes", "--db", large)
    assert is_one_sentence(said, 3, str(large), "damaged", "Copy it")
    assert large.read_bytes() == before


def test_a_page_overwritten_with_noise(ocdu: Ocdu, large: Path) -> None:
    root = execute(large, "SELECT rootpage FROM sqlite_schema WHERE name = 'part'")[0][0]
    before = bytearray(large.read_bytes())
    before[(root - 1) * 4096 : root * 4096] = random.Random(2).randbytes(4096)
    large.write_bytes(before)
    said = ocdu("prune", "--older-than", "1", "--permanent", "--yes", "--db", large)
    assert is_one_sentence(said, 3, "damaged")
    assert count_rows(large, "session") == 40


# schemas


def test_a_missing_table(ocdu: Ocdu, tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db")
    execute(path, "DROP TABLE part")
    assert is_one_sentence(ocdu("list", "--db", path), 3, "lacks the table part")


def test_a_missing_column(ocdu: Ocdu, tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", without=[Part])
    execute(path, "CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT)")
    assert is_one_sentence(ocdu("list", "--db", path), 3, "lacks the column part.data")


def test_strange_tables_and_future_columns_are_no_hindrance(ocdu: Ocdu, garden: Path) -> None:
    execute(garden, "ALTER TABLE session ADD COLUMN mood TEXT DEFAULT 'sunny'")
    execute(garden, "ALTER TABLE part ADD COLUMN weight REAL DEFAULT 2.5")
    execute(garden, "CREATE TABLE mushrooms (id TEXT)")
    execute(garden, "UPDATE session SET mood = 'rainy' WHERE id = 'ses_old'")
    rows = execute(garden, "SELECT * FROM session ORDER BY id")
    said = ocdu("prune", "ses_old", "--yes", "--json", "--db", garden)
    assert said.json["outcome"] == "done", said.all
    back = ocdu("trash", "restore", said.json["batch"], "--yes", "--json", "--db", garden)
    assert back.json["outcome"] == "done", back.all
    assert execute(garden, "SELECT * FROM session ORDER BY id") == rows


WRITES = (
    ["archive", "ses_old"],
    ["prune", "ses_old"],
    ["prune", "--older-than", "1", "--permanent"],
    ["reclaim"],
)
"""Commands that would change a database."""


@pytest.mark.parametrize("write", WRITES, ids=" ".join)
def test_a_newer_schema_is_shown_and_never_written(
    ocdu: Ocdu, garden: Path, write: list[str]
) -> None:
    execute(garden, "INSERT INTO migration VALUES ('20290101000000_wings', 1)")
    assert len(ocdu("list", "--json", "--db", garden).json["sessions"]) == 6
    before = garden.read_bytes()
    said = ocdu(*write, "--yes", "--db", garden)
    assert said.exit_code == 3
    assert "newer schema (20290101000000_wings)" in said.err
    assert garden.read_bytes() == before


def test_a_database_of_an_unknown_opencode_2_is_shown_and_never_written(
    ocdu: Ocdu, garden: Path
) -> None:
    execute(garden, "CREATE TABLE session_v2 (id TEXT PRIMARY KEY)")
    assert len(ocdu("list", "--json", "--db", garden).json["sessions"]) == 6
    before = garden.read_bytes()
    said = ocdu("prune", "ses_old", "--yes", "--db", garden)
    assert said.exit_code == 3
    assert "opencode 2.x" in said.err
    assert garden.read_bytes() == before


def test_a_database_of_an_unknown_opencode_2_alone_is_refused(ocdu: Ocdu, tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    execute(path, "CREATE TABLE session_v2 (id TEXT PRIMARY KEY)")
    assert is_one_sentence(ocdu("list", "--db", path), 3, "column session_v2.directory")


def test_an_old_database_without_migrations_works(ocdu: Ocdu, tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", [session("old")], without=[Migration])
    assert ocdu("archive", "ses_old", "--yes", "--json", "--db", path).json["outcome"] == "done"


# permissions, disks, locks


def as_nobody(arguments: list[str]) -> tuple[int, str]:
    """Exit code and standard error of a command line run without root's privileges.

    Root ignores permissions, so a forked child gives root up first. Its modules are those of this
    process: the interpreter itself may lie where nobody may read.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.dup2(write, 2)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            code = main(arguments, now=NOW)
            sys.stderr.flush()
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as said:
        text = said.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that everybody may enter, with a home for nobody in it."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for variable in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            made = folder / variable.lower()
            made.mkdir()
            made.chmod(0o777)
            monkeypatch.setenv(variable, str(made))
        yield folder
        for each in folder.rglob("*"):
            each.chmod(0o755)


Warm = Callable[[Path], None]


@pytest.fixture
def warm(ocdu: Ocdu, monkeypatch: pytest.MonkeyPatch) -> Warm:
    """Load every module that an archive needs, before privileges are given up."""

    def run(path: Path) -> None:
        assert ocdu("list", "--db", path).exit_code == 0
        for verb in ("archive", "unarchive"):
            assert ocdu(verb, "ses_one", "--yes", "--db", path).exit_code == 0
        # What root made there is not for nobody: a fresh folder for ocdu's own database.
        fresh = path.parent.parent / "fresh"
        fresh.mkdir()
        fresh.chmod(0o777)
        monkeypatch.setenv("XDG_DATA_HOME", str(fresh))

    return run


def test_a_file_without_read_permission(open_folder: Path, warm: Warm) -> None:
    path = make_database(open_folder / "data" / "o.db", [session("one")])
    warm(path)
    path.chmod(0)
    code, said = as_nobody(["list", "--db", str(path)])
    assert (code, said.count("\n")) == (3, 1), said
    assert "not readable for you" in said


ONLY_LOOKED_AT = "not writable for you (it belongs to root): nothing can be changed here"


def test_a_file_of_somebody_else_is_shown_and_not_written(open_folder: Path, warm: Warm) -> None:
    """Nor is anything made beside it that its owner could not write."""
    folder = open_folder / "data"
    path = make_database(folder / "o.db", [session("one")])
    warm(path)
    for beside in folder.glob("o.db-*"):
        beside.unlink()
    path.chmod(0o444)
    folder.chmod(0o777)
    code, said = as_nobody(["list", "--json", "--db", str(path)])
    assert code == 0 and said.count(ONLY_LOOKED_AT) == said.count("\n") == 1, said
    code, said = as_nobody(["archive", "ses_one", "--yes", "--db", str(path)])
    assert code == 3 and said.count(ONLY_LOOKED_AT) == said.count("\n") == 1, said
    assert execute(path, "SELECT time_archived FROM session") == [(None,)]
    for beside in folder.glob("o.db-*"):
        assert beside.stat().st_uid == 0, "the owner's opencode could not write it"


def test_a_folder_of_somebody_else_is_shown_and_not_written(open_folder: Path, warm: Warm) -> None:
    folder = open_folder / "data"
    path = make_database(folder / "o.db", [session("one")])
    warm(path)
    for beside in folder.glob("o.db-*"):
        beside.unlink()
    path.chmod(0o666)
    folder.chmod(0o555)
    code, said = as_nobody(["list", "--db", str(path)])
    assert code == 0 and said.count(ONLY_LOOKED_AT) == said.count("\n") == 1, said
    code, said = as_nobody(["archive", "ses_one", "--yes", "--db", str(path)])
    assert code == 3 and said.count(ONLY_LOOKED_AT) == said.count("\n") == 1, said


def test_a_ledger_of_somebody_else_is_read_and_not_written(
    open_folder: Path, warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `sudo ocdu`; of one that may not even be read the sentence says so."""
    path = make_database(open_folder / "data" / "o.db", [session("one")])
    ours = os.environ["XDG_DATA_HOME"]
    warm(path)
    monkeypatch.setenv("XDG_DATA_HOME", ours)
    path.chmod(0o666)
    path.parent.chmod(0o777)
    folder = Path(ours) / "ocdu"
    folder.chmod(0o755)
    for own in folder.glob("ledger.db*"):
        own.chmod(0o644)
    code, said = as_nobody(["undo", "--dry-run", "--db", str(path)])
    assert code == 0 and said.count(ONLY_LOOKED_AT) == said.count("\n") == 1, said
    code, said = as_nobody(["archive", "ses_one", "--yes", "--db", str(path)])
    assert code == 3 and str(folder) in said and ONLY_LOOKED_AT in said
    assert "not seen" not in said
    for hidden in (folder / "ledger.db", folder / "ledger.db-journal", folder):
        mode = hidden.stat().st_mode
        hidden.chmod(0o600)
        code, said = as_nobody(["list", "--db", str(path)])
        assert code == 0 and "pins and past jobs are not seen" in said, said
        hidden.chmod(mode)


def test_a_data_folder_that_cannot_be_entered(
    open_folder: Path, warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_database(open_folder / "data" / "o.db", [session("one")])
    warm(path)
    path.chmod(0o666)
    path.parent.chmod(0o777)
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_DATA_HOME", str(closed / "below"))
    code, said = as_nobody(["list", "--db", str(path)])
    assert code == 0 and said.startswith(f"{closed} is not writable for you"), said
    assert not (closed / "below").exists()


def test_a_folder_that_takes_files_and_lets_nobody_in(
    open_folder: Path, warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be written to by its rights, and yet nothing can be kept there."""
    path = make_database(open_folder / "data" / "o.db", [session("one")])
    warm(path)
    path.chmod(0o666)
    path.parent.chmod(0o777)
    monkeypatch.setenv("XDG_DATA_HOME", str(open_folder / "closed"))
    own = open_folder / "closed" / "ocdu"
    own.mkdir(parents=True)
    own.chmod(0o666)
    code, said = as_nobody(["list", "--db", str(path)])
    assert code == 0 and f"{own} is not writable for you" in said, said
    code, said = as_nobody(["archive", "ses_one", "--yes", "--db", str(path)])
    assert code == 3 and f"{own} is not writable for you" in said, said


def test_what_was_written_while_it_could_not_be_locked_is_not_believed(tmp_path: Path) -> None:
    """Without its -shm file nobody can be made to wait: then the two times are told apart."""
    path = make_database(tmp_path / "o.db", [session("one")])
    for beside in path.parent.glob("o.db-*"):
        beside.unlink()
    found = Lockless(f"file:{path}", path)
    with found.reading() as db:
        assert db.execute_sql("SELECT count(*) FROM session").fetchone() == (1,)
    with pytest.raises(NotNow, match="written to while it was read"), found.reading() as db:
        db.execute_sql("SELECT count(*) FROM session").fetchone()
        execute(path, "UPDATE session SET title = 'new'")


def test_a_folder_of_ocdu_that_cannot_be_made(ocdu: Ocdu, garden: Path, home: Path) -> None:
    """Looking needs none."""
    (home / "data" / "ocdu").write_text("a file where the folder should be")
    for words in ("list", "jobs", "undo"):
        said = ocdu(words, "--db", garden)
        assert is_one_sentence(said, 0, f"{home / 'data' / 'ocdu'} is not a folder")
    said = ocdu("archive", "ses_old", "--yes", "--db", garden)
    assert is_one_sentence(said, 3, str(home / "data" / "ocdu"), "XDG_DATA_HOME")


def test_a_network_file_system_is_read_only_unless_forced(
    ocdu: Ocdu, garden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = [SimpleNamespace(mountpoint=str(garden.parent), fstype="nfs4")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    assert ocdu("list", "--db", garden).exit_code == 0
    said = ocdu("archive", "ses_old", "--yes", "--db", garden)
    assert said.exit_code == 3
    assert "network file system (nfs4)" in said.err
    assert "--force" in said.err
    forced = ocdu("archive", "ses_old", "--yes", "--force", "--json", "--db", garden)
    assert forced.json["outcome"] == "done"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for locks a twentieth of a second instead of five."""
    monkeypatch.setattr("tui.store.database.BUSY_TIMEOUT", 0.05)


@pytest.mark.usefixtures("impatient")
def test_a_writer_that_never_lets_go(ocdu: Ocdu, garden: Path) -> None:
    other = apsw.Connection(str(garden))
    try:
        other.execute("BEGIN IMMEDIATE")
        said = ocdu("archive", "ses_old", "--yes", "--db", garden)
        assert is_one_sentence(said, 3, "locked by another program", "try again")
        assert ocdu("list", "--db", garden).exit_code == 0, "reading goes on"
        other.execute("ROLLBACK")
    finally:
        other.close()
    assert execute(garden, "SELECT count(*) FROM session WHERE time_archived = ?", NOW) == [(0,)]


@pytest.mark.usefixtures("impatient")
def test_a_database_locked_even_for_readers(ocdu: Ocdu, garden: Path) -> None:
    other = apsw.Connection(str(garden))
    try:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("UPDATE session SET title = title")
        assert is_one_sentence(ocdu("list", "--db", garden), 3, "locked by another program")
    finally:
        other.close()


def test_a_disk_that_fills_up_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    given = [
        session(f"s{n}", active=days_ago(90), tools=[Tool(50_000)] * 20, octets=50_000)
        for n in range(30)
    ]
    path = make_database(tmp_path / "opencode.db", given)
    before = {table: count_rows(path, table) for table in ("session", "message", "part")}
    limit = 600_000
    assert path.stat().st_size > 2 * limit

    def no_file_larger() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    run = subprocess.run(
        [sys.executable, "-m", "tui", "prune", "--yes", "--json", "--db", str(path)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        preexec_fn=no_file_larger,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in run.stderr
    said = json.loads(run.stdout)
    assert (run.returncode, said["outcome"]) in ((1, "failed"), (3, "refused")), run
    assert execute(path, "PRAGMA quick_check") == [("ok",)]
    assert {table: count_rows(path, table) for table in before} == before


# what was typed


@pytest.mark.parametrize("age", ["soon", "-3", "30 days", "", "1e9y", "999999y"])
def test_a_wrong_age(ocdu: Ocdu, garden: Path, age: str) -> None:
    said = ocdu("prune", f"--older-than={age}", "--yes", "--db", garden)
    assert is_one_sentence(said, 2, f"“{age}”")
    assert count_rows(garden, "session") == 6


def test_an_unknown_id(ocdu: Ocdu, garden: Path) -> None:
    for verb in ("show", "archive", "unarchive", "pin", "unpin", "prune", "reclaim"):
        said = ocdu(verb, "ses_nobody", "--yes", "--db", garden)
        assert is_one_sentence(said, 2, "“ses_nobody”", "ocdu list")


def test_an_ambiguous_id_names_the_candidates(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("prune", "ses_n", "--yes", "--db", garden)
    assert is_one_sentence(said, 2, "ses_new", "ses_now")
    assert count_rows(garden, "session") == 6


def test_an_empty_id_is_not_everything(ocdu: Ocdu, garden: Path) -> None:
    assert is_one_sentence(ocdu("prune", "", "--yes", "--db", garden), 2, "“”")
    assert count_rows(garden, "session") == 6


def test_an_unknown_level(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("reclaim", "--level", "compacted,everything", "--yes", "--db", garden)
    assert is_one_sentence(said, 2, "“everything”", "summarised")


def test_an_unknown_command_suggests_one(ocdu: Ocdu) -> None:
    assert is_one_sentence(ocdu("prunee"), 2, "“prunee”", "`ocdu prune`")
    assert is_one_sentence(ocdu("xyzzy"), 2, "“xyzzy”", "`ocdu --help`")


def test_an_unknown_option(ocdu: Ocdu) -> None:
    assert is_one_sentence(ocdu("--delete-everything"), 2, "--delete-everything")
    assert is_one_sentence(ocdu("archive"), 2, "ID")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[prune]\nolder_than = 30\n", "line 2"),
        ("\n\n[prunes]\n", "line 3"),
        ("[look]\nbars = 'wide'\n", "line 2"),
        ("[prune\n", "line 1"),
    ],
)
def test_a_broken_configuration_names_the_line(
    ocdu: Ocdu, garden: Path, home: Path, text: str, line: str
) -> None:
    config = home / "config" / "ocdu" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(text)
    said = ocdu("list", "--db", garden)
    assert is_one_sentence(said, 2, str(config), line)


def test_a_configuration_that_was_named_but_is_not_there(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("list", "--config", "/no/such.toml", "--db", garden)
    assert is_one_sentence(said, 2, "/no/such.toml")


@pytest.mark.parametrize("arguments", [[], ["demo"]])
def test_the_app_without_a_terminal(ocdu: Ocdu, arguments: list[str]) -> None:
    assert is_one_sentence(ocdu(*arguments), 2, "needs a terminal")


def test_the_home_of_a_user_nobody_knows(ocdu: Ocdu, garden: Path) -> None:
    assert is_one_sentence(ocdu("list", "--db", "~nobody-here/x.db"), 3, "~nobody-here/x.db")
    said = ocdu("list", "--config", "~nobody-here/x", "--db", garden)
    assert is_one_sentence(said, 2, "~nobody-here/x")
    for kind in ("--markdown", "--export"):
        said = ocdu("show", "ses_new", kind, "~nobody-here/x", "--db", garden)
        assert is_one_sentence(said, 3, "~nobody-here/x cannot be written: No such file")


def test_a_path_that_cannot_even_be_looked_at(
    ocdu: Ocdu, garden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too long, as good as below a folder of somebody else's: asking for it is an error."""
    long = f"/tmp/{'x' * 300}/x"
    for verb in ("list", "stats", "files"):
        assert is_one_sentence(ocdu(verb, "--db", long), 3, "xx/x cannot be reached")
    assert is_one_sentence(ocdu("list", "--config", long, "--db", garden), 2, "xx/x")
    assert is_one_sentence(ocdu("config", "--config", long), 2, "xx/x")
    said = ocdu("vacuum", "--temp-dir", long, "--dry-run", "--db", garden)
    assert is_one_sentence(said, 2, "xx/x")
    monkeypatch.setenv("OPENCODE_DB", long)
    assert is_one_sentence(ocdu("list"), 3, "xx/x cannot be reached")
    assert ocdu("databases").exit_code in (0, 3)


def test_the_folder_one_is_in_was_removed(
    ocdu: Ocdu, garden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert ocdu("list", "--db", garden).exit_code == 0
    assert ocdu("list", "--db", "x.db").exit_code == 3
    assert "x.md" in ocdu("show", "ses_new", "--markdown", "x.md", "--db", garden).err
    assert ocdu("projects", "relink", "a", "b", "--dry-run", "--db", garden).exit_code == 0
