"""The pictures show what the app shows (`python -m tests.scenes --write`, `tests.sizes` too)."""

from __future__ import annotations

import difflib
import re
import tempfile
from pathlib import Path

import pytest

from tests import sizes
from tests.once import made_once
from tests.scenes import PICTURES, SCENES, Scene, draw, make_stage, words_of

NEW = Path(tempfile.gettempdir()) / "ocdu-pictures"
"""Where a picture that differs is put, to be looked at beside the one kept."""


@pytest.fixture(scope="module")
def stage(shared: Path) -> Path:
    """The demo database; scenes only read it."""
    return made_once(shared / "stage", make_stage)


def assert_as_kept(path: Path, drawn: str, write: str) -> None:
    """Fails with the words that changed, the place of the new picture, and how to keep it."""
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    if drawn == kept:
        return
    new = NEW / path.relative_to(PICTURES)
    new.parent.mkdir(parents=True, exist_ok=True)
    new.write_text(drawn, encoding="utf-8")
    changes = difflib.unified_diff(words_of(kept), words_of(drawn), "kept", "drawn", lineterm="")
    said = "\n".join(changes) or "The words are the same, colours or places are not."
    pytest.fail(f"{said}\n\nLook at {new}; `python -m {write} --write` keeps it.", pytrace=False)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_the_screen_looks_as_in_its_picture(scene: Scene, stage: Path) -> None:
    assert_as_kept(PICTURES / f"{scene.name}.svg", await draw(scene, stage), "tests.scenes")


@pytest.mark.parametrize("size", sizes.SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_main_screens_look_as_kept_in_every_theme(
    size: tuple[int, int], stage: Path
) -> None:
    for name, drawn in (await sizes.draw_all(size, stage)).items():
        assert_as_kept(sizes.FOLDER / f"{name}.svg", drawn, "tests.sizes")


def test_a_picture_that_changed_fails_and_is_put_where_one_can_look_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.test_screenshots.NEW", tmp_path)
    kept = (PICTURES / "trash.svg").read_text(encoding="utf-8")
    assert_as_kept(PICTURES / "trash.svg", kept, "tests.scenes")
    with pytest.raises(pytest.fail.Exception, match=r"(?s)-.*ocdu.*\+.*udco.*trash\.svg"):
        assert_as_kept(PICTURES / "trash.svg", kept.replace("ocdu", "udco"), "tests.scenes")
    assert "udco" in (tmp_path / "trash.svg").read_text(encoding="utf-8")
    with pytest.raises(pytest.fail.Exception, match="colours or places"):
        assert_as_kept(PICTURES / "trash.svg", kept.replace("#", "##", 1), "tests.scenes")


def test_every_picture_has_its_scene() -> None:
    assert {path.stem for path in PICTURES.glob("*.svg")} == {scene.name for scene in SCENES}
    assert {path.stem for path in sizes.FOLDER.glob("*.svg")} == set(sizes.NAMES)
    assert {path.suffix for path in PICTURES.rglob("*") if path.is_file()} == {".svg"}


def test_pictures_name_no_server_and_no_machine() -> None:
    for picture in PICTURES.rglob("*.svg"):
        text = picture.read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[^\s\"'<)]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, picture
        assert not re.search(r"@import|@font-face|/tmp/|/root|\\Users\\", text), picture
