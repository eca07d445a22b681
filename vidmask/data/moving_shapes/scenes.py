"""What happens in one MovingShapes video: its labels, the drawn trajectory, and its frames.

A video is a function of (preset, seed, split, index) alone, bit for bit on every machine: chance comes as
raw doubles from PCG64, and what a processor's mathematics library may round differently (sines, powers)
is rounded to a coarser grid before it meets a pixel.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from vidmask.data.moving_shapes.presets import Preset
from vidmask.data.moving_shapes.shapes import OUTLINES, coverage, level, ranks

SplitName = Literal["train", "val", "test"]

SPLITS: tuple[SplitName, ...] = get_args(SplitName)
APPEARANCES = tuple(OUTLINES)
MOTIONS = ("right", "left", "down", "up", "clockwise", "counter-clockwise", "expanding", "contracting")
CLASSES = {"appearance": APPEARANCES, "motion": MOTIONS}


FPS = Fraction(25, 2)

# Slowest and fastest, a frame: sides for a translation, turns for a rotation, cycles of the saw-tooth
# for a change of size, at a pace of 1. Sixteen frames at a stride of 2 show 0.4 to 0.9 of a turn, no step
# near half of the shapes' shortest symmetry (a fifth of a turn), where it would seem to turn backwards.
_SPEEDS = {"translation": (0.016, 0.034), "rotation": (0.014, 0.03), "scaling": (0.03, 0.06)}
_MIXED = (5.5, 7.5)


@dataclass(frozen=True)
class Track:
    """Where one shape is in every frame.

    Attributes:
        x: Column of its centre, in [0, 1) of a side; the frame is a torus.
        y: Row of its centre, downwards.
        angle: Clockwise, in turns.
        size: Square root of its area, in sides.
    """

    x: Float64[np.ndarray, " t"]
    y: Float64[np.ndarray, " t"]
    angle: Float64[np.ndarray, " t"]
    size: Float64[np.ndarray, " t"]


def sample_labels(seed: int, split: SplitName, index: int) -> dict[str, int]:
    """Return the classes of one video.

    Every 64 successive videos hold each pair of appearance and motion once, and every 8 of them each
    appearance and each motion once, so that a split of any size is balanced in both.
    """
    block, place = divmod(index, 64)
    random = _random(seed, split, block, 1)
    shifts = random.random(8).argsort(kind="stable")
    orders = random.random((8, 8)).argsort(kind="stable")
    group, member = divmod(place, 8)
    appearance = int(orders[group, member])
    return {"appearance": appearance, "motion": (appearance + int(shifts[group])) % 8}


def draw_track(
    random: np.random.Generator, motion: str, num_frames: int, size: tuple[float, float], pace: float = 1.0
) -> Track:
    """Draw a trajectory.

    Position, angle and the phase of the size are uniform in the first frame and move, if at all, around a
    circle at constant speed. So they are uniform in every frame whatever the motion, and one frame says
    nothing about it. The size is exponential in its phase: a saw-tooth in its logarithm.
    """
    x, y, angle, phase, speed = random.random(5)
    time = np.arange(num_frames)
    rate = {
        kind: pace * (slowest + speed * (fastest - slowest)) for kind, (slowest, fastest) in _SPEEDS.items()
    }
    sign = 1 if MOTIONS.index(motion) % 2 == 0 else -1
    steps = dict.fromkeys(("x", "y", "angle", "phase"), 0.0)
    match motion:
        case "right" | "left":
            steps["x"] = sign * rate["translation"]
        case "down" | "up":
            steps["y"] = sign * rate["translation"]
        case "clockwise" | "counter-clockwise":
            steps["angle"] = sign * rate["rotation"]
        case "expanding" | "contracting":
            steps["phase"] = sign * rate["scaling"]
    phases = (phase + steps["phase"] * time) % 1
    return Track(
        (x + steps["x"] * time) % 1,
        (y + steps["y"] * time) % 1,
        (angle + steps["angle"] * time) % 1,
        size[0] * (size[1] / size[0]) ** phases,
    )


def render(preset: Preset, seed: int, split: SplitName, index: int) -> UInt8[np.ndarray, "t h w 3"]:
    """Draw one video, RGB.

    Args:
        preset: How hard it is.
        seed: Of the data set, not negative.
        split: Which split; the splits share no video.
        index: Place in the split.
    """
    labels = sample_labels(seed, split, index)
    random = _random(seed, split, index, 0)
    fewest, most = preset.num_frames
    num_frames = fewest + int(random.random() * (most - fewest + 1))
    ground = _between(preset.ground, random.random(3))
    frames = _background(random, preset, ground, num_frames)
    track = draw_track(random, MOTIONS[labels["motion"]], num_frames, preset.size, preset.pace)
    painted = [(APPEARANCES[labels["appearance"]], track)]
    for _ in range(preset.distractors):
        painted.append(_distractor(random, preset, num_frames))
    if not preset.occluding:
        painted.reverse()
    for name, where in painted:
        _paint(frames, random, preset, ground, name, where)
    if preset.noise:
        # Two bytes make a triangular distribution; the same in all channels, as brightness.
        grains = np.frombuffer(random.bytes(2 * frames[0].size), np.uint8).reshape(2, *frames[0].shape)
        strength = np.float32(random.random() * preset.noise / 255 / 255)
        frames += (grains[0].astype(np.float32) - grains[1]) * strength
    levels = np.clip(frames * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(levels, 0, -1))


def settle(values: np.ndarray | float) -> np.ndarray:
    """Round to multiples of 2⁻²⁰, in which the last bits of sines and powers drown, as float32."""
    return np.asarray(np.round(np.asarray(values) * 2.0**20) / 2.0**20, np.float32)


def _random(seed: int, split: SplitName, index: int, stream: int) -> np.random.Generator:
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence((seed, SPLITS.index(split), index, stream)))
    )


def _background(
    random: np.random.Generator, preset: Preset, ground: np.ndarray, num_frames: int
) -> Float32[np.ndarray, "3 t h w"]:
    """Draw a sum of drifting plane waves that is periodic in the frame."""
    axis = settle((np.arange(preset.side) + 0.5) / preset.side)
    time = np.arange(num_frames)
    drift = (2 * random.random(2) - 1) * preset.drift
    frames = np.empty((3, num_frames, preset.side, preset.side), np.float32)
    frames[:] = settle(ground)[:, None, None, None]
    for _ in range(3):
        along, down = np.floor(random.random(2) * (2 * preset.waves + 1)) - preset.waves
        start = random.random()
        colour = settle((2 * random.random(3) - 1) * preset.background)
        moved = settle((start - (along * drift[0] + down * drift[1]) * time) % 1)
        phase = (axis * np.float32(along) + moved[:, None])[:, None, :] + (axis * np.float32(down))[:, None]
        wave = _wave(phase)
        for channel in range(3):
            frames[channel] += wave * colour[channel]
    return frames


def _distractor(random: np.random.Generator, preset: Preset, num_frames: int) -> tuple[str, Track]:
    """Draw a shape of half the size that drifts straight on in any direction."""
    name = APPEARANCES[int(random.random() * len(APPEARANCES))]
    track = draw_track(random, "right", num_frames, (preset.size[0] / 2, preset.size[1] / 2))
    speed = (2 * random.random(2) - 1) * _SPEEDS["translation"][1]
    time = np.arange(num_frames)
    return name, Track(
        (track.x[0] + speed[0] * time) % 1, (track.y[0] + speed[1] * time) % 1, track.angle, track.size
    )


def _paint(
    frames: Float32[np.ndarray, "3 t h w"],
    random: np.random.Generator,
    preset: Preset,
    ground: np.ndarray,
    name: str,
    track: Track,
) -> None:
    """Paint a shape over the frames, with a gradient between two colours fixed to it."""
    first, second = _colours(random, preset, ground)
    toward, ripples, mixed = random.random(3)
    axis = settle((np.arange(preset.side) + 0.5) / preset.side)
    x = axis - settle(track.x)[:, None]
    y = axis - settle(track.y)[:, None]
    x = (x - np.round(x))[:, None, :]
    y = (y - np.round(y))[:, :, None]
    turn = 2 * np.pi * track.angle
    cosine = settle(np.cos(turn) / track.size)[:, None, None]
    sine = settle(np.sin(turn) / track.size)[:, None, None]
    own_x = cosine * x + sine * y
    own_y = cosine * y - sine * x
    pixels = settle(track.size * preset.side)[:, None, None]
    cover = coverage(name, own_x, own_y, pixels, _MIXED[0] + mixed * (_MIXED[1] - _MIXED[0]))
    across, along = float(settle(np.cos(2 * np.pi * toward))), float(settle(np.sin(2 * np.pi * toward)))
    share = ranks(name, across, along)
    ripple = _wave(share * np.float32(3) + settle(ripples)) * np.float32(0.5 * preset.ripple)
    blend = np.clip(share + ripple, 0, 1)[level(own_x * across + own_y * along)]
    for channel in range(3):
        colour = blend * settle(second[channel] - first[channel]) + settle(first[channel])
        frames[channel] += cover * (colour - frames[channel])


def _colours(
    random: np.random.Generator, preset: Preset, ground: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw two colours as far apart as asked, with every mixture of them well apart from the background."""
    shares = np.linspace(0, 1, 9)[:, None]
    while True:
        first, second = _between(preset.paint, random.random((2, 3)))
        between = first + shares * (second - first)
        nearest = np.min(np.sum((between - ground) ** 2, axis=1))
        apart = np.sum((first - second) ** 2)
        if preset.shades[0] ** 2 < apart < preset.shades[1] ** 2 and nearest > preset.contrast**2:
            return first, second


def _between(limits: tuple[float, float], shares: np.ndarray) -> np.ndarray:
    return limits[0] + (limits[1] - limits[0]) * shares


def _wave(phase: np.ndarray) -> np.ndarray:
    """Return a sine made of parabolas, of period 1, which every machine computes alike."""
    centred = phase - np.round(phase)
    return centred * (np.float32(8) - np.float32(16) * np.abs(centred))
