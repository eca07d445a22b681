"""Pictures and their times out of packets."""

from pathlib import Path

import pytest
from videos import numbers, write_numbered

from vidmask.data.readers import EveryFrames, PyAVReader
from vidmask.data.readers.decoding import FrameDecoder
from vidmask.data.readers.packets import PacketReader
from vidmask.data.stages import NO_CLOCK, StageClock


@pytest.mark.parametrize("num_frames", [1, 2, 3, 12, 13])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_frames_of_an_avi_count_from_the_first_to_the_last(
    tmp_path: Path, num_frames: int, b_frames: int
) -> None:
    # Few frames after a key frame are all handed out at the end of the file, without a time.
    path = write_numbered(
        tmp_path / "a.avi", num_frames, codec="mpeg4", options={"g": "12"}, max_b_frames=b_frames
    )
    decoder = FrameDecoder(PacketReader(path), NO_CLOCK)
    assert [time for time, _ in decoder.timed_frames(None)] == list(range(num_frames))
    with PyAVReader(path) as reader:
        for start in range(num_frames):
            assert numbers(reader.read(start / 25, 1, stride_frames=1).frames) == [start]


def test_the_stages_are_measured(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "a.mp4", 40)
    clock = StageClock()
    with PyAVReader(path, clock=clock) as reader:
        reader.read_clips([EveryFrames(0.4, 4, 2), EveryFrames(0.6, 4, 2)])
    assert all(clock.seconds[stage] > 0 for stage in ("open", "seek", "decode", "convert"))
    assert clock.seconds["crop"] == 0
