"""Edges as the target: histograms of oriented gradients."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from vidmask.choices import checked_choice
from vidmask.targets.base import Target
from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet, patchify

Gradient = Literal["sobel", "central"]
HOGFrames = Literal["first", "all"]
HOGNormalisation = Literal["l2", "none"]


class HOGTarget(Target):
    """How strong the edges of each direction are in the cells of each masked tubelet.

    Of every pixel and colour channel the gradient is taken of the whole frame, so that pixels of neighbouring
    tokens count at the border of a token. Its direction, without sign, falls into one of ``bins`` bins of
    equal width and adds its length there. A histogram is the mean over the pixels of a cell.

    Args:
        bins: Bins of the half circle.
        cell: Pixels of a side of a cell; must divide the rows and the columns of a tubelet.
        gradient: ``sobel``: Sobel's filters, the frame reflected at its border; bins counted from the
            vertical (MaskFeat's published code).
            ``central``: the difference of the two neighbours, 0 in the frame's first and last row (or
            column); bins counted from the horizontal (scikit-image).
        frames: ``first`` of each tubelet (MaskFeat), or ``all`` of them.
        normalisation: ``l2``: each cell and channel divided by the length of its histogram; or ``none``.
        epsilon: Length, in units of gradients of pixels in [0, 1], below which a histogram is taken for
            that of a flat cell and goes to 0 instead of to length 1.

    Raises:
        ValueError: If a number is out of range, or a word is none of those above.

    Source: MaskFeat (arXiv 2112.09133), section 3, and its published code for the defaults: 9 bins, cells of
    8 pixels, the first frame of each tubelet, which makes 108 numbers of 16×16 pixels.
    Deviation: the numbers stand as (frame, row, column, channel, bin) and not as (channel, bin, row, column),
    as do those of the other targets here. Histograms are means and not sums, and ``epsilon`` stands inside
    the root as in scikit-image (published code: the larger of length and 1e-12); with ``l2`` neither
    matters except in flat cells.
    """

    pictured = "histograms of oriented gradients (a line along each edge)"

    def __init__(
        self,
        bins: int = 9,
        cell: int = 8,
        gradient: Gradient = "sobel",
        frames: HOGFrames = "first",
        normalisation: HOGNormalisation = "l2",
        epsilon: float = 1e-6,
    ) -> None:
        super().__init__()
        checked_choice("gradient", gradient, Gradient)
        checked_choice("frames", frames, HOGFrames)
        checked_choice("normalisation", normalisation, HOGNormalisation)
        for name, value in (("bins", bins), ("cell", cell)):
            if value < 1:
                raise ValueError(f"{name} of HOGTarget must be at least 1, got {value}")
        if epsilon <= 0:
            raise ValueError(f"epsilon of HOGTarget must be above 0, got {epsilon}")
        self.bins = bins
        self.cell = cell
        self.gradient: Gradient = gradient
        self.frames: HOGFrames = frames
        self.normalisation: HOGNormalisation = normalisation
        self.epsilon = epsilon

    def num_outputs(self, tubelet: Tubelet) -> int:
        """Return one number for each bin of each cell, channel and frame of a tubelet.

        Raises:
            ValueError: If cells do not fill a tubelet.
        """
        return self._cells(tubelet).num_pixels * self.bins

    def forward(
        self, batch: ClipBatch, indices: Int[Tensor, "b m"], tubelet: Tubelet
    ) -> Float[Tensor, "b m p"]:
        """Return the histograms as (frame, row of cells, column of cells, channel, bin), bin fastest."""
        cells = self._cells(tubelet)
        return patchify(self.histograms(self.select_frames(batch.clips, tubelet)), cells, indices)

    def baselines(
        self, batch: ClipBatch, mask: TokenMask, grid: TokenGrid, tubelet: Tubelet
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the losses of an answer that looks at nothing and of copying the nearest visible tubelet.

        ``mean_hog`` gives each token the mean of the batch's own answers, the best that is the same for all.
        """
        answer = self(batch, mask.masked, tubelet)
        mean = answer.mean(dim=(0, 1)).expand_as(answer)
        return {"mean_hog": self.loss(mean, answer), **super().baselines(batch, mask, grid, tubelet)}

    @torch.no_grad()
    def histograms(self, clips: Float[Tensor, "b 3 s h w"]) -> Float[Tensor, "b k s rows columns"]:
        """Return the histograms of all cells of the frames given, channel by channel, bin fastest.

        Args:
            clips: Frames as RGB in [0, 1].
        """
        # Shifted differences, not a convolution: autocast would work that out in bfloat16.
        pixels = clips.to(torch.promote_types(clips.dtype, torch.float32)).transpose(1, 2).flatten(0, 1)
        across, down = sobel(pixels) if self.gradient == "sobel" else central(pixels)
        angle = torch.atan2(across, down) if self.gradient == "sobel" else torch.atan2(down, across)
        bin_of = (angle / math.pi * self.bins).floor().long() % self.bins
        length = torch.hypot(across, down)
        # Bin by bin: sums in a fixed order, and no copy of the frames for each bin in memory.
        found = [F.avg_pool2d(length * (bin_of == index), self.cell) for index in range(self.bins)]
        histograms = torch.stack(found, dim=2)
        if self.normalisation == "l2":
            energy = histograms.square().sum(dim=2, keepdim=True)
            histograms = histograms / (energy + self.epsilon**2).sqrt()
        return rearrange(histograms, "(b s) c k h w -> b (c k) s h w", b=len(clips))

    def num_frames(self, tubelet: Tubelet) -> int:
        """Return how many frames of a tubelet are predicted."""
        return tubelet.frames if self.frames == "all" else 1

    def select_frames(
        self, clips: Float[Tensor, "b 3 t h w"], tubelet: Tubelet
    ) -> Float[Tensor, "b 3 s h w"]:
        """Return the frames that are predicted."""
        return clips if self.frames == "all" else clips[:, :, :: tubelet.frames]

    def picture(
        self,
        values: Float[Tensor, "b n p"],
        answers: Float[Tensor, "b n p"],
        grid: TokenGrid,
        tubelet: Tubelet,
    ) -> Float[Tensor, "b 3 s h w"]:
        """Draw a line for each bin of each cell, along the edge, the brighter the more weight the bin has.

        The mean over the channels is drawn; the greatest weight of the answers is white.
        """
        cells = self._cells(tubelet)
        weights = rearrange(
            values.float(),
            "b (t h w) (u p q c k) -> b (t u) (h p) (w q) c k",
            **{"t": grid.time, "h": grid.rows, "w": grid.columns},
            **{"u": cells.frames, "p": cells.rows, "q": cells.columns, "k": self.bins},
        ).mean(dim=-2)
        strength = (weights / answers.float().amax().clamp(min=1e-12)).clamp(0, 1)
        lines = self._lines(values.device)
        shape = (*strength.shape[:2], strength.shape[2] * self.cell, strength.shape[3] * self.cell)
        picture = torch.zeros(shape, device=values.device)
        for index, line in enumerate(lines):
            drawn = strength[..., index].repeat_interleave(self.cell, -2).repeat_interleave(self.cell, -1)
            picture = torch.maximum(picture, drawn * line.repeat(strength.shape[2], strength.shape[3]))
        return picture.unsqueeze(1).expand(-1, 3, -1, -1, -1)

    def _lines(self, device: torch.device) -> Float[Tensor, "k cell cell"]:
        """Return the picture of a cell for each bin: a line through its middle, across the gradient."""
        middle = (torch.arange(self.bins, device=device) + 0.5) * math.pi / self.bins
        across, down = middle.cos(), middle.sin()
        if self.gradient == "sobel":
            across, down = down, across
        place = torch.arange(self.cell, device=device) - (self.cell - 1) / 2
        distance = across.view(-1, 1, 1) * place + down.view(-1, 1, 1) * place.unsqueeze(1)
        return (1 - distance.abs()).clamp(min=0)

    def _cells(self, tubelet: Tubelet) -> Tubelet:
        """Return the size of a tubelet in predicted frames and in cells."""
        if tubelet.rows % self.cell or tubelet.columns % self.cell:
            largest = math.gcd(tubelet.rows, tubelet.columns)
            raise ValueError(
                f"HOGTarget's cell of {self.cell} px does not divide a tubelet of {tubelet.rows}×"
                f"{tubelet.columns} px: cell must divide both sides, such as {largest}"
            )
        return Tubelet(self.num_frames(tubelet), tubelet.rows // self.cell, tubelet.columns // self.cell)


def sobel(
    images: Float[Tensor, "n 3 h w"],
) -> tuple[Float[Tensor, "n 3 h w"], Float[Tensor, "n 3 h w"]]:
    """Return Sobel's derivatives to the right and down; the image is reflected at its border."""
    padded = F.pad(images, (1, 1, 1, 1), mode="reflect")
    right = padded[..., 2:] - padded[..., :-2]
    below = padded[..., 2:, :] - padded[..., :-2, :]
    return (
        right[..., :-2, :] + 2 * right[..., 1:-1, :] + right[..., 2:, :],
        below[..., :-2] + 2 * below[..., 1:-1] + below[..., 2:],
    )


def central(
    images: Float[Tensor, "n 3 h w"],
) -> tuple[Float[Tensor, "n 3 h w"], Float[Tensor, "n 3 h w"]]:
    """Return the differences of the two neighbours, to the right and down; 0 at the border."""
    right = F.pad(images[..., 2:] - images[..., :-2], (1, 1, 0, 0))
    below = F.pad(images[..., 2:, :] - images[..., :-2, :], (0, 0, 1, 1))
    return right, below
