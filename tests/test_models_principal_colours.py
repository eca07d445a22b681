"""Colours of features."""

import torch

from vidmask.models.principal_colours import principal_colours


def test_colours_are_distances_from_the_mean_in_standard_deviations_along_each_direction():
    # Three directions of width 4, with spreads 3 > 2 > 1; the fourth is silent.
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)
    features = torch.cat([signs * torch.tensor([3.0, 2.0, 1.0]), torch.zeros(8, 1)], dim=1) + 7
    colours = principal_colours(features.view(2, 4, 4))
    # One standard deviation to either side is a sixth of the range.
    torch.testing.assert_close(colours.view(8, 3), 0.5 + signs / 6, atol=1e-5, rtol=0)


def test_the_directions_are_those_of_the_reference():
    generator = torch.Generator().manual_seed(0)
    reference = torch.randn(2, 50, 5, generator=generator)
    features = reference[:1, :10]
    both = principal_colours(features, reference)
    torch.testing.assert_close(both, principal_colours(reference)[:1, :10])
    assert not torch.allclose(both, principal_colours(features), atol=0.05)


def test_what_is_far_out_has_full_colour():
    reference = torch.randn(1, 100, 3, generator=torch.Generator().manual_seed(0))
    colours = principal_colours(reference * 100, reference)
    assert set(colours.unique().tolist()) <= {*(0.0, 1.0), *colours[(colours > 0) & (colours < 1)].tolist()}
    assert ((colours == 0) | (colours == 1)).float().mean() > 0.9


def test_features_of_fewer_directions_and_half_precision_are_painted_too():
    features = torch.tensor([[[-1.0], [1.0]]], dtype=torch.bfloat16)
    colours = principal_colours(features)
    torch.testing.assert_close(colours, torch.tensor([[[1 / 3, 0.5, 0.5], [2 / 3, 0.5, 0.5]]]))


def test_features_that_do_not_differ_are_grey():
    torch.testing.assert_close(principal_colours(torch.ones(1, 4, 6)), torch.full((1, 4, 3), 0.5))
