"""Which files a check looks at, of sources that are tidy and of folders that are not."""

import os
from pathlib import Path

import pytest
from layouts import hmdb51_tree, ssv2_frames_tree, text, ucf101_tree

from vidmask.data.curation.candidates import find_candidates
from vidmask.data.manifest import Record, read_manifest, write_manifest


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(word: object, root: Path) -> list[tuple[str, str, dict[str, int]]]:
    return [
        (os.path.relpath(each.path, root), each.split, each.labels) for each in find_candidates(str(word))
    ]


def test_a_tidy_folder_is_what_its_source_says(tmp_path: Path) -> None:
    touch(tmp_path, "train/run/a.mp4", "train/jump/b.mp4", "val/run/c.mp4", "train/notes.txt")
    candidates = find_candidates(str(tmp_path))
    assert found(tmp_path, tmp_path) == [
        ("train/jump/b.mp4", "train", {"class": 0}),
        ("train/run/a.mp4", "train", {"class": 1}),
        ("val/run/c.mp4", "val", {"class": 1}),
    ]
    assert (len(candidates), candidates.refusal, dict(candidates.others)) == (3, "", {".txt": 1})
    first = next(iter(candidates))
    assert not first.may_be_folder or first.path.endswith(".mp4")
    record = candidates.record(first, {"verdict": "ok", "reason": "read"})
    assert (record.labels, record.numbers) == ({"class": "jump"}, {"class": (0, 2)})


def test_what_a_folder_source_passes_over_is_checked(tmp_path: Path) -> None:
    touch(tmp_path, "run/a.mp4", ".hidden/b.mp4")
    (tmp_path / "run/link.mp4").symlink_to("nowhere")
    (tmp_path / "run/folder.mp4/deep").mkdir(parents=True)
    assert found(tmp_path, tmp_path) == [
        ("run/a.mp4", "train", {"class": 0}),
        ("run/folder.mp4", "train", {}),
        ("run/link.mp4", "train", {}),
    ]
    assert [each.may_be_folder for each in find_candidates(str(tmp_path))][1:] == [False, False]


def test_a_mixed_folder_is_checked_all_the_same(tmp_path: Path) -> None:
    touch(tmp_path, "run/a.mp4", "loose.mp4", "jump/deep/b.mp4")
    assert found(tmp_path, tmp_path) == [
        ("jump/deep/b.mp4", "train", {"class": 0}),
        ("run/a.mp4", "train", {"class": 1}),
        ("loose.mp4", "train", {}),
    ]
    assert "some videos lie in a class folder and some do not" in find_candidates(str(tmp_path)).refusal


def test_folders_named_as_splits_are_taken_for_them(tmp_path: Path) -> None:
    touch(tmp_path, "train/run/a.mp4", "validation/run/b.mp4", "Test/run/c.mp4")
    assert found(tmp_path, tmp_path) == [
        ("train/run/a.mp4", "train", {"class": 0}),
        ("validation/run/b.mp4", "val", {"class": 0}),
        ("Test/run/c.mp4", "test", {"class": 0}),
    ]


def test_a_folder_of_dead_links_alone_is_checked(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to("nowhere")
    assert found(tmp_path, tmp_path) == [("a.mp4", "train", {})]
    (tmp_path / "a.mp4").unlink()
    with pytest.raises(ValueError, match="holds no video"):
        find_candidates(str(tmp_path))


def test_the_folder_of_a_data_set_is_named(tmp_path: Path) -> None:
    ucf101_tree(tmp_path)
    with pytest.raises(ValueError, match="is laid out as ucf101; give ucf101:"):
        find_candidates(str(tmp_path))
    assert len(find_candidates(f"ucf101:{tmp_path}:2")) == 8


def test_folders_of_frames_are_videos(tmp_path: Path) -> None:
    candidates = list(find_candidates(f"ssv2_frames:{ssv2_frames_tree(tmp_path)}"))
    assert len(candidates) == 6
    assert all(each.may_be_folder for each in candidates)


def test_a_split_may_hold_the_videos_of_another(tmp_path: Path) -> None:
    splits = [split for _, split, _ in found(f"hmdb51:{hmdb51_tree(tmp_path)}", tmp_path)]
    assert splits == ["train"] * 4 + ["val"] * 2 + ["test"] * 2


def test_lines_of_a_list_without_a_file_are_checked(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "c.mp4")
    text(tmp_path / "list.txt", "a.mp4 1", "b.mp4 0", "c.mp4 0")
    assert found(tmp_path / "list.txt", tmp_path) == [
        ("a.mp4", "train", {"class": 1}),
        ("c.mp4", "train", {"class": 0}),
        ("b.mp4", "train", {}),
    ]
    text(tmp_path / "other.txt", "x/a.mp4 1", "x/b.mp4 0")
    with pytest.raises(FileNotFoundError, match=r"2 of 2 videos .* are not there"):
        find_candidates(str(tmp_path / "other.txt"))


def test_a_manifest_is_checked_with_its_broken_rows(tmp_path: Path) -> None:
    records = [
        Record(str(tmp_path / "a.mp4"), "train", {"class": "z"}, "broken", "so", numbers={"class": (0, 3)}),
        Record(str(tmp_path / "b.mp4"), "val", {}, "ok", "so"),
    ]
    write_manifest(tmp_path / "m.csv", records)
    candidates = find_candidates(str(tmp_path / "m.csv"))
    again = [candidates.record(each, {"verdict": "ok", "reason": "so"}) for each in candidates]
    assert [(each.path, each.split, each.labels, each.numbers) for each in again] == [
        (each.path, each.split, each.labels, each.numbers) for each in records
    ]
    assert read_manifest(tmp_path / "m.csv") == records


@pytest.mark.parametrize("word", ["nowhere/", "kinetics401:x", ""])
def test_what_is_not_there_is_told(word: str) -> None:
    with pytest.raises((FileNotFoundError, ValueError)):
        find_candidates(word)
