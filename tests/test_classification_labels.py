"""Labels of the data against those of the heads."""

from types import SimpleNamespace

import pytest

from vidmask.classification.labels import check_labels


class Data:
    """Splits of videos with a label "class" of two classes."""

    def __init__(self, **splits: list[object]) -> None:
        self.classes = {"class": ("jump", "run")}
        self._splits = {
            name: SimpleNamespace(
                videos=[(f"{name}{place}.mp4", {"label": label}) for place, label in enumerate(labels)]
            )
            for name, labels in splits.items()
        }

    def dataset(self, split: str) -> object:
        return self._splits.get(split)


BOTH = [{"class": 0}, {"class": 1}]


def test_what_fits_is_accepted():
    check_labels(Data(train=BOTH, val=BOTH[:1]), {"class": 2}, "fit")
    check_labels(Data(train=[0, 1], test=[1]), {"class": 2}, "test")
    check_labels(Data(test=BOTH), {"class": 2}, "test")
    check_labels(SimpleNamespace(), {"class": 2}, "fit")


@pytest.mark.parametrize(
    ("data", "classes", "message"),
    [
        (
            Data(train=BOTH),
            {"motion": 2},
            "names the label 'motion', and the data have none such: its labels are class",
        ),
        (
            Data(train=BOTH),
            {"class": 7},
            r"model\.classes\.class is 7, and the data have 2 classes of it: set it to 2",
        ),
        (Data(train=[{"class": 0}, {}]), {"class": 2}, r"train1\.mp4: has no label 'class'"),
        (Data(train=[{"class": 2}]), {"class": 2}, r"train0\.mp4: its class of class is 2, and there are 2"),
        (
            Data(train=BOTH[:1], val=BOTH),
            {"class": 2},
            r"1 of the classes of class are in the split val and not in train \(run\)",
        ),
    ],
)
def test_what_contradicts_is_refused(data, classes, message):
    with pytest.raises(ValueError, match=message):
        check_labels(data, classes, "fit")


def test_unseen_classes_are_kept_if_so_asked_and_looked_for_in_what_is_scored():
    data = Data(train=BOTH[:1], val=BOTH[:1], test=BOTH)
    check_labels(data, {"class": 2}, "fit")
    check_labels(data, {"class": 2}, "test", unseen="keep")
    with pytest.raises(ValueError, match="split test and not in train"):
        check_labels(data, {"class": 2}, "test")


def test_unlabelled_data_are_told():
    data = Data(train=BOTH)
    data.classes = {}
    with pytest.raises(ValueError, match="its videos have no label"):
        check_labels(data, {"class": 2}, "fit")
