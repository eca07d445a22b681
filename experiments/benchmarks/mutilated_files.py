"""Mutilate video files in every way, check them, read clips of them, and count what went wrong.

    python experiments/benchmarks/mutilated_files.py [folder of clips] [--files 2000] [--seed 0]

The files are made from small videos of several codecs and, where a folder is given, from the clips in it.
Each is checked as ``vidmask data check`` does, quickly and in full, in processes with a time limit; and clips
are read from it as in training, of which every picture is compared with that of the intact file at the same
time.

Whether an error was reported is asked of FFmpeg apart from the reader: the file is decoded plainly, from
its beginning. A picture is flagged where FFmpeg returns an error, or marks packet or picture as corrupt,
at the picture or at one before it back to the key frame; it is logged where FFmpeg does no more than write
a line of level "error", as it also does for intact files that are entered in their middle. The run fails,
with exit code 1, if a wrong picture is flagged and accepted, or logged and its file found ok by the full
check; if anything crashes or hangs; or if a file has no row with a reason. A wrong picture of which FFmpeg
reports nothing cannot be told from a right one: it is counted as unnoticed.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import av
import numpy as np
from mutilation import DAMAGES, ORIGINALS, SPECIAL, SUFFIXES, make_original, mutilate
from plain_decoding import decode_plainly

from vidmask.data.curation.checking import check
from vidmask.data.manifest import Record, Verdict
from vidmask.data.processes import Failure, run_tasks
from vidmask.data.readers import EveryFrames, VideoReadError, open_video

MOST_PIXELS, MOST_FRAMES = 1280 * 720, 2000
CLIPS, CLIP_FRAMES, CLIP_STRIDE = 4, 8, 2
TIMEOUT_SECONDS = 60.0


def picture_hash(picture: np.ndarray) -> str:
    """Return a hash of the pixels of a picture, and of its size."""
    return hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=8).hexdigest() + str(picture.shape)


def intact(path: str) -> dict[str, Any]:
    """Return the time in seconds and a hash of every picture of an intact video."""
    video = open_video(path)
    # Past its end the last picture is repeated; a header may tell too short a duration.
    (clip,) = video.read_clips([EveryFrames(0.0, MOST_FRAMES, 1)])
    duration = video.duration
    video.close()
    pictures = dict(zip(clip.seconds, clip.pictures, strict=True))
    if len(pictures) == MOST_FRAMES:
        raise ValueError(f"{path}: has more than {MOST_FRAMES} frames; give shorter clips")
    return {
        "seconds": list(pictures),
        "hashes": [picture_hash(picture) for picture in pictures.values()],
        "duration": duration,
    }


def read(task: dict[str, Any]) -> dict[str, Any]:
    """Read clips of a mutilated file as training does, and compare them with the intact file.

    Args:
        task: ``path``; ``clips``: when each starts, in seconds; ``seconds`` and ``hashes`` of the intact
            file.

    Returns:
        ``raised``: messages of clips that could not be read; ``right``: how many pictures are; ``wrong``:
        times of those that are not; ``flagged`` and ``logged``: times of those at which FFmpeg reports an
        error; ``errors``: whether it does anywhere.
    """
    raised: list[str] = []
    right, wrong = 0, set[float]()
    for start in task["clips"]:
        try:
            video = open_video(task["path"])
            try:
                (clip,) = video.read_clips([EveryFrames(start, CLIP_FRAMES, CLIP_STRIDE)])
            finally:
                video.close()
        except VideoReadError as error:
            raised.append(str(error))
            continue
        for seconds, picture in zip(clip.seconds, clip.pictures, strict=True):
            place = max(bisect_right(task["seconds"], seconds + 1e-3) - 1, 0)
            is_there = abs(task["seconds"][place] - seconds) < 2e-3
            if is_there and picture_hash(picture) == task["hashes"][place]:
                right += 1
            else:
                wrong.add(seconds)
    packets = decode_plainly(task["path"])
    times = sorted(wrong) if packets.times else []
    return {
        "raised": raised,
        "right": right,
        "wrong": sorted(wrong),
        "flagged": [time for time in times if packets.reports(time, packets.flagged)],
        "logged": [time for time in times if packets.reports(time, packets.logged)],
        "errors": any(packets.flagged) or any(packets.logged),
    }


def make_files(folder: Path, clips: Path | None, number: int, seed: int) -> list[dict[str, Any]]:
    """Make the mutilated files, and return for each its path, kind and original."""
    (folder / "originals").mkdir()
    (folder / "files").mkdir()
    made: list[Path] = []
    for name, (codec, options) in ORIGINALS.items():
        if codec in av.codecs_available:
            made.append(folder / "originals" / name)
            make_original(made[-1], codec, options)
    real = [path for path in sorted(clips.iterdir()) if _is_small_video(path)] if clips else []
    kinds = (*DAMAGES, *SPECIAL)
    files: list[dict[str, Any]] = []
    for index in range(number):
        chance = np.random.default_rng([seed, index])
        pool = real if real and chance.random() < 0.4 else made
        original, other = (pool[int(chance.integers(len(pool)))] for _ in range(2))
        kind = kinds[index % len(kinds)]
        name = folder / "files" / f"{index:05d} {kind.replace('%', 'percent').replace(' ', '_')}"
        path = mutilate(kind, original, other, name, chance)
        files.append({"path": str(path), "kind": kind, "original": str(original)})
    return files


def _is_small_video(path: Path) -> bool:
    if path.suffix not in SUFFIXES:
        return False
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.width * stream.height <= MOST_PIXELS


def read_files(files: list[dict[str, Any]], seed: int, workers: int) -> list[Any]:
    """Read clips of every file, and return what came of each."""
    originals = sorted({file["original"] for file in files})
    known: dict[str, dict[str, Any]] = dict(zip(originals, map(intact, originals), strict=True))
    tasks = []
    for index, file in enumerate(files):
        original = known[file["original"]]
        chance = np.random.default_rng([seed, index, 1])
        starts = [0.0, *(chance.random(CLIPS - 2) * original["duration"]), 0.8 * original["duration"]]
        tasks.append(
            {key: original[key] for key in ("seconds", "hashes")}
            | {"path": file["path"], "clips": [float(start) for start in starts]}
        )
    results: list[Any] = [None] * len(files)
    work = f"{Path(__file__).stem}:read"
    for place, answer in run_tasks(work, tasks, workers, timeout_seconds=TIMEOUT_SECONDS):
        results[place] = answer
    return results


def main() -> int:
    """Make, check and read the files, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", nargs="?", type=Path, help="a folder of real clips")
    parser.add_argument("--files", type=int, default=2000, help="how many to make (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all damage (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--keep", type=Path, help="where to keep files, manifests and results.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        files = make_files(folder, options.clips, options.files, options.seed)
        checked: dict[str, dict[str, Record]] = {}
        for name in ("quick", "full"):
            records = check(
                str(folder / "files"),
                folder / f"{name}.csv",
                full=name == "full",
                num_workers=options.workers,
                timeout_seconds=TIMEOUT_SECONDS,
            ).records
            checked[name] = {record.path: record for record in records}
        results = read_files(files, options.seed, options.workers)
        if options.keep:
            told = [file | {"result": result} for file, result in zip(files, results, strict=True)]
            (folder / "results.json").write_text(json.dumps(told, indent=1))
    return report(files, checked["quick"], checked["full"], results)


HEADINGS = ("files", "broken", "suspect", "ok", "raised", "unnoticed", "logged", "flagged")

NOTES = """\
broken, suspect, ok: after a quick check / after a full one. raised: a clip of the file could not be read.
Files with a wrong picture: unnoticed, FFmpeg reports nothing there; logged, it logs an error there;
flagged, it returns an error or marks the picture there."""


def report(
    files: list[dict[str, Any]], quick: dict[str, Record], full: dict[str, Record], results: list[Any]
) -> int:
    """Print what came of the files by kind of damage, and return the exit code."""
    counts: dict[str, Counter[str]] = {}
    faults: list[str] = []
    for file, result in zip(files, results, strict=True):
        row = counts.setdefault(file["kind"], Counter())
        row["files"] += 1
        faults += [
            f"{Path(file['path']).name}: {fault}" for fault in _count(file["path"], row, quick, full, result)
        ]
    total = sum(counts.values(), Counter[str]())
    print(f"{'':20s}" + "".join(f"{column:>13s}" for column in HEADINGS))
    for kind, row in (*counts.items(), ("all", total)):
        cells = [
            f"{row[column]}/{row[f'full {column}']}" if column in get_args(Verdict) else str(row[column])
            for column in HEADINGS
        ]
        print(f"{kind:20s}" + "".join(f"{cell:>13s}" for cell in cells))
    print(NOTES)
    print(
        f"Of the files that the full check finds ok, {total['ok but raised']} raised, and of "
        f"{total['ok with errors']} FFmpeg reports an error somewhere."
    )
    print("\n".join(faults) or "no crash, no hang, a row with a reason for every file, no wrong clip")
    return int(bool(faults))


def _count(
    path: str, row: Counter[str], quick: dict[str, Record], full: dict[str, Record], result: Any
) -> Iterator[str]:
    """Count a file in its row of the table, and yield what must not be."""
    for prefix, records in (("", quick), ("full ", full)):
        record = records.get(path)
        if record is None or not record.reason:
            yield "has no row with a reason"
            continue
        row[prefix + record.verdict] += 1
        if record.reason.startswith(("took more than", "cannot be checked")):
            yield record.reason
    if isinstance(result, Failure):
        yield f"reading {result.reason}"
        return
    is_ok = path in full and full[path].verdict == "ok"
    row["raised"] += bool(result["raised"])
    row["unnoticed"] += bool({*result["wrong"]} - {*result["flagged"], *result["logged"]})
    row["ok but raised"] += is_ok and bool(result["raised"])
    row["ok with errors"] += is_ok and result["errors"]
    for how in ("flagged", "logged"):
        row[how] += bool(result[how])
        if result[how] and (how == "flagged" or is_ok):
            yield f"a wrong picture at {result[how][0]:.3f} s is accepted, where an error is {how}"


if __name__ == "__main__":
    sys.exit(main())
