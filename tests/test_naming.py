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


def test_a_folder_is_no_name_of_a_file() -> None:
    # b.avi would become b.mp4, which is a folder already.
    found = names(["b.avi", "b.mp4/x.avi", "b.mp4/y.avi"])
    assert found == ["train/b-2.mp4", "train/b.mp4/x.mp4", "train/b.mp4/y.mp4"]


def test_names_that_are_too_long_are_cut_and_stay_apart() -> None:
    long = "ü" * 125
    found = names([f"x/{long}a.ts", f"x/{long}b.ts", "y/c.ts"])
    assert found[0] == f"train/x/{'ü' * 120}.mp4"
    assert found[1] == f"train/x/{'ü' * 120}-2.mp4"
    assert all(len(name.rpartition("/")[2].encode()) <= 255 for name in found)


def test_a_class_stays_above_folders_of_its_own(tmp_path) -> None:
    assert names(["cat/deep/1.mp4", "cat/deep/2.mp4"], [0, 0], ["cat"]) == [
        "train/cat/deep/1.mp4",
        "train/cat/deep/2.mp4",
    ]


def test_names_do_not_move_when_a_file_comes_or_goes(tmp_path) -> None:
    paths = [str(tmp_path / "v/a.mp4"), str(tmp_path / "w/b.mp4")]
    before = names(paths)
    (tmp_path / "v").mkdir()
    (tmp_path / "v/a.mp4").touch()
    assert names(paths) == before == ["train/v/a.mp4", "train/w/b.mp4"]


def test_a_video_of_two_splits_is_made_once() -> None:
    videos = VideoPaths("/data", ["a.mp4"], {})
    found = output_names(Candidates({}, [Part("val", videos), Part("test", videos)]))
    assert set(found.values()) == {"val/a.mp4"}
