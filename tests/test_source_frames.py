"""Every frame of a video, in order, at the readers' times."""

import itertools
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image
from videos import FORMATS, numbered_picture, write_format, write_numbered

from vidmask.data.curation.source_frames import SourceFrames
from vidmask.data.readers import EveryFrames, VideoReadError, open_video


@pytest.mark.parametrize("kind", FORMATS)
def test_times_are_those_of_the_readers(tmp_path: Path, kind: str) -> None:
    source = write_format(kind, tmp_path, 20)
    video = open_video(str(source))
    (clip,) = video.read_clips([EveryFrames(0.0, 20, 1)])
    frames = SourceFrames(str(source))
    found = list(frames)
    frames.close()
    first = found[0].tick
    seconds = [float((each.tick - first) * frames.time_base) for each in found]
    assert seconds == pytest.approx([time - clip.seconds[0] for time in clip.seconds], abs=1e-6)
    # Each is shown until the next one.
    assert [each.ticks for each in found[:-1]] == [
        later.tick - earlier.tick for earlier, later in itertools.pairwise(found)
    ]
    assert float(found[-1].ticks * frames.time_base) == pytest.approx(1 / 25, abs=2e-3)
    assert frames.rate == 25


def test_a_folder_has_thirty_a_second(tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(numbered_picture(number)).save(tmp_path / f"{number}.png")
    frames = SourceFrames(str(tmp_path))
    assert [(each.tick, each.ticks, each.frame.format.name) for each in frames] == [
        (number, 1, "rgb24") for number in range(3)
    ]
    assert (frames.time_base, frames.rate) == (Fraction(1, 30), 30)


def test_a_cut_video_is_told(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "a.mkv", 100, noise=60, options={"g": "10"})
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(VideoReadError, match=r"a\.mkv"):
        list(SourceFrames(str(source)))
