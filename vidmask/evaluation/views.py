"""The test on several views of a video: softmax of each, averaged for the video."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vidmask.data.words import counted, printable
from vidmask.evaluation.scores import VideoScores

# How far the probabilities of a view may sum up from 1: bfloat16 keeps 8 binary digits of each.
_SUM_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class ViewPart:
    """The views that one rank has tested, in any order, on the host.

    Attributes:
        video_index: Place of each view's video in its split.
        view: Which view of the video it is.
        probabilities: For each label name the softmax over its classes, of each view.
        truth: For each label name the class of each view's video.
        paths: The file of each view's video.
    """

    video_index: Int[Tensor, " s"]
    view: Int[Tensor, " s"]
    probabilities: dict[str, Float[Tensor, "s _"]]
    truth: dict[str, Int[Tensor, " s"]]
    paths: list[str]


class ViewAverage:
    """Collect single views during a test, in any order and in any batches.

    ``join`` averages them, of one rank or of several.
    """

    def __init__(self) -> None:
        self._parts: list[ViewPart] = []

    def add(
        self,
        video_index: Int[Tensor, " b"],
        view: Int[Tensor, " b"],
        probabilities: Mapping[str, Float[Tensor, "b _"]],
        truth: Mapping[str, Int[Tensor, " b"]],
        paths: Sequence[str],
    ) -> None:
        """Add the views of a batch.

        Args:
            video_index: Place of each view's video in its split.
            view: Which view of the video it is, counted from 0.
            probabilities: For each label name the softmax over its classes.
            truth: For each label name the class of each video.
            paths: The file of each video.

        Raises:
            ValueError: If the numbers of a view do not sum to 1, so that they are no probabilities.
        """
        part = ViewPart(
            _on_host(video_index),
            _on_host(view),
            {label: _on_host(rows) for label, rows in probabilities.items()},
            {label: _on_host(classes) for label, classes in truth.items()},
            list(paths),
        )
        for label, rows in part.probabilities.items():
            sums = rows.double().sum(dim=1)
            # Not the other way round: a sum that is not a number is no probability either.
            wrong = (~((sums - 1).abs() <= _SUM_TOLERANCE)).nonzero()
            if len(wrong):
                place = int(wrong[0])
                raise ValueError(
                    f"{printable(part.paths[place])}: probabilities of {printable(label)!r} must sum to 1, "
                    f"got {sums[place].item():.4g}"
                )
        self._parts.append(part)

    def part(self) -> ViewPart:
        """Return all views that were added, in that order."""
        if not self._parts:
            nothing = torch.empty(0, dtype=torch.int64)
            return ViewPart(nothing, nothing, {}, {}, [])
        return _concatenated(self._parts)


def join(
    parts: Sequence[ViewPart],
    *,
    num_videos: int,
    num_views: int,
    classes: Mapping[str, tuple[str, ...]],
    num_skipped: int = 0,
) -> VideoScores:
    """Average the views of each video, whichever rank tested them.

    The mean of the softmax over temporal and spatial views (arXiv 2205.09113, section 4; VideoMAE's code does
    the same), in float64, view 0 first: however the views are spread over ranks, the sum has the same order
    and so the same bits. A view that is there twice counts once, the first that is met in ``parts``: the
    last batch of a rank is filled up with videos that another rank has too.

    Args:
        parts: What each rank has, in the order of ranks.
        num_videos: Videos of the split; ``video_index`` lies below it.
        num_views: Views of each video.
        classes: For each label name the names of its classes, in index order.
        num_skipped: How many of the videos were passed over because they could not be decoded.

    Returns:
        One row for each video, in the order of the split.

    Raises:
        ValueError: If a video is missing that was not passed over, has other than ``num_views`` views, or
            goes by two paths or two classes.
    """
    parts = [part for part in parts if part.paths]
    if not parts:
        raise ValueError(f"no view was tested, expected {num_views} of each of {num_videos} videos")
    every = _concatenated(parts)
    rows = _rows(every, num_videos, num_views, num_skipped)
    first = rows[:, 0]
    _check_same(every, rows)
    return VideoScores(
        paths=[every.paths[place] for place in first.tolist()],
        video_index=every.video_index[first],
        truth={label: truth[first] for label, truth in every.truth.items()},
        probabilities={label: _mean(views, rows) for label, views in every.probabilities.items()},
        classes=dict(classes),
    )


def _rows(every: ViewPart, num_videos: int, num_views: int, num_skipped: int) -> Int[Tensor, "v views"]:
    """Return for each video where its views are, view 0 first."""
    for name, places, end in (("video", every.video_index, num_videos), ("view", every.view, num_views)):
        outside = ((places < 0) | (places >= end)).nonzero()
        if len(outside):
            place = int(outside[0])
            raise ValueError(
                f"{printable(every.paths[place])}: {name} {int(places[place])} of {counted(end, name)}, "
                "counted from 0"
            )
    keys, order = (every.video_index * num_views + every.view).sort(stable=True)
    is_first = torch.cat([torch.ones(1, dtype=torch.bool), keys.diff() > 0])
    order = order[is_first]
    views = every.video_index[order].bincount(minlength=num_videos)
    incomplete = ((views > 0) & (views < num_views)).nonzero()
    if len(incomplete):
        video = int(incomplete[0])
        path = every.paths[int((every.video_index == video).nonzero()[0])]
        raise ValueError(
            f"video {video} ({printable(path)}) has {counted(int(views[video]), 'view')}, "
            f"expected {num_views}"
        )
    missing = (views == 0).nonzero().flatten().tolist()
    if len(missing) != num_skipped:
        named = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise ValueError(
            f"{len(missing)} of {counted(num_videos, 'video')} have no view"
            + (f" (video {named})" if missing else "")
            + f", expected {num_skipped} to be passed over"
        )
    return order.reshape(-1, num_views)


def _check_same(every: ViewPart, rows: Int[Tensor, "v views"]) -> None:
    """Refuse a video that goes by two names or two classes: its views are of two videos."""
    first = rows[:, :1]
    for row in rows.tolist():
        paths = list(dict.fromkeys(every.paths[place] for place in row))
        if len(paths) > 1:
            raise ValueError(
                f"video {int(every.video_index[row[0]])} goes by two paths: {printable(paths[0])} and "
                f"{printable(paths[1])}"
            )
    for label, truth in every.truth.items():
        others = (truth[rows] != truth[first]).nonzero()
        if len(others):
            row = rows[others[0, 0]]
            raise ValueError(
                f"video {int(every.video_index[row[0]])} ({printable(every.paths[int(row[0])])}) has two "
                f"classes {printable(label)!r}: {int(truth[row[0]])} and {int(truth[row[others[0, 1]]])}"
            )


def _mean(views: Float[Tensor, "s c"], rows: Int[Tensor, "v views"]) -> Float[Tensor, "v c"]:
    total = views.new_zeros(len(rows), views.shape[1], dtype=torch.float64)
    for places in rows.T:
        total += views[places]
    return total / rows.shape[1]


def _concatenated(parts: Sequence[ViewPart]) -> ViewPart:
    labels = parts[0].probabilities
    return ViewPart(
        torch.cat([part.video_index for part in parts]),
        torch.cat([part.view for part in parts]),
        {label: torch.cat([part.probabilities[label] for part in parts]) for label in labels},
        {label: torch.cat([part.truth[label] for part in parts]) for label in labels},
        [path for part in parts for path in part.paths],
    )


def _on_host(values: Tensor) -> Tensor:
    # A copy also where it is there already: a view of a large tensor would keep all of it.
    return values.detach().to("cpu", copy=True)
