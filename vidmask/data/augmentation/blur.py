"""Blurred clips."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn.functional import conv2d, pad

from vidmask.data.augmentation.base import ClipAugmentation, checked_range, to_device, uniform


class GaussianBlur(ClipAugmentation):
    """Blurs clips in space, by a Gaussian of a width drawn for each clip.

    Args:
        kernel_size: Rows and columns of the window, in pixels; odd.
        sigma: Least and greatest standard deviation of the Gaussian, in pixels.
        probability: Probability that a clip is blurred.
        choice: Name of the draws; see ``ClipAugmentation``.

    Raises:
        ValueError: If a number is out of range, or (of a batch) the window is not smaller than twice a side
            of the clips, whose pixels are mirrored at their edges.

    Source: SimCLR (arXiv 2002.05709), appendix A: a window of a tenth of the side, sigma in [0.1, 2].
    """

    def __init__(
        self,
        kernel_size: int = 23,
        sigma: tuple[float, float] = (0.1, 2.0),
        probability: float = 0.5,
        choice: str = "blur",
    ) -> None:
        super().__init__(probability, choice)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be an odd number of pixels, at least 1, got {kernel_size}")
        self.kernel_size = kernel_size
        self.sigma = checked_range("sigma", sigma)

    def augment(
        self, clips: Float[Tensor, "b 3 t h w"], chances: Sequence[Generator]
    ) -> Float[Tensor, "b 3 t h w"]:
        """Blur every clip; see ``ClipAugmentation``."""
        side = min(clips.shape[-2:])
        if self.kernel_size >= 2 * side:
            raise ValueError(
                f"kernel_size must be below {2 * side} for clips of {side} px, got {self.kernel_size}"
            )
        half = self.kernel_size // 2
        distances = torch.arange(-half, half + 1, dtype=torch.float64)
        sigmas = torch.tensor([uniform(chance, *self.sigma) for chance in chances], dtype=torch.float64)
        weights = torch.softmax(-((distances / sigmas[:, None]) ** 2) / 2, 1).float().tolist()
        # Rows, then columns; all frames and channels are channels of one picture, with their clip's weights.
        pictures = clips.reshape(1, -1, *clips.shape[-2:])
        channels = pictures.shape[1]
        kernels = to_device(weights, torch.float32, clips).repeat_interleave(channels // len(clips), 0)
        pictures = pad(pictures, (half, half, half, half), mode="reflect")
        pictures = conv2d(pictures, kernels.view(channels, 1, 1, -1), groups=channels)
        pictures = conv2d(pictures, kernels.view(channels, 1, -1, 1), groups=channels)
        return pictures.view_as(clips).clamp_(0, 1)
