"""What the lines of a list mean."""

import pickle
from pathlib import Path

import pytest

from vidmask.data.sources import VideoTable


def table(root: Path, content: str, name: str = "list.csv") -> Path:
    root.mkdir(exist_ok=True)
    (root / name).write_text(content)
    return root / name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the empty files ``a/1.mp4`` to ``a/6.mp4``."""
    (tmp_path / "a").mkdir()
    for number in range(1, 7):
        (tmp_path / f"a/{number}.mp4").touch()
    return tmp_path


def items(source: VideoTable, split: str) -> list[tuple[str, dict[str, int]]]:
    videos = source.split(split)
    assert videos is not None
    return [("/".join(Path(path).parts[-2:]), info["label"]) for path, info in videos]


def test_one_list_holds_all_splits(root):
    lines = (
        "path,label,split\na/1.mp4,walk,train\na/2.mp4,run,Train\na/3.mp4,sit,validation\na/4.mp4,run,test\n"
    )
    source = VideoTable(table(root, lines))
    assert source.classes == {"class": ("run", "sit", "walk")}
    assert items(source, "train") == [("a/1.mp4", {"class": 2}), ("a/2.mp4", {"class": 0})]
    assert items(source, "val") == [("a/3.mp4", {"class": 1})]
    assert items(source, "test") == [("a/4.mp4", {"class": 0})]
    assert source.split("train")[0][0] == str(root / "a/1.mp4")
    assert items(pickle.loads(pickle.dumps(source)), "test") == items(source, "test")


def test_each_split_may_have_its_list(root):
    train = table(root, "a/1.mp4 3\na/2.mp4 0\n")
    val = table(root / "a", "3.mp4 5\n")
    test = table(root, "path\na/4.mp4\n", "test.csv")
    source = VideoTable(train, val, test)
    assert source.classes == {"class": ("0", "1", "2", "3", "4", "5")}
    assert items(source, "train") == [("a/1.mp4", {"class": 3}), ("a/2.mp4", {"class": 0})]
    assert items(source, "val") == [("a/3.mp4", {"class": 5})]
    assert items(source, "test") == [("a/4.mp4", {})]
    only = VideoTable(train)
    assert only.split("val") is None
    assert only.classes == {"class": ("0", "1", "2", "3")}


def test_further_labels_go_by_their_columns(root):
    lines = "path,verb,noun\na/1.mp4,take,2\na/2.mp4,put,0\n"
    source = VideoTable(table(root, lines), labels=["verb", "noun"])
    assert source.classes == {"verb": ("put", "take"), "noun": ("0", "1", "2")}
    assert items(source, "train") == [
        ("a/1.mp4", {"verb": 1, "noun": 2}),
        ("a/2.mp4", {"verb": 0, "noun": 0}),
    ]


def test_nothing_and_minus_one_are_no_label(root):
    source = VideoTable(table(root, "path,label\na/1.mp4,\na/2.mp4,-1\n"))
    assert source.classes == {}
    assert items(source, "train") == [("a/1.mp4", {}), ("a/2.mp4", {})]


def test_classes_may_be_named_by_a_file(root):
    names = table(root, "run\nwalk\nsit\n", "names.txt")
    numbered = VideoTable(table(root, "a/1.mp4 2\na/2.mp4 0\n"), class_names=names)
    assert numbered.classes == {"class": ("run", "walk", "sit")}
    by_name = VideoTable(table(root, "a/1.mp4 sit\n"), class_names=names)
    assert by_name.classes == numbered.classes
    assert items(by_name, "train") == [("a/1.mp4", {"class": 2})]
    for line in ("a/1.mp4 3\n", "a/1.mp4 stand\n"):
        with pytest.raises(ValueError, match=r"list\.csv, line 1: the label .* is none of the 3 classes"):
            VideoTable(table(root, line), class_names=names)
    with pytest.raises(ValueError, match="class_names is for one label, and the list has 2"):
        VideoTable(table(root, "path,x,y\na/1.mp4,0,0\n"), labels=["x", "y"], class_names=names)


def test_paths_count_from_another_folder_or_from_the_root_of_the_disk(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("lists")
    source = VideoTable(table(elsewhere, f"1.mp4 0\n{root / 'a/2.mp4'} 1\n"), videos_root=root / "a")
    assert [path for path, _ in source.split("train")] == [str(root / "a/1.mp4"), str(root / "a/2.mp4")]
    with pytest.raises(FileNotFoundError, match="videos_root: there is no folder"):
        VideoTable(table(root, "a/1.mp4 0\n"), videos_root=root / "nowhere")


def test_a_folder_of_frames_is_a_video(root):
    assert items(VideoTable(table(root, "a 0\n")), "train")[0][1] == {"class": 0}


def test_missing_videos_end_the_run_unless_told(root, caplog):
    lines = "a/1.mp4 0\n" + "".join(f"b/{number}.mp4 0\n" for number in range(5))
    expected = (
        r"list\.csv: 5 of 6 videos \(b/0\.mp4, b/1\.mp4, b/2\.mp4, …\) are not there, the first in line 2; "
        r"paths count from .* \(videos_root says otherwise\); on_missing: skip \(--data\.source\.on_missing "
        r"skip\) leaves them out"
    )
    with pytest.raises(FileNotFoundError, match=expected):
        VideoTable(table(root, lines))
    source = VideoTable(table(root, lines), on_missing="skip")
    assert items(source, "train") == [("a/1.mp4", {"class": 0})]
    (message,) = caplog.messages
    assert "5 of 6 videos" in message
    with pytest.raises(FileNotFoundError, match="if that is a header, it lacks the column path"):
        VideoTable(table(root, "file,label\na/1.mp4,run\n"))


def test_a_line_that_is_there_twice_counts_twice_and_is_told(root, caplog):
    source = VideoTable(table(root, "a/1.mp4 0\na/2.mp4 0\na/./1.mp4 0\n"))
    assert len(source.split("train")) == 3
    assert caplog.messages == [
        f"{root}/list.csv: of the split train, 1 line (a/./1.mp4) written before; a video counts as often "
        "as it is written"
    ]


def test_columns_that_are_not_used_are_told(root, caplog):
    VideoTable(table(root, "path,lable,fps\na/1.mp4,run,25\n"))
    assert "takes no notice of the columns lable, fps" in caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a/1.mp4 0\na/1.mp4 1\n", r"list\.csv, line 2: a/1\.mp4 has the labels 1, and in line 1 0"),
        ("a/1.mp4 0\na/2.mp4 run\n", "line 2: the label 'run' is no class index"),
        ("a/1.mp4 0\na/2.mp4 -7\n", "line 2: the label '-7' is no class index"),
        ("a/1.mp4 0\na/2.mp4 9999999\n", "the label 9999999 is no class index"),
        ("a/1.mp4 0\na/2.mp4\n", "line 2: has no label, like 1 of 2 videos"),
        (
            "path,split\na/1.mp4,training\na/2.mp4,both\n",
            "line 3: the split must be train, val or test, got 'both'",
        ),
        (
            "path,split\na/1.mp4,train\na/1.mp4,val\n",
            r"the splits train and val share 1 video \(.*a/1\.mp4\)",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(root, content, message):
    with pytest.raises(ValueError, match=message):
        VideoTable(table(root, content))


def test_a_split_is_given_in_one_way(root):
    both = table(root, "path,split\na/1.mp4,train\na/2.mp4,val\n")
    val = table(root, "a/3.mp4\n", "val.csv")
    with pytest.raises(
        ValueError, match="line 3: is in the split val, and the list is given for train beside"
    ):
        VideoTable(both, val_root=val)
    with pytest.raises(ValueError, match="line 2: is in the split train, and the list is given for val"):
        VideoTable(val, val_root=both)
    with pytest.raises(ValueError, match="has the label class, another list label"):
        VideoTable(table(root, "path,label\na/1.mp4,x\n"), table(root, "path,class\na/2.mp4,x\n", "val.csv"))


def test_a_missing_video_moves_no_number_of_a_class(tmp_path):
    for name in ("a.mp4", "c.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "list.csv").write_text("path,label\na.mp4,a\nb.mp4,b\nc.mp4,c\n")
    source = VideoTable(tmp_path / "list.csv", on_missing="skip")
    assert source.classes == {"class": ("a", "b", "c")}
    assert [source.split("train")[place][1]["label"] for place in range(2)] == [{"class": 0}, {"class": 2}]


def test_one_index_written_in_two_ways_is_refused(root):
    with pytest.raises(ValueError, match=r"list\.csv: writes one class index as 010 and as 10"):
        VideoTable(table(root, "path,label\na/1.mp4,10\na/2.mp4,010\na/3.mp4,3\n"))
    source = VideoTable(table(root, "path,label\na/1.mp4,001\na/2.mp4,010\n"))
    assert [info["class"] for _, info in items(source, "train")] == [1, 10]
