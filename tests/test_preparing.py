"""A whole data set written anew: layout, labels, going on after anything, and nothing lost."""

import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from layouts import ucf101_tree
from videos import numbers, write_numbered

from vidmask.data.curation import transcoding
from vidmask.data.curation.journal import Journal
from vidmask.data.curation.preparing import JOURNAL, PREPARE_VERSION, prepare
from vidmask.data.curation.transcoding import Coding
from vidmask.data.manifest import read_manifest
from vidmask.data.readers import EveryFrames, open_video
from vidmask.data.sources import Manifest, VideoFolder
from vidmask.data.writers import write_video


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two classes of two videos, of which one is broken."""
    folder = tmp_path / "videos"
    for name in ("jump", "run"):
        (folder / name).mkdir(parents=True)
        write_numbered(folder / name / "0.mp4", 30, options={"g": "30"})
    write_numbered(folder / "run/1.webm", 20, codec="libvpx-vp9")
    (folder / "jump/bad.mp4").write_bytes(b"no video")
    return folder


def modified(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*.mp4")}


def test_labels_layout_and_the_broken_one(source: Path, tmp_path: Path) -> None:
    found = prepare(str(source), tmp_path / "out", num_workers=2)
    assert sorted(modified(tmp_path / "out")) == ["train/jump/0.mp4", "train/run/0.mp4", "train/run/1.mp4"]
    records = read_manifest(tmp_path / "out/manifest.csv")
    assert [(Path(record.path).name, record.verdict, record.labels["class"]) for record in records] == [
        ("0.mp4", "ok", "jump"),
        ("bad.mp4", "broken", "jump"),
        ("0.mp4", "ok", "run"),
        ("1.mp4", "ok", "run"),
    ]
    assert records[1].path == str(source / "jump/bad.mp4")
    assert "holds text and no video" in records[1].reason
    assert (len(found.pairs), found.already) == (3, 0)
    assert found.bytes_before == sum(
        (source / name).stat().st_size for name in ("jump/0.mp4", "run/0.mp4", "run/1.webm")
    )
    assert found.bytes_after == sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.mp4"))
    for trained in (Manifest(tmp_path / "out/manifest.csv"), VideoFolder(tmp_path / "out")):
        assert trained.classes == {"class": ("jump", "run")}
        videos = trained.split("train")
        assert videos is not None
        assert len(videos) == 3
    video = open_video(str(tmp_path / "out/train/run/1.mp4"))
    assert numbers(video.read_clips([EveryFrames(0.0, 20, 1)])[0].frames) == list(range(20))


def test_again_it_makes_what_is_lacking_or_has_changed(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(str(source), out, num_workers=0)
    before = modified(out)
    again = prepare(str(source), out, num_workers=0)
    assert (again.already, modified(out)) == (3, before)
    (out / "train/run/0.mp4").unlink()
    write_numbered(source / "jump/0.mp4", 10)
    write_numbered(source / "jump/bad.mp4", 10)
    (out / "train/run/1.mp4").write_bytes(b"cut")
    found = prepare(str(source), out, num_workers=0)
    assert found.already == 0
    assert [record.verdict for record in found.records] == ["ok"] * 4
    assert [record.frames for record in read_manifest(out / "manifest.csv")] == [10, 10, 30, 20]


def test_killed_it_goes_on_and_leaves_no_half_file(tmp_path: Path) -> None:
    source, out = tmp_path / "videos", tmp_path / "out"
    source.mkdir()
    for number in range(12):
        write_numbered(source / f"{number}.mp4", 200, options={"g": "30"}, noise=40)
    code = (
        "import sys; from vidmask.data.curation.preparing import prepare; "
        "prepare(sys.argv[1], sys.argv[2], num_workers=1)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, source, out], stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while len(modified(out)) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    made = modified(out)
    assert 3 <= len(made) < 12
    found = prepare(str(source), out, num_workers=1)
    # The one that was made and not yet noted is made again.
    assert len(made) - 1 <= found.already <= len(made)
    assert len(modified(out)) == 12
    assert not [path for path in out.rglob(".*") if path.name != JOURNAL]
    assert all(record.verdict == "ok" and record.frames == 200 for record in found.records)


LIMITED = """
import resource, sys
from vidmask.data.curation.preparing import prepare
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
prepare(sys.argv[1], sys.argv[2], num_workers=int(sys.argv[4]))
"""


@pytest.mark.parametrize("workers", [0, 1])
def test_where_a_file_cannot_be_written_it_says_so_and_keeps_the_others(tmp_path: Path, workers: int) -> None:
    source, out = tmp_path / "videos", tmp_path / "out"
    source.mkdir()
    write_numbered(source / "0.mp4", 10)
    write_numbered(source / "1.mp4", 250, noise=60)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(source), str(out), "20000", str(workers)],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "1.mp4: " in last
    assert "what was done is kept (1 video), and the same command goes on from there" in last
    assert list(modified(out)) == ["train/0.mp4"]
    assert prepare(str(source), out, num_workers=0).already == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    source, out = tmp_path / "videos", tmp_path / "disk"
    source.mkdir()
    out.mkdir()
    for number in range(6):
        write_numbered(source / f"{number}.mp4", 150, noise=60)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(out)], capture_output=True
    ).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        with pytest.raises(
            OSError, match=r"No space left on device; what was done is kept \(\d videos?\)"
        ) as told:
            prepare(str(source), out / "p", num_workers=0)
        assert "\n" not in str(told.value)
        made = modified(out / "p")
        assert 0 < len(made) < 6
        kept = tmp_path / "kept"
        shutil.copytree(out / "p", kept)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    found = prepare(str(source), kept, num_workers=0)
    assert found.already == len(made)
    assert all(record.frames == 150 for record in found.records)


def test_a_source_that_vanishes_meanwhile_is_broken(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = transcoding.transcode

    def vanishing(path, out, coding):
        (source / "run/0.mp4").unlink(missing_ok=True)
        return original(path, out, coding)

    monkeypatch.setattr(transcoding, "transcode", vanishing)
    found = prepare(str(source), tmp_path / "out", num_workers=0)
    reasons = {
        Path(record.path).name: record.reason for record in found.records if record.verdict == "broken"
    }
    assert "No such file" in reasons["0.mp4"]
    assert len(found.pairs) == 2


def test_a_video_that_takes_too_long_is_broken_and_the_others_are_made(source: Path, tmp_path: Path) -> None:
    # Whoever opens the pipe waits for someone to write to it.
    (source / "hangs").mkdir()
    os.mkfifo(source / "hangs/00001.jpg")
    listing = tmp_path / "list.csv"
    listing.write_text(f"{source}/hangs 0\n{source}/run/0.mp4 0\n")
    found = prepare(str(listing), tmp_path / "out", num_workers=1, timeout_seconds=8.0)
    assert [record.verdict for record in found.records] == ["broken", "ok"]
    assert "took more than 8 s to prepare" in found.records[0].reason


def test_a_pipe_is_broken_at_once(source: Path, tmp_path: Path) -> None:
    os.mkfifo(source / "run/pipe.mp4")
    listing = tmp_path / "list.csv"
    listing.write_text(f"{source}/run/pipe.mp4 0\n{source}/run/0.mp4 0\n")
    found = prepare(str(listing), tmp_path / "out", num_workers=0)
    assert [record.verdict for record in found.records] == ["broken", "ok"]
    assert found.records[0].reason == "is no file that can be read again and again"


def test_what_is_made_depends_on_the_source_alone(tmp_path: Path) -> None:
    """Where the encoder reads memory that nothing has written to, what malloc leaves there makes the file."""
    (tmp_path / "videos").mkdir()
    rows, columns = np.mgrid[:256, :340]
    wall = np.random.default_rng(0).integers(0, 160, (256, 340, 3))
    frames = []
    for step in range(48):
        frame = np.roll(wall, 3 * step, axis=1)
        frame[(rows - 128) ** 2 + (columns - 6 * step) ** 2 < 1600] = (250, 40 + 3 * step, 10)
        frames.append(frame.astype(np.uint8))
    write_video(tmp_path / "videos/0.mp4", np.stack(frames), Fraction(30))
    made = set()
    for left_in_memory in ("1", "77"):
        out = tmp_path / left_in_memory
        command = [sys.executable, "-m", "vidmask", "data", "prepare", str(tmp_path / "videos"), str(out)]
        environment = os.environ | {"MALLOC_PERTURB_": left_in_memory}
        subprocess.run([*command, "--workers", "0"], check=True, env=environment, stderr=subprocess.DEVNULL)
        made.add((out / "train/0.mp4").read_bytes())
    assert len(made) == 1


def test_what_would_harm_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"out: lies in .*videos, the source"):
        prepare(str(source), source / "out")
    with pytest.raises(ValueError, match=r"lies in .*, the source"):
        prepare(f"unlabelled:{source}", source / "out")
    with pytest.raises(ValueError, match=r"videos: holds .*0\.mp4, a video of the source"):
        prepare(str(source / "jump"), source)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty, and was not made by vidmask data prepare"):
        prepare(str(source), tmp_path / "other")
    with pytest.raises(ValueError, match=r"notes\.txt: is a file"):
        prepare(str(source), tmp_path / "other/notes.txt")
    prepare(str(source), tmp_path / "out", num_workers=0)
    with pytest.raises(ValueError, match="was begun with short_side 256; say the same again"):
        prepare(str(source), tmp_path / "out", Coding(short_side=320))
    for arguments, message in (
        ({"num_workers": -1}, "workers must be 0"),
        ({"timeout_seconds": 0.0}, "limit must"),
    ):
        with pytest.raises(ValueError, match=message):
            prepare(str(source), tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_what_was_made_of_videos_that_are_gone_is_kept_and_told(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(str(source), out, num_workers=0)
    (source / "run/0.mp4").rename(source / "jump/7.mp4")
    found = prepare(str(source), out, num_workers=0)
    assert found.left_over == ["train/run/0.mp4"]
    assert "train/jump/7.mp4" in modified(out)
    assert not [record for record in found.records if record.path.endswith("run/0.mp4")]


def test_a_source_that_was_removed_to_make_room_costs_nothing(source: Path, tmp_path: Path) -> None:
    listing = tmp_path / "list.csv"
    listing.write_text(f"{source}/run/0.mp4 0\n{source}/jump/0.mp4 1\n")
    prepare(str(listing), tmp_path / "out", num_workers=0)
    (source / "run/0.mp4").unlink()
    again = prepare(str(listing), tmp_path / "out", num_workers=0)
    assert again.already == 2
    assert sorted(record.verdict for record in again.records) == ["ok", "ok"]


def test_a_source_that_changes_meanwhile_is_broken_and_made_the_next_time(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = transcoding.transcode

    def changing(path, out, coding):
        number = original(path, out, coding)
        if path.endswith("run/0.mp4"):
            write_numbered(source / "run/0.mp4", 12)
        return number

    with monkeypatch.context() as patch:
        patch.setattr(transcoding, "transcode", changing)
        found = prepare(str(source), tmp_path / "out", num_workers=0)
    assert [record.reason for record in found.records if record.path.endswith("run/0.mp4")] == [
        "was written to, or vanished, while it was prepared"
    ]
    again = prepare(str(source), tmp_path / "out", num_workers=0)
    assert [record.frames for record in again.records if record.path.endswith("run/0.mp4")] == [12]


def test_a_video_that_x264_refuses_is_broken_and_ends_nothing(source: Path, tmp_path: Path) -> None:
    wide = source / "run/wide.mkv"
    with av.open(str(wide), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 20_000, 16, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame(20_000, 16, "yuvj420p")))
        container.mux(stream.encode())
    found = prepare(str(source), tmp_path / "out", num_workers=0)
    reasons = {
        Path(record.path).name: record.reason for record in found.records if record.verdict == "broken"
    }
    assert reasons["wide.mkv"].startswith("cannot be encoded: ")
    assert len(found.pairs) == 3


def test_two_at_once_in_one_folder_are_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    job = {"version": PREPARE_VERSION, "short_side": 256, "key_frames": 16, "crf": 20}
    with (
        Journal(tmp_path / "out" / JOURNAL, job),
        pytest.raises(ValueError, match="another process is at the same work"),
    ):
        prepare(str(source), tmp_path / "out")


def test_the_folder_of_a_fold_is_refused_too(tmp_path: Path) -> None:
    ucf101_tree(tmp_path / "u")
    with pytest.raises(ValueError, match=r"lies in .*u, the source"):
        prepare(f"ucf101:{tmp_path}/u:2", tmp_path / "u/prepared")
