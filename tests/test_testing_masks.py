"""The laws of mask generators: each is broken on purpose once, and caught."""

from collections.abc import Callable

import pytest
import torch

from vidmask.masking import (
    MaskGenerator,
    RandomMasking,
)
from vidmask.testing import masks as laws
from vidmask.testing.masks import MaskTrial, check_mask_generator
from vidmask.tokens import TokenMask


class Faulty(MaskGenerator):
    """Does what the fault does."""

    def __init__(self, fault: Callable[..., TokenMask]) -> None:
        self.fault = fault

    def __call__(self, clips, grid, generators) -> TokenMask:
        return self.fault(clips, grid, generators)


def at_random(clips, grid, generators) -> TokenMask:
    return RandomMasking(0.5)(clips, grid, generators)


def with_parts(change: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]):
    """Return a fault that changes the visible and the masked indices."""

    def fault(clips, grid, generators):
        mask = at_random(clips, grid, generators)
        # Not built as it should be, as TokenMask checks shapes where the tests run.
        changed = object.__new__(TokenMask)
        for part, indices in zip(("visible", "masked"), change(mask.visible, mask.masked), strict=True):
            object.__setattr__(changed, part, indices)
        return changed

    return fault


def by_place(clips, grid, generators):
    moved = [torch.Generator().manual_seed(row) for row in range(len(generators))]
    return at_random(clips, grid, moved)


def by_the_first(clips, grid, generators):
    one = RandomMasking(0.5)(clips[:1], grid, generators[:1])
    return TokenMask(one.visible.expand(len(clips), -1), one.masked.expand(len(clips), -1))


def by_the_batch(clips, grid, generators):
    moved = [torch.Generator().manual_seed(chance.initial_seed() + len(clips)) for chance in generators]
    return at_random(clips, grid, moved)


def by_memory():
    calls = []

    def fault(clips, grid, generators):
        calls.append(len(clips))
        moved = [
            torch.Generator().manual_seed((chance.initial_seed() + len(calls)) % 2**63)
            for chance in generators
        ]
        return at_random(clips, grid, moved)

    return fault


def count_by_chance(clips, grid, generators):
    ratio = 0.5 + 0.1 * (generators[0].initial_seed() % 2)
    return RandomMasking(ratio)(clips, grid, generators)


def count_by_clips(clips, grid, generators):
    ratio = 0.25 if not clips.is_meta and clips.std() < 0.1 else 0.75
    return RandomMasking(ratio)(clips, grid, generators)


def count_by_still_frames(clips, grid, generators):
    still = not clips.is_meta and bool((clips[:, :, -1] == clips[:, :, -2]).all() and clips.std() > 0)
    return RandomMasking(0.25 if still else 0.75)(clips, grid, generators)


def count_by_size(clips, grid, generators):
    return RandomMasking(min(clips.shape[-1] / 64, 0.9))(clips, grid, generators)


def count_by_batch(clips, grid, generators):
    return RandomMasking(0.5 if len(clips) > 1 else 0.6)(clips, grid, generators)


def spoiling(clips, grid, generators):
    clips.mul_(0.5)
    return at_random(clips, grid, generators)


def drawing(clips, grid, generators):
    torch.rand(1)
    return at_random(clips, grid, generators)


def seeding(clips, grid, generators):
    torch.manual_seed(0)
    return at_random(clips, grid, generators)


def fixed(clips, grid, generators):
    return at_random(clips, grid, [torch.Generator().manual_seed(0) for _ in generators])


def on_the_host(clips, grid, generators):
    return at_random(torch.zeros(clips.shape), grid, generators)


def beyond(visible, masked):
    return visible, torch.cat([masked[:, :-1], masked[:, -1:] + 64], dim=1)


def below(visible, masked):
    return torch.cat([visible[:, :1] - 64, visible[:, 1:]], dim=1), masked


FAULTS: dict[str, tuple[Callable[[MaskTrial], None], Callable[..., TokenMask], str]] = {
    "int32": (
        laws.indices_are_int64_one_row_a_clip,
        with_parts(lambda visible, masked: (visible, masked.int())),
        "masked is of torch.int32, not torch.int64",
    ),
    "a row too few": (
        laws.indices_are_int64_one_row_a_clip,
        with_parts(lambda visible, masked: (visible[1:], masked)),
        r"visible of 3 clips has the shape \(2, 32\)",
    ),
    "one axis": (
        laws.indices_are_int64_one_row_a_clip,
        with_parts(lambda visible, masked: (visible, masked[:, 0])),
        r"masked of 3 clips has the shape \(3,\)",
    ),
    "nothing is visible": (
        laws.neither_part_is_empty,
        with_parts(lambda visible, masked: (visible[:, :0], masked)),
        "visible holds 0 of 64 tokens",
    ),
    "nothing is masked": (
        laws.neither_part_is_empty,
        with_parts(lambda visible, masked: (visible, masked[:, :0])),
        "masked holds 0 of 64 tokens",
    ),
    "tokens that the grid has not": (
        laws.indices_lie_within_the_grid,
        with_parts(beyond),
        r"masked reaches from \d+ to 1\d\d, and the grid from 0 to 63",
    ),
    "negative indices": (laws.indices_lie_within_the_grid, with_parts(below), "visible reaches from -"),
    "descending": (
        laws.indices_ascend,
        with_parts(lambda visible, masked: (visible, masked.flip(1))),
        r"masked of row 0 does not ascend: \d+ follows \d+",
    ),
    "a token twice": (
        laws.indices_ascend,
        with_parts(lambda visible, masked: (torch.cat([visible[:, :1], visible], dim=1), masked)),
        "visible of row 0 does not ascend",
    ),
    "a token in both parts": (
        laws.visible_and_masked_are_disjoint,
        with_parts(
            lambda visible, masked: (visible, torch.cat([visible[:, :1], masked], dim=1).sort().values)
        ),
        r"1 tokens of row 0 are both visible and masked: \[\d+\]",
    ),
    "counts by seed": (
        laws.counts_do_not_depend_on_chance,
        count_by_chance,
        r"\d+ tokens are visible and \d+ masked with other seeds",
    ),
    "counts by the clip": (laws.counts_do_not_depend_on_the_clips, count_by_clips, "with black clips"),
    "counts by motion": (
        laws.counts_do_not_depend_on_the_clips,
        count_by_still_frames,
        "with clips that stand still from the middle on",
    ),
    "counts by the pixels": (
        laws.counts_do_not_depend_on_the_clips,
        count_by_size,
        "32 masked with clips of twice the frames and the size, and 48 and 16 without",
    ),
    "counts by the batch": (
        laws.counts_do_not_depend_on_the_batch,
        count_by_batch,
        "25 tokens are visible and 39 masked with a batch of 1 instead of 3, and 32 and 32 without",
    ),
    "memory": (laws.masks_follow_from_the_generators, by_memory(), "give another mask the second time"),
    "the first generator for all": (
        laws.a_row_does_not_depend_on_its_batch,
        by_the_first,
        "row 1 is another where the clip stands alone",
    ),
    "the size of the batch": (
        laws.a_row_does_not_depend_on_its_batch,
        by_the_batch,
        "row 0 is another where the clip stands alone",
    ),
    "the place in the batch": (
        laws.a_row_does_not_depend_on_its_place,
        by_place,
        "the mask of a clip is another in row 2 than in row 0",
    ),
    "one mask for all": (laws.other_seeds_give_other_masks, fixed, "64 seeds give one and the same mask"),
    "clips are spoiled": (laws.clips_are_left_as_they_are, spoiling, "of the clips are changed in place"),
    "drawn from the global generator": (
        laws.the_global_generator_is_left_alone,
        drawing,
        "drawn from or seeded",
    ),
    "the global generator is seeded": (
        laws.the_global_generator_is_left_alone,
        seeding,
        "drawn from or seeded",
    ),
    "left on the host": (
        laws.masks_lie_where_the_clips_do,
        on_the_host,
        "visible lies on the device cpu, and the clips on meta",
    ),
}


@pytest.mark.parametrize(("law", "fault", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_breaks_its_law(law, fault, said):
    with pytest.raises(AssertionError, match=f"^Faulty: .*{said}"):
        law(MaskTrial(Faulty(fault)))
    with pytest.raises(AssertionError, match=r"^Faulty: "):
        check_mask_generator(Faulty(fault))


def test_without_a_fault_the_laws_are_kept():
    check_mask_generator(Faulty(at_random))


def test_every_law_is_broken_once():
    assert {law for law, _, _ in FAULTS.values()} == {*laws.LAWS, *laws.LAWS_OF_CHANCE}


def test_a_mask_without_chance_says_so():
    check_mask_generator(Faulty(fixed), deterministic=True)


@pytest.mark.parametrize("fault", [drawing, seeding])
def test_the_global_generator_is_put_back(fault):
    state = torch.get_rng_state()
    with pytest.raises(AssertionError, match="global generator"):
        check_mask_generator(Faulty(fault))
    assert torch.equal(torch.get_rng_state(), state)
