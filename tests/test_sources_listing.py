"""Lists in every form that the field writes."""

from pathlib import Path

import pytest
from pytorchvideo.data.labeled_video_paths import LabeledVideoPaths

from vidmask.data.sources.listing import read_lines, read_listing


def rows(tmp_path: Path, content: str, labels: list[str] | None = None) -> list[tuple]:
    file = tmp_path / "list.csv"
    file.write_text(content)
    return [tuple(row) for row in read_listing(file, labels).rows]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", " "])
def test_a_header_names_the_columns(tmp_path, delimiter):
    lines = ["split,PATH,label", "train,a/1.mp4,run", "", "val,b/2.mp4,walk"]
    content = "\n".join(lines).replace(",", delimiter)
    assert rows(tmp_path, content) == [
        (2, "a/1.mp4", ("run",), "train"),
        (4, "b/2.mp4", ("walk",), "val"),
    ]


def test_fields_may_be_quoted_and_a_byte_order_mark_is_no_column(tmp_path):
    assert rows(tmp_path, '\ufeffpath,label\r\n"a, b.mp4","x ""y"""\r\n') == [(2, "a, b.mp4", ('x "y"',), "")]


def test_labels_are_the_columns_asked_for(tmp_path):
    content = "path,verb,noun,label\n1.mp4,take,cup,9\n"
    assert rows(tmp_path, content, ["noun", "verb"]) == [(2, "1.mp4", ("cup", "take"), "")]
    assert rows(tmp_path, content) == [(2, "1.mp4", ("9",), "")]
    assert rows(tmp_path, "path,class\n1.mp4,run\n") == [(2, "1.mp4", ("run",), "")]
    assert rows(tmp_path, "path\n1.mp4\n") == [(2, "1.mp4", (), "")]
    with pytest.raises(ValueError, match=r"has no column adverb, but path, verb, noun, label"):
        rows(tmp_path, content, ["verb", "adverb"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a/1.mp4 0\nb c/2.mp4 11\n", [("a/1.mp4", "0"), ("b c/2.mp4", "11")]),
        ("a,b/1.mp4 0\n", [("a,b/1.mp4", "0")]),
        ("a/1.mp4 -1\na/2.mp4\n", [("a/1.mp4", None), ("a/2.mp4", None)]),
        ("a/1.mp4,0\nb c/2.mp4,11\n", [("a/1.mp4", "0"), ("b c/2.mp4", "11")]),
        ("a/1.mp4, 0\n", [("a/1.mp4", "0")]),
        ("a/1.mp4\t0\nb, c 5/2.mp4\t11\n", [("a/1.mp4", "0"), ("b, c 5/2.mp4", "11")]),
        ("a/1.mp4 run\na/2.mp4 walk\n", [("a/1.mp4", "run"), ("a/2.mp4", "walk")]),
        ("a/1.mp4,run\n", [("a/1.mp4", "run")]),
        ("a/1.mp4\n\na b/2.mp4\n", [("a/1.mp4", None), ("a b/2.mp4", None)]),
        ("a/1.mp4 0\n\na/2.mp4 1\n\n", [("a/1.mp4", "0"), ("a/2.mp4", "1")]),
    ],
)
def test_without_a_header_a_line_is_a_path_and_a_label(tmp_path, content, expected):
    assert [(path, *labels) for _, path, labels, _ in rows(tmp_path, content)] == [
        (path,) if all(label is None for _, label in expected) else (path, label) for path, label in expected
    ]


def test_a_list_of_pytorchvideo_is_read_as_it_reads_it(tmp_path):
    file = tmp_path / "train.csv"
    file.write_text("a/1.mp4 3\n/x y/2.avi 0\na, b.mp4   7\n")
    theirs = LabeledVideoPaths.from_csv(str(file))
    assert [(row.path, {"label": int(row.labels[0])}) for row in read_listing(file).rows] == [
        theirs[index] for index in range(len(theirs))
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "path,label\n1.mp4,0\n2.mp4\n",
            r"list\.csv, line 3: expected the 2 fields path, label, got 1: '2\.mp4'",
        ),
        ("path,label\n1.mp4,0,x\n", r"line 2: expected the 2 fields path, label, got 3"),
        ("path,label\n ,0\n", r"line 2: expected"),
        ("path,path\n1.mp4,0\n", "names a column twice"),
        ("path,label\n", "holds a header and no video"),
        (
            "1.mp4,0\n2.mp4,30,1\n",
            r"line 2: expected a path and a label, got 3 fields: .* need a header with path",
        ),
        ("1.mp4,0\n,1\n", r"line 2: expected a path and a label"),
        ("  \n\n", "is empty; expected a line for each video"),
        ("a\0b", "is no text"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        rows(tmp_path, content)


def test_what_is_no_list_is_refused(tmp_path):
    (tmp_path / "video.csv").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(ValueError, match=r"video\.csv: is no list, as it is no text in UTF-8 \(byte 1\)"):
        read_lines(tmp_path / "video.csv")
    with pytest.raises(FileNotFoundError, match="nowhere: does not exist; give a list"):
        read_lines(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="is a folder; give a list"):
        read_lines(tmp_path)
    with pytest.raises(ValueError, match="has no header with a column path, so no columns verb"):
        rows(tmp_path, "1.mp4 0\n", ["verb"])


def test_a_field_that_is_too_long_is_refused(tmp_path):
    (tmp_path / "list.csv").write_text(f"path,label\na.mp4,{'a' * 200_000}\n")
    with pytest.raises(ValueError, match=r"list\.csv, line 2: is none of a list: field larger"):
        read_listing(tmp_path / "list.csv")
