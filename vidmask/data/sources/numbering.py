"""The numbers of the classes of a manifest: those that its rows tell, or else alphabetical ones."""

from collections.abc import Iterable, Mapping

from vidmask.data.manifest import Record
from vidmask.data.sources.files import named


class Numbering:
    """The classes of each label in the order in which rows name them, and then their numbers."""

    def __init__(self) -> None:
        self._met: dict[str, dict[str, int]] = {}
        self._told: dict[str, dict[str, tuple[int, int]]] = {}
        self._indices: dict[str, list[int]] = {}

    def add(self, record: Record) -> dict[str, int]:
        """Return the place of each class of a video among those met, which costs less than its name.

        Raises:
            ValueError: If its number is not that of an earlier row.
        """
        places: dict[str, int] = {}
        for label, name in record.labels.items():
            met, told = self._met.setdefault(label, {}), self._told.setdefault(label, {})
            number = record.numbers.get(label)
            if name not in met and number is not None:
                told[name] = number
            places[label] = met.setdefault(name, len(met))
            if told.get(name) != number:
                raise ValueError(f"the class {name!r} has another number than in the rows before")
        return places

    def classes(self) -> dict[str, tuple[str, ...]]:
        """Return the classes of each label in the order of their numbers.

        Raises:
            ValueError: If two have the same number, or some have none.
        """
        found: dict[str, tuple[str, ...]] = {}
        for label, met in self._met.items():
            told = self._told[label]
            found[label] = _in_order(label, met, told) if told else tuple(sorted(met))
            index = {name: number for number, name in enumerate(found[label])}
            self._indices[label] = [index[name] for name in met]
        return found

    def index(self, label: str, place: int) -> int:
        """Return the number of a class, once ``classes`` has been asked for, by its place among those met."""
        return self._indices[label][place]


def _in_order(label: str, met: Iterable[str], told: Mapping[str, tuple[int, int]]) -> tuple[str, ...]:
    lacking = [name for name in met if name not in told]
    if lacking:
        raise ValueError(f"label {label!r}: no number for {named(lacking, 'class')}, and others have one")
    sizes = {size for _, size in told.values()}
    if len(sizes) > 1:
        raise ValueError(f"label {label!r}: some rows tell {min(sizes)} classes, and some {max(sizes)}")
    names: dict[int, str] = {}
    for name, (number, _) in told.items():
        if names.setdefault(number, name) != name:
            raise ValueError(f"label {label!r}: {names[number]!r} and {name!r} both have the number {number}")
    return tuple(names.get(number, f"class {number}") for number in range(sizes.pop()))
