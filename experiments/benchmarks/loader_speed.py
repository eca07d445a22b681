"""Compare loaders end to end: clips a second of PyTorchVideo's ``LabeledVideoDataset`` and of ours.

    python experiments/benchmarks/loader_speed.py VIDEOS [--prepared PREPARED] [--out RESULTS.json]

Both give the same 16 frames of the same files from the same list of starts: every so many-th frame of about
2.13 s (4 frames at 30 a second), centre-cropped and resized to 224 px, through a ``DataLoader`` with two
workers. Theirs reads with its own PyAV decoder, and its transform takes the frames, cuts and resizes in its
float format; ours is the ``ClipDataset`` of training, which delivers uint8. Only files of at least 2.2 s are
used. Before anything is timed, all clips of both are compared: the column ``same clips`` counts those whose
pixels differ by less than one level of 255 on average, as float and integer resizing round otherwise.

Rounds of both take turns, and medians are compared; starting the workers counts. With ``--prepared``, ours
reads the files that ``vidmask data prepare`` made of them too.
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from pytorchvideo.data import LabeledVideoDataset
from pytorchvideo.data.clip_sampling import ClipInfo, ClipSampler
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import ConcatDataset, DataLoader, SequentialSampler

from vidmask.data.clips import ClipDataset, collate
from vidmask.data.frame_sampling import FrameSampling
from vidmask.data.readers import EveryFrames, VideoReadError, open_video
from vidmask.data.transforms import spread_box

FRAMES, STRIDE_SECONDS, SIZE = 16, 4 / 30, 224
SHORTEST_SECONDS = 2.2


@dataclass(frozen=True)
class Clip:
    """A file, the frame at which a clip starts, its stride in frames and the file's rate."""

    path: str
    first: int
    stride: int
    rate: float

    @property
    def start_seconds(self) -> float:
        """Return a time at which the first frame is on screen; WebM rounds times to milliseconds."""
        return (self.first + 0.25) / self.rate

    @property
    def end_seconds(self) -> float:
        """Return the time between the last frame and the next one."""
        return (self.first + (FRAMES - 1) * self.stride + 0.5) / self.rate


class GivenStarts(ClipSampler):
    """Start the next clip where a list says; the data set reads the videos in order."""

    def __init__(self, clips: list[Clip]) -> None:
        super().__init__(FRAMES * STRIDE_SECONDS)
        self._clips = clips

    def __call__(self, last_clip_time: Any, video_duration: Any, annotation: dict[str, Any]) -> ClipInfo:
        """Return the one clip of a video."""
        clip = self._clips[annotation["place"]]
        # Before the first frame appears: theirs returns the frames that appear in a span.
        start = max(clip.first - 0.25, 0.0) / clip.rate
        return ClipInfo(Fraction(start), Fraction(clip.end_seconds), 0, 0, True)


def their_transform(sample: dict[str, Any]) -> Tensor:
    """Take every so many-th frame, crop the centre and resize, in their float format."""
    video = sample["video"]
    # Of a variable frame rate there may be too few; and theirs loses frames of AVI files.
    places = (torch.arange(FRAMES) * sample["stride"]).clamp(max=video.shape[1] - 1)
    frames = video[:, places].transpose(0, 1)
    rows, columns = frames.shape[2:]
    top, left, side, _ = spread_box(rows, columns)
    frames = frames[:, :, top : top + side, left : left + side]
    frames = interpolate(frames, size=(SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)
    return frames.transpose(0, 1)


def their_loader(clips: list[Clip], workers: int, batch_size: int) -> DataLoader:
    """Return PyTorchVideo's loader."""
    videos = [(clip.path, {"place": place, "stride": clip.stride}) for place, clip in enumerate(clips)]
    data = LabeledVideoDataset(
        videos,
        GivenStarts(clips),
        video_sampler=SequentialSampler,
        transform=their_transform,
        decode_audio=False,
        decoder="pyav",
    )
    return DataLoader(data, batch_size=batch_size, num_workers=workers)


@dataclass(frozen=True)
class GivenStart(FrameSampling):
    """Take the frames of one given clip."""

    clip: Clip

    def drawn(self, video: Any, chance: Any) -> EveryFrames:
        """Return the clip."""
        return EveryFrames(self.clip.start_seconds, FRAMES, self.clip.stride)

    def spread(self, video: Any, view: int, num_views: int, chance: Any) -> EveryFrames:
        """Return the clip."""
        return self.drawn(video, chance)


def our_loader(clips: list[Clip], workers: int, batch_size: int) -> DataLoader:
    """Return our loader."""
    data = ConcatDataset(
        [ClipDataset([(clip.path, {"label": {}})], GivenStart(clip), SIZE) for clip in clips]
    )
    return DataLoader(data, batch_size=batch_size, num_workers=workers, collate_fn=collate)


def clips_of(videos: list[Path], clips_per_video: int) -> Iterator[Clip]:
    """Yield clips spread evenly over each video that is long enough."""
    for path in videos:
        try:
            video = open_video(str(path))
        except VideoReadError:
            continue
        if video.duration >= SHORTEST_SECONDS:
            rate = video.frames_per_second
            stride = max(round(STRIDE_SECONDS * rate), 1)
            latest = max(round(video.duration * rate) - FRAMES * stride, 0)
            for place in range(clips_per_video):
                yield Clip(str(path), latest * place // max(clips_per_video - 1, 1), stride, rate)
        video.close()


def pixels(batch: Any) -> Tensor:
    """Return the clips of a batch of either."""
    return batch["video"] if isinstance(batch, dict) else getattr(batch, "clips", batch)


def same_clips(clips: list[Clip]) -> list[bool]:
    """Say of each clip whether both loaders give the same pictures."""
    found: list[bool] = []
    loaders = [make(clips, 0, 1) for make in (their_loader, our_loader)]
    for theirs, ours in zip(*loaders, strict=True):
        one, two = pixels(theirs).float(), pixels(ours).float()
        found.append(one.shape == two.shape and float((one - two).abs().mean((1, 3, 4)).max()) < 1)
    return found


def seconds(loader: DataLoader, num_clips: int) -> float:
    """Return the seconds that all clips take, from the start of the workers on."""
    began = perf_counter()
    taken = sum(len(pixels(batch)) for batch in loader)
    assert taken == num_clips, f"{taken} clips for {num_clips}"
    return perf_counter() - began


def main() -> None:
    """Print a Markdown table: a line for each file, and one for all together."""
    parser = argparse.ArgumentParser(description="Compare loaders end to end.")
    parser.add_argument("videos", type=Path, help="a folder of videos")
    parser.add_argument("--prepared", type=Path, help="the folder that vidmask data prepare made of it")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--clips", type=int, default=16, help="clips of each file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a JSON file for the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    clips = list(clips_of(sorted(options.videos.iterdir()), options.clips))
    same = same_clips(clips)
    makers = {"PyTorchVideo": their_loader, "ours": our_loader}
    lists = {"PyTorchVideo": clips, "ours": clips}
    if options.prepared is not None:
        # The ending stays in the name where two files differ in nothing else.
        prepared = {path.stem: str(path) for path in options.prepared.rglob("*.mp4")}
        makers["ours, prepared"] = our_loader
        lists["ours, prepared"] = [
            Clip(
                prepared.get(os.path.basename(clip.path)) or prepared[Path(clip.path).stem],  # noqa: PTH119
                *(clip.first, clip.stride, clip.rate),
            )
            for clip in clips
        ]
    names = list(makers)
    titles = ["file", "same clips", *(f"{name}, clips/s" for name in names)]
    titles += [f"{name}, times" for name in names[1:]]
    print(f"| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    results = []
    for file in [*dict.fromkeys(clip.path for clip in clips), None]:
        chosen = [place for place, clip in enumerate(clips) if file in (None, clip.path)]
        rounds: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(options.rounds):
            for name in names:
                part = [lists[name][place] for place in chosen]
                loader = makers[name](part, options.workers, options.batch_size)
                rounds[name].append(len(part) / seconds(loader, len(part)))
        rates = {name: median(values) for name, values in rounds.items()}
        title = "all" if file is None else os.path.basename(file)  # noqa: PTH119
        alike = f"{sum(same[place] for place in chosen)} of {len(chosen)}"
        ratios = [f"{rates[name] / rates['PyTorchVideo']:.2f}" for name in names[1:]]
        print(
            f"| {' | '.join([title, alike, *(f'{rates[name]:.1f}' for name in names), *ratios])} |",
            flush=True,
        )
        results.append({"file": title, "same_clips": alike, "clips_per_second": rounds})
    if options.out is not None:
        options.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
