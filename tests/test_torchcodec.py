"""The reader by TorchCodec returns the frames that the reader by PyAV returns."""

import sys
from pathlib import Path

import numpy as np
import pytest
from videos import FORMATS, numbers, write_format, write_numbered

from vidmask.data.readers import (
    EveryFrames,
    FramesAt,
    PyAVReader,
    TorchCodecReader,
    VideoReadError,
    check_reader,
    installed_readers,
    open_video,
)
from vidmask.data.stages import StageClock

CLIPS = Path(__file__).parents[1].parent / "shared" / "clips"
needs_torchcodec = pytest.mark.skipif(
    "torchcodec" not in installed_readers(), reason="the reader torchcodec is not installed here"
)


@needs_torchcodec
@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv"])
def test_a_variable_frame_rate_is_read_alike(tmp_path: Path, name: str) -> None:
    ticks = [0, 40, 80, 400, 440, 480, 1000, 1040, 1080, 1120, 1500, 1540]
    path = write_numbered(tmp_path / name, len(ticks), ticks=ticks, options={"bf": "2", "g": "5"})
    requests = [FramesAt((0.3, 0.5, 0.7, 0.9, 1.1)), EveryFrames(0.3, 4, 2)]
    for reader in (PyAVReader(path), TorchCodecReader(path)):
        first, second = reader.read_clips(requests)
        assert numbers(first.frames) == [2, 5, 5, 5, 8]
        assert first.seconds == pytest.approx([0.08, 0.48, 0.48, 0.48, 1.08])
        assert numbers(second.frames) == [2, 4, 6, 8]


@needs_torchcodec
def test_time_counts_from_the_first_frame(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "late.mkv", 12, ticks=[3000 + 40 * number for number in range(12)])
    (clip,) = TorchCodecReader(path).read_clips([EveryFrames(0.2, 3, 2)])
    assert numbers(clip.frames) == [5, 7, 9]
    assert clip.seconds == pytest.approx([0.2, 0.28, 0.36])


@needs_torchcodec
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_applied_alike(tmp_path: Path, rotation: int) -> None:
    path = write_numbered(tmp_path / "turned.mp4", 8, rotation=rotation)
    (ours,), (theirs,) = (
        reader(path).read_clips([EveryFrames(0.2, 1, 1)]) for reader in (PyAVReader, TorchCodecReader)
    )
    assert ours.frames.shape == theirs.frames.shape
    assert (ours.frames.float() - theirs.frames.float()).abs().mean() < 2


@needs_torchcodec
@pytest.mark.skipif(not CLIPS.is_dir(), reason="the real clips are not here")
def test_real_clips_are_read_alike() -> None:
    compared = 0
    for path in sorted(CLIPS.iterdir()):
        # Of the AVI its header tells B-frames.
        if path.suffix in (".md", ".avi"):
            continue
        ours, theirs = PyAVReader(path), TorchCodecReader(path)
        assert ours.duration == pytest.approx(theirs.duration)
        assert ours.frames_per_second == theirs.frames_per_second
        requests = [EveryFrames(ours.duration * share, 4, 3) for share in (0.0, 0.3, 0.6)]
        for one, two in zip(ours.read_clips(requests), theirs.read_clips(requests), strict=True):
            assert one.seconds == two.seconds, path.name
            difference = np.abs(np.stack(one.pictures).astype(int) - np.stack(two.pictures).astype(int))
            # Pictures of 10 bits are converted differently at coloured edges.
            assert difference.mean() < (4 if "10bits" in path.name else 0.5), path.name
            compared += 1
    assert compared >= 30


@needs_torchcodec
def test_a_truncated_file_is_told(tmp_path: Path) -> None:
    path = write_numbered(
        tmp_path / "a.mp4", 100, noise=60, options={"g": "10"}, container_options={"movflags": "faststart"}
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoReadError, match=r"a\.mp4: "):
        TorchCodecReader(path).read_clips([EveryFrames(3.0, 4, 2)])


@needs_torchcodec
def test_what_cannot_be_read_exactly_is_refused(tmp_path: Path) -> None:
    path = write_format("mpeg2", tmp_path, 30)
    with pytest.raises(VideoReadError, match=r"a\.mpg: TorchCodec cannot read MPEG streams.*reader pyav"):
        TorchCodecReader(path)
    path = write_format("mpeg4 in AVI with B-frames", tmp_path, 30)
    with pytest.raises(VideoReadError, match=r"a\.avi: is an AVI with B-frames"):
        TorchCodecReader(path)
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with pytest.raises(VideoReadError, match=r"b\.mp4: holds text and no video"):
        TorchCodecReader(tmp_path / "b.mp4")


@needs_torchcodec
def test_the_stages_are_measured(tmp_path: Path) -> None:
    clock = StageClock()
    path = write_format("h264 with B-frames", tmp_path, 30)
    video = open_video(str(path), "torchcodec", clock)
    video.read_clips([EveryFrames(0.0, 4, 2)])
    video.close()
    assert clock.seconds["open"] > 0
    assert clock.seconds["decode"] > 0


@pytest.mark.parametrize("error", [ImportError("no module"), RuntimeError("no FFmpeg\nfound")])
def test_where_it_is_not_installed_one_line_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name.startswith("torchcodec"):
                raise error

    for name in [name for name in sys.modules if name.split(".")[0] == "torchcodec"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    with pytest.raises(ValueError, match=r"^the reader torchcodec .*take.* pyav$"):
        check_reader("torchcodec")
    assert installed_readers() == ("pyav",)


def test_there_is_no_other_reader() -> None:
    with pytest.raises(ValueError, match="reader must be one of pyav, torchcodec, got 'decord'"):
        check_reader("decord")


def test_every_format_has_a_name() -> None:
    assert len(FORMATS) >= 6
