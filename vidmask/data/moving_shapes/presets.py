"""How hard MovingShapes is: its three presets."""

from dataclasses import dataclass
from typing import Literal

PresetName = Literal["easy", "standard", "hard"]


@dataclass(frozen=True)
class Preset:
    """How hard the videos are.

    Attributes:
        side: Width and height in pixels.
        num_train: Videos in the training split, unless told otherwise.
        num_val: Videos in the validation split.
        num_test: Videos in the test split.
        num_frames: Fewest and most frames of a video, at 12.5 frames a second.
        size: Smallest and largest size of the shape (square root of its area), in sides. Above 0.51 the
            crescent is longer than the frame at some angles and loses its tips where the torus closes: in
            `easy` 0.13 % of its area on average and 3.4 % at most.
        ground: Least and greatest red, green and blue of the background, in [0, 1].
        paint: Least and greatest red, green and blue of the shape's two colours, in [0, 1].
        shades: Least and greatest distance in RGB of the shape's two colours, in [0, √3].
        contrast: Least distance in RGB between the background's colour and those of the shape, in [0, 1].
        background: Amplitude of the background's texture, in [0, 1].
        waves: Most waves of the background's texture along a side.
        drift: Fastest drift of the background, in sides a frame.
        pace: Factor of the shape's speed.
        distractors: Small shapes that cross the scene, each with its own motion.
        occluding: Whether the distractors pass before the shape rather than behind it.
        ripple: How strongly stripes disturb the shape's gradient, in [0, 1].
        noise: Largest sensor noise, in grey levels of 255.
    """

    side: int = 32
    num_train: int = 2048
    num_val: int = 512
    num_test: int = 1024
    num_frames: tuple[int, int] = (32, 48)
    size: tuple[float, float] = (0.38, 0.58)
    ground: tuple[float, float] = (0.1, 0.35)
    paint: tuple[float, float] = (0.4, 1.0)
    shades: tuple[float, float] = (0.2, 0.3)
    contrast: float = 0.35
    background: float = 0.03
    waves: int = 2
    drift: float = 0.01
    pace: float = 0.6
    distractors: int = 0
    occluding: bool = False
    ripple: float = 0.0
    noise: float = 0.0


PRESETS: dict[str, Preset] = {
    "easy": Preset(),
    "standard": Preset(
        side=64,
        num_train=8192,
        num_val=1024,
        num_test=4096,
        size=(0.28, 0.44),
        ground=(0.3, 0.7),
        paint=(0.0, 1.0),
        shades=(0.3, 2.0),
        contrast=0.3,
        background=0.12,
        waves=3,
        drift=0.015,
        pace=1.0,
        distractors=2,
        ripple=0.4,
        noise=6.0,
    ),
    "hard": Preset(
        side=64,
        num_train=8192,
        num_val=1024,
        num_test=4096,
        size=(0.22, 0.36),
        ground=(0.3, 0.7),
        paint=(0.0, 1.0),
        shades=(0.3, 2.0),
        contrast=0.22,
        background=0.18,
        waves=5,
        drift=0.025,
        pace=1.0,
        distractors=3,
        occluding=True,
        ripple=0.6,
        noise=12.0,
    ),
}
