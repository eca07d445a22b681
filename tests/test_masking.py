"""Values of the masks; the laws that all of them obey are in test_contracts."""

import pytest
import torch

from vidmask.masking import RandomMasking, TubeMasking
from vidmask.randomness import generator
from vidmask.tokens import TokenGrid

PAPER = TokenGrid(8, 14, 14)


def clips_and_generators(rows: int, offset: int = 0) -> tuple[torch.Tensor, list[torch.Generator]]:
    return torch.zeros(rows, 3, 2, 2, 2), [generator(i + offset, "mask") for i in range(rows)]


@pytest.mark.parametrize(("ratio", "visible"), [(0.5, 784), (0.75, 392), (0.9, 156), (0.95, 78)])
def test_random_masking_truncates_as_mae_st_does(ratio: float, visible: int) -> None:
    clips, generators = clips_and_generators(2)
    mask = RandomMasking(ratio)(clips, PAPER, generators)
    assert mask.visible.shape == (2, visible)
    assert mask.masked.shape == (2, 1568 - visible)


@pytest.mark.parametrize(("ratio", "per_slice"), [(0.75, 49), (0.9, 20)])
def test_tube_masking_keeps_the_same_places_in_every_slice(ratio: float, per_slice: int) -> None:
    clips, generators = clips_and_generators(3)
    mask = TubeMasking(ratio)(clips, PAPER, generators)
    assert mask.visible.shape == (3, per_slice * 8)
    for row in mask.visible.view(3, 8, per_slice):
        for slice_index, places in enumerate(row):
            assert torch.equal(places - slice_index * 196, row[0])


def test_random_masking_hides_every_token_equally_often() -> None:
    grid = TokenGrid(2, 2, 2)
    clips, generators = clips_and_generators(4000)
    mask = RandomMasking(0.75)(clips, grid, generators)
    share = mask.visible.flatten().bincount(minlength=8) / 4000
    # Four standard deviations of a share of 1/4 in 4,000 draws.
    assert (share - 0.25).abs().max() < 4 * (0.25 * 0.75 / 4000) ** 0.5


def test_rows_of_one_batch_differ() -> None:
    clips, generators = clips_and_generators(2)
    mask = RandomMasking(0.9)(clips, PAPER, generators)
    assert not torch.equal(mask.visible[0], mask.visible[1])


@pytest.mark.parametrize("ratio", [-0.1, 0.0, 1.0, 1.5])
@pytest.mark.parametrize("kind", [RandomMasking, TubeMasking])
def test_a_ratio_outside_0_to_1_is_refused(kind: type, ratio: float) -> None:
    with pytest.raises(ValueError, match=f"got {ratio}"):
        kind(ratio)


@pytest.mark.parametrize(
    ("masking", "said"), [(RandomMasking(0.99), "0 of 8 tokens"), (TubeMasking(0.1), "4 of 4 places")]
)
def test_a_ratio_that_leaves_no_token_is_refused(masking: RandomMasking | TubeMasking, said: str) -> None:
    clips, generators = clips_and_generators(1)
    with pytest.raises(ValueError, match=said):
        masking(clips, TokenGrid(2, 2, 2), generators)


@pytest.mark.parametrize(("kind", "ratio"), [(RandomMasking, 1 - 1e-6), (TubeMasking, 1e-6)])
def test_the_ratios_that_a_refusal_names_are_accepted(kind, ratio) -> None:
    grid = TokenGrid(8, 4, 4)
    clips, chance = torch.zeros(1, 3, 1, 1, 1), [torch.Generator()]
    with pytest.raises(ValueError, match="so give a ratio between") as refusal:
        kind(ratio)(clips, grid, chance)
    for named in str(refusal.value).rpartition("between ")[2].split(" and "):
        kind(float(named))(clips, grid, chance)
