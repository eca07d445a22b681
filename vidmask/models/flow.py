"""Where optical flow comes from: OpenCV's classical methods, or RAFT with weights in a file."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_large, raft_small

from vidmask.choices import checked_choice
from vidmask.models.tokenizers import file_hash, read_weights

Method = Literal["dis", "farneback"]
RAFTSize = Literal["small", "large"]

# Below this, DIS has no level of its pyramid left to work on.
_DIS_SMALLEST = 12
# RAFT compares all places of two frames on maps of an eighth of the size, and halves those three times.
_RAFT_SMALLEST = 128
# So many pairs of frames go through RAFT at once, which bounds its memory: 2.5 MB a pair of 224 pixels.
_PAIRS_AT_ONCE = 64


class FlowEstimator(ABC):
    """What says for each pixel of a frame where it is in the next one.

    It is known by its settings until ``load`` is called. It is no part of a model: not trained, and not in
    checkpoints.
    """

    def prepare(self) -> None:  # noqa: B027 - most have nothing to get
        """Make sure that what is needed is there; called by one process of each machine, before ``load``."""

    @abstractmethod
    def load(self) -> str | None:
        """Read the weights, and return the SHA-256 of their file; None if there are none.

        A second call reads nothing.
        """

    @abstractmethod
    def __call__(self, frames: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b 2 t-1 h w"]:
        """Return the flow from each frame to the next, in pixels: to the right, and down.

        Args:
            frames: Clips as RGB in [0, 1].
        """


class ClassicalFlow(FlowEstimator):
    """A method of OpenCV without weights, on the host, on grey frames of 8 bits.

    Frames are copied to the host and the flow back. At 224 pixels a pair took 16 ms (``dis``) or 36 ms
    (``farneback``) on one thread of a busy server. The same frames give the same flow, on any number of
    threads. Threads end before the call does, so that none is there when workers of a loader are forked.

    Args:
        method: ``dis``: dense inverse search, preset medium. ``farneback``: Farnebäck's polynomials, three
            levels, windows of 15 pixels.
        num_threads: Pairs of frames worked on at the same time.

    Raises:
        ValueError: If ``num_threads`` is below 1, or ``method`` is none of those above.

    Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search (arXiv 1603.03590); Farnebäck,
    Two-Frame Motion Estimation Based on Polynomial Expansion (SCIA 2003).
    """

    def __init__(self, method: Method = "dis", num_threads: int = 1) -> None:
        checked_choice("method", method, Method)
        if num_threads < 1:
            raise ValueError(f"num_threads of ClassicalFlow must be at least 1, got {num_threads}")
        self.method: Method = method
        self.num_threads = num_threads

    def prepare(self) -> None:
        """Make sure that OpenCV is installed.

        Raises:
            ValueError: That it is not.
        """
        load_opencv()

    def load(self) -> None:
        """Make sure that OpenCV is installed.

        Raises:
            ValueError: That it is not.
        """
        load_opencv()

    def __call__(self, frames: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b 2 t-1 h w"]:
        """Return the flow from each frame to the next, in pixels: to the right, and down.

        Raises:
            ValueError: If OpenCV is not installed, or frames are too small for ``dis``.
        """
        estimate: Any = self._estimate  # the decorators' types say less than is known
        return estimate(frames)

    @torch.compiler.disable
    @torch.no_grad()
    def _estimate(self, frames: Tensor) -> Tensor:
        cv2 = load_opencv()
        size = frames.shape[3:]
        if self.method == "dis" and min(size) < _DIS_SMALLEST:
            raise ValueError(
                f"ClassicalFlow's method dis takes frames of at least {_DIS_SMALLEST} px a side, "
                f"got {size[0]}×{size[1]}: take larger frames, or farneback"
            )
        grey = grey_frames(frames)
        pairs = [(clip[index], clip[index + 1]) for clip in grey for index in range(len(clip) - 1)]
        before = cv2.getNumThreads()
        # OpenCV's own threads would stay, and break in a process that is forked later.
        cv2.setNumThreads(1)
        try:
            with ThreadPoolExecutor(self.num_threads) as pool:
                flows = list(pool.map(lambda pair: self._method(cv2)(*pair), pairs))
        finally:
            cv2.setNumThreads(before)
        # Not np.stack, which takes no empty list: a clip of one frame has no flow.
        field = np.zeros((len(pairs), *size, 2), np.float32)
        for index, flow in enumerate(flows):
            field[index] = flow
        found = torch.from_numpy(field).view(len(frames), frames.shape[2] - 1, *size, 2)
        return found.permute(0, 4, 1, 2, 3).contiguous().to(frames.device)

    def _method(self, cv2: ModuleType) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """Return what makes a flow of two frames; one for each pair, as DIS keeps buffers."""
        if self.method == "dis":
            dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
            return lambda one, other: dis.calc(one, other, None)
        settings = {"pyr_scale": 0.5, "levels": 3, "winsize": 15, "iterations": 3, "poly_n": 5}
        return lambda one, other: cv2.calcOpticalFlowFarneback(
            one, other, None, **settings, poly_sigma=1.2, flags=0
        )


class RAFT(FlowEstimator):
    """RAFT in torchvision's form, with weights from a file, in float32 on the device of the frames.

    Args:
        checkpoint: The state_dict of torchvision's ``raft_small`` or ``raft_large``, such as the published
            ``raft_small_C_T_V2``: ``.pth``, or ``.safetensors``. Nothing is downloaded.
        size: Which of the two it is.
        iterations: Updates of the flow; the last is taken.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If ``iterations`` is below 1, or ``size`` is none of those above.

    Source: RAFT (arXiv 2003.12039), as torchvision.models.optical_flow has it. 12 updates are torchvision's
    default; MGMAE (arXiv 2308.10794) works out its flow by RAFT-small while it trains.
    """

    def __init__(
        self, checkpoint: str | PathLike[str], size: RAFTSize = "small", iterations: int = 12
    ) -> None:
        checked_choice("size", size, RAFTSize)
        if iterations < 1:
            raise ValueError(f"iterations of RAFT must be at least 1, got {iterations}")
        self.checkpoint = Path(checkpoint)
        if not self.checkpoint.is_file():
            raise FileNotFoundError(
                f"no file {checkpoint}: RAFT needs the state_dict of torchvision's raft_{size} "
                "(.pth or .safetensors)"
            )
        self.size: RAFTSize = size
        self.iterations = iterations
        # In a tuple, so that it would be no submodule of an estimator that is a module.
        self._loaded: tuple[nn.Module, str] | None = None

    def load(self) -> str:
        """Read the weights, and return the SHA-256 of their file.

        Raises:
            ValueError: If the file holds anything but weights, or those of another network.
        """
        if self._loaded is None:
            weights = read_weights(self.checkpoint)
            # Its random weights are replaced, and must not move the generator of the run.
            with torch.random.fork_rng(devices=[]):
                network = {"small": raft_small, "large": raft_large}[self.size](weights=None, progress=False)
            try:
                network.load_state_dict(weights)
            except RuntimeError as error:
                wanted = set(network.state_dict())
                raise ValueError(
                    f"{self.checkpoint} does not fit torchvision's raft_{self.size}: "
                    f"{len(wanted - set(weights))} of its {len(wanted)} weights are missing, "
                    f"{len(set(weights) - wanted)} others are there, or shapes differ; give the file of "
                    "that size, as torchvision publishes it"
                ) from error
            self._loaded = (network.eval().requires_grad_(False), file_hash(self.checkpoint))
        return self._loaded[1]

    @torch.no_grad()
    def __call__(self, frames: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b 2 t-1 h w"]:
        """Return the flow from each frame to the next, in pixels: to the right, and down.

        Raises:
            ValueError: If RAFT cannot take frames of this size.
        """
        rows, columns = frames.shape[3:]
        if rows % 8 or columns % 8 or min(rows, columns) < _RAFT_SMALLEST:
            raise ValueError(
                f"RAFT takes frames whose sides are multiples of 8 and at least {_RAFT_SMALLEST} px, "
                f"got {rows}×{columns}: take such a size, or ClassicalFlow"
            )
        self.load()
        assert self._loaded is not None
        network = self._loaded[0].to(frames.device)
        scaled = frames.float().transpose(1, 2) * 2 - 1
        first, second = scaled[:, :-1].flatten(0, 1), scaled[:, 1:].flatten(0, 1)
        found = [first.new_zeros(0, 2, rows, columns)]
        with torch.autocast(frames.device.type, enabled=False):
            for one, other in zip(first.split(_PAIRS_AT_ONCE), second.split(_PAIRS_AT_ONCE), strict=True):
                if len(one):
                    found.append(network(one, other, self.iterations)[-1])
        return torch.cat(found).unflatten(0, (len(frames), -1)).transpose(1, 2)


def load_opencv() -> ModuleType:
    """Return OpenCV.

    Raises:
        ValueError: If the package is not installed.
    """
    try:
        import cv2
    except ImportError:
        raise ValueError(
            "ClassicalFlow needs OpenCV: pip install 'vidmask[flow]', or take RAFT with weights in a file"
        ) from None
    return cv2


def grey_frames(frames: Float[Tensor, "b 3 t h w"]) -> UInt8[np.ndarray, "b t h w"]:
    """Return the luma of frames in [0, 1] (ITU-R BT.601, as OpenCV has it), on the host."""
    red, green, blue = frames.float().unbind(dim=1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return (luma.clamp(0, 1) * 255).round().to("cpu", torch.uint8).numpy()
