"""The real opencode reads what the trash gives back: as rows, and in its own import format."""

from __future__ import annotations

import json
from pathlib import Path

from tests.opencode.ocdu import ocdu
from tests.opencode.past import Past
from tests.opencode.witness import opencode_accepts, session_rows, tree


def test_an_exported_tree_is_what_opencode_exports_and_can_be_imported(
    newest_past: Past, tmp_path: Path
) -> None:
    past = newest_past
    family = tree(past, "family")
    folders = {key: Path(row.directory) for key, row in session_rows(past.home).items()}
    theirs = {key: past.home.exported(key, folders[key]) for key in family}
    ocdu(past.home, "prune", past.ids["family"])
    said = ocdu(past.home, "trash", "export", past.ids["family"], "--output", f"{tmp_path}/out/")
    assert said.json["left_out"] == 0, str(said)
    files = {path.stem: path for path in (tmp_path / "out").iterdir()}
    assert {key: json.loads(path.read_text()) for key, path in files.items()} == theirs

    for key in sorted(family, key=lambda key: key != past.ids["family"]):
        past.home.run("import", str(files[key]), directory=folders[key])
    assert tree(past, "family") == family
    again = {key: past.home.exported(key, folders[key]) for key in family}
    assert {key: each["messages"] for key, each in again.items()} == {
        key: each["messages"] for key, each in theirs.items()
    }
    opencode_accepts(past, continues="family", exports=["family"])


def test_a_tree_of_a_batch_with_others_is_continued_after_its_restore(newest_past: Past) -> None:
    """Unpacked, restored, the rest packed anew, and its history without event rows goes on."""
    past = newest_past
    said = ocdu(past.home, "prune", past.ids["family"], past.ids["quiet"])
    assert said.json["events_kept"] is False and said.json["done"]["events"] > 0, str(said)
    ocdu(past.home, "trash", "restore", past.ids["quiet"])
    left = ocdu(past.home, "trash", "list").json["batches"]
    assert [(each["trees"], each["titles"]) for each in left] == [(1, ["family"])]
    opencode_accepts(past, continues="quiet", exports=["quiet"])
    ocdu(past.home, "trash", "restore", past.ids["family"])
    opencode_accepts(past, continues="family", exports=["family", "quiet"])
