"""What can be read off features: nearest neighbours, linear and attentive probes, scored by video."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vidmask.data.words import counted, printable
from vidmask.evaluation.bootstrap import Interval, interval
from vidmask.features import Features
from vidmask.probing.attentive import Schedule, fit_attentive_probe, mean_over_views, probabilities
from vidmask.probing.inputs import standardise
from vidmask.probing.linear import choose_l2, fit_linear_probe
from vidmask.probing.neighbours import knn_votes

ProbeName = Literal["knn", "linear", "attentive"]
PROBES: tuple[ProbeName, ...] = get_args(ProbeName)


@dataclass(frozen=True)
class ProbeOptions:
    """How the probes are fitted.

    Args:
        num_neighbours: Neighbours in the vote.
        l2: Penalty of the linear probe; chosen on a fifth of the training videos if None.
        schedule: Of the attentive probe.
        device: Where the attentive probe is trained.
    """

    num_neighbours: int = 20
    l2: float | None = None
    schedule: Schedule = field(default_factory=Schedule)
    device: str = "cpu"


@dataclass(frozen=True)
class ProbeScore:
    """What one probe scores for one label.

    Attributes:
        probe: Its name; ``chance`` for guessing.
        accuracy: Share of the scored videos that it answers rightly; None if it could not be fitted.
        interval: Where that lies with 95 % confidence, over videos; None for chance.
        how: How it was fitted, or why it was not.
        settings: What was chosen, and on what.
    """

    probe: str
    accuracy: float | None
    interval: Interval | None
    how: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class LabelScores:
    """The scores for one label, and on what.

    Attributes:
        label: The label.
        num_classes: Its classes.
        num_train: Training videos with a class of it.
        num_scored: Scored videos with a class of it.
        scores: Chance, then each probe.
        remarks: What a reader should mind.
    """

    label: str
    num_classes: int
    num_train: int
    num_scored: int
    scores: list[ProbeScore]
    remarks: list[str]


def check_features(train: Features, scored: Features) -> None:
    """Check that a probe fitted to one can be scored on the other.

    Raises:
        ValueError: If they have other classes, or were made by another encoder.
    """
    if train.classes != scored.classes:
        name = _first_differing(train.classes, scored.classes)
        raise ValueError(
            f"the two splits have other classes of {printable(name)!r}: "
            f"{len(train.classes.get(name, ()))} and {len(scored.classes.get(name, ()))}, or other names"
        )
    if train.made_by != scored.made_by:
        name = _first_differing(train.made_by, scored.made_by)
        raise ValueError(
            f"the two splits were made by different encoders: {name} is {train.made_by.get(name)} and "
            f"{scored.made_by.get(name)}; predict both with one checkpoint"
        )
    widths = train.features.shape[1], scored.features.shape[1]
    if widths[0] != widths[1]:
        raise ValueError(f"the features of the two splits have the widths {widths[0]} and {widths[1]}")


def _first_differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    return next(name for name in {**one, **other} if one.get(name) != other.get(name))


def probe_label(
    train: Features,
    scored: Features,
    label: str,
    probes: Sequence[ProbeName] = PROBES,
    options: ProbeOptions = ProbeOptions(),
) -> LabelScores:
    """Fit probes to the features of one split and score them on another.

    Each clip of a training video is an example. The answers to the clips of a scored video are averaged
    (shares of votes, or softmax) and the video counts once. Neighbours and the linear probe see features that
    are standardised by the training split, as the probe that runs in training does.

    Args:
        train: What the probes are fitted to.
        scored: What they are scored on; it takes part in no choice.
        label: The label to be answered.
        probes: The probes.
        options: How they are fitted.

    Raises:
        ValueError: If neither split has such a label.
    """
    if label not in train.classes:
        known = ", ".join(map(printable, train.classes)) or "none"
        raise ValueError(f"no label {printable(label)!r} in these features; there are {known}")
    num_classes = len(train.classes[label])
    fitted, asked = _labelled(train, label), _labelled(scored, label)
    remarks = []
    for name, features, kept in (("training", train, fitted), ("scored", scored, asked)):
        left_out = len(features.video_index.unique()) - len(features.video_index[kept].unique())
        if left_out:
            remarks.append(f"{counted(left_out, f'{name} video')} without this label left out")
    num_train = len(train.video_index[fitted].unique())
    num_scored = len(scored.video_index[asked].unique())
    here = LabelScores(label, num_classes, num_train, num_scored, [], remarks)
    if not num_train or not num_scored:
        where = "training" if not num_train else "scored"
        remarks.append(f"cannot be probed: no {where} video has this label")
        return here
    classes = train.labels[label][fitted]
    if len(classes.unique()) < 2:
        only = printable(train.classes[label][int(classes[0])])
        remarks.append(f"cannot be probed: all training videos are of one class, {only}")
        return here
    both = set(map(train.paths.__getitem__, fitted.nonzero().flatten().tolist())) & set(scored.paths)
    if both:
        remarks.append(f"{counted(len(both), 'scored video')} also among the training videos")
    unseen = set(scored.labels[label][asked].tolist()) - set(classes.tolist())
    if unseen:
        remarks.append(f"{counted(len(unseen), 'class')} of the scored videos in no training video")
    task = _Task(train, scored, label, fitted, asked, options)
    here.scores.append(_chance(task))
    for name in PROBES:
        if name in probes:
            here.scores.append(task.score(name))
    return here


class _Task:
    """One label of two splits, without the clips that lack it."""

    def __init__(
        self,
        train: Features,
        scored: Features,
        label: str,
        fitted: Bool[Tensor, " b"],
        asked: Bool[Tensor, " q"],
        options: ProbeOptions,
    ) -> None:
        self.options = options
        self.num_classes = len(train.classes[label])
        self.labels = train.labels[label][fitted]
        self.video = train.video_index[fitted]
        self.asked_video = scored.video_index[asked]
        self.truth = scored.labels[label][asked]
        self.tokens = None if train.tokens is None else _kept(train.tokens, fitted)
        self.asked_tokens = None if scored.tokens is None else _kept(scored.tokens, asked)
        self.features, self.asked_features = standardise(
            train.features[fitted].double(), scored.features[asked].double()
        )

    def score(self, name: ProbeName) -> ProbeScore:
        fit: dict[ProbeName, Callable[[], tuple[Tensor, str, dict[str, Any]]]] = {
            "knn": self._knn,
            "linear": self._linear,
            "attentive": self._attentive,
        }
        try:
            answers, how, settings = fit[name]()
        except ValueError as error:
            return ProbeScore(name, None, None, f"not fitted: {error}", {})
        means, first = mean_over_views(answers, self.asked_video)
        right = means.argmax(dim=1) == self.truth[first]
        return ProbeScore(name, right.double().mean().item(), interval(right), how, settings)

    def _knn(self) -> tuple[Float[Tensor, "q c"], str, dict[str, Any]]:
        number = self.options.num_neighbours
        votes = knn_votes(
            self.features,
            self.labels,
            self.asked_features,
            num_classes=self.num_classes,
            num_neighbours=number,
        )
        return votes, f"{number} neighbours by cosine", {"num_neighbours": number}

    def _linear(self) -> tuple[Float[Tensor, "q c"], str, dict[str, Any]]:
        l2, chosen = self.options.l2, ", as given"
        if l2 is None:
            l2 = choose_l2(self.features, self.labels, self.num_classes, self.video)
            chosen = ", chosen on a fifth of the training videos, then fitted to all of them"
        probe = fit_linear_probe(self.features, self.labels, self.num_classes, l2)
        return probe.logits(self.asked_features).softmax(dim=1), f"l2 {l2:g}{chosen}", {"l2": l2}

    def _attentive(self) -> tuple[Float[Tensor, "q c"], str, dict[str, Any]]:
        if self.tokens is None or self.asked_tokens is None:
            raise ValueError("no tokens in these features; predict with --features.level token or both")
        found = fit_attentive_probe(
            self.tokens,
            self.labels,
            self.video,
            self.num_classes,
            schedule=self.options.schedule,
            device=self.options.device,
        )
        answers = probabilities(found.probe, self.asked_tokens, self.options.schedule.batch_size)
        lr, weight_decay = found.setting
        how = (
            f"lr {lr:g}, weight decay {weight_decay:g}: best of {len(found.accuracy)} on "
            f"{found.num_held_out} held-out of {counted(found.num_videos, 'training video')}, then trained "
            f"anew on all of them; {counted(self.options.schedule.epochs, 'epoch')}"
        )
        return (
            answers,
            how,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "epochs": self.options.schedule.epochs,
                "seed": self.options.schedule.seed,
                "num_held_out": found.num_held_out,
                "held_out_accuracy": [
                    # JSON has no NaN.
                    {**setting._asdict(), "accuracy": None if math.isnan(accuracy) else accuracy}
                    for setting, accuracy in found.accuracy.items()
                ],
            },
        )


def _chance(task: _Task) -> ProbeScore:
    """Return what guessing scores, and what the most frequent training class would."""
    _, first = mean_over_views(torch.zeros(len(task.video), 1), task.video)
    most = int(task.labels[first].bincount().argmax())
    _, asked_first = mean_over_views(torch.zeros(len(task.asked_video), 1), task.asked_video)
    share = (task.truth[asked_first] == most).double().mean().item()
    how = f"1 of {counted(task.num_classes, 'class')}; the most frequent in training scores {share:.1%}"
    return ProbeScore("chance", 1 / task.num_classes, None, how, {"most_frequent_class": share})


def _labelled(features: Features, label: str) -> Bool[Tensor, " b"]:
    """Tell which clips have a class of a label."""
    labels = features.labels.get(label)
    if labels is None:
        return torch.zeros(len(features.paths), dtype=torch.bool)
    num_classes = len(features.classes[label])
    if int(labels.max()) >= num_classes:
        place = int(labels.argmax())
        raise ValueError(
            f"{printable(features.paths[place])}: its class of {printable(label)!r} is {int(labels[place])}, "
            f"and there are {num_classes}"
        )
    return labels >= 0


def _kept(tokens: Tensor, rows: Bool[Tensor, " b"]) -> Tensor:
    # Of all clips no copy is made: tokens may fill the memory.
    return tokens if bool(rows.all()) else tokens[rows]
