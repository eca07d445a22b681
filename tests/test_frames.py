"""Clips of folders of frames."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from videos import numbered_picture, numbers

from vidmask.data.readers import EveryFrames, FrameFolderReader, FramesAt, VideoReadError, open_video
from vidmask.data.stages import StageClock


def write_frames(folder: Path, count: int, name: str = "{}.png", first: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(numbered_picture(number)).save(folder / name.format(number + first))
    return folder


def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    # Without leading zeros 10 comes before 2 in the alphabet.
    reader = FrameFolderReader(write_frames(tmp_path / "12_b", 12, "12_{}.png"))
    (clip,) = reader.read_clips([EveryFrames(0.0, 12, 1)])
    assert numbers(clip.frames) == list(range(12))
    assert clip.seconds == pytest.approx([frame / 30 for frame in range(12)])
    assert reader.duration == pytest.approx(0.4)
    assert reader.frames_per_second == 30


def test_the_last_frame_is_repeated_past_the_end(tmp_path: Path) -> None:
    reader = FrameFolderReader(write_frames(tmp_path / "v", 5))
    first, second = reader.read_clips([EveryFrames(0.1, 4, 1), FramesAt((0.0, 0.05, 9.0))])
    assert numbers(first.frames) == [3, 4, 4, 4]
    assert numbers(second.frames) == [0, 1, 4]


def test_a_picture_is_read_once_for_all_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = FrameFolderReader(write_frames(tmp_path / "v", 6))
    opened = []
    original = Image.open
    monkeypatch.setattr(Image, "open", lambda path: opened.append(path) or original(path))
    one, two = reader.read_clips([EveryFrames(0.0, 3, 1), EveryFrames(1 / 30, 3, 1)])
    assert one.pictures[1] is two.pictures[0]
    assert len(opened) == 4


def test_greys_and_palettes_become_rgb(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 6), 77, np.uint8)).save(tmp_path / "1.jpg")
    (clip,) = FrameFolderReader(tmp_path).read_clips([EveryFrames(0.0, 1, 1)])
    assert clip.frames.shape == (1, 4, 6, 3)
    assert clip.frames.unique().tolist() == [77]


def test_what_is_wrong_with_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(VideoReadError, match="is a folder without pictures, and no video"):
        open_video(str(tmp_path))
    folder = write_frames(tmp_path / "gap", 6, "f{:04d}.png")
    (folder / "f0003.png").unlink()
    with pytest.raises(VideoReadError, match="lacks frames between number 2 and number 4"):
        open_video(str(folder))
    write_frames(tmp_path / "twice", 2, "{}.png")
    write_frames(tmp_path / "twice", 2, "{}.jpg")
    with pytest.raises(VideoReadError, match="has two frames of number 1"):
        open_video(str(tmp_path / "twice"))
    with pytest.raises(VideoReadError, match="cannot be listed: No such file"):
        FrameFolderReader(tmp_path / "gone")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("damage", ["cut", "empty", "text", "gone"])
def test_a_damaged_picture_is_told(tmp_path: Path, suffix: str, damage: str) -> None:
    folder = write_frames(tmp_path / "v", 3, "{}." + suffix)
    reader = FrameFolderReader(folder)
    file = folder / f"2.{suffix}"
    if damage == "gone":
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "text": b"no picture"}[damage])
    with pytest.raises(VideoReadError, match=rf"2\.{suffix}: cannot be decoded: ."):
        reader.read_clips([EveryFrames(0.0, 3, 1)])


def test_pictures_of_two_sizes_are_no_clip(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "v", 2)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "3.png")
    with pytest.raises(VideoReadError, match="changes its picture size inside the clip"):
        FrameFolderReader(folder).read_clips([EveryFrames(0.0, 3, 1)])


def test_the_stages_are_measured(tmp_path: Path) -> None:
    clock = StageClock()
    FrameFolderReader(write_frames(tmp_path / "v", 2), clock).read_clips([EveryFrames(0.0, 2, 1)])
    assert all(clock.seconds[stage] > 0 for stage in ("open", "decode", "convert"))


def test_hidden_files_are_no_frames(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "v", 3)
    (folder / "._1.png").write_bytes(b"of macOS")
    assert FrameFolderReader(folder).duration == pytest.approx(0.1)


def test_a_picture_whose_header_tells_a_monstrous_size_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_frames(tmp_path / "v", 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(VideoReadError, match=r"1\.png: cannot be decoded: .*size"):
        FrameFolderReader(folder).read_clips([EveryFrames(0.0, 1, 1)])
