"""A video is opened by the reader of a name."""

import pytest
from videos import numbers, write_numbered

from vidmask.data.readers import FramesAt, PyAVReader, VideoReadError, open_video
from vidmask.data.stages import StageClock


def test_pyav_is_the_reader_where_none_is_named(tmp_path):
    video = open_video(str(write_numbered(tmp_path / "a.mp4", 10)))
    assert isinstance(video, PyAVReader)
    (clip,) = video.read_clips([FramesAt((0.0, 0.2))])
    assert numbers(clip.frames) == [0, 5]
    video.close()


def test_the_time_of_opening_is_measured(tmp_path):
    clock = StageClock()
    open_video(str(write_numbered(tmp_path / "a.mp4", 10)), "pyav", clock).close()
    assert clock.seconds["open"] > 0


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(VideoReadError, match=r"gone\.mp4: cannot be opened as a video: No such file"):
        open_video(str(tmp_path / "gone.mp4"))
