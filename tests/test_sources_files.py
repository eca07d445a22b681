"""What lies below a folder, and what does not."""

from pathlib import Path

import pytest

from vidmask.data.sources import files
from vidmask.data.sources.files import by_stem, find_videos, missing_paths, named


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_videos_come_in_alphabetical_order_of_their_folders(tmp_path):
    touch(tmp_path, "a/x.mp4", "a-1/y.mp4", "b.AVI", "a/deep/er/z.mkv", ".git/k.mp4", "a/.k.mp4", "a/n.txt")
    touch(tmp_path, "README", "a/m.txt")
    found = find_videos(tmp_path)
    assert found.videos == ["a/deep/er/z.mkv", "a/x.mp4", "a-1/y.mp4", "b.AVI"]
    assert dict(found.others) == {".txt": 2, "": 1}
    assert found.broken == []


def test_links_are_followed_unless_they_lead_back_up(tmp_path):
    touch(tmp_path, "root/a/1.mp4", "elsewhere/deep/2.mp4")
    (tmp_path / "root/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/a/up").symlink_to(tmp_path / "root")
    (tmp_path / "elsewhere/further_up").symlink_to(tmp_path)
    assert find_videos(tmp_path / "root").videos == ["a/1.mp4", "b/deep/2.mp4"]


def test_what_is_left_aside_is_told(tmp_path, caplog):
    touch(tmp_path, "1.mp4", *(f"{number}.jpg" for number in range(3)))
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    find_videos(tmp_path).tell_others(tmp_path)
    assert [(record.levelname, record.getMessage().partition(": ")[2]) for record in caplog.records] == [
        ("WARNING", "1 name (gone.mp4) left out: no file, but a link that leads nowhere, a pipe or the like"),
        ("WARNING", "3 files left aside that are no videos: 3 .jpg"),
    ]


def test_a_few_other_files_are_told_quietly(tmp_path, caplog):
    touch(tmp_path, "1.mp4", "2.mp4", "notes.txt")
    with caplog.at_level("INFO"):
        find_videos(tmp_path).tell_others(tmp_path)
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.mp4")
    scandir = files.os.scandir

    def refuse(path):
        if str(path).endswith("/a"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(files.os, "scandir", refuse)
    with pytest.raises(PermissionError):
        find_videos(tmp_path)


def test_two_videos_of_one_name_are_refused():
    assert by_stem("root", ["a/1.mp4", "b/1.avi"]) == {"a/1": "a/1.mp4", "b/1": "b/1.avi"}
    with pytest.raises(ValueError, match=r"root: holds a/1\.mp4 and a/1\.avi"):
        by_stem("root", ["a/1.mp4", "a/1.avi"])


def test_what_is_missing_is_found_whatever_the_paths(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.mp4", "a/2.mp4", "b/3.mp4")
    (tmp_path / "a/link.mp4").symlink_to(tmp_path / "nowhere")
    there = ["a/1.mp4", "a/2.mp4", "b/3.mp4", str(tmp_path / "a/1.mp4"), "a/../b/3.mp4", "a"]
    gone = ["a/3.mp4", "c/1.mp4", "c/2.mp4", "a/1.mp4/x", "a/1.mp4/y", "a/link.mp4", "/nowhere/1.mp4"]
    assert missing_paths(str(tmp_path), [*there, *gone]) == gone
    monkeypatch.chdir(tmp_path)
    assert missing_paths("", ["a/1.mp4", "1.mp4", "3.mp4"]) == ["1.mp4", "3.mp4"]


def test_a_folder_is_listed_once_for_all_its_files(tmp_path, monkeypatch):
    touch(tmp_path, *(f"{number}.mp4" for number in range(5)))
    asked = []
    monkeypatch.setattr(files.os.path, "exists", lambda path: asked.append(path) or True)
    assert missing_paths(str(tmp_path), [f"{number}.mp4" for number in range(6)]) == ["5.mp4"]
    assert asked == []


def test_a_few_are_named():
    assert named(["a", "b"], "link") == "2 links (a, b)"
    assert named(["a", "b", "c", "d"], "link") == "4 links (a, b, c, …)"


def test_a_link_to_itself_leads_nowhere(tmp_path):
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    (tmp_path / "folder").symlink_to("folder")
    found = find_videos(tmp_path)
    assert (found.videos, found.broken, found.others.total()) == (["a.mp4", "b.mp4"], ["loop.mp4"], 1)
    assert missing_paths(str(tmp_path), ["a.mp4", "loop.mp4"]) == ["loop.mp4"]
