"""Videos from anywhere, without labels."""

import pickle
from pathlib import Path

import pytest

from vidmask.data.sources import UnlabelledVideos


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def paths(source: UnlabelledVideos, split: str, root: Path) -> list[str]:
    videos = source.split(split)
    assert videos is not None
    assert all(info == {"label": {}} for _, info in videos)
    return [str(Path(path).relative_to(root)) for path, _ in videos]


def test_folders_mean_nothing(tmp_path):
    touch(tmp_path, "train/run/1.mp4", "val/2.webm", "3.avi", "a/notes.txt", ".trash/4.mp4")
    source = UnlabelledVideos(tmp_path)
    assert source.classes == {}
    assert paths(source, "train", tmp_path) == ["3.avi", "train/run/1.mp4", "val/2.webm"]
    assert source.split("val") is None
    assert len(pickle.loads(pickle.dumps(source)).split("train")) == 3


def test_folders_and_lists_may_be_several(tmp_path):
    touch(tmp_path, "a/1.mp4", "b/2.mp4", "c/3 4.mp4", "d/5.mp4")
    (tmp_path / "c/list.txt").write_text(f"3 4.mp4\n\n{tmp_path}/d/5.mp4\n")
    source = UnlabelledVideos([tmp_path / "b", str(tmp_path / "a"), tmp_path / "c/list.txt"])
    assert paths(source, "train", tmp_path) == ["b/2.mp4", "a/1.mp4", "c/3 4.mp4", "d/5.mp4"]


def test_a_share_is_held_out(tmp_path):
    touch(tmp_path, *(f"{number}/x.mp4" for number in range(10)))
    source = UnlabelledVideos(tmp_path, val_share=0.3)
    train, val = (paths(source, split, tmp_path) for split in ("train", "val"))
    assert (len(train), len(val)) == (7, 3)
    assert sorted(train + val) == [f"{number}/x.mp4" for number in range(10)]
    with pytest.raises(ValueError, match="no two videos"):
        UnlabelledVideos(tmp_path / "0", val_share=0.3)
    with pytest.raises(ValueError, match="val_share must be a share"):
        UnlabelledVideos(tmp_path, val_share=1.5)


def test_a_video_counts_once(tmp_path):
    touch(tmp_path, "a/b/1.mp4", "a/2.mp4")
    with pytest.raises(ValueError, match=r"root: 1 of 3 videos are there twice in .*/a, .*/a/b"):
        UnlabelledVideos([tmp_path / "a", tmp_path / "a/b"])


def test_what_is_missing_is_told(tmp_path, caplog):
    touch(tmp_path, "a/1.mp4", "empty/notes.txt")
    with pytest.raises(ValueError, match="empty: there is no video below it"):
        UnlabelledVideos([tmp_path / "a", tmp_path / "empty"])
    with pytest.raises(FileNotFoundError, match="nowhere: does not exist"):
        UnlabelledVideos(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="root is an empty list"):
        UnlabelledVideos([])
    (tmp_path / "list.txt").write_text("a/1.mp4\na/1.mp4 3\n")
    with pytest.raises(
        FileNotFoundError, match=r"1 of 2 videos \(a/1\.mp4 3\) are not there \(paths stand alone"
    ):
        UnlabelledVideos(tmp_path / "list.txt")
    caplog.clear()
    assert len(UnlabelledVideos(tmp_path / "list.txt", on_missing="skip").split("train")) == 1
    assert "1 of 2 videos" in caplog.text
