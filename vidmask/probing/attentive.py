"""The attentive probe: a learned query over frozen tokens, with its settings chosen on training videos."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from vidmask.models.pooling import AttentivePooling
from vidmask.models.vit import Latents, VideoViT
from vidmask.optim import parameter_groups, warmup_cosine
from vidmask.probing.inputs import held_out

LEARNING_RATES = (1e-4, 3e-4, 1e-3, 3e-3)
WEIGHT_DECAYS = (0.01, 0.1, 0.4)

_HEADS = 16


class Setting(NamedTuple):
    """What a probe is trained with."""

    lr: float
    weight_decay: float


GRID = tuple(Setting(lr, weight_decay) for lr in LEARNING_RATES for weight_decay in WEIGHT_DECAYS)


@dataclass(frozen=True)
class Schedule:
    """How long and on what the probes are trained.

    Args:
        epochs: Passes over the training clips.
        batch_size: Clips in a batch.
        warmup: Share of the steps over which the learning rate rises; it falls by half a cosine after that.
        seed: Of the batches and of the first weights.

    Raises:
        ValueError: If a number is out of range.
    """

    epochs: int = 20
    batch_size: int = 256
    warmup: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("batch_size", self.batch_size)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup is a share of the steps, from 0 to below 1, got {self.warmup}")


class AttentiveProbe(nn.Module):
    """``AttentivePooling`` and a linear head.

    It has the 16 heads of the original, or where the width is no multiple of 16 the greatest power of two
    below that divides it.

    Args:
        width: Width of the tokens.
        num_classes: Number of classes.
    """

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        # The pooling reads its sizes off an encoder: one without weights has them too.
        with torch.device("meta"):
            sizes = VideoViT(frames=1, size=1, tubelet=(1, 1, 1), embed_dim=width, depth=1, num_heads=1)
        self.pooling = AttentivePooling(sizes, num_heads=math.gcd(_HEADS, width))
        self.head = nn.Linear(width, num_classes)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b c"]:
        """Return the logits of each clip."""
        return self.head(self.pooling(Latents(tokens, None)))


@dataclass(frozen=True, eq=False)
class FittedProbe:
    """An attentive probe and how its setting was chosen.

    Attributes:
        probe: Trained with the setting on all training videos.
        setting: The best on the held-out videos.
        accuracy: For each setting of the grid the share of held-out videos that were answered rightly by a
            probe that had not seen them; NaN where training diverged.
        num_held_out: How many videos these are.
        num_videos: Training videos, these included.
    """

    probe: AttentiveProbe
    setting: Setting
    accuracy: dict[Setting, float]
    num_held_out: int
    num_videos: int


def fit_attentive_probe(
    tokens: Float[Tensor, "b n d"],
    labels: Int[Tensor, " b"],
    video: Int[Tensor, " b"],
    num_classes: int,
    *,
    grid: Sequence[Setting] = GRID,
    schedule: Schedule = Schedule(),
    device: torch.device | str = "cpu",
) -> FittedProbe:
    """Train a probe for each setting on four fifths of the videos, and the best one's anew on all of them.

    The best is the one that answers most of the held-out fifth rightly, the views of a video averaged; of
    equals the one with the lower cross-entropy there. No other split takes part.

    Args:
        tokens: Tokens of each training clip.
        labels: Class of each.
        video: Of which video each is.
        num_classes: Number of classes.
        grid: The settings to choose among.
        schedule: How long and on what they are trained.
        device: Where they are trained.

    Raises:
        ValueError: If there are fewer than two videos, a label is out of range, a token is not finite, or
            every setting diverges.

    Source: V-JEPA (arXiv 2404.08471), the attentive probe of its evaluation. Deviation: the setting is chosen
    on training videos, where published numbers are often the best on the videos that are reported.
    """
    if not grid:
        raise ValueError("the grid of the attentive probe must have a setting, got none")
    if not tokens.isfinite().all():
        raise ValueError("the tokens hold values that are not finite: the encoder has diverged")
    if int(labels.min()) < 0 or int(labels.max()) >= num_classes:
        raise ValueError(
            f"labels must lie between 0 and {num_classes - 1} (num_classes={num_classes}), got "
            f"{int(labels.min())} to {int(labels.max())}"
        )
    num_videos = len(video.unique())
    if num_videos < 2:
        raise ValueError(f"the attentive probe needs 2 training videos or more, got {num_videos}")
    held = held_out(video, schedule.seed)
    rows = (~held).nonzero().flatten()
    probes = train_probes(tokens, labels, num_classes, grid, rows=rows, schedule=schedule, device=device)
    ranks: dict[Setting, tuple[float, float]] = {}
    for setting, probe in zip(grid, probes, strict=True):
        answers = probabilities(probe, tokens[held], schedule.batch_size)
        ranks[setting] = _scored(answers, labels[held].cpu(), video[held].cpu())
    del probes
    able = {setting: rank for setting, rank in ranks.items() if math.isfinite(rank[1])}
    if not able:
        raise ValueError(f"all {len(grid)} settings of the attentive probe diverge: give lower rates")
    best = max(able, key=lambda setting: (able[setting][0], -able[setting][1]))
    (probe,) = train_probes(tokens, labels, num_classes, [best], schedule=schedule, device=device)
    return FittedProbe(
        probe=probe,
        setting=best,
        accuracy={setting: ranks[setting][0] if setting in able else math.nan for setting in grid},
        num_held_out=len(video[held].unique()),
        num_videos=num_videos,
    )


def train_probes(
    tokens: Float[Tensor, "b n d"],
    labels: Int[Tensor, " b"],
    num_classes: int,
    settings: Sequence[Setting],
    *,
    rows: Int[Tensor, " k"] | None = None,
    schedule: Schedule = Schedule(),
    device: torch.device | str = "cpu",
) -> list[AttentiveProbe]:
    """Train a probe for each setting with AdamW, all on the same batches, each read once for all of them.

    Every probe has an optimizer and first weights of its own, which depend on the seed and its setting alone:
    it ends with the same weights whatever others are trained beside it.

    Args:
        tokens: Tokens of each clip.
        labels: Class of each.
        num_classes: Number of classes.
        settings: Learning rate and weight decay of each probe.
        rows: The clips to train on; all if None.
        schedule: How long and on what they are trained.
        device: Where they are trained.
    """
    rows = torch.arange(len(tokens)) if rows is None else rows.cpu()
    width = tokens.shape[-1]
    probes = [_first_weights(width, num_classes, one, schedule.seed).to(device) for one in settings]
    optimizers = [
        torch.optim.AdamW(parameter_groups(probe, one.weight_decay), lr=one.lr)
        for probe, one in zip(probes, settings, strict=True)
    ]
    batches_a_pass = -(-len(rows) // schedule.batch_size)
    num_steps = schedule.epochs * batches_a_pass
    num_warmup_steps = round(schedule.warmup * num_steps)
    chance = torch.Generator().manual_seed(_seed(schedule.seed, "batches"))
    step = 0
    for _ in range(schedule.epochs):
        for batch in rows[torch.randperm(len(rows), generator=chance)].split(schedule.batch_size):
            inputs, answers = tokens[batch].to(device).float(), labels[batch].to(device)
            # Neither the first nor the last step has a rate of zero.
            share = warmup_cosine(step + 1, num_steps + 1, num_warmup_steps + 1)
            for probe, optimizer, one in zip(probes, optimizers, settings, strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = one.lr * share
                optimizer.zero_grad()
                F.cross_entropy(probe(inputs), answers).backward()
                optimizer.step()
            step += 1
    return [probe.eval() for probe in probes]


@torch.no_grad()
def probabilities(
    probe: AttentiveProbe, tokens: Float[Tensor, "b n d"], batch_size: int = 256
) -> Float[Tensor, "b c"]:
    """Return how probable a probe holds each class of each clip, on the host in float64."""
    device = probe.head.weight.device
    parts = [probe(part.to(device).float()).cpu().double() for part in tokens.split(batch_size)]
    return torch.cat(parts).softmax(dim=1)


def mean_over_views(
    answers: Float[Tensor, "b c"], video: Int[Tensor, " b"]
) -> tuple[Float[Tensor, "v c"], Int[Tensor, " v"]]:
    """Average the answers of each video's clips.

    Returns:
        The means, in ascending order of the video, and the first row of each video.
    """
    videos, place = video.unique(return_inverse=True)
    total = answers.new_zeros(len(videos), answers.shape[1]).index_add_(0, place, answers)
    rows = torch.arange(len(video))
    first = torch.full((len(videos),), len(video)).scatter_reduce_(0, place, rows, "amin")
    return total / place.bincount().unsqueeze(1), first


def _scored(
    answers: Float[Tensor, "b c"], labels: Int[Tensor, " b"], video: Int[Tensor, " b"]
) -> tuple[float, float]:
    """Return accuracy and cross-entropy over videos."""
    means, first = mean_over_views(answers, video)
    truth = labels[first]
    right = (means.argmax(dim=1) == truth).double().mean().item()
    return right, -means[torch.arange(len(truth)), truth].log().mean().item()


def _first_weights(width: int, num_classes: int, setting: Setting, seed: int) -> AttentiveProbe:
    # Layers draw from torch's own generator, which is put back as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(seed, *setting))
        return AttentiveProbe(width, num_classes)


def _seed(seed: int, *what: float | str) -> int:
    parts = [part.encode() if isinstance(part, str) else struct.pack("<d", part) for part in what]
    digest = blake2b(struct.pack("<q", seed) + b"attentive" + b"".join(parts), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
