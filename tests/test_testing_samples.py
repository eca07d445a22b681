"""What the laws are tried on."""

import torch

from vidmask.testing.samples import (
    REPLACEMENT,
    generators,
    rows_of,
    sample_batch,
    small_encoder,
    with_altered_tokens,
)


def test_the_encoder_is_the_same_each_time_and_the_global_generator_is_left_alone() -> None:
    state = torch.get_rng_state()
    first, second = small_encoder(), small_encoder()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert small_encoder(depth=1, frames=6).grid.time == 3


def test_clips_are_the_same_each_time_of_the_encoder_s_size_and_smooth_where_wanted() -> None:
    encoder = small_encoder()
    noise, smooth = sample_batch(3, encoder), sample_batch(3, encoder, smooth=True)
    assert noise.clips.shape == smooth.clips.shape == (3, 3, 4, 16, 16)
    assert torch.equal(noise.clips, sample_batch(3, encoder).clips)
    assert not torch.equal(noise.clips, sample_batch(3, encoder, seed=1).clips)
    rough = noise.clips.diff(dim=-1).abs().mean()
    assert smooth.clips.diff(dim=-1).abs().mean() < rough / 3


def test_a_part_of_a_batch_has_the_rows_of_it() -> None:
    batch = sample_batch(3, small_encoder())
    part = rows_of(batch, 1, 3)
    assert torch.equal(part.clips, batch.clips[1:])
    assert part.seeds == [1, 2]
    assert part.video_index.tolist() == [1, 2]
    assert len(part.paths) == 2


def test_the_pixels_of_a_token_are_others_and_no_others() -> None:
    encoder = small_encoder()
    clips = sample_batch(2, encoder).clips
    # Token 22 of 2×4×4 is row 1, column 2 of the second slice.
    altered = with_altered_tokens(clips, encoder.grid, encoder.tubelet, torch.tensor([[22], [0]]))
    assert (altered[0, :, 2:, 4:8, 8:12] == REPLACEMENT).all()
    assert (altered[1, :, :2, :4, :4] == REPLACEMENT).all()
    assert (altered != clips).sum() == 2 * 3 * 2 * 4 * 4


def test_the_generator_of_a_seed_is_that_of_the_mask() -> None:
    first, again, other = generators([3, 3, 4])
    drawn = [torch.rand(4, generator=each) for each in (first, again, other)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
