"""Which instants a clip shows."""

from types import SimpleNamespace

import pytest
import torch
from videos import numbers, write_numbered

from vidmask.data.frame_sampling import DenseSampling, SegmentSampling, frame_sampling
from vidmask.data.readers import EveryFrames, FramesAt, PyAVReader
from vidmask.randomness import generator


class Video(SimpleNamespace):
    """What a sampling asks of a video."""

    name = "a.mp4"

    def read_clips(self, requests):
        raise AssertionError("nothing is read")

    def close(self):
        """Nothing to close."""


def video(duration, fps=25.0):
    return Video(duration=duration, frames_per_second=fps)


def test_dense_clips_spread_from_the_first_start_to_the_last():
    # 4 frames 8 apart take 25 frames, one second: starts from 0 to 4 s, where the last frame is half over.
    sampling = DenseSampling(4, stride_frames=8)
    starts = [sampling.spread(video(4.96), view, 5, generator(0, "start")) for view in range(5)]
    assert [request.start_seconds for request in starts] == pytest.approx([0, 1, 2, 3, 4 - 0.02])
    assert sampling.spread(video(4.96), 0, 1, generator(0, "start")).start_seconds == pytest.approx(2)
    assert all((request.num_frames, request.stride_frames) == (4, 8) for request in starts)


def test_a_stride_in_seconds_asks_for_the_same_instants_at_every_frame_rate():
    sampling = DenseSampling(3, stride_seconds=0.5)
    for fps in (6.0, 30.0, 59.94):
        request = sampling.spread(video(5.0, fps), 0, 1, generator(0, "start"))
        assert request == FramesAt((2.0, 2.5, 3.0))


def test_drawn_starts_fill_the_range_and_follow_the_seed():
    sampling = DenseSampling(2, stride_frames=25)
    drawn = [sampling.drawn(video(3.0), generator(seed, "start")).start_seconds for seed in range(200)]
    assert 0 <= min(drawn) < 0.1
    assert 1.9 < max(drawn) <= 2
    assert sum(drawn) / 200 == pytest.approx(1, abs=0.1)
    assert sampling.drawn(video(3.0), generator(7, "start")).start_seconds == drawn[7]


def test_a_video_shorter_than_a_clip_starts_at_its_beginning():
    for request in (
        DenseSampling(16, stride_frames=4).drawn(video(1.0), generator(0, "start")),
        DenseSampling(16, stride_frames=4).spread(video(1.0), 0, 1, generator(0, "start")),
    ):
        assert request == EveryFrames(0.0, 16, 4)


def test_segments_are_equal_parts_and_views_lie_symmetrically():
    sampling = SegmentSampling(4)
    assert sampling.spread(video(8.0), 0, 1, generator(0, "start")).instants == (1, 3, 5, 7)
    assert sampling.spread(video(8.0), 0, 2, generator(0, "start")).instants == (0.5, 2.5, 4.5, 6.5)
    assert sampling.spread(video(8.0), 1, 2, generator(0, "start")).instants == (1.5, 3.5, 5.5, 7.5)


def test_a_drawn_instant_lies_in_its_own_segment():
    sampling = SegmentSampling(4)
    for seed in range(50):
        instants = sampling.drawn(video(8.0), generator(seed, "start")).instants
        assert [int(instant // 2) for instant in instants] == [0, 1, 2, 3]


def test_a_sampling_has_a_name():
    assert frame_sampling("dense", 16) == DenseSampling(16, stride_frames=4)
    assert frame_sampling("dense", 16, None, 0.1) == DenseSampling(16, stride_seconds=0.1)
    assert frame_sampling("segments", 16) == SegmentSampling(16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dense", 16, 2, 0.1), "give one of stride_frames and stride_seconds, got 2 and 0.1"),
        (("dense", 16, 0), "stride_frames must be positive, got 0"),
        (("dense", 16, None, -0.5), "stride_seconds must be positive, got -0.5"),
        (("dense", 0), "frames must be at least 1, got 0"),
        (("segments", 0), "frames must be at least 1, got 0"),
        (("segments", 16, 4), "sampling 'segments' has no stride"),
    ],
)
def test_wrong_numbers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        frame_sampling(*arguments)


def test_a_dense_sampling_needs_a_stride():
    with pytest.raises(ValueError, match="give one of stride_frames and stride_seconds, got None and None"):
        DenseSampling(16)


def test_the_last_of_several_clips_ends_with_the_last_frame(tmp_path):
    reader = PyAVReader(write_numbered(tmp_path / "a.mp4", 100))
    sampling = DenseSampling(16, stride_frames=4)
    last = sampling.spread(reader, 4, 5, torch.Generator())
    (clip,) = reader.read_clips([last])
    assert numbers(clip.frames) == list(range(39, 100, 4))
    (clip,) = reader.read_clips(
        [DenseSampling(16, stride_seconds=0.16).spread(reader, 4, 5, torch.Generator())]
    )
    assert numbers(clip.frames) == list(range(39, 100, 4))
