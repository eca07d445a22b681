"""Only a part of the hidden tokens is predicted."""

import pytest
import torch

from vidmask.masking import MaskGenerator, RandomMasking, RunningCellMasking, TubeMasking
from vidmask.testing.masks import MaskTrial
from vidmask.tokens import TokenGrid, TokenMask, Tubelet

PIXEL = Tubelet(1, 1, 1)
PAPER = TokenGrid(8, 14, 14)


class AllButOneRow(MaskGenerator):
    """Hides every row but the first, in every slice."""

    def __call__(self, clips, grid, generators):
        tokens = torch.arange(grid.num_tokens).view(grid.time, grid.rows, grid.columns)
        seen, hidden = tokens[:, :1].flatten(), tokens[:, 1:].flatten()
        return TokenMask(seen.expand(len(clips), -1), hidden.expand(len(clips), -1))


def predicted(mask: TokenMask, grid: TokenGrid) -> torch.Tensor:
    """Return which tokens are predicted, as [b time rows columns]."""
    flags = torch.zeros(len(mask.masked), grid.num_tokens, dtype=torch.bool).scatter(1, mask.masked, True)
    return flags.view(-1, grid.time, grid.rows, grid.columns)


@pytest.mark.parametrize(
    ("inner", "share", "masked"),
    [
        (TubeMasking(0.9), 0.5, 704),  # of 1,408
        (RandomMasking(0.9), 0.5, 706),  # of 1,412
        (TubeMasking(0.9), 0.333, 468),  # 468.864
        (TubeMasking(0.9), 1e-6, 1),
        (TubeMasking(0.9), 1.0, 1408),
    ],
)
def test_a_part_of_the_hidden_tokens_is_predicted(inner, share, masked):
    mask = MaskTrial(RunningCellMasking(inner, share), PAPER, PIXEL).mask()
    whole = MaskTrial(inner, PAPER, PIXEL).mask()
    assert torch.equal(mask.visible, whole.visible)
    assert mask.masked.shape == (3, masked)
    for some, all_of_them in zip(mask.masked.tolist(), whole.masked.tolist(), strict=True):
        assert set(some) <= set(all_of_them)


def test_the_cell_runs_by_hand():
    # Rows 1 and 2 of a grid of 4 slices × 3 rows × 2 columns are hidden: row 2 opens a cell of its own.
    grid = TokenGrid(4, 3, 2)
    mask = MaskTrial(RunningCellMasking(AllButOneRow(), 0.5), grid, PIXEL, 40).mask()
    found = {tuple(row.flatten().tolist()) for row in predicted(mask, grid)[:, :, 1:].int()}
    # Numbers in a cell: (2 3) in row 1 and (0 1) in row 2. With start 0, slice 0 predicts numbers 0 and 1,
    # slice 1 predicts 1 and 2, slice 2 predicts 2 and 3, slice 3 predicts 3 and 0.
    slices = [(0, 0, 1, 1), (1, 0, 0, 1), (1, 1, 0, 0), (0, 1, 1, 0)]
    turns = [slices[start:] + slices[:start] for start in range(4)]
    assert found == {tuple(flag for flags in turn for flag in flags) for turn in turns}


@pytest.mark.parametrize(("share", "cell", "slices"), [(0.5, 2, 4), (0.75, 2, 8), (1 / 3, 3, 9)])
def test_every_hidden_place_is_predicted_equally_often_over_time(share, cell, slices):
    grid = TokenGrid(slices, 6, 6)
    masking = RunningCellMasking(TubeMasking(0.5), share + 1e-9, cell)
    trial = MaskTrial(masking, grid, PIXEL, 20)
    times = predicted(trial.mask(), grid).sum(dim=1)
    hidden = predicted(MaskTrial(TubeMasking(0.5), grid, PIXEL, 20).mask(), grid)[:, 0]
    assert (times[hidden] == round(share * slices)).all()
    assert (times[~hidden] == 0).all()


def test_starts_are_drawn_for_each_clip():
    grid = TokenGrid(1, 2, 2)
    trial = MaskTrial(RunningCellMasking(HideAll(), 0.25), grid, PIXEL, 4000)
    share = trial.mask().masked.flatten().bincount(minlength=4) / 4000
    # Four standard deviations of a share of 1/4 in 4,000 draws.
    assert (share - 0.25).abs().max() < 4 * (0.25 * 0.75 / 4000) ** 0.5


def test_equals_are_chosen_at_random():
    # A cell of one place has one phase: what is predicted is then a random half.
    grid = TokenGrid(1, 2, 2)
    trial = MaskTrial(RunningCellMasking(HideAll(), 0.5, cell=1), grid, PIXEL, 4000)
    share = trial.mask().masked.flatten().bincount(minlength=4) / 4000
    assert (share - 0.5).abs().max() < 4 * (0.25 / 4000) ** 0.5


class HideAll(MaskGenerator):
    def __call__(self, clips, grid, generators):
        tokens = torch.arange(grid.num_tokens).expand(len(clips), -1)
        return TokenMask(tokens[:, :0], tokens)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"share": 0.0}, "share of the masked tokens must be above 0 and at most 1, got 0.0"),
        ({"share": 1.1}, "got 1.1"),
        ({"cell": 0}, "cell must be at least 1 token wide, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        RunningCellMasking(TubeMasking(), **settings)


def test_it_says_what_it_is():
    assert repr(RunningCellMasking(TubeMasking())) == (
        "RunningCellMasking(masking=TubeMasking(ratio=0.9), share=0.5, cell=2)"
    )
