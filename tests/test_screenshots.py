"""The pictures in the README show what the app shows (`python -m tests.scenes --write`)."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

from tests.scenes import PICTURES, SCENES, Scene, draw, make_stage, words_of


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo database; scenes only read it."""
    return make_stage(tmp_path_factory.mktemp("stage"))


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_the_screen_looks_as_in_its_picture(scene: Scene, stage: Path) -> None:
    drawn = await draw(scene, stage)

    kept = (PICTURES / f"{scene.name}.svg").read_text(encoding="utf-8")
    changes = difflib.unified_diff(words_of(kept), words_of(drawn), "kept", "drawn", lineterm="")
    assert list(changes) == []
    assert drawn == kept, "the words are the same, colours or places are not"


def test_every_picture_has_its_scene() -> None:
    assert {path.stem for path in PICTURES.iterdir()} == {scene.name for scene in SCENES}


@pytest.mark.parametrize("picture", sorted(PICTURES.glob("*.svg")), ids=lambda path: path.stem)
def test_pictures_name_no_server_and_no_machine(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")

    addresses = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"@import|@font-face|/tmp/|/root|\\Users\\", text)
