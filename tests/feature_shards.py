"""Small shards of features, whose rows tell by their numbers of which video and view they are."""

from pathlib import Path

import torch

from vidmask.features import ShardWriter

CLASSES = {"motion": ("left", "right", "still")}
MADE_BY = {"encoder": "vidmask.models.VideoViT", "weights": "abc", "frames": 4, "size": 16}


def rows(pairs: list[tuple[int, int]], names: tuple[str, ...] = ("features",), labelled: bool = True) -> dict:
    """Rows that tell by their numbers of which video and view they are."""
    video, view = torch.tensor(pairs).T
    mark = (10 * video + view).float()
    made = {"video_index": video, "view": view, "start_seconds": mark / 100}
    made |= {"label/motion": video % 3} if labelled else {}
    vectors = {
        "features": mark[:, None] + torch.arange(3) / 10,
        "tokens": mark[:, None, None] + torch.arange(6).view(2, 3),
        "cls": -mark[:, None].expand(-1, 3),
    }
    return made | {name: vectors[name] for name in names}


def write(
    folder: Path, pairs: list, rank: int = 0, num_ranks: int = 1, split: str = "train", **options
) -> None:
    names, labelled = options.pop("names", ("features",)), options.pop("labelled", True)
    given = {"classes": CLASSES, "made_by": MADE_BY} | options
    writer = ShardWriter(folder, split, rank, num_ranks, **given)
    for place in range(0, len(pairs), 2):
        part = pairs[place : place + 2]
        writer.add(rows(part, names, labelled), [f"/data/{video}.mp4" for video, _ in part])
    writer.close()
