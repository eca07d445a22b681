"""Whether the labels of the data are those that a classifier's heads were made for, before the first step."""

from collections.abc import Mapping
from typing import Any, Literal

from vidmask.data.clips import class_indices

_NAMED = 3


def check_labels(
    data: Any, classes: Mapping[str, int], stage: str, unseen: Literal["raise", "keep"] = "raise"
) -> None:
    """Compare labels, class counts and classes in use.

    Args:
        data: The data module; one that does not tell its classes is not looked at.
        classes: For each label the number of classes that a head has.
        stage: Lightning's: ``fit``, ``validate`` or ``test``.
        unseen: What a class does that is scored and was not trained on.

    Raises:
        ValueError: If a label is missing, its classes are of another number, an index lies outside, or
            validation or test videos have a class that no training video has.
    """
    known: Mapping[str, tuple[str, ...]] | None = getattr(data, "classes", None)
    if known is None:
        return
    for name, number in classes.items():
        if name not in known:
            told = f"its labels are {', '.join(known)}" if known else "its videos have no label"
            raise ValueError(f"model.classes names the label {name!r}, and the data have none such: {told}")
        if len(known[name]) != number:
            raise ValueError(
                f"model.classes.{name} is {number}, and the data have {len(known[name])} classes of it: "
                f"set it to {len(known[name])}"
            )
    tested = getattr(data, "test_split", "test")
    scored = {"fit": ("val",), "validate": ("val",), "test": (tested,)}.get(stage, ())
    trained = _in_use(data, "train", known, classes)
    for split in scored:
        for name, indices in _in_use(data, split, known, classes).items():
            new = sorted(indices - trained.get(name, indices))
            if new and unseen == "raise":
                names = ", ".join(known[name][index] for index in new[:_NAMED])
                more = ", …" if len(new) > _NAMED else ""
                raise ValueError(
                    f"{len(new)} of the classes of {name} are in the split {split} and not in train "
                    f"({names}{more}): no model can answer them; model.unseen_classes keep scores them anyway"
                )


def _in_use(
    data: Any, split: str, known: Mapping[str, tuple[str, ...]], classes: Mapping[str, int]
) -> dict[str, set[int]]:
    """Return the class indices of a split for each label; nothing where there is no such split."""
    clips = data.dataset(split) if hasattr(data, "dataset") else None
    if clips is None:
        return {}
    found: dict[str, set[int]] = {name: set() for name in classes}
    for index in range(len(clips.videos)):
        path, info = clips.videos[index]
        labels = class_indices(info["label"])
        for name in classes:
            if name not in labels:
                raise ValueError(f"{path}: has no label {name!r}, which model.classes names")
            if not 0 <= labels[name] < len(known[name]):
                raise ValueError(
                    f"{path}: its class of {name} is {labels[name]}, and there are {len(known[name])}"
                )
            found[name].add(labels[name])
    return found
