"""Places hidden over the whole clip."""

import pytest
import torch

from vidmask.masking import TubeMasking
from vidmask.testing.masks import MaskTrial
from vidmask.tokens import TokenGrid, Tubelet

PIXEL = Tubelet(1, 1, 1)


@pytest.mark.parametrize(("ratio", "per_slice"), [(0.75, 49), (0.9, 20)])
def test_the_same_places_are_visible_in_every_slice(ratio, per_slice):
    mask = MaskTrial(TubeMasking(ratio), TokenGrid(8, 14, 14), PIXEL, 3).mask()
    assert mask.visible.shape == (3, per_slice * 8)
    for row in mask.visible.view(3, 8, per_slice):
        for slice_index, places in enumerate(row):
            assert torch.equal(places - slice_index * 196, row[0])


@pytest.mark.parametrize("ratio", [-0.1, 0.0, 1.0, 1.5])
def test_a_ratio_outside_0_to_1_is_refused(ratio):
    with pytest.raises(ValueError, match=f"got {ratio}"):
        TubeMasking(ratio)


def test_a_ratio_that_leaves_no_place_is_refused():
    with pytest.raises(ValueError, match="4 of 4 places"):
        MaskTrial(TubeMasking(0.1), TokenGrid(2, 2, 2), PIXEL).mask()


def test_it_says_what_it_is():
    assert repr(TubeMasking()) == "TubeMasking(ratio=0.9)"
