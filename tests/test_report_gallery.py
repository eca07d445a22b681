"""The last picture of each head, made small enough for a page."""

import io

import numpy as np
import pytest
from PIL import Image

from vidmask.report import gallery
from vidmask.report.blocks import Grid, Text
from vidmask.report.gallery import gallery_section, last_pictures


def _draw(folder, name, size=(64, 32), noise=False):
    path = folder / "reconstructions" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size[1], size[0], 3), 90, np.uint8)
    if noise:
        pixels = np.random.default_rng(0).integers(0, 256, pixels.shape, np.uint8)
    Image.fromarray(pixels).save(path)
    return folder


def test_the_last_picture_of_each_head_is_shown(tmp_path):
    for name in ("motion_step_0000000.png", "motion_step_0000040.png", "codes_step_0000040.png", "other.png"):
        _draw(tmp_path, name)
    assert {head: file.name for head, file in last_pictures(tmp_path).items()} == {
        "codes": "codes_step_0000040.png",
        "motion": "motion_step_0000040.png",
    }
    *_, grid = gallery_section([("tube", tmp_path)]).blocks
    assert [photo.title for photo in grid.pictures] == ["tube: codes", "tube: motion"]


def test_one_head_needs_no_name(tmp_path):
    *_, grid = gallery_section([("tube", _draw(tmp_path, "pixels_step_0000040.png"))]).blocks
    (photo,) = grid.pictures
    assert photo.title == "tube"
    assert Image.open(io.BytesIO(photo.png)).size == (photo.width, photo.height) == (64, 32)


def test_large_pictures_are_made_smaller(tmp_path):
    section = gallery_section([("a", _draw(tmp_path, "pixels_step_1.png", (1440, 720)))])
    (photo,) = section.blocks[-1].pictures
    assert (photo.width, photo.height) == (720, 360)


def test_many_pictures_are_made_smaller_still_and_what_has_no_room_is_named(tmp_path, monkeypatch):
    folders = [
        (name, _draw(tmp_path / name, "pixels_step_1.png", (800, 400), noise=True))
        for name in ("a", "b", "c")
    ]
    monkeypatch.setattr(gallery, "MOST_BYTES", 500_000)
    section = gallery_section(folders)
    assert isinstance(section.blocks[-1], Grid)
    assert {photo.width for photo in section.blocks[-1].pictures} == {560}
    monkeypatch.setattr(gallery, "MOST_BYTES", 100_000)
    text, left, grid = gallery_section(folders).blocks
    assert isinstance(text, Text)
    assert left.text == "Left out to keep the page small: b and c."
    assert sum(len(photo.png) for photo in grid.pictures) <= 100_000


@pytest.mark.parametrize("made", [True, False])
def test_without_pictures_there_is_no_section(tmp_path, made):
    if made:
        (tmp_path / "reconstructions").mkdir()
    assert gallery_section([("a", tmp_path)]) is None
    assert gallery_section([]) is None
