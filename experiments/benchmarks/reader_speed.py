"""Compare our reader with PyTorchVideo's: time to make one clip, over the same evenly spread starts.

    python experiments/benchmarks/reader_speed.py video.mp4 [video.mp4 …]

Both open the file, take the frames of one clip, and close it again, with one decoder thread each and in
turns, so that a busy machine slows both. PyTorchVideo's way is ``EncodedVideo.get_clip`` and every stride-th
of its frames; the frames of both are compared bit by bit.
"""

import argparse
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from time import perf_counter, process_time

import av
import torch
from jaxtyping import UInt8
from pytorchvideo.data.encoded_video import EncodedVideo
from torch import Tensor

from vidmask.data.readers import PyAVReader


def frame_times(path: Path) -> list[Fraction]:
    """Return the presentation time of every frame, in seconds from the first on."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        ticks = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        return [(tick - ticks[0]) * Fraction(stream.time_base or 0) for tick in ticks]


def read_ours(path: Path, start: Fraction, frames: int, stride: int) -> UInt8[Tensor, "3 t h w"]:
    """Read a clip with our reader."""
    with PyAVReader(path) as reader:
        return reader.read(start, frames, stride_frames=stride).frames.permute(3, 0, 1, 2)


def read_theirs(path: Path, start: Fraction, end: Fraction, stride: int) -> Tensor:
    """Read a clip with PyTorchVideo."""
    video = EncodedVideo.from_path(str(path), decode_audio=False)
    decoder = video._container.streams.video[0].codec_context
    # Without a length in the header it has decoded the whole video by now.
    if not decoder.is_open:
        decoder.thread_count = 1
    clip = video.get_clip(start, end)["video"][:, ::stride]
    video.close()
    return clip


def compare(
    path: Path, frames: int, stride: int, starts: int, rounds: int, clock: Callable[[], float]
) -> str:
    """Return the line of one video."""
    times = frame_times(path)
    span = frames * stride
    latest = max(len(times) - span, 0)
    theirs, ours, alike = [], [], 0
    for place in range(starts):
        first = round(place * latest / max(starts - 1, 1))
        end = times[first + span] if first + span < len(times) else times[-1] + 1
        their_seconds, our_seconds, equal = [], [], True
        for _ in range(rounds):
            began = clock()
            their_clip = read_theirs(path, times[first], end, stride)
            switched = clock()
            our_clip = read_ours(path, times[first], frames, stride)
            ended = clock()
            their_seconds.append(switched - began)
            our_seconds.append(ended - switched)
            # Where the video ends inside the clip, ours goes on with its last frame.
            equal &= torch.equal(our_clip[:, : their_clip.shape[1]].float(), their_clip)
        theirs.append(min(their_seconds))
        ours.append(min(our_seconds))
        alike += equal
    least = min(slow / fast for slow, fast in zip(theirs, ours, strict=True))
    milliseconds = [1e3 * sum(seconds) / starts for seconds in (theirs, ours)]
    return (
        f"{path.name:32} {milliseconds[0]:11.1f} ms {milliseconds[1]:7.1f} ms {sum(theirs) / sum(ours):7.2f} "
        f"{least:7.2f}  {alike} of {starts} clips bit-equal"
    )


def main() -> None:
    """Print a line for each video."""
    parser = argparse.ArgumentParser(description="Compare our reader with PyTorchVideo's.")
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=16, help="frames in a clip")
    parser.add_argument("--stride", type=int, default=4, help="distance of two frames of the clip, in frames")
    parser.add_argument("--starts", type=int, default=100, help="clips of each video")
    parser.add_argument("--rounds", type=int, default=1, help="times each clip is read; the fastest counts")
    parser.add_argument(
        "--cpu", action="store_true", help="count processor time of all threads, for a machine that is busy"
    )
    options = parser.parse_args()
    clock = process_time if options.cpu else perf_counter
    print(f"{'video':32} {'PyTorchVideo':>14} {'ours':>10} {'ratio':>7} {'least':>7}  frames")
    for path in options.videos:
        print(
            compare(path, options.frames, options.stride, options.starts, options.rounds, clock), flush=True
        )


if __name__ == "__main__":
    main()
