"""The answers to the videos of a split while they come in, on one rank or several."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch

from vidmask.evaluation.accuracy import top_k
from vidmask.evaluation.scores import VideoScores
from vidmask.evaluation.views import ViewAverage, ViewPart, join


class SplitAnswers(ViewAverage):
    """Collects the views of videos, and the videos that could not be decoded."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped: set[str] = set()

    def skip(self, paths: Iterable[str]) -> None:
        """Take note of videos that could not be decoded."""
        self._skipped.update(paths)

    def scores(
        self,
        *,
        num_videos: int,
        num_views: int,
        classes: Mapping[str, tuple[str, ...]],
        each_view: bool = False,
    ) -> VideoScores:
        """Bring together what all ranks have, and average the views of each video; see ``join``.

        Every rank calls it, and all get the same.

        Args:
            num_videos: Videos of the split.
            num_views: Views of each.
            classes: For each label the names of its classes.
            each_view: Whether every view is asked something of its own, and so has a row of its own.

        Raises:
            ValueError: If a view is lacking of a video that was not passed over.
        """
        parts: list[tuple[ViewPart, set[str]]] = [(self.part(), self._skipped)]
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            gathered: list[tuple[ViewPart, set[str]]] = parts * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(gathered, parts[0])
            parts = gathered
        views = [views for views, _ in parts]
        num_skipped = len(set().union(*(skipped for _, skipped in parts)))
        views_of_a_video = num_views
        if each_view:
            # As videos of one view each.
            views = [
                replace(part, video_index=part.video_index * num_views + part.view, view=part.view * 0)
                for part in views
            ]
            num_videos, num_skipped, num_views = num_videos * num_views, num_skipped * num_views, 1
        joined = join(
            views, num_videos=num_videos, num_views=num_views, classes=classes, num_skipped=num_skipped
        )
        if not each_view:
            return joined
        rows = joined.video_index
        return replace(joined, video_index=rows // views_of_a_video, view=rows % views_of_a_video)


def accuracies(scores: VideoScores) -> dict[str, float]:
    """Return top-1 of each label as ``<label>_top1``, and top-5 where there are more than five classes."""
    found: dict[str, float] = {}
    for label, probabilities in scores.probabilities.items():
        for k in (1, 5):
            if k == 1 or probabilities.shape[1] > k:
                right = top_k(probabilities, scores.truth[label], k)
                found[f"{label}_top{k}"] = right.double().mean().item()
    return found
