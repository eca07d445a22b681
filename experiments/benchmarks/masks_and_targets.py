"""Draw every mask and every target that needs no file of weights, of one clip, on one sheet.

    python experiments/benchmarks/masks_and_targets.py --out sheet.png
    python experiments/benchmarks/masks_and_targets.py --out sheet.png --videos DIR --size 224 --patch 16

Without ``--videos`` the clip is one of MovingShapes. ``vidmask show`` draws those of a recipe by the same
functions.
"""

import argparse
from functools import partial
from pathlib import Path

import torch

from vidmask import (
    AverageTeacher,
    BlockMasking,
    ClassicalFlow,
    ClipBatch,
    FrameMasking,
    Head,
    HOGTarget,
    MaskGenerator,
    MotionGuidedMasking,
    MovingShapes,
    MultiBlockMasking,
    OpticalFlowTarget,
    PixelTarget,
    RandomMasking,
    RGBDifferenceTarget,
    RunningCellMasking,
    Target,
    TeacherTarget,
    TokenDecoder,
    TubeMasking,
    UnlabelledVideos,
    VideoDataModule,
    VideoViT,
)
from vidmask.data.transforms import to_float
from vidmask.pictures import Rows, target_rows
from vidmask.plotting import still_panel, write_png
from vidmask.show import mask_rows
from vidmask.testing.samples import sample_mask

MASKS: dict[str, MaskGenerator] = {
    "RandomMasking(0.9)": RandomMasking(0.9),
    "TubeMasking(0.9)": TubeMasking(0.9),
    "FrameMasking(0.75)": FrameMasking(0.75),
    "BlockMasking(0.75)": BlockMasking(0.75),
    "MultiBlockMasking(0.9)": MultiBlockMasking(0.9),
    "MotionGuidedMasking(0.9, temperature=0.2)": MotionGuidedMasking(0.9, temperature=0.2),
    "RunningCellMasking(TubeMasking(0.9))": RunningCellMasking(TubeMasking(0.9)),
}


def targets(cell: int) -> dict[str, Target]:
    """Return the targets by what stands above their rows.

    Args:
        cell: Pixels of a side of a cell of gradients.
    """
    return {
        'PixelTarget("none", "all")': PixelTarget("none", "all"),
        'PixelTarget("mae_st")': PixelTarget("mae_st"),
        'PixelTarget("videomae", "all")': PixelTarget("videomae", "all"),
        f"HOGTarget(cell={cell})": HOGTarget(cell=cell),
        "RGBDifferenceTarget()": RGBDifferenceTarget(),
        'RGBDifferenceTarget("between")': RGBDifferenceTarget("between"),
        "OpticalFlowTarget(ClassicalFlow())": OpticalFlowTarget(ClassicalFlow()),
        "TeacherTarget(AverageTeacher()), untrained": TeacherTarget(AverageTeacher()),
    }


def clip_of(options: argparse.Namespace, encoder: VideoViT) -> ClipBatch:
    """Return one fixed clip as a batch, RGB in [0, 1]."""
    shapes = MovingShapes("standard", num_train=16, num_val=16, num_test=16)
    source = shapes if options.videos is None else UnlabelledVideos(options.videos)
    data = VideoDataModule(
        source,
        frames=encoder.frames,
        size=encoder.size,
        stride_frames=2,
        eval_batch_size=1,
        num_workers=0,
    )
    data.prepare_data()
    loader = data.probe_loader("train")
    assert loader is not None
    batch = next(batch for number, batch in enumerate(loader) if number == options.number)
    return batch._replace(clips=to_float(batch.clips))


def sheet(batch: ClipBatch, encoder: VideoViT) -> Rows:
    """Return a row for the clip, one or two for each mask, and one for each target."""
    rows: Rows = {"the clip": batch.clips}
    for name, masking in MASKS.items():
        mask = sample_mask(masking, batch, encoder)
        for caption, clips in list(mask_rows(batch, mask, encoder.grid, encoder.tubelet).items())[1:]:
            rows[f"{name}: {caption}"] = clips
    mask = sample_mask(RandomMasking(0.9), batch, encoder)
    decoder = partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2)
    for name, target in targets(min(8, encoder.tubelet.rows)).items():
        head = Head(encoder, decoder, target)
        *_, (caption, clips) = target_rows(target, head, batch, mask).items()
        rows[f"{name}: {caption.removeprefix('target: ')}"] = clips
    return rows


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="the picture, a PNG")
    parser.add_argument("--videos", type=Path, help="folder of videos; MovingShapes if not given")
    parser.add_argument("--number", type=int, default=0, help="which of the videos")
    parser.add_argument("--size", type=int, default=64, help="rows and columns of the clip")
    parser.add_argument("--patch", type=int, default=8, help="rows and columns of a tubelet")
    options = parser.parse_args()
    torch.manual_seed(0)
    encoder = VideoViT(16, options.size, (2, options.patch, options.patch), 192, 4, 3)
    with torch.no_grad():
        write_png(options.out, still_panel(sheet(clip_of(options, encoder), encoder)))


if __name__ == "__main__":
    main()
