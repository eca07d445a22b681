"""What is asked of a clip, and the true answers."""

import pytest
import torch

from vidmask.classification.questions import ArrowOfTime, ClipOrder, VideoClass
from vidmask.tokens import ClipBatch


def batch(size: int, frames: int) -> ClipBatch:
    """Clips whose pixels tell clip and frame."""
    number = 100 * torch.arange(size).view(-1, 1) + torch.arange(frames)
    clips = number.view(size, 1, frames, 1, 1).expand(size, 3, frames, 2, 2).float()
    index = torch.arange(size)
    return ClipBatch(
        clips, {"class": index % 2}, index, index.float(), index * 0, [*range(size)], [""] * size, []
    )


def test_classes_are_those_of_the_videos():
    asked = batch(3, 4)
    assert VideoClass()(asked) is asked
    assert VideoClass().classes is None
    assert VideoClass().frames(16) == 16


def test_some_clips_run_backward_and_the_label_says_which():
    asked = ArrowOfTime()(batch(200, 4))
    backward = asked.labels["arrow_of_time"]
    assert 70 < backward.sum() < 130
    for clip, label in enumerate(backward.tolist()):
        frames = [100 * clip + frame for frame in range(4)]
        assert asked.clips[clip, 0, :, 0, 0].tolist() == (frames[::-1] if label else frames)
    assert ArrowOfTime().classes == {"arrow_of_time": ("forward", "backward")}


@pytest.mark.parametrize("gap", [0, 3])
def test_two_clips_come_in_either_order_and_the_label_is_the_place_of_the_first(gap):
    question = ClipOrder(gap)
    assert question.frames(4) == 8 + gap
    asked = question(batch(200, 8 + gap))
    assert asked.clips.shape[:3] == (400, 3, 4)
    assert len(asked.labels["clip_order"]) == len(asked.video_index) == 200
    for video, label in enumerate(asked.labels["clip_order"].tolist()):
        starts = [int(asked.clips[2 * video + place, 0, 0, 0, 0]) - 100 * video for place in range(2)]
        assert sorted(starts) == [0, 4 + gap]
        assert starts[label] == 0
        assert asked.clips[2 * video + label, 0, :, 0, 0].tolist() == [
            100 * video + step for step in range(4)
        ]
    assert 70 < asked.labels["clip_order"].sum() < 130


@pytest.mark.parametrize("question", [ArrowOfTime(), ClipOrder(2)])
def test_chance_is_the_sample_s_and_no_other(question):
    whole = batch(8, 10)
    first, again = question(whole), question(whole)
    assert torch.equal(first.clips, again.clips)
    half = whole._replace(
        clips=whole.clips[4:], video_index=whole.video_index[4:], seeds=whole.seeds[4:], paths=[""] * 4
    )
    (name,) = first.labels
    assert torch.equal(question(half).labels[name], first.labels[name][4:])


def test_a_negative_gap_is_refused():
    with pytest.raises(ValueError, match="gap must be 0 or more, got -1"):
        ClipOrder(-1)
