"""Check one video: its bytes, its packets, and some of its frames as training would read them."""

import errno
import hashlib
import math
import os
import random
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import av.logging
import numpy as np

from vidmask.data.curation.contents import Contents, read_contents
from vidmask.data.manifest import Verdict
from vidmask.data.readers import ClipRequest, DecodedClip, EveryFrames, FramesAt, VideoReadError, open_video
from vidmask.data.readers.frames import pictures_in
from vidmask.data.readers.refusals import no_regular_file

READER = f"pyav {av.__version__}"
"""Name and version of the decoder, as a manifest tells it."""

_RANDOM_FRAMES = 5
# Times of frames are exact but for the arithmetic.
_ROUNDING_SECONDS = 1e-3
# Reported of intact files too, where H.264 with an open group of pictures is entered in its middle.
_HARMLESS = "mmco: unref short failure"
# Of a picture of one colour, compression may change the grey values by so much.
_BLANK_SPREAD = 8
# Pictures that a full check holds at once, of whatever size.
_BYTES_AT_ONCE = 1 << 27

# Frames to be read, and their times where these are known.
_Asked = tuple[ClipRequest, list[float] | None]


def inspect(task: dict[str, Any]) -> dict[str, Any]:
    """Check a video and return what a manifest tells of it.

    Broken is what training would fail at, or see wrong pictures of: no file, no video, nothing that can be
    decoded, damage where it was read, an end before the header's. Suspect is what can be read and
    contradicts itself: numbers of frames or times, an ending of another container, one colour everywhere;
    and what FFmpeg reads on from after it has reported an error.

    Args:
        task: ``path``; ``full``: whether every frame is decoded, and not the first, the last and five more,
            which the file's hash draws; ``may_be_folder``: whether a folder may be a video, in frames.

    Returns:
        The fields of a ``Record`` but for path, split and labels.
    """
    path = task["path"]
    found: dict[str, Any] = {}
    try:
        with logged_errors() as logged:
            verdict, reason = _inspect(path, task["full"], task["may_be_folder"], found)
    except (VideoReadError, OSError) as error:
        told = str(error) if isinstance(error, VideoReadError) else f"cannot be read: {error.strerror}"
        verdict, reason = "broken", told
    else:
        if logged:
            verdict, reason = "suspect", f"FFmpeg reports: {logged[0]}; {reason}"
    return found | {"verdict": verdict, "reason": one_line_reason(reason, path)}


@contextmanager
def logged_errors() -> Iterator[list[str]]:
    """Collect the errors that FFmpeg logs inside the block; the list is filled at its end."""
    lines: list[str] = []
    level, skip_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    # Else a file would not be told of whose error is that of the file before.
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture(local=True) as log:
            yield lines
        lines += [line.strip() for _, _, line in log if not line.startswith(_HARMLESS)]
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skip_repeated)


def status_of(path: str) -> dict[str, int]:
    """Return length and time of a file, or of all pictures of a folder; nothing where neither is there."""
    try:
        status = os.stat(path)  # noqa: PTH116
        if not stat.S_ISDIR(status.st_mode):
            return {"size_bytes": status.st_size, "modified_ns": status.st_mtime_ns}
        pictures = [os.stat(os.path.join(path, name)) for name in pictures_in(path)]  # noqa: PTH116, PTH118
    except OSError:
        return {}
    latest = max((picture.st_mtime_ns for picture in pictures), default=0)
    return {
        "size_bytes": sum(picture.st_size for picture in pictures),
        "modified_ns": max(status.st_mtime_ns, latest),
    }


def one_line_reason(reason: str, path: str) -> str:
    """Return a reason in one line of text, without the file's own name in front of it."""
    line = " ".join(reason.removeprefix(f"{path}: ").split())
    # Names of other files in it may be no text.
    return line.encode("utf-8", "backslashreplace").decode("utf-8")


def _inspect(path: str, full: bool, may_be_folder: bool, found: dict[str, Any]) -> tuple[Verdict, str]:
    if not os.path.exists(path):  # noqa: PTH110
        if not os.path.islink(path):  # noqa: PTH114
            return "broken", "is not there"
        return "broken", f"is a link to {os.readlink(path)}, {_where_it_leads(path)}"  # noqa: PTH115
    status = os.stat(path)  # noqa: PTH116
    if stat.S_ISDIR(status.st_mode):
        if not may_be_folder:
            return "broken", "is a folder and no file"
        found |= status_of(path) | {"reader": READER}
        contents = _read_folder(path, found)
    elif refusal := no_regular_file(path):
        return "broken", refusal
    elif not status.st_size:
        found |= {"size_bytes": 0, "modified_ns": status.st_mtime_ns}
        return "broken", "is empty: 0 bytes"
    else:
        found |= {"size_bytes": status.st_size, "modified_ns": status.st_mtime_ns, "reader": READER}
        with Path(path).open("rb") as file:
            found["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        contents = read_contents(path)
    found |= {
        "codec": contents.codec,
        "fps": None if contents.fps is None else round(contents.fps, 4),
        "frames": contents.frames,
        "duration_seconds": None
        if contents.duration_seconds is None
        else round(contents.duration_seconds, 4),
        "rotation": contents.rotation,
        "key_frame_interval": contents.key_frame_interval,
    }
    seen = _decode(path, contents, full, found["sha256"])
    found |= {"frames_read": len(seen.seconds), "height": seen.shape[0], "width": seen.shape[1]}
    problems = [*contents.problems, *seen.problems()]
    if os.stat(path).st_mtime_ns != status.st_mtime_ns:  # noqa: PTH116
        problems.insert(0, "was written to while it was checked")
    told = f"read {len(seen.seconds)} of {contents.frames} frames"
    return "suspect" if problems else "ok", "; ".join([*problems, told, *contents.notes, *seen.notes()])


def _where_it_leads(link: str) -> str:
    """Return in words where a link leads that leads to no file."""
    try:
        os.stat(link)  # noqa: PTH116
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "which leads in a circle"
    return "where nothing is"


def _read_folder(path: str, found: dict[str, Any]) -> Contents:
    """Hash the frames of a folder, and return what they tell."""
    digest = hashlib.sha256()
    pictures = pictures_in(path)
    for name in pictures:
        data = (Path(path) / name).read_bytes()
        digest.update(os.fsencode(name) + b"\0" + hashlib.sha256(data).digest())
    found["sha256"] = digest.hexdigest()
    video = open_video(path)
    fps, duration = video.frames_per_second, video.duration
    video.close()
    frames = round(duration * fps)
    return Contents(
        container="",
        codec=os.path.splitext(pictures[0])[1].lower().removeprefix("."),  # noqa: PTH122
        fps=fps,
        frames=frames,
        seconds=[frame / fps for frame in range(frames)],
        duration_seconds=duration,
        key_frame_interval=1,
        rotation=0,
        problems=[],
        notes=[],
    )


class _Seen:
    """What the decoded pictures have in common."""

    def __init__(self, path: str) -> None:
        self.seconds: set[float] = set()
        self.shape: tuple[int, ...] = ()
        self._path = path
        self._first: np.ndarray | None = None
        self._all_blank = self._all_same = True
        self._displaced: list[tuple[float, float]] = []

    def add(self, clip: DecodedClip, expected: Sequence[float] | None) -> None:
        """Take note of a clip.

        Raises:
            VideoReadError: If its pictures have another size than those before.
        """
        for picture in clip.pictures:
            if self._first is None:
                self._first, self.shape = picture, picture.shape
            if picture.shape != self.shape:
                sizes = [f"{columns}×{rows}" for rows, columns, _ in (self.shape, picture.shape)]
                raise VideoReadError(f"{self._path}: changes its picture size from {' to '.join(sizes)}")
            self._all_blank = self._all_blank and _spread(picture) <= _BLANK_SPREAD
            self._all_same = self._all_same and np.array_equal(picture, self._first)
        self.seconds.update(clip.seconds)
        if expected is not None:
            pairs = zip(expected, clip.seconds, strict=True)
            self._displaced += [(asked, got) for asked, got in pairs if abs(asked - got) > _ROUNDING_SECONDS]

    def problems(self) -> list[str]:
        problems = []
        if self._displaced:
            asked, got = self._displaced[0]
            more = f", and {len(self._displaced) - 1} more" if len(self._displaced) > 1 else ""
            problems.append(f"the frame at {asked:.3f} s is decoded as that at {got:.3f} s{more}")
        if self._all_blank:
            problems.append(f"all {len(self.seconds)} frames read are of one colour")
        return problems

    def notes(self) -> list[str]:
        frozen = self._all_same and not self._all_blank and len(self.seconds) > 1
        return [f"all {len(self.seconds)} frames read are the same picture"] if frozen else []


def _spread(picture: np.ndarray) -> int:
    lowest, highest = picture.min((0, 1)).astype(int), picture.max((0, 1)).astype(int)
    return int((highest - lowest).max())


def _decode(path: str, contents: Contents, full: bool, digest: str) -> _Seen:
    """Read frames as training does: through the same reader, which seeks to each."""
    seen = _Seen(path)
    video = open_video(path)
    try:
        # The last frame is asked for by the header's time, so that an end before it is noticed.
        last: _Asked = (FramesAt((video.duration,)), None)
        some = [*_some_frames(contents, video.duration, digest), last]
        for clip, (_, expected) in zip(video.read_clips([request for request, _ in some]), some, strict=True):
            seen.add(clip, expected)
        if full:
            # After the same few: damage may be seen only where a decoder begins in the middle.
            for request, expected in _all_frames(contents, max(_BYTES_AT_ONCE // math.prod(seen.shape), 1)):
                seen.add(video.read_clips([request])[0], expected)
    finally:
        video.close()
    return seen


def _some_frames(contents: Contents, duration: float, digest: str) -> list[_Asked]:
    """Return the first frame and some that the file's hash draws, with the time that each should have."""
    chance = random.Random(int(digest, 16))
    if contents.seconds is None:
        instants = [0.0, *sorted(chance.random() * duration for _ in range(_RANDOM_FRAMES))]
        return [(FramesAt((instant,)), None) for instant in instants]
    others = range(1, len(contents.seconds))
    drawn = sorted(chance.sample(others, min(_RANDOM_FRAMES, len(others))))
    seconds = [contents.seconds[0], *(contents.seconds[index] for index in drawn)]
    return [(FramesAt((second,)), [second]) for second in seconds]


def _all_frames(contents: Contents, at_once: int) -> list[_Asked]:
    """Return all frames, so many in each clip."""
    if contents.seconds is None:
        step = (contents.duration_seconds or 0.0) / contents.frames
        starts = range(0, contents.frames, at_once)
        return [(EveryFrames(start * step, at_once, 1), None) for start in starts]
    chunks = [contents.seconds[place : place + at_once] for place in range(0, len(contents.seconds), at_once)]
    return [(EveryFrames(chunk[0], len(chunk), 1), chunk) for chunk in chunks]
