"""Miniatures of the published data sets, each in its own layout."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from videos import numbered_picture, write_numbered

NUM_FRAMES = 30

CODECS = {".mp4": "libx264", ".avi": "mpeg4", ".webm": "libvpx-vp9"}

SSV2_TEMPLATES = ("Pushing [something] so that it falls off [something]", "Closing [something]")
SSV2_CLASSES = ("Closing something", "Pushing something so that it falls off something")


@cache
def content(suffix: str) -> bytes:
    """Return a video of 30 numbered frames of 64×32 pixels."""
    with TemporaryDirectory() as folder:
        path = write_numbered(Path(folder) / f"video{suffix}", NUM_FRAMES, codec=CODECS[suffix])
        return path.read_bytes()


def video(path: Path) -> Path:
    """Write a video to a file whose folder need not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(path.suffix))
    return path


def text(path: Path, *lines: str) -> Path:
    """Write lines to a file whose folder need not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def kinetics_tree(root: Path, version: int = 400, *, annotated: bool = False) -> Path:
    """Make Kinetics: in class folders, or as CVDF's flat folders with annotations.

    Two classes; 4 training, 2 validation and 2 test videos. The annotation of the training split names a
    fifth, which is not there.
    """
    del version  # they are laid out alike
    for split, count in (("train", 2), ("val", 1), ("test", 1)):
        rows = []
        for place, name in enumerate(("air drumming", "petting animal (not cat)")):
            for number in range(count):
                youtube_id, start = f"{split}_{place}-{number}".ljust(11, "_"), 10 * number
                stem = f"{youtube_id}_{start:06d}_{start + 10:06d}"
                folder = root / split if annotated else root / split / name
                video(folder / f"{stem}.mp4")
                rows.append(f"{name},{youtube_id},{start},{start + 10},{split}")
        if annotated:
            rows += ["air drumming,gone_______,5,15,train"] if split == "train" else []
            text(root / "annotations" / f"{split}.csv", "label,youtube_id,time_start,time_end,split", *rows)
    return root


def ssv2_lists(root: Path) -> dict[str, list[str]]:
    """Write the lists of Something-Something V2 and return the ids of each split."""
    labels = root / "labels"
    labels.mkdir(parents=True)
    (labels / "labels.json").write_text(json.dumps({name: str(i) for i, name in enumerate(SSV2_CLASSES)}))
    ids: dict[str, list[str]] = {}
    for split, first, count in (("train", 1, 4), ("validation", 11, 2), ("test", 21, 2)):
        ids[split] = [str(first + number) for number in range(count)]
        entries = [{"id": name} for name in ids[split]]
        if split != "test":
            entries = [
                {"id": name, "label": "pushing a cup", "template": SSV2_TEMPLATES[int(name) % 2]}
                for name in ids[split]
            ]
        (labels / f"{split}.json").write_text(json.dumps(entries))
    return ids


def ssv2_tree(root: Path) -> Path:
    """Make Something-Something V2 as WebM: two classes; 4 training, 2 validation and 2 test videos."""
    for ids in ssv2_lists(root).values():
        for name in ids:
            video(root / "20bn-something-something-v2" / f"{name}.webm")
    return root


def ssv2_frames_tree(root: Path) -> Path:
    """Make the same as folders of frames with PyTorchVideo's lists, the test split left out."""
    ids = ssv2_lists(root)
    (root / "labels" / "test.json").unlink()
    for split, word in (("train", "train"), ("val", "validation")):
        lines = ["original_vido_id video_id frame_id path labels"]
        for number, name in enumerate(ids[word]):
            (root / "frames" / name).mkdir(parents=True)
            for frame in range(NUM_FRAMES):
                path = f"{name}/{name}_{frame + 1:06d}.jpg"
                Image.fromarray(numbered_picture(frame)).save(root / "frames" / path)
                lines.append(f'{name} {number} {frame} {path} ""')
        text(root / f"{split}.csv", *lines)
    return root


def ucf101_tree(root: Path) -> Path:
    """Make UCF101: two classes; in each fold 4 training and 2 test videos, other ones in each."""
    actions = ("ApplyEyeMakeup", "YoYo")
    for action in actions:
        for group in (1, 2, 3):
            video(root / "UCF-101" / action / f"v_{action}_g0{group}_c01.avi")
    lists = root / "ucfTrainTestlist"
    text(lists / "classInd.txt", *(f"{number} {action}" for number, action in enumerate(actions, 1)))
    for fold in (1, 2, 3):
        names = [(action, index, group) for index, action in enumerate(actions, 1) for group in (1, 2, 3)]
        text(
            lists / f"trainlist0{fold}.txt",
            *(f"{a}/v_{a}_g0{group}_c01.avi {i}" for a, i, group in names if group != fold),
        )
        text(
            lists / f"testlist0{fold}.txt",
            *(f"{a}/v_{a}_g0{group}_c01.avi" for a, _, group in names if group == fold),
        )
    return root


def hmdb51_tree(root: Path) -> Path:
    """Make HMDB51: two classes; in each fold 4 training and 2 test videos, and 2 that are unused."""
    for action in ("brush_hair", "wave"):
        names = [f"clip#{number}_{action}_u_nm_np1_fr_med_0.avi" for number in range(4)]
        for name in names:
            video(root / "videos" / action / name)
        for fold in (1, 2, 3):
            kinds = {0: 0, fold: 2}
            lines = [f"{name} {kinds.get(number, 1)} " for number, name in enumerate(names)]
            text(root / "splits" / f"{action}_test_split{fold}.txt", *lines)
    return root
