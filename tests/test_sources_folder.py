"""Which folders make which splits and classes."""

import hashlib
import pickle
import re
from pathlib import Path

import pytest

from vidmask.data.sources import VideoFolder, VideoSource


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def videos(source: VideoFolder, split: str, root: Path) -> list[tuple[str, dict[str, int]]]:
    paths = source.split(split)
    assert paths is not None
    return [
        (str(Path(path).relative_to(root)), info["label"])
        for path, info in map(paths.__getitem__, range(len(paths)))
    ]


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "run/b.mp4",
        "run/a.MP4",
        "jump/deep/er/c.webm",
        "jump/notes.txt",
        "empty/readme.md",
        ".hidden/x.mp4",
    )
    source = VideoFolder(tmp_path)
    assert source.classes == {"class": ("jump", "run")}
    assert videos(source, "train", tmp_path) == [
        ("jump/deep/er/c.webm", {"class": 0}),
        ("run/a.MP4", {"class": 1}),
        ("run/b.mp4", {"class": 1}),
    ]
    assert source.split("val") is None
    assert source.split("test") is None
    assert isinstance(source, VideoSource)


def test_a_flat_folder_is_unlabelled(tmp_path: Path) -> None:
    source = VideoFolder(touch(tmp_path, "b.avi", "a.mkv"))
    assert source.classes == {}
    assert videos(source, "train", tmp_path) == [("a.mkv", {}), ("b.avi", {})]


def test_splits_share_the_numbers_of_their_classes(tmp_path: Path) -> None:
    touch(
        tmp_path, "train/run/a.mp4", "train/walk/b.mp4", "val/jump/c.mp4", "val/walk/d.mp4", "test/walk/e.mp4"
    )
    source = VideoFolder(tmp_path)
    assert source.classes == {"class": ("jump", "run", "walk")}
    assert videos(source, "train", tmp_path) == [
        ("train/run/a.mp4", {"class": 1}),
        ("train/walk/b.mp4", {"class": 2}),
    ]
    assert videos(source, "val", tmp_path) == [
        ("val/jump/c.mp4", {"class": 0}),
        ("val/walk/d.mp4", {"class": 2}),
    ]
    assert videos(source, "test", tmp_path) == [("test/walk/e.mp4", {"class": 2})]


def test_other_folders_can_be_named_for_the_other_splits(tmp_path: Path) -> None:
    touch(tmp_path, "a/run/1.mp4", "b/run/2.mp4", "c/walk/3.mp4")
    source = VideoFolder(tmp_path / "a", val_root=tmp_path / "b", test_root=str(tmp_path / "c"))
    assert videos(source, "val", tmp_path) == [("b/run/2.mp4", {"class": 0})]
    assert videos(source, "test", tmp_path) == [("c/walk/3.mp4", {"class": 1})]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere: does not exist; give a folder of videos"):
        VideoFolder(tmp_path / "nowhere")
    touch(tmp_path, "a.mp4")
    with pytest.raises(FileNotFoundError, match=r"a\.mp4: is a file"):
        VideoFolder(tmp_path / "a.mp4")
    with pytest.raises(FileNotFoundError, match="nothing"):
        VideoFolder(tmp_path, val_root=tmp_path / "nothing")


@pytest.mark.parametrize("names", [(), ("a.txt", "b/c.jpg")])
def test_a_folder_without_videos_tells_what_it_accepts(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"holds no video; expected files ending in \.mp4 \.webm") as error:
        VideoFolder(touch(tmp_path, *names))
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


def test_labelled_and_unlabelled_videos_do_not_mix(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="some videos lie in a class folder and some do not"):
        VideoFolder(touch(tmp_path, "a.mp4", "run/b.mp4"))


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (("val/run/a.mp4", "test/run/b.mp4"), "test"),
        (("val/a.mp4",), "val"),
        (("Train/run/a.mp4", "Val/run/b.mp4"), "Train"),
        (("train/run/a.mp4", "valid/run/b.mp4"), "valid"),
        (("train/run/a.mp4", "val/run/b.mp4", "Validation/run/c.mp4"), "Validation"),
    ],
)
def test_a_folder_that_is_named_as_a_split_and_is_none_is_refused(
    tmp_path: Path, names: tuple[str, ...], refused: str
) -> None:
    with pytest.raises(ValueError, match="is named as a split but would be none; expected") as error:
        VideoFolder(touch(tmp_path, *names))
    assert str(error.value).startswith(f"{tmp_path / refused}: ")
    assert str(tmp_path / "train") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_of_another_name_can_be_named_for_a_split(tmp_path: Path) -> None:
    touch(tmp_path, "train/run/a.mp4", "valid/run/b.mp4", "notes/read.me")
    source = VideoFolder(tmp_path, val_root=tmp_path / "valid")
    assert videos(source, "val", tmp_path) == [("valid/run/b.mp4", {"class": 0})]
    with pytest.raises(ValueError, match="valid: is named as a split"):
        VideoFolder(tmp_path, test_root=tmp_path / "train")
    touch(tmp_path, "classes/run/a.mp4", "classes/val/b.mp4")
    with pytest.raises(ValueError, match="val: is named as a split"):
        VideoFolder(tmp_path / "classes", val_root=tmp_path / "classes/val")


def test_links_to_folders_are_followed_and_loops_are_not(tmp_path):
    for name in ("videos/a", "elsewhere/deep"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "videos/a/1.mp4").touch()
    (tmp_path / "elsewhere/deep/2.mp4").touch()
    (tmp_path / "videos/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "videos/c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "videos/a/up").symlink_to(tmp_path / "videos")
    source = VideoFolder(tmp_path / "videos")
    assert source.classes == {"class": ("a", "b", "c")}
    assert len(source.split("train")) == 3


def test_a_class_folder_without_videos_is_told(tmp_path, caplog):
    for name in ("a", "empty", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "a/1.mp4").touch()
    VideoFolder(tmp_path)
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "no video in empty, so no class of that name"
    ]


def in_split(source: VideoFolder, split: str, root: Path) -> set[str]:
    return {path for path, _ in videos(source, split, root)}


def test_a_share_of_each_class_is_held_out(tmp_path):
    touch(tmp_path, *(f"{name}/{number}.mp4" for name in ("run", "walk") for number in range(10)))
    touch(tmp_path, "jump/1.mp4", "sit/1.mp4", "sit/2.mp4")
    source = VideoFolder(tmp_path, val_share=0.2)
    train, val = (in_split(source, split, tmp_path) for split in ("train", "val"))
    assert not train & val
    assert len(train | val) == 23
    assert {name: sum(path.startswith(name) for path in val) for name in source.classes["class"]} == {
        "jump": 0,
        "run": 2,
        "sit": 1,
        "walk": 2,
    }
    assert source.classes == {"class": ("jump", "run", "sit", "walk")}
    assert {info["class"] for path, info in videos(source, "val", tmp_path) if path.startswith("walk")} == {3}
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert in_split(VideoFolder(moved, val_share=0.2), "val", moved) == val


def test_what_is_held_out_is_random_in_the_name_and_known_beforehand(tmp_path):
    touch(tmp_path, *(f"{number}.mp4" for number in range(8)))
    names = sorted(
        (f"{number}.mp4" for number in range(8)),
        key=lambda name: hashlib.blake2b(name.encode(), digest_size=8).digest(),
    )
    assert in_split(VideoFolder(tmp_path, val_share=0.25), "val", tmp_path) == set(names[:2])
    assert in_split(VideoFolder(tmp_path, val_share=0.01), "val", tmp_path) == set(names[:1])
    assert len(in_split(VideoFolder(tmp_path, val_share=0.99), "train", tmp_path)) == 1


def test_one_video_more_moves_at_most_one_other(tmp_path):
    touch(tmp_path, *(f"{name}/{number}.mp4" for name in ("run", "walk") for number in range(10)))
    before = in_split(VideoFolder(tmp_path, val_share=0.3), "val", tmp_path)
    for number in range(10, 30):
        touch(tmp_path, f"run/{number}.mp4")
        after = in_split(VideoFolder(tmp_path, val_share=0.3), "val", tmp_path)
        moved = {path for path in before ^ after if path != f"run/{number}.mp4"}
        assert len(moved) <= 1
        assert not any(path.startswith("walk") for path in moved)
        before = after


def test_the_folder_train_is_divided_where_it_stands_alone(tmp_path):
    touch(tmp_path, "train/run/1.mp4", "train/run/2.mp4", "test/run/3.mp4")
    source = VideoFolder(tmp_path, val_share=0.5)
    assert len(in_split(source, "train", tmp_path)) == len(in_split(source, "val", tmp_path)) == 1
    assert in_split(source, "test", tmp_path) == {"test/run/3.mp4"}


def test_one_thing_says_what_validation_is(tmp_path):
    touch(tmp_path, "train/run/1.mp4", "val/run/2.mp4", "other/run/3.mp4", "alone/1.mp4")
    with pytest.raises(ValueError, match=r"val_share is 0\.2, but .*val is the validation split"):
        VideoFolder(tmp_path, val_share=0.2)
    with pytest.raises(ValueError, match="other is the validation split"):
        VideoFolder(tmp_path / "train", val_root=tmp_path / "other", val_share=0.2)
    for share in (-0.1, 1.0):
        with pytest.raises(ValueError, match=rf"val_share must be a share in \[0, 1\), got {share}"):
            VideoFolder(tmp_path / "train", val_share=share)
    with pytest.raises(ValueError, match="there are no two videos"):
        VideoFolder(tmp_path / "alone", val_share=0.5)


@pytest.mark.parametrize(
    ("name", "source"), [("a.csv", "VideoTable (or Manifest"), ("a.parquet", "Manifest")]
)
def test_a_list_is_told_what_reads_it(tmp_path, name, source):
    with pytest.raises(FileNotFoundError, match=re.escape(f"for a list give the class_path {source}")):
        VideoFolder(touch(tmp_path, name) / name)


def test_a_source_is_pickled(tmp_path):
    source = pickle.loads(pickle.dumps(VideoFolder(touch(tmp_path, "run/a.mp4"))))
    assert videos(source, "train", tmp_path) == [("run/a.mp4", {"class": 0})]
