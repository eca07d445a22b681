"""Measure how far MovingShapes can be solved without understanding it: shortcuts, linear and by neighbours.

Each feature is computed from the 16 frames that a training clip has (every second frame, as in the
quick-start, starting at the first), standardised over the training split, read out by a linear
probe (on at most 256 principal components) and by kNN (on all of them), fitted on the training split and
scored on the test split. Prints a Markdown table.

    python experiments/benchmarks/shortcuts.py --presets easy standard hard
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import get_args

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vidmask.data.moving_shapes.presets import PresetName
from vidmask.data.readers import PyAVReader
from vidmask.data.sources import Split
from vidmask.data.synthetic import MovingShapes
from vidmask.probing import knn, linear_probe, standardise

Clips = UInt8[np.ndarray, "b t h w 3"]
Features = Float[np.ndarray, "b d"]

FRAMES, STRIDE = 16, 2

# The linear probe sees at most this many principal components: a fit to more pixels than there are clips
# takes hours and is no better.
MOST_COMPONENTS = 256


def raw_pixels(clips: Clips) -> Features:
    """Return every pixel of the clip."""
    return clips.reshape(len(clips), -1).astype(np.float32)


def one_frame(clips: Clips) -> Features:
    """Return every pixel of the middle frame."""
    return raw_pixels(clips[:, clips.shape[1] // 2 :][:, :1])


def static_clip(clips: Clips) -> Features:
    """Return every pixel of the mean over time."""
    return clips.mean(1, dtype=np.float32).reshape(len(clips), -1)


def colour_histogram(clips: Clips) -> Features:
    """Return the share of pixels in each of 6 × 6 × 6 colours, and in 32 levels of each channel."""
    pixels = clips.reshape(len(clips), -1, 3)
    coarse = pixels.astype(np.int64) * 6 // 256
    joint = _shares(coarse @ np.array([36, 6, 1]), 216)
    return np.concatenate([joint, *(_shares(pixels[..., c] // 8, 32) for c in range(3))], 1)


def colour_distance_histogram(clips: Clips) -> Features:
    """Return the share of pixels at each distance from the background's colour, from none to the greatest.

    The same whatever the colours are; it asks how much lies on the edges and how much within.
    """
    pixels = clips.reshape(len(clips), -1, 3).astype(np.float32)
    distance = np.sqrt(((pixels - np.median(pixels, 1, keepdims=True)) ** 2).sum(-1))
    scale = np.quantile(distance, 0.995, axis=1, keepdims=True)
    return _shares(np.minimum(distance / scale * 26, 31).astype(np.int64), 32)


def frame_difference(clips: Clips) -> Features:
    """Return the change of every pixel from each frame to the next."""
    return np.diff(clips.astype(np.float32), axis=1).reshape(len(clips), -1)


FEATURES: dict[str, Callable[[Clips], Features]] = {
    "raw pixels": raw_pixels,
    "one frame": one_frame,
    "static clip (mean over time)": static_clip,
    "colour histogram": colour_histogram,
    "histogram of distances from the background's colour": colour_distance_histogram,
    "frame difference": frame_difference,
}


def _shares(places: np.ndarray, count: int) -> Features:
    return (
        np.stack([np.bincount(row, minlength=count) for row in places]).astype(np.float32) / places.shape[1]
    )


def read_split(source: MovingShapes, split: Split) -> tuple[Clips, dict[str, Tensor]]:
    """Decode one clip of each video of a split."""
    videos = source.split(split)
    assert videos is not None
    clips, labels = [], {name: [] for name in source.classes}
    for index in range(len(videos)):
        path, info = videos[index]
        with PyAVReader(path) as reader:
            clips.append(reader.read(0.0, FRAMES, stride_frames=STRIDE).frames.numpy())
        for name, values in labels.items():
            values.append(info["label"][name])  # pyright: ignore[reportIndexIssue]
    return np.stack(clips), {name: torch.tensor(values) for name, values in labels.items()}


def principal_components(train: Tensor, test: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Turn features onto their leading principal directions over the training split.

    With as many directions as there are training clips this changes neither read-out but for the part of
    a test clip that no training clip has, which the neighbours' order does not depend on.
    """
    gram = (train @ train.T).double()
    values, vectors = torch.linalg.eigh(gram)
    values, vectors = values[-count:], vectors[:, -count:]
    kept = values > values[-1] * 1e-6
    turn = (vectors[:, kept] / values[kept].sqrt()).float()
    train, test = (train @ train.T) @ turn, (test @ train.T) @ turn
    # A common scale puts the penalties that the probe tries into their range, whatever the features are.
    scale = train.square().mean().sqrt()
    return train / scale, test / scale


def measure(preset: PresetName, num_train: int | None, num_test: int | None) -> None:
    """Print the rows of one preset."""
    source = MovingShapes(preset, num_train=num_train, num_test=num_test)
    source.prepare()
    train, train_labels = read_split(source, "train")
    test, test_labels = read_split(source, "test")
    for name, feature in FEATURES.items():
        start = time.perf_counter()
        before, after = standardise(torch.from_numpy(feature(train)), torch.from_numpy(feature(test)))
        few = principal_components(before, after, MOST_COMPONENTS)
        every = principal_components(before, after, len(before))
        cells = []
        for label, classes in source.classes.items():
            known, asked = train_labels[label], test_labels[label]
            cells += [
                linear_probe(few[0], known, few[1], asked, num_classes=len(classes)),
                knn(every[0], known, every[1], asked),
            ]
        percent = " | ".join(f"{100 * cell:.1f}" for cell in cells)
        print(f"| {preset} ({len(train):,} / {len(test):,}) | {name} | {percent} |", flush=True)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)


def main() -> None:
    """Measure the presets named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--presets", nargs="+", choices=get_args(PresetName), default=["easy", "standard", "hard"]
    )
    parser.add_argument("--train", type=int, help="training videos (default: the preset's number)")
    parser.add_argument("--test", type=int, help="test videos (default: the preset's number)")
    arguments = parser.parse_args()
    readouts = "appearance linear | appearance kNN | motion linear | motion kNN"
    print(f"| preset (train / test) | feature | {readouts} |")
    print("|---|---|---|---|---|---|")
    print("| all | chance | 12.5 | 12.5 | 12.5 | 12.5 |")
    for preset in arguments.presets:
        measure(preset, arguments.train, arguments.test)


if __name__ == "__main__":
    main()
