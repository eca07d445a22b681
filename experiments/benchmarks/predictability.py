"""How much of an RGB difference can be said from the tubelets before and after, without any model?

    python experiments/benchmarks/predictability.py --strides 1 2 4

For each distance between frames and each span of ``RGBDifferenceTarget``: the mean squared error, over that
of saying that nothing moves, of the best linear function of the pixels at the same place in the tubelet
before and the one after (two frames each), where both of them are seen, or only one. A model that knows where
edges go does better; one that does worse has not yet learned to look there. ``mean`` weighs the cases as
masking at random at the given ratio does, with 1 where neither is seen. Middle tubelets of centre clips of
the validation split.
"""

import argparse
import itertools

import torch
from jaxtyping import Float
from torch import Tensor

from vidmask.data.datamodule import VideoDataModule
from vidmask.data.moving_shapes.presets import PRESETS
from vidmask.data.synthetic import MovingShapes
from vidmask.data.transforms import to_float
from vidmask.targets.motion import RGBDifferenceTarget
from vidmask.tokens import Tubelet

TUBELET = Tubelet(2, 8, 8)
SPANS = ("within", "next", "between")


def clips_of(preset: str, stride: int, num_videos: int, num_frames: int = 16) -> Float[Tensor, "b 3 t h w"]:
    """Return the centre clips of some videos of the validation split."""
    source = MovingShapes(preset)
    data = VideoDataModule(source, num_frames, PRESETS[preset].side, stride_frames=stride, num_workers=0)
    data.prepare_data()
    batches = data.probe_loader("val", num_videos)
    return torch.cat([to_float(batch.clips) for batch in batches])


def left_over(answers: Float[Tensor, "n f"], seen: Float[Tensor, "n k"]) -> float:
    """Return what the best linear function of the pixels seen leaves of the answers' mean square."""
    columns = torch.cat([seen, torch.ones_like(seen[:, :1])], dim=1).double()
    weights = torch.linalg.solve(columns.T @ columns, columns.T @ answers.double())
    return ((answers - columns @ weights).square().mean() / answers.square().mean()).item()


def errors(clips: Float[Tensor, "b 3 t h w"], span: str) -> tuple[float, float, float, float]:
    """Return the root mean square of the difference, and what is left with both neighbours seen, and one."""
    frames = (clips - clips.mean(dim=(2, 3, 4), keepdim=True)).unflatten(2, (-1, TUBELET.frames))
    changes = RGBDifferenceTarget(span).differences(clips, TUBELET).unflatten(2, (frames.shape[2], -1))
    # A row for each pixel of each middle tubelet and channel; a column for each frame.
    before, after, answers = (
        pixels.movedim(3, -1).flatten(0, -2)
        for pixels in (frames[:, :, :-2], frames[:, :, 2:], changes[:, :, 1:-1])
    )
    left = [left_over(answers, seen) for seen in (torch.cat([before, after], dim=1), before, after)]
    return (answers.square().mean().sqrt().item(), *left)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="easy")
    parser.add_argument("--strides", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--ratio", type=float, default=0.5, help="masking ratio of the mean")
    parser.add_argument("--videos", type=int, default=256)
    options = parser.parse_args()
    hidden, seen = options.ratio, 1 - options.ratio
    print(
        "| stride | span | root mean square | both seen | before | after | mean |", "|" + "---|" * 7, sep="\n"
    )
    for stride, span in itertools.product(options.strides, SPANS):
        size, both, before, after = errors(clips_of(options.preset, stride, options.videos), span)
        mean = seen**2 * both + seen * hidden * (before + after) + hidden**2
        print(f"| {stride} | {span} | {size:.3f} | {both:.2f} | {before:.2f} | {after:.2f} | {mean:.2f} |")


if __name__ == "__main__":
    main()
