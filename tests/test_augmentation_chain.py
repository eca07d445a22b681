"""The flip and other augmentations in a row."""

import pytest

from vidmask.data.augmentation import GaussianBlur, RandomErasing, RandomFlip, flip_and_others


def test_the_flip_comes_first():
    chain = flip_and_others(0.25, [RandomErasing(), GaussianBlur()])
    assert [type(augmentation) for augmentation in chain] == [RandomFlip, RandomErasing, GaussianBlur]
    assert chain[0].probability == 0.25
    assert flip_and_others(0.0, []) == []


@pytest.mark.parametrize("flip", [-0.1, 2.0])
def test_a_flip_that_is_no_probability_is_refused(flip):
    with pytest.raises(ValueError, match=r"flip must be a probability in \[0, 1\]"):
        flip_and_others(flip, [])


def test_two_of_the_same_draws_are_refused():
    with pytest.raises(ValueError, match="both have the choice 'flip': take one out"):
        flip_and_others(0.5, [RandomFlip()])
    with pytest.raises(ValueError, match="both have the choice 'erasing'"):
        flip_and_others(0.0, [RandomErasing(), RandomErasing()])
    assert len(flip_and_others(0.5, [RandomFlip(choice="again")])) == 2
