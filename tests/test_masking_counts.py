"""How many a ratio hides."""

import pytest

from vidmask.masking.counts import checked_ratio, num_masked, num_visible


@pytest.mark.parametrize(
    ("total", "ratio", "visible", "masked"),
    [
        (1568, 0.9, 156, 1411),  # 156.8 and 1,411.2: each is truncated
        (1568, 0.75, 392, 1176),
        (196, 0.9, 19, 176),  # 19.6 and 176.4
        (7, 0.5, 3, 3),
        (2, 0.5, 1, 1),
    ],
)
def test_numbers_are_truncated(total, ratio, visible, masked):
    assert num_visible(total, ratio, "tokens") == visible
    assert num_masked(total, ratio, "tokens") == masked


@pytest.mark.parametrize("ratio", [-0.1, 0.0, 1.0, 1.5, float("nan")])
def test_a_ratio_outside_0_to_1_is_refused(ratio):
    with pytest.raises(ValueError, match=f"masking ratio must lie between 0 and 1, got {ratio}"):
        checked_ratio(ratio)


@pytest.mark.parametrize(
    ("count", "ratio", "said"),
    [
        (num_visible, 0.99, "masking ratio 0.99 leaves 0 of 8 tokens visible.*between 0.0001 and 0.875"),
        (num_masked, 0.1, "masking ratio 0.1 leaves 8 of 8 tokens visible.*between 0.125 and 0.9999"),
    ],
)
def test_a_ratio_that_leaves_none_is_refused(count, ratio, said):
    with pytest.raises(ValueError, match=said):
        count(8, ratio, "tokens")


@pytest.mark.parametrize("count", [num_visible, num_masked])
def test_of_one_no_part_can_be_hidden(count):
    with pytest.raises(ValueError, match="no ratio can hide a part of 1 slices of time"):
        count(1, 0.5, "slices of time")


@pytest.mark.parametrize(("count", "ratio"), [(num_visible, 1 - 1e-6), (num_masked, 1e-6)])
@pytest.mark.parametrize("total", [3, 10, 16, 128, 196, 1568])
def test_the_ratios_that_a_refusal_names_are_accepted(count, ratio, total):
    with pytest.raises(ValueError, match="so give a ratio between") as refusal:
        count(total, ratio, "tokens")
    for named in str(refusal.value).rpartition("between ")[2].split(" and "):
        assert 0 < count(total, float(named), "tokens") < total
