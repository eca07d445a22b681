"""Kill training at random steps, resume it, and compare every sample with a run that was never stopped.

    python experiments/benchmarks/resume_after_kill.py --kills 20

For each number of workers and of ranks a small encoder trains on small videos: once without a stop, and then,
for each of the steps drawn, until it kills itself and all its processes there (SIGKILL), and on with
``--ckpt_path last``. Each process writes down what it is given at every step: path, start, crop, repeat, and
hashes of the pixels on the device (which tell the flip) and of the mask. Before the kill and from the
checkpoint on, all of it must be that of the run without a stop, in the same order.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from vidmask.cli import main as vidmask
from vidmask.pretraining import MaskedPretraining
from vidmask.tokens import ClipBatch

NUM_VIDEOS, NUM_EPOCHS, CLIPS_PER_STEP = 24, 4, 4
STEPS = NUM_VIDEOS // CLIPS_PER_STEP * NUM_EPOCHS

Rows = list[dict[str, Any]]


class Recorder(Callback):
    """Write down the samples of each step, and kill all of the run's processes before the step asked for."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: ClipBatch, batch_idx: int
    ) -> None:
        """Record, or kill."""
        step = trainer.global_step
        if str(step) == os.environ.get("KILL_AT_STEP") and trainer.is_global_zero:
            os.killpg(os.getpgrp(), signal.SIGKILL)
        assert isinstance(pl_module, MaskedPretraining)
        assert batch.boxes is not None
        mask = pl_module.mask(batch)
        samples = [
            {
                "video": Path(batch.paths[index]).name,
                "start": float(batch.start_seconds[index]),
                "crop": batch.boxes[index].tolist(),
                "view": int(batch.view[index]),
                "pixels": _hash(batch.clips[index].numpy()),
                "mask": _hash(mask.visible[index].numpy()),
            }
            for index in range(len(batch.paths))
        ]
        file = Path(os.environ["RECORD_FOLDER"], f"rank{trainer.global_rank}.jsonl")
        with file.open("a") as rows:
            rows.write(json.dumps({"step": step, "samples": samples}) + "\n")


def _hash(array: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=8).hexdigest()


def make_videos(folder: Path) -> None:
    """Write small videos of noise, each another."""
    folder.mkdir()
    for number in range(NUM_VIDEOS):
        noise = np.random.default_rng(number).integers(0, 256, (30, 32, 48, 3), np.uint8)
        with av.open(str(folder / f"{number:02d}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
            for picture in noise:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())


def train(
    folder: Path, root: Path, videos: Path, workers: int, ranks: int, repeats: int, kill_at: int | None
) -> bool:
    """Train in a process group of its own; resume where there is a run. Return whether it came to its end."""
    folder.mkdir(parents=True)
    resume = ["--ckpt_path", "last"] if root.exists() else []
    args = [
        *("fit", "--config", "quickstart/mae_st", "--run.root", str(root), *resume),
        *("--data.source=VideoFolder", "--data.root", str(videos), "--data.num_workers", str(workers)),
        *("--data.batch_size", str(CLIPS_PER_STEP // ranks), "--data.repeats", str(repeats)),
        *("--data.flip", "0.5", "--data.scale", "[0.3, 1.0]", "--data.stride_frames", "1"),
        *("--model.encoder.embed_dim", "24", "--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
        *("--trainer.accelerator", "cpu", "--trainer.max_epochs", str(NUM_EPOCHS)),
        *("--trainer.callbacks", "[{class_path: resume_after_kill.Recorder}]"),
        *("--checkpoint.every_n_train_steps", "2", "--trainer.enable_progress_bar", "false"),
    ]
    if ranks > 1:
        args += ["--trainer.devices", str(ranks), "--trainer.strategy", "ddp_fork"]
    child = os.fork()
    if child == 0:
        os.setsid()
        os.environ["RECORD_FOLDER"] = str(folder)
        if kill_at is not None:
            os.environ["KILL_AT_STEP"] = str(kill_at)
        with (folder / "output.txt").open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        code = 70
        try:
            code = vidmask(args)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    if ended != (0 if kill_at is None else -signal.SIGKILL):
        raise SystemExit(f"ended with {ended}:\n{(folder / 'output.txt').read_text()}")
    return ended == 0


def rows_of(folder: Path, rank: int) -> Rows:
    """Return what a process has written down."""
    return [json.loads(line) for line in (folder / f"rank{rank}.jsonl").read_text().splitlines()]


def compare(whole: Path, killed: Path, resumed: Path, ranks: int, kill_at: int) -> int:
    """Check the two parts against the whole and return the step at which the second begins."""
    begins = set()
    for rank in range(ranks):
        reference, before, after = (rows_of(folder, rank) for folder in (whole, killed, resumed))
        assert [row["step"] for row in reference] == list(range(STEPS)), "the whole run lacks steps"
        assert len(before) >= kill_at - (rank > 0), f"killed at {kill_at}, but {len(before)} steps written"
        assert before == reference[: len(before)], f"rank {rank} saw others before the kill"
        begin = after[0]["step"]
        assert kill_at - 4 <= begin <= kill_at, f"resumed at {begin} after a kill at {kill_at}"
        assert after == reference[begin:], f"rank {rank} saw others after resuming at {begin}"
        begins.add(begin)
    assert len(begins) == 1, f"the ranks resumed at different steps: {begins}"
    return begins.pop()


def check_ranks(one: Path, two: Path) -> None:
    """Check that two ranks together see at each step what one sees, no sample twice, each its own mask."""
    first, second = rows_of(two, 0), rows_of(two, 1)
    for whole, left, right in zip(rows_of(one, 0), first, second, strict=True):
        shares = left["samples"] + right["samples"]
        key = json.dumps
        assert sorted(map(key, shares)) == sorted(map(key, whole["samples"])), "ranks see other samples"
        assert len({(sample["video"], sample["view"]) for sample in shares}) == len(shares), "a sample twice"
        assert not {s["mask"] for s in left["samples"]} & {s["mask"] for s in right["samples"]}, "equal masks"


def main() -> None:
    """Run all settings and print a line for each."""
    parser = argparse.ArgumentParser(description="Kill and resume training, and compare all samples.")
    parser.add_argument("--kills", type=int, default=20, help="kills for each setting")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=2, help="clips of each opened video, 1 or 2")
    parser.add_argument("--seed", type=int, default=0, help="of the steps that are drawn")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        make_videos(work / "videos")
        wholes = {}
        for workers in options.workers:
            for ranks in options.ranks:
                began = time.perf_counter()
                setting = (work / "videos", workers, ranks, options.repeats)
                name = f"workers{workers}-ranks{ranks}"
                whole = wholes[workers, ranks] = work / name / "whole"
                train(whole, work / name / "runs", *setting, None)
                # The first checkpoint comes after two steps.
                steps = [chance.randint(3, STEPS - 1) for _ in range(options.kills)]
                for number, step in enumerate(steps):
                    root = work / name / f"runs{number}"
                    killed, resumed = (work / name / f"{part}{number}" for part in ("killed", "resumed"))
                    train(killed, root, *setting, step)
                    train(resumed, root, *setting, None)
                    compare(whole, killed, resumed, ranks, step)
                seconds = time.perf_counter() - began
                print(
                    f"{workers} workers, {ranks} rank(s): {len(steps)} kills, at the steps "
                    f"{', '.join(map(str, steps))} of {STEPS}: all samples equal ({seconds:.0f} s)",
                    flush=True,
                )
        for workers in options.workers:
            if {1, 2} <= set(options.ranks):
                check_ranks(wholes[workers, 1], wholes[workers, 2])
                print(f"{workers} workers: two ranks see what one sees, no sample twice, other masks")


if __name__ == "__main__":
    main()
