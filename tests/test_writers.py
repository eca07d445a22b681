from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from vidmask.data import writers
from vidmask.data.moving_shapes.presets import PRESETS
from vidmask.data.moving_shapes.scenes import render
from vidmask.data.writers import is_whole, unfinished_path, unfinished_paths, write_video

FPS = Fraction(25, 2)


@pytest.fixture(scope="module")
def frames():
    return render(PRESETS["easy"], 0, "train", 0)


@pytest.fixture
def video(tmp_path, frames):
    path = tmp_path / "video.mp4"
    write_video(path, frames, FPS)
    return path


def test_the_file_holds_the_frames_as_h264_in_mp4(video, frames):
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert "mp4" in container.format.name
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == FPS
        decoded = list(container.decode(stream))
    assert [float(frame.time) for frame in decoded] == pytest.approx(np.arange(len(frames)) * 0.08)
    pictures = np.stack([frame.to_ndarray(format="rgb24") for frame in decoded])
    # Colour is kept at half the resolution, which is most of the error.
    assert np.abs(pictures.astype(int) - frames).mean() < 8


def test_a_key_frame_comes_every_sixteen_frames_and_no_frame_waits_for_a_later_one(video):
    with av.open(str(video)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    keys = [place for place, packet in enumerate(packets) if packet.is_keyframe]
    assert keys == list(range(0, len(packets), 16))
    assert all(packet.pts == packet.dts for packet in packets)


def test_the_table_of_contents_comes_before_the_frames(video):
    content = video.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_the_same_frames_make_the_same_file(video, tmp_path, frames):
    write_video(tmp_path / "again.mp4", frames, FPS)
    assert (tmp_path / "again.mp4").read_bytes() == video.read_bytes()


def test_a_failed_write_leaves_no_file_and_harms_no_old_one(video, frames):
    before = video.read_bytes()
    with pytest.raises(av.FFmpegError):
        write_video(video, frames[:, :31], FPS)  # 4:2:0 has no odd heights
    with pytest.raises(av.FFmpegError):
        write_video(video.with_name("new.mp4"), frames[:, :31], FPS)
    assert video.read_bytes() == before
    assert [path.name for path in video.parent.iterdir()] == ["video.mp4"]


def test_a_write_that_stops_half_way_leaves_no_file(tmp_path, frames, monkeypatch):
    class Stopping:
        def __init__(self):
            self.inner, self.count = VideoReformatter(), 0

        def reformat(self, *arguments, **options):
            self.count += 1
            if self.count == 20:
                raise OSError("no space left")
            return self.inner.reformat(*arguments, **options)

    monkeypatch.setattr(writers, "VideoReformatter", Stopping)
    with pytest.raises(OSError, match="no space left"):
        write_video(tmp_path / "video.mp4", frames, FPS)
    assert list(tmp_path.iterdir()) == []


def test_a_whole_file_is_told_from_a_truncated_one(video):
    assert is_whole(video)
    content = video.read_bytes()
    for length in (0, 4, 40, len(content) // 2, len(content) - 1):
        video.write_bytes(content[:length])
        assert not is_whole(video)


def test_what_is_no_mp4_file_is_not_whole(tmp_path):
    assert not is_whole(tmp_path / "missing.mp4")
    (tmp_path / "text.mp4").write_text("this is no video, but it is longer than a header")
    (tmp_path / "zeros.mp4").write_bytes(bytes(64))
    assert not is_whole(tmp_path / "text.mp4")
    assert not is_whole(tmp_path / "zeros.mp4")
    assert not is_whole(tmp_path)


def test_the_file_may_be_read_by_whom_other_files_may(video):
    other = video.with_name("other")
    other.write_text("")
    assert video.stat().st_mode == other.stat().st_mode


def test_unfinished_names_are_hidden_found_again_and_never_the_same(tmp_path):
    first, second = (unfinished_path(tmp_path / "train" / "video.mp4") for _ in range(2))
    assert first != second
    assert first.name.startswith(".")
    first.parent.mkdir()
    first.write_text("")
    assert list(unfinished_paths(tmp_path)) == [first]
