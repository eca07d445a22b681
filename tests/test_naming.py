"""Where prepared files lie."""

from collections.abc import Sequence

from vidmask.data.curation.candidates import Candidates, Part
from vidmask.data.curation.naming import output_names
from vidmask.data.sources.paths import VideoPaths


def candidates(paths: Sequence[str], labels: Sequence[int] = (), classes: Sequence[str] = ()) -> Candidates:
    videos = VideoPaths("/data", list(paths), {"class": list(labels)} if classes else {})
    return Candidates({"class": tuple(classes)} if classes else {}, [Part("train", videos)])


def names(*args) -> list[str]:
    return list(output_names(candidates(*args)).values())


def test_class_folders_stay() -> None:
    found = names(["run/a.webm", "jump/b.MP4"], [1, 0], ["jump", "run"])
    assert found == ["train/run/a.mp4", "train/jump/b.mp4"]


def test_the_folder_of_the_only_class_stays() -> None:
    assert names(["run/a.mp4", "run/b.mp4"], [0, 0], ["run"]) == ["train/run/a.mp4", "train/run/b.mp4"]
    assert names(["run/a.mp4", "run/b.mp4"]) == ["train/a.mp4", "train/b.mp4"]


def test_no_two_videos_have_one_name() -> None:
    found = names(["a.avi", "a.mp4", "A.mp4", "b.mp4", "a.avi.mp4"])
    assert found == [
        "train/a.avi.mp4",
        "train/a.mp4.mp4",
        "train/A.mp4-2.mp4",
        "train/b.mp4",
        "train/a.avi-2.mp4",
    ]
    assert len({name.casefold() for name in found}) == 5


def test_each_split_has_its_folder_and_a_path_named_twice_one_file() -> None:
    videos = VideoPaths("/data", ["x/a.mp4", "x/a.mp4", "y/b.mp4"], {})
    other = VideoPaths("/else", ["a.mp4"], {})
    found = output_names(Candidates({}, [Part("train", videos), Part("val", other)]))
    assert found == {
        ("train", "/data/x/a.mp4"): "train/x/a.mp4",
        ("train", "/data/y/b.mp4"): "train/y/b.mp4",
        ("val", "/else/a.mp4"): "val/a.mp4",
    }


def test_folders_of_frames_and_odd_names_keep_them() -> None:
    assert names(["a b/1.5", "a b/ü.mkv"]) == ["train/1.mp4", "train/ü.mp4"]


def test_a_class_stays_above_folders_of_its_own(tmp_path) -> None:
    assert names(["cat/deep/1.mp4", "cat/deep/2.mp4"], [0, 0], ["cat"]) == [
        "train/cat/deep/1.mp4",
        "train/cat/deep/2.mp4",
    ]


def test_a_stray_path_that_is_not_there_moves_no_other(tmp_path) -> None:
    (tmp_path / "v").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "v" / name).touch()
    paths = [str(tmp_path / "v/a.mp4"), str(tmp_path / "v/b.mp4"), "/nowhere/c.mp4"]
    assert names(paths) == ["train/a.mp4", "train/b.mp4", "train/c.mp4"]


def test_a_video_of_two_splits_is_made_once() -> None:
    videos = VideoPaths("/data", ["a.mp4"], {})
    found = output_names(Candidates({}, [Part("val", videos), Part("test", videos)]))
    assert set(found.values()) == {"val/a.mp4"}
