"""What counts as a source."""

import hashlib
import time

import pytest

from vidmask.data.sources import VideoFolder, VideoSource, fingerprint
from vidmask.data.sources.paths import ListedSource, VideoPaths


def test_a_class_with_the_methods_of_a_source_is_one():
    class Mine:
        def __init__(self):
            self.classes = {}

        def prepare(self):
            """Nothing to do."""

        def split(self, split):
            return None

    assert isinstance(Mine(), VideoSource)
    assert VideoSource in VideoFolder.__mro__


def test_a_class_without_them_is_none():
    assert not isinstance(object(), VideoSource)


def source(*paths: str, folder: str = "/data", labels: tuple[int, ...] = (0, 1)) -> ListedSource:
    return ListedSource({"class": ["a", "b"]}, {"train": VideoPaths(folder, paths, {"class": labels})})


def test_the_fingerprint_is_the_hash_of_paths_below_their_common_folder_and_of_labels():
    lines = b"a/1.mp4\0{'class': 0}\nab/2.mp4\0{'class': 1}\n"
    expected = hashlib.sha256(lines).hexdigest()
    assert fingerprint(source("a/1.mp4", "ab/2.mp4")) == expected
    assert fingerprint(source("a/1.mp4", "ab/2.mp4", folder="/moved/elsewhere")) == expected
    assert fingerprint(source("deep/er/a/1.mp4", "deep/er/ab/2.mp4")) == expected


@pytest.mark.parametrize(
    "other",
    [
        source("ab/2.mp4", "a/1.mp4", labels=(1, 0)),
        source("a/1.mp4", "ab/2.mp4", labels=(0, 0)),
        source("a/1.mp4", "ab/3.mp4"),
        source("a/1.mp4", "ab/2.mp4", "ab/3.mp4", labels=(0, 1, 1)),
        ListedSource({}, {"train": VideoPaths("", ["a/1.mp4", "ab/2.mp4"], {})}),
        ListedSource({}, {}),
    ],
)
def test_order_labels_and_number_of_videos_change_the_fingerprint(other):
    assert fingerprint(other) != fingerprint(source("a/1.mp4", "ab/2.mp4"))


def test_a_name_that_is_no_text_has_a_fingerprint():
    name = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    assert fingerprint(source(name, "b.mp4")) != fingerprint(source("cafe.mp4", "b.mp4"))


def test_a_million_videos_have_a_fingerprint_in_seconds():
    number = 20_000
    paths = [f"class_{place % 400}/{place:011d}_000001_000011.mp4" for place in range(number)]
    many = source(*paths, labels=tuple(place % 400 for place in range(number)))
    start = time.perf_counter()
    fingerprint(many)
    assert time.perf_counter() - start < 1.0
