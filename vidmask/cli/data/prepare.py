"""``vidmask data prepare``: write videos anew so that clips decode fast."""

import argparse
import sys
import time

from vidmask.cli.data.arguments import add_strict, add_workers, positive_seconds

HELP = "transcode videos so that clips decode several times as fast"
DESCRIPTION = """\
Write every video of SOURCE anew as H.264 with a short side of 256 and key frames close together, into
OUT/<split>/<class>/…, and a manifest of all, OUT/manifest.csv, with their labels. SOURCE is a folder of
videos, a list, a manifest, or a data set such as kinetics400:DIR. An interrupted call goes on when the same
command is given again. A video that cannot be decoded to its end is left out, and named in the manifest. At
the end it says how much faster clips decode. Train with --data.source Manifest --data.root
OUT/manifest.csv."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("source", metavar="SOURCE", help="the videos")
    parser.add_argument("out", metavar="OUT", help="the folder: new, empty or interrupted")
    parser.add_argument(
        "--short-side",
        type=int,
        default=256,
        metavar="PIXELS",
        help="most pixels of the shorter side, even; smaller videos are not enlarged (default: %(default)s; "
        "320 for crops of 224 with a wide range of scales)",
    )
    parser.add_argument(
        "--key-frames",
        type=int,
        default=16,
        metavar="N",
        help="a key frame at least every N frames: fewer are decoded in vain, and files grow "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--crf",
        type=int,
        default=20,
        metavar="N",
        help="x264's quality, lower is better and larger (default: %(default)s)",
    )
    add_workers(parser)
    parser.add_argument(
        "--timeout",
        type=positive_seconds,
        default=600.0,
        metavar="SECONDS",
        help="what takes longer is left out as broken (default: %(default)g)",
    )
    add_strict(parser)


def run(namespace: argparse.Namespace) -> int:
    """Prepare the videos and return the exit code."""
    from vidmask.cli import INTERRUPTED
    from vidmask.data.curation.preparing import MANIFEST, prepare
    from vidmask.data.curation.speed import decoding_speed
    from vidmask.data.curation.summary import Summary
    from vidmask.data.curation.transcoding import Coding
    from vidmask.data.readers import VideoReadError
    from vidmask.data.words import counted

    start = time.perf_counter()
    try:
        prepared = prepare(
            namespace.source,
            namespace.out,
            Coding(namespace.short_side, namespace.key_frames, namespace.crf),
            num_workers=namespace.workers,
            timeout_seconds=namespace.timeout,
        )
    except KeyboardInterrupt:
        print("interrupted; what was made is kept: the same command goes on", file=sys.stderr)
        return INTERRUPTED
    seconds = time.perf_counter() - start
    made = len(prepared.pairs) - prepared.already
    earlier = f", {prepared.already} were there before" if prepared.already else ""
    print(f"{namespace.out}: {counted(made, 'video')} prepared in {seconds:.1f} s{earlier}")
    summary = Summary(prepared.records)
    for line in summary.lines({}):
        print(line)
    if prepared.left_over:
        print(
            f"{len(prepared.left_over)} files there were made of videos that are no longer in the source, or "
            f"elsewhere, such as {prepared.left_over[0]}: they are not in the manifest; remove them before "
            "you train on the folder itself"
        )
    if prepared.pairs:
        before, after = prepared.bytes_before, prepared.bytes_after
        print(f"{before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after ({after / before:.2f} ×)")
        try:
            speed = decoding_speed(prepared.pairs)
        except VideoReadError as error:
            # It was decoded from its beginning, and a clip begins anywhere.
            print(f"how much faster clips decode cannot be measured: {error}", file=sys.stderr)
        else:
            print(
                f"one process reads {speed.before:.1f} clips a second before, {speed.after:.1f} after: "
                f"{speed.after / speed.before:.1f} times as many "
                f"({speed.clips} clips of 16 frames, taking turns)"
            )
    print(f"the manifest is {namespace.out.rstrip('/')}/{MANIFEST}")
    return int(namespace.strict and summary.verdicts["broken"] > 0)
