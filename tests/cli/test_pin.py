"""`ocdu pin` and `ocdu unpin`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ocdu


def pinned(ocdu: Ocdu, garden: Path) -> set[str]:
    """Ids that the list calls pinned."""
    sessions = ocdu("list", "--json", "--db", garden).json["sessions"]
    return {each["id"] for each in sessions if each["pinned"]}


def test_pins_are_kept_until_they_are_taken_back(ocdu: Ocdu, garden: Path) -> None:
    before = garden.read_bytes()
    said = ocdu("pin", "ses_old", "ses_att", "--yes", "--json", "--db", garden)
    assert (said.json["outcome"], said.json["ids"]) == ("done", ["ses_old", "ses_attic"])
    assert pinned(ocdu, garden) == {"ses_old", "ses_attic"}
    again = ocdu("pin", "ses_old", "--yes", "--json", "--db", garden)
    assert (again.exit_code, again.json["outcome"]) == (0, "nothing")
    assert ocdu("unpin", "ses_old", "--yes", "--db", garden).out == "Unpinned 1 session.\n"
    assert pinned(ocdu, garden) == {"ses_attic"}
    assert garden.read_bytes() == before, "pins are no business of opencode's database"


def test_without_yes_or_with_a_dry_run_nothing_is_pinned(ocdu: Ocdu, garden: Path) -> None:
    for more in ([], ["--dry-run", "--yes"]):
        said = ocdu("pin", "ses_old", *more, "--json", "--db", garden)
        assert (said.exit_code, said.json["outcome"]) == (0, "planned")
    assert pinned(ocdu, garden) == set()


def test_read_only_refuses_to_pin(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("pin", "ses_old", "--read-only", "--yes", "--db", garden)
    assert said.exit_code == 3
    assert pinned(ocdu, garden) == set()
