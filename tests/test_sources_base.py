"""What counts as a source."""

from vidmask.data.sources import VideoFolder, VideoSource


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
