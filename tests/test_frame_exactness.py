"""A thousand random requests of each reader: every frame is the one asked for, however the video is coded."""

import random
from pathlib import Path

import pytest
from PIL import Image
from videos import FORMATS, numbered_picture, numbers, write_format

from vidmask.data.readers import (
    ClipReader,
    ClipRequest,
    EveryFrames,
    FramesAt,
    VideoReadError,
    installed_readers,
    open_video,
)

FRAMES = 120
REQUESTS = 100
# What TorchCodec refuses to read, with a word of why; see its reader.
REFUSED = {
    ("torchcodec", "h264 in a transport stream"): "cannot read MPEG streams",
    ("torchcodec", "mpeg2"): "cannot read MPEG streams",
    ("torchcodec", "mpeg4 in AVI with B-frames"): "an AVI with B-frames",
}
READERS = ("pyav", "torchcodec")


@pytest.fixture(scope="module", params=FORMATS)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return request.param, write_format(request.param, tmp_path_factory.mktemp("formats"), FRAMES)


def draw(chance: random.Random, rate: int) -> tuple[ClipRequest, list[int]]:
    """Return a request, and the numbers of the frames that it asks for."""
    count = chance.randint(1, 16)
    start = chance.randrange(FRAMES)
    if chance.random() < 0.5:
        stride = chance.randint(1, 8)
        # Anywhere in the time that the first frame is on screen.
        seconds = (start + chance.choice([0.0, 0.25, 0.7])) / rate
        return EveryFrames(seconds, count, stride), [
            min(start + k * stride, FRAMES - 1) for k in range(count)
        ]
    frames = sorted(chance.choices(range(start, min(start + 40, FRAMES)), k=count))
    instants = tuple((frame + chance.choice([0.0, 0.3, 0.7])) / rate for frame in frames)
    return FramesAt(tuple(sorted(instants))), frames


def wrong_requests(reader: ClipReader, chance: random.Random, rate: int) -> list[str]:
    """Ask for clips, one to four in a call, and return those with a wrong frame."""
    wrong: list[str] = []
    asked = 0
    while asked < REQUESTS:
        drawn = [draw(chance, rate) for _ in range(min(chance.randint(1, 4), REQUESTS - asked))]
        asked += len(drawn)
        clips = reader.read_clips([request for request, _ in drawn])
        for (request, expected), clip in zip(drawn, clips, strict=True):
            if numbers(clip.frames) != expected:
                wrong.append(f"{request}: expected {expected}, got {numbers(clip.frames)}")
            # MPEG program streams and Matroska round times to a tick.
            assert clip.seconds == pytest.approx([frame / rate for frame in expected], abs=2e-3)
    return wrong


@pytest.mark.parametrize("reader", READERS)
def test_no_frame_is_wrong(video: tuple[str, Path], reader) -> None:
    kind, path = video
    if reader not in installed_readers():
        pytest.skip(f"the reader {reader} is not installed here")
    if (reader, kind) in REFUSED:
        with pytest.raises(VideoReadError, match=REFUSED[reader, kind]):
            open_video(str(path), reader)
        return
    opened = open_video(str(path), reader)
    try:
        assert wrong_requests(opened, random.Random(kind), rate=25) == []
    finally:
        opened.close()


def test_no_frame_of_a_folder_is_wrong(tmp_path: Path) -> None:
    for number in range(FRAMES):
        Image.fromarray(numbered_picture(number)).save(tmp_path / f"7_{number + 1:06d}.png")
    assert wrong_requests(open_video(str(tmp_path)), random.Random(0), rate=30) == []


def test_there_are_a_thousand_requests_of_each_reader() -> None:
    assert (len(FORMATS) - len(REFUSED)) * REQUESTS >= 1000
