"""The laws that every mask generator obeys, to be run on a class of one's own."""

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vidmask.masking import MaskGenerator
from vidmask.randomness import generator
from vidmask.testing.samples import seeded
from vidmask.tokens import TokenGrid, TokenMask, Tubelet

NUM_SEEDS = 64
"""Seeds that are tried before it is said that a generator draws one mask only."""


class MaskTrial:
    """A mask generator with what it is tried on.

    Args:
        masking: The mask generator.
        grid: The tokens of one clip.
        tubelet: The pixels of one token.
        num_clips: Clips in a batch, at least 2.
        device: Where clips lie when it is asked where the mask lies.
    """

    def __init__(
        self,
        masking: MaskGenerator,
        grid: TokenGrid | None = None,
        tubelet: Tubelet | None = None,
        num_clips: int = 3,
        device: str = "meta",
    ) -> None:
        self.masking = masking
        self.grid = TokenGrid(4, 4, 4) if grid is None else grid
        self.tubelet = Tubelet(2, 4, 4) if tubelet is None else tubelet
        self.device = torch.device(device)
        self.clips = self.noise(num_clips)
        self.seeds = list(range(num_clips))
        self.name = type(masking).__name__

    def noise(
        self, num_clips: int, seed: int = 0, tubelet: Tubelet | None = None
    ) -> Float[Tensor, "b 3 t h w"]:
        """Return clips of noise in [0, 1], the same each time.

        Args:
            num_clips: Clips in the batch.
            seed: Another seed gives other clips.
            tubelet: The pixels of one token, if not those of the trial.
        """
        tubelet = self.tubelet if tubelet is None else tubelet
        size = (
            self.grid.time * tubelet.frames,
            self.grid.rows * tubelet.rows,
            self.grid.columns * tubelet.columns,
        )
        return torch.rand(num_clips, 3, *size, generator=torch.Generator().manual_seed(seed))

    def mask(self, clips: Tensor | None = None, seeds: list[int] | None = None) -> TokenMask:
        """Draw a mask, by default of the trial's clips and seeds, from new generators."""
        seeds = self.seeds if seeds is None else seeds
        generators = [generator(seed, "mask") for seed in seeds]
        return self.masking(self.clips if clips is None else clips, self.grid, generators)


def indices_are_int64_one_row_a_clip(trial: MaskTrial) -> None:
    """Both parts are int64, of two axes, with one row for each clip."""
    for part, indices in _parts(trial.mask()).items():
        _law(indices.dtype == torch.int64, trial, f"{part} is of {indices.dtype}, not torch.int64")
        shape, rows = tuple(indices.shape), len(trial.seeds)
        _law(
            len(shape) == 2 and shape[0] == rows,
            trial,
            f"{part} of {rows} clips has the shape {shape}, not ({rows}, indices)",
        )


def neither_part_is_empty(trial: MaskTrial) -> None:
    """At least one token is visible, and at least one is masked."""
    for part, indices in _parts(trial.mask()).items():
        _law(indices.numel() > 0, trial, f"{part} holds 0 of {trial.grid.num_tokens} tokens")


def indices_lie_within_the_grid(trial: MaskTrial) -> None:
    """Indices are those of tokens."""
    total = trial.grid.num_tokens
    for part, indices in _parts(trial.mask()).items():
        lowest, highest = int(indices.min()), int(indices.max())
        _law(
            lowest >= 0 and highest < total,
            trial,
            f"{part} reaches from {lowest} to {highest}, and the grid from 0 to {total - 1}",
        )


def indices_ascend(trial: MaskTrial) -> None:
    """Indices ascend within a row, and none stands in it twice."""
    for part, indices in _parts(trial.mask()).items():
        for row, values in enumerate(indices.tolist()):
            for before, after in pairwise(values):
                _law(before < after, trial, f"{part} of row {row} does not ascend: {after} follows {before}")


def visible_and_masked_are_disjoint(trial: MaskTrial) -> None:
    """No token is both seen and predicted."""
    mask = trial.mask()
    for row, (visible, masked) in enumerate(zip(mask.visible.tolist(), mask.masked.tolist(), strict=True)):
        both = sorted(set(visible) & set(masked))
        _law(not both, trial, f"{len(both)} tokens of row {row} are both visible and masked: {both[:5]}")


def counts_do_not_depend_on_chance(trial: MaskTrial) -> None:
    """Other seeds give as many tokens."""
    expected = trial.mask()
    for seed in range(100, 100 + NUM_SEEDS):
        seeds = [seed + row for row in range(len(trial.seeds))]
        _same_counts(trial, expected, trial.mask(seeds=seeds), f"other seeds ({seeds})")


def counts_do_not_depend_on_the_clips(trial: MaskTrial) -> None:
    """Other clips give as many tokens: of other noise, still ones, half still ones, and larger ones."""
    half_still = trial.clips.clone()
    half_still[:, :, half_still.shape[2] // 2 :] = 0.5
    twice = Tubelet(2 * trial.tubelet.frames, 2 * trial.tubelet.rows, 2 * trial.tubelet.columns)
    others = {
        "other noise": trial.noise(len(trial.seeds), seed=1),
        "black clips": torch.zeros_like(trial.clips),
        "clips that stand still from the middle on": half_still,
        "clips of twice the frames and the size": trial.noise(len(trial.seeds), tubelet=twice),
    }
    expected = trial.mask()
    for what, clips in others.items():
        _same_counts(trial, expected, trial.mask(clips), what)


def counts_do_not_depend_on_the_batch(trial: MaskTrial) -> None:
    """Batches of other sizes give as many tokens."""
    expected = trial.mask()
    for size in (1, 2 * len(trial.seeds)):
        found = trial.mask(trial.noise(size), list(range(size)))
        _same_counts(trial, expected, found, f"a batch of {size} instead of {len(trial.seeds)}")


def masks_follow_from_the_generators(trial: MaskTrial) -> None:
    """The same clips and seeds give the same mask, whatever has been drawn in between."""
    first = trial.mask()
    trial.mask(trial.noise(2, seed=1), [100, 101])
    _same(trial, first, trial.mask(), "the same clips and seeds give another mask the second time")


def a_row_does_not_depend_on_its_batch(trial: MaskTrial) -> None:
    """A clip alone has the mask that it has among others."""
    together = trial.mask()
    for row, seed in enumerate(trial.seeds):
        _same(
            trial,
            _row(together, row),
            trial.mask(trial.clips[row : row + 1], [seed]),
            f"the mask of row {row} is another where the clip stands alone",
        )


def a_row_does_not_depend_on_its_place(trial: MaskTrial) -> None:
    """A clip has the same mask wherever in the batch it stands."""
    together = trial.mask()
    turned = trial.mask(trial.clips.flip(0), trial.seeds[::-1])
    last = len(trial.seeds) - 1
    for row in range(len(trial.seeds)):
        _same(
            trial,
            _row(together, row),
            _row(turned, last - row),
            f"the mask of a clip is another in row {last - row} than in row {row}",
        )


def other_seeds_give_other_masks(trial: MaskTrial) -> None:
    """Of many seeds not all give one mask of the same clip."""
    mask = trial.mask(trial.clips[:1].expand(NUM_SEEDS, -1, -1, -1, -1), list(range(NUM_SEEDS)))
    rows = torch.cat([mask.visible, mask.masked], dim=1)
    _law(
        bool((rows != rows[0]).any()),
        trial,
        f"{NUM_SEEDS} seeds give one and the same mask of a clip: if that is meant, say deterministic=True",
    )


def clips_are_left_as_they_are(trial: MaskTrial) -> None:
    """Clips are not changed in place."""
    before = trial.clips.clone()
    trial.mask()
    changed = int((before != trial.clips).sum())
    trial.clips.copy_(before)
    _law(changed == 0, trial, f"{changed} of {before.numel()} numbers of the clips are changed in place")


def the_global_generator_is_left_alone(trial: MaskTrial) -> None:
    """Nothing is drawn from torch's global generator, nor is it seeded."""
    # A state that nobody sets by chance: who seeds with 0 would else be missed the second time.
    with seeded(6_283_185_307):
        before = torch.get_rng_state()
        trial.mask()
        untouched = torch.equal(before, torch.get_rng_state())
    _law(
        untouched, trial, "torch's global generator is drawn from or seeded: draw from generators[row] alone"
    )


def masks_lie_where_the_clips_do(trial: MaskTrial) -> None:
    """The result is on the device of the clips."""
    device = trial.clips.to(trial.device).device
    for part, indices in _parts(trial.mask(trial.clips.to(device))).items():
        _law(
            indices.device == device,
            trial,
            f"{part} lies on the device {indices.device}, and the clips on {device}",
        )


LAWS: tuple[Callable[[MaskTrial], None], ...] = (
    indices_are_int64_one_row_a_clip,
    neither_part_is_empty,
    indices_lie_within_the_grid,
    indices_ascend,
    visible_and_masked_are_disjoint,
    counts_do_not_depend_on_chance,
    counts_do_not_depend_on_the_clips,
    counts_do_not_depend_on_the_batch,
    masks_follow_from_the_generators,
    a_row_does_not_depend_on_its_batch,
    a_row_does_not_depend_on_its_place,
    clips_are_left_as_they_are,
    the_global_generator_is_left_alone,
    masks_lie_where_the_clips_do,
)
LAWS_OF_CHANCE = (other_seeds_give_other_masks,)


def check_mask_generator(
    masking: MaskGenerator,
    *,
    grid: TokenGrid | None = None,
    tubelet: Tubelet | None = None,
    num_clips: int = 3,
    device: str = "meta",
    deterministic: bool = False,
) -> None:
    """Try every law on a mask generator.

    Args:
        masking: The mask generator.
        grid: The tokens of one clip; 4 × 4 × 4 if None.
        tubelet: The pixels of one token; 2 × 4 × 4 if None.
        num_clips: Clips in a batch, at least 2.
        device: Where clips lie when it is asked where the mask lies. ``meta`` needs no hardware, but
            holds no pixels: of a generator that must read them in Python, give ``cuda``.
        deterministic: Whether the mask follows from the clip and the grid alone.

    Raises:
        AssertionError: If a law is broken; it says which.
    """
    trial = MaskTrial(masking, grid, tubelet, num_clips, device)
    with torch.random.fork_rng(devices=[]):
        for law in (*LAWS, *(() if deterministic else LAWS_OF_CHANCE)):
            law(trial)


def _parts(mask: TokenMask) -> dict[str, Int[Tensor, "..."]]:
    return {"visible": mask.visible, "masked": mask.masked}


def _row(mask: TokenMask, row: int) -> TokenMask:
    return TokenMask(mask.visible[row : row + 1], mask.masked[row : row + 1])


def _law(holds: bool, trial: MaskTrial, broken: str) -> None:
    if not holds:
        raise AssertionError(f"{trial.name}: {broken}")


def _same(trial: MaskTrial, expected: TokenMask, found: TokenMask, broken: str) -> None:
    same = torch.equal(expected.visible, found.visible) and torch.equal(expected.masked, found.masked)
    _law(same, trial, broken)


def _same_counts(trial: MaskTrial, expected: TokenMask, found: TokenMask, what: str) -> None:
    before, after = (
        {part: indices.shape[1] for part, indices in _parts(mask).items()} for mask in (expected, found)
    )
    _law(
        before == after,
        trial,
        f"{after['visible']} tokens are visible and {after['masked']} masked with {what}, "
        f"and {before['visible']} and {before['masked']} without",
    )
