"""What read-outs are given."""

import pytest
import torch

from vidmask.probing.inputs import frame_differences, held_out, mean_pool, mean_std_max_pool, standardise
from vidmask.probing.linear import linear_probe
from vidmask.probing.neighbours import knn


def test_mean_pool_averages_the_tokens_of_each_clip():
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 8.0]]])
    torch.testing.assert_close(mean_pool(tokens), torch.tensor([[2.0, 4.0], [0.0, 4.0]]))


def test_mean_std_max_pool_joins_the_three_in_order():
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 6.0]]])
    torch.testing.assert_close(mean_std_max_pool(tokens), torch.tensor([[2.0, 4.0, 1.0, 2.0, 3.0, 6.0]]))


def test_mean_std_max_pool_of_one_token_is_finite():
    pooled = mean_std_max_pool(torch.tensor([[[5.0]]]))
    torch.testing.assert_close(pooled, torch.tensor([[5.0, 0.0, 5.0]]))


def test_frame_differences_are_those_of_the_shrunk_frames():
    clips = torch.zeros(1, 3, 3, 4, 4)
    clips[0, 0, 1, :2, :2] = 1.0  # a red square that is there in the second frame alone
    found = frame_differences(clips, size=2).view(2, 3, 2, 2)
    expected = torch.zeros(2, 3, 2, 2)
    expected[0, 0, 0, 0], expected[1, 0, 0, 0] = 1.0, -1.0
    assert torch.equal(found, expected)


def test_standardise_uses_the_training_statistics_for_all():
    train, test = standardise(torch.tensor([[1.0, 10.0], [3.0, 30.0]]), torch.tensor([[4.0, 0.0]]))
    torch.testing.assert_close(train, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    torch.testing.assert_close(test, torch.tensor([[2.0, -2.0]]))


def test_standardise_only_shifts_a_constant_feature():
    # 0.1 three times has a mean that is not exactly 0.1 in float32.
    train, test = standardise(torch.full((3, 1), 0.1), torch.tensor([[0.6]]))
    torch.testing.assert_close(train, torch.zeros(3, 1), atol=1e-6, rtol=0)
    torch.testing.assert_close(test, torch.tensor([[0.5]]))


def test_a_fifth_of_the_videos_is_held_out_with_all_their_features():
    mixed = torch.randperm(60, generator=torch.Generator().manual_seed(5))
    video = torch.arange(20).repeat_interleave(3)[mixed]
    held = held_out(video)
    assert (int(held.sum()), len(video[held].unique())) == (12, 4)
    assert not torch.equal(video[held].unique(), video[held_out(video, 1)].unique())
    assert torch.equal(held_out(torch.arange(20)), held_out(torch.arange(20)))
    assert int(held_out(torch.tensor([4, 4, 9])).sum()) in (1, 2)


@pytest.mark.parametrize("read_out", [knn, linear_probe])
def test_read_outs_refuse_features_that_are_not_finite(read_out):
    features = torch.full((4, 2), float("nan"))
    labels = torch.arange(4) % 2
    options = {"num_neighbours": 1} if read_out is knn else {"num_classes": 2}
    with pytest.raises(ValueError, match="not finite"):
        read_out(features, labels, features, labels, **options)
