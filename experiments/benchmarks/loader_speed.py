"""Compare loaders end to end: clips a second of PyTorchVideo's ``LabeledVideoDataset`` and of ours.

    python experiments/benchmarks/loader_speed.py VIDEOS [--prepared PREPARED_VIDEOS]

Both give 16 frames of the same 2.13 s of the same files, from the same list of starts, centre-cropped and
resized to 224 px, through a ``DataLoader`` with two workers. Theirs reads with its own PyAV decoder, and
its transform takes evenly spaced frames and resizes them in its float format; ours delivers uint8, the frames
on screen every 4/30 s. Only files long enough for a clip are used. Rounds of both take turns, and medians are
compared; starting the workers counts. With ``--prepared``, ours reads the files of the same names there too.
"""

import argparse
import os
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from pytorchvideo.data import LabeledVideoDataset
from pytorchvideo.data.clip_sampling import ClipInfo, ClipSampler
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import DataLoader, Dataset, SequentialSampler

from vidmask.data.readers import FramesAt, VideoReadError, open_video
from vidmask.data.transforms import crop_and_resize, spread_box

FRAMES, STRIDE_SECONDS, SIZE = 16, 4 / 30, 224
SPAN_SECONDS = FRAMES * STRIDE_SECONDS
SHORTEST_SECONDS = 2.2

Clip = tuple[str, float]
"""A file and the second at which a clip starts."""


class GivenStarts(ClipSampler):
    """Start the next clip where a list says, the data set reads the videos in order."""

    def __init__(self, starts: list[float]) -> None:
        super().__init__(SPAN_SECONDS)
        self._starts = starts

    def __call__(self, last_clip_time: Any, video_duration: Any, annotation: dict[str, Any]) -> ClipInfo:
        """Return the one clip of a video."""
        start = Fraction(self._starts[annotation["place"]])
        return ClipInfo(start, start + Fraction(SPAN_SECONDS), 0, 0, True)


def their_transform(sample: dict[str, Any]) -> Tensor:
    """Take evenly spaced frames, crop the centre and resize, in their float format."""
    video = sample["video"]
    index = torch.arange(FRAMES) * video.shape[1] // FRAMES
    frames = video[:, index].transpose(0, 1)
    rows, columns = frames.shape[2:]
    top, left, side, _ = spread_box(rows, columns)
    frames = frames[:, :, top : top + side, left : left + side]
    frames = interpolate(frames, size=(SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)
    return frames.transpose(0, 1)


def their_loader(clips: list[Clip], workers: int, batch_size: int) -> DataLoader:
    """Return PyTorchVideo's loader."""
    videos = [(path, {"place": place}) for place, (path, _) in enumerate(clips)]
    data = LabeledVideoDataset(
        videos,
        GivenStarts([start for _, start in clips]),
        video_sampler=SequentialSampler,
        transform=their_transform,
        decode_audio=False,
        decoder="pyav",
    )
    return DataLoader(data, batch_size=batch_size, num_workers=workers)


class OurClips(Dataset):
    """Clips of given starts, by our reader."""

    def __init__(self, clips: list[Clip], reader: str) -> None:
        self.clips = clips
        self.reader: Any = reader

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Tensor:
        path, start = self.clips[index]
        video = open_video(path, self.reader)
        instants = tuple(start + step * STRIDE_SECONDS for step in range(FRAMES))
        (clip,) = video.read_clips([FramesAt(instants)])
        video.close()
        return crop_and_resize(clip.pictures, spread_box(*clip.pictures[0].shape[:2]), SIZE)


def our_loader(clips: list[Clip], workers: int, batch_size: int, reader: str = "pyav") -> DataLoader:
    """Return our loader."""
    return DataLoader(OurClips(clips, reader), batch_size=batch_size, num_workers=workers)


def starts_of(videos: list[Path], clips_per_video: int) -> Iterator[Clip]:
    """Yield clips spread evenly over each video that is long enough."""
    for path in videos:
        try:
            video = open_video(str(path))
        except VideoReadError:
            continue
        if video.duration >= SHORTEST_SECONDS:
            latest = video.duration - SPAN_SECONDS
            for place in range(clips_per_video):
                yield str(path), latest * place / max(clips_per_video - 1, 1)
        video.close()


def seconds(loader: DataLoader, num_clips: int) -> float:
    """Return the seconds that all clips take, from the start of the workers on."""
    began = perf_counter()
    taken = sum(len(batch) for batch in loader)
    assert taken == num_clips, f"{taken} clips for {num_clips}"
    return perf_counter() - began


def main() -> None:
    """Print a Markdown table: a line for each file, and one for all together."""
    parser = argparse.ArgumentParser(description="Compare loaders end to end.")
    parser.add_argument("videos", type=Path, help="a folder of videos")
    parser.add_argument("--prepared", type=Path, help="the same files after vidmask data prepare")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--clips", type=int, default=16, help="clips of each file")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    clips = list(starts_of(sorted(options.videos.iterdir()), options.clips))
    makers = {"PyTorchVideo": their_loader, "ours": our_loader}
    lists = {"PyTorchVideo": clips, "ours": clips}
    if options.prepared is not None:
        prepared = {path.stem: str(path) for path in options.prepared.rglob("*.mp4")}
        makers["ours, prepared"] = partial(our_loader)
        lists["ours, prepared"] = [(prepared[Path(path).stem], start) for path, start in clips]
    names = list(makers)
    titles = ["file", *(f"{name}, clips/s" for name in names), *(f"{name}, times" for name in names[1:])]
    print(f"| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    files = list(dict.fromkeys(path for path, _ in clips))
    for file in [*files, None]:
        chosen = [place for place, (path, _) in enumerate(clips) if file in (None, path)]
        rounds: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(options.rounds):
            for name in names:
                part = [lists[name][place] for place in chosen]
                loader = makers[name](part, options.workers, options.batch_size)
                rounds[name].append(len(part) / seconds(loader, len(part)))
        rates = {name: median(values) for name, values in rounds.items()}
        ratios = [f"{rates[name] / rates['PyTorchVideo']:.2f}" for name in names[1:]]
        title = "all" if file is None else os.path.basename(file)  # noqa: PTH119
        cells = [title, *(f"{rates[name]:.1f}" for name in names), *ratios]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
