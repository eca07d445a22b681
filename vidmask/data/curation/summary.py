"""What a check found out, in a few lines: verdicts, reasons, hours, and files that are the same."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from vidmask.data.manifest import Record, Verdict
from vidmask.data.words import counted, escaped

_MOST_REASONS = 12
# Numbers and quoted names in a reason differ from file to file.
_PARTICULAR = re.compile(r"'[^']*'|(?<!\w)-?\d+(?:[.,×:]\d+)*|(?<=link to )\S.*(?=, wh)")


class Summary:
    """Counts over the rows of a manifest.

    Args:
        records: The rows.

    Attributes:
        verdicts: How many rows of each verdict there are.
        hours: Hours of video that can be read, over all rows.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self.verdicts: Counter[str] = Counter()
        self.hours = 0.0
        self._splits: dict[str, Counter[str]] = {}
        self._reasons: dict[str, Counter[str]] = {"broken": Counter(), "suspect": Counter()}
        # The first file of a verdict and a kind of reason, with its own reason.
        self._examples: dict[tuple[str, str], tuple[str, str]] = {}
        self._differing: set[tuple[str, str]] = set()
        # By half of the hash: the first file of each content, and all files of those that have several.
        self._first: dict[bytes, tuple[str, str]] = {}
        self._alike: dict[bytes, list[tuple[str, str]]] = {}
        for record in records:
            self._add(record)

    def _add(self, record: Record) -> None:
        self.verdicts[record.verdict] += 1
        self._splits.setdefault(record.split, Counter())[record.verdict] += 1
        if record.verdict != "ok":
            kind, own = general_reason(record.reason), record.reason.partition("; ")[0]
            self._reasons[record.verdict][kind] += 1
            _, told = self._examples.setdefault((record.verdict, kind), (record.path, own))
            if told != own:
                self._differing.add((record.verdict, kind))
        if record.verdict == "broken":
            return
        self.hours += (record.duration_seconds or 0.0) / 3600
        if record.sha256:
            content = bytes.fromhex(record.sha256)[:16]
            place = (record.split, record.path)
            if self._first.setdefault(content, place) != place:
                self._alike.setdefault(content, [self._first[content]]).append(place)

    def lines(self, others: Mapping[str, int]) -> Iterator[str]:
        """Yield the lines to print.

        Args:
            others: How many files of other endings lie beside the videos.
        """
        total = self.verdicts.total()
        yield "  ".join(f"{self.verdicts[verdict]} {verdict}" for verdict in get_args(Verdict))
        if len(self._splits) > 1:
            for split, verdicts in self._splits.items():
                counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in get_args(Verdict))
                yield f"  {split}: {counts}"
        yield f"{self.hours:.2f} hours of video that can be read, in {total - self.verdicts['broken']} files"
        for verdict, reasons in self._reasons.items():
            if not reasons:
                continue
            yield f"{verdict}:"
            for kind, number in reasons.most_common(_MOST_REASONS):
                path, own = self._examples[verdict, kind]
                # Without what is particular only where it differs from file to file.
                reason = kind if (verdict, kind) in self._differing else own
                yield f"  {number:>6}  {reason}, such as {escaped(path)}"
            left = reasons.total() - sum(number for _, number in reasons.most_common(_MOST_REASONS))
            if left:
                yield f"  {left:>6}  for {len(reasons) - _MOST_REASONS} other reasons"
        yield from self._same_files()
        if others:
            endings = ", ".join(
                f"{number} {ending or 'without ending'}" for ending, number in Counter(others).most_common(8)
            )
            yield f"left aside, as they are not named like videos: {endings}"

    def _same_files(self) -> Iterator[str]:
        across: dict[tuple[str, str], list[tuple[str, str]]] = {}
        again: list[tuple[str, str]] = []
        for places in self._alike.values():
            first: dict[str, str] = {}
            for split, path in places:
                if first.setdefault(split, path) != path:
                    again.append((first[split], path))
            for split, path in first.items():
                # Data sets without a validation split use the test videos as both, under the same path.
                if split != "train" and "train" in first:
                    across.setdefault(("train", split), []).append((first["train"], path))
                elif split == "test" and first.get("val", path) != path:
                    across.setdefault(("val", split), []).append((first["val"], path))
        for (one, other), pairs in across.items():
            yield (
                f"warning: {len(pairs)} of the videos of {other} are in {one} too, to the byte, such as "
                f"{escaped(pairs[0][1])} = {escaped(pairs[0][0])}"
            )
        if again:
            yield (
                f"{counted(len(again), 'video')} to the byte like another of the same split, such as "
                f"{escaped(again[0][1])} = {escaped(again[0][0])}"
            )


def general_reason(reason: str) -> str:
    """Return the first of the reasons, without what is particular to the file."""
    return _PARTICULAR.sub("…", reason.partition("; ")[0])
