"""Fine-tuning and probes: parity, parts, learning rates, several views and several ranks."""

import math
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from safetensors.torch import load_file
from test_parity import FIXTURES, IMAGENET_MEAN, IMAGENET_STD, TOLERANCE, renamed, with_fused_qkv
from torch import nn
from trainers import quiet_trainer

from vidmask.callbacks.classification_report import ClassificationReport
from vidmask.checkpoints import save_encoder
from vidmask.classification import VideoClassification
from vidmask.classification.mixing import Mixing
from vidmask.classification.questions import ArrowOfTime, ClipOrder
from vidmask.data.datamodule import VideoDataModule
from vidmask.data.sources import VideoFolder
from vidmask.data.synthetic import MovingShapes
from vidmask.evaluation.scores import read_scores
from vidmask.models.pooling import AttentivePooling, MeanPooling, TimeSlicePooling
from vidmask.models.vit import VideoViT

FRESH = partial(MeanPooling, norm="fresh")


def encoder(**options: object) -> VideoViT:
    return VideoViT(
        **(
            {"frames": 4, "size": 16, "tubelet": (2, 8, 8), "embed_dim": 24, "depth": 2, "num_heads": 2}
            | options
        )
    )


def classification(**options: object) -> VideoClassification:
    torch.manual_seed(0)
    given = {"encoder": encoder(), "classes": {"class": 2}, "head_std": 0.02} | options
    if "question" in given:
        given.pop("classes")
    return VideoClassification(**given)


def data(folder: Path, **options: object) -> VideoDataModule:
    defaults = {"frames": 4, "size": 16, "stride_frames": 2, "batch_size": 4, "num_workers": 0, "seed": 3}
    return VideoDataModule(VideoFolder(folder), **(defaults | options))


def trained(folder: Path, module: VideoClassification, tmp_path: Path, **options: object) -> Trainer:
    trainer = quiet_trainer(max_epochs=2, default_root_dir=tmp_path)
    trainer.fit(module, data(folder, frames=module.frames, **options))
    return trainer


def test_logits_equal_those_of_mae_st():
    fixture = load_file(FIXTURES / "mae_st_classifier.safetensors")
    # The original class, built without its size function, has PyTorch's epsilon in its layer norms.
    shape = {"frames": 8, "size": 48, "embed_dim": 48, "depth": 2, "num_heads": 3, "norm_eps": 1e-5}
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    module = VideoClassification(VideoViT(**shape, **plain), {"class": 7}, MeanPooling)
    names = [
        ("pos_embed_spatial", "encoder.positions.spatial"),
        ("pos_embed_temporal", "encoder.positions.temporal"),
        ("pos_embed_class", "encoder.cls_position"),
        ("head.", "heads.label_class."),
        ("", "encoder."),
    ]
    names.sort(key=lambda pair: -len(pair[0]))
    module.classifier.load_state_dict(with_fused_qkv(renamed(fixture, names)), strict=True)
    logits = module.eval()(fixture["clips"])["class"]
    torch.testing.assert_close(logits, fixture["logits"], **TOLERANCE)


def test_logits_equal_those_of_videomae():
    fixture = load_file(FIXTURES / "videomae_classifier.safetensors")
    shape = {"frames": 16, "size": 32, "embed_dim": 48, "depth": 2, "num_heads": 3}
    kind = {"positions": "sincos1d", "class_token": False, "init": "videomae"}
    module = VideoClassification(
        VideoViT(**shape, **kind, mean=(0.0,) * 3, std=(1.0,) * 3), {"class": 7}, FRESH
    )
    names = [("fc_norm.", "pooling.fc_norm."), ("head.", "heads.label_class."), ("", "encoder.")]
    weights = with_fused_qkv(renamed(fixture, names))
    # The original has no last norm; this one's is not used.
    norm = {name: value for name, value in module.classifier.state_dict().items() if "encoder.norm" in name}
    module.classifier.load_state_dict(weights | norm, strict=True)
    clips = fixture["clips"]
    torch.testing.assert_close(module.eval()(clips)["class"], fixture["logits"], **TOLERANCE)
    # The fixture's clips are normalised; from RGB in [0, 1] the encoder does it itself.
    mean, std = (torch.tensor(values).view(1, 3, 1, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    own = VideoClassification(
        VideoViT(**shape, **kind, mean=IMAGENET_MEAN, std=IMAGENET_STD), {"class": 7}, FRESH
    )
    own.classifier.load_state_dict(module.classifier.state_dict())
    torch.testing.assert_close(own.eval()(clips * std + mean)["class"], fixture["logits"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"mixing": Mixing(), "label_smoothing": 0.1, "dropout": 0.3, "layer_decay": 0.75, "pooling": FRESH},
        {"frozen": True, "batch_norm": True, "optimizer": "lars", "lr": 0.1, "weight_decay": 0.0},
        {"frozen": True, "pooling": partial(AttentivePooling, num_heads=2)},
        {"optimizer": "sgd", "lr": 0.1, "lr_per": 8},
        {"question": ArrowOfTime(), "frozen": True, "pooling": TimeSlicePooling},
        {"question": ClipOrder(2), "frozen": True, "pooling": TimeSlicePooling},
    ],
    ids=["finetune", "linear", "attentive", "sgd", "arrow of time", "clip order"],
)
def test_every_protocol_trains_and_is_scored(video_folder, tmp_path, options):
    module = classification(**options)
    before = {name: value.clone() for name, value in module.classifier.state_dict().items()}
    trainer = trained(video_folder, module, tmp_path)
    changed = {
        name for name, value in module.classifier.state_dict().items() if not torch.equal(value, before[name])
    }
    assert any(name.startswith("heads.") for name in changed)
    encoder_changed = any(name.startswith("encoder.") for name in changed)
    assert encoder_changed != bool(options.get("frozen", False))
    (label,) = module.classes
    assert trainer.sanity_checking is False
    assert 0 <= trainer.callback_metrics[f"val/{label}_top1"] <= 1
    assert trainer.callback_metrics["val/loss"].isfinite()
    trainer.test(module, data(video_folder, frames=module.frames, test_clips=2), verbose=False)
    # Each view of its own is asked of which way time runs.
    assert len(module.test_scores.paths) == (4 if "question" in options else 2)


def test_one_batch_can_be_learned_by_heart(moving_shapes, tmp_path):
    start = encoder(size=32, positions="sincos3d", class_token=False)
    options = {"lr": 3e-3, "min_lr": 0.0, "unseen_classes": "keep"}
    module = classification(encoder=start, classes={"appearance": 8, "motion": 8}, **options)
    trainer = quiet_trainer(
        max_epochs=100, default_root_dir=tmp_path, limit_val_batches=0, limit_train_batches=1
    )
    whole = {"scale": (1.0, 1.0), "aspect": (1.0, 1.0), "num_workers": 0}
    source = MovingShapes(root=str(moving_shapes))
    clips = VideoDataModule(source, frames=4, size=32, stride_frames=4, batch_size=16, **whole)
    trainer.fit(module, clips)
    # Chance is 2 log 8 = 4.16.
    assert trainer.callback_metrics["train/loss"] < 1


def test_an_average_of_the_weights_is_what_is_scored_and_exported(video_folder, tmp_path):
    steps: list[dict[str, torch.Tensor]] = []
    scored: list[torch.Tensor] = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer, pl_module, *args) -> None:
            steps.append({name: value.clone() for name, value in pl_module.named_parameters()})

        def on_validation_batch_start(self, trainer, pl_module, *args) -> None:
            scored.append(pl_module.encoder.norm.weight.clone())

    module = classification(lr=1e-2)
    trainer = quiet_trainer(
        max_steps=3,
        default_root_dir=tmp_path,
        callbacks=[Watch(), EMAWeightAveraging(decay=0.5)],
        num_sanity_val_steps=0,
    )
    trainer.fit(module, data(video_folder))
    assert len(steps) == 3
    for name, value in module.named_parameters():
        # The first update takes the weights as they are.
        expected = 0.25 * steps[0][name] + 0.25 * steps[1][name] + 0.5 * steps[2][name]
        torch.testing.assert_close(value.detach(), expected)
    # Validation is at the end of an epoch, of two steps.
    name = "classifier.encoder.norm.weight"
    torch.testing.assert_close(scored[-1], 0.5 * steps[0][name] + 0.5 * steps[1][name])
    spec = {"class_path": "vidmask.models.vit.VideoViT", "init_args": module.encoder.arguments}
    module.export(tmp_path, {"init_args": {"encoder": spec}})
    exported = load_file(tmp_path / "encoder.safetensors")
    assert torch.equal(exported["norm.weight"], module.encoder.norm.weight)


def test_learning_rates_decay_towards_the_input_and_follow_the_schedule(video_folder, tmp_path):
    module = classification(
        lr=1e-3,
        layer_decay=0.5,
        weight_decay=0.05,
        warmup=0.25,
        min_lr=1e-4,
        no_decay=("cls_token", "spatial"),
    )
    rates: list[dict[str, tuple[float, float]]] = []

    class Watch(ClassificationReport):
        def on_train_batch_end(self, trainer, pl_module, *args, **kwargs):
            (optimizer,) = trainer.optimizers
            names = {id(value): name for name, value in pl_module.classifier.named_parameters()}
            rates.append(
                {
                    names[id(value)]: (group["lr"], group["weight_decay"])
                    for group in optimizer.param_groups
                    for value in group["params"]
                }
            )

    trainer = quiet_trainer(max_epochs=4, default_root_dir=tmp_path, limit_val_batches=0, callbacks=[Watch()])
    trainer.fit(module, data(video_folder, batch_size=5))
    # Eight steps, two of them warm-up; after a step the rate is that of the next. Two blocks: layers 0 to 3.
    peaks = {"encoder.patch_embed.proj.weight": 1 / 8, "encoder.blocks.0.attn.qkv.weight": 1 / 4}
    peaks |= {
        "encoder.blocks.1.mlp.fc1.weight": 1 / 2,
        "encoder.norm.weight": 1.0,
        "heads.label_class.weight": 1.0,
    }
    cosine = [0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / 6)) for step in range(7)]
    expected = [0.5, *cosine]
    assert len(rates) == 8
    for found, factor in zip(rates, expected, strict=True):
        for name, peak in peaks.items():
            assert found[name][0] == pytest.approx(1e-3 * peak * factor)
    decays = {name: decay for name, (_, decay) in rates[0].items()}
    assert decays["encoder.blocks.0.attn.qkv.weight"] == decays["encoder.positions.temporal"] == 0.05
    for name in ("encoder.blocks.0.attn.qkv.bias", "encoder.norm.weight", "encoder.cls_token"):
        assert decays[name] == 0
    assert decays["encoder.positions.spatial"] == decays["heads.label_class.bias"] == 0


def test_the_learning_rate_is_scaled_by_the_clips_of_a_step(video_folder, tmp_path):
    module = classification(lr=1e-3, lr_per=256)
    trainer = quiet_trainer(
        max_epochs=1, default_root_dir=tmp_path, limit_val_batches=0, accumulate_grad_batches=2
    )
    trainer.fit(module, data(video_folder, batch_size=4))
    assert module.record.peak_lr == pytest.approx(1e-3 * 4 * 2 / 256)


def fixed() -> VideoClassification:
    """Return a classifier with the same random weights each time."""
    torch.manual_seed(1)
    return classification(encoder=encoder(drop_path_rate=0.2), head_std=0.5)


def test_lars_scales_matrices_without_decay_too_and_biases_never(video_folder, tmp_path):
    module = classification(frozen=True, optimizer="lars", lr=1.0, weight_decay=0.0, warmup=0.0)
    head = module.classifier.heads["label_class"]
    before = [value.clone() for value in (head.weight, head.bias)]
    gradients: list[torch.Tensor] = []
    for value in (head.weight, head.bias):
        value.register_hook(lambda gradient: gradients.append(gradient.clone()))
    trainer = quiet_trainer(max_steps=1, default_root_dir=tmp_path, limit_val_batches=0)
    trainer.fit(module, data(video_folder))
    by_shape = {gradient.shape: gradient for gradient in gradients}
    for value, old in zip((head.weight, head.bias), before, strict=True):
        gradient = by_shape[value.shape]
        ratio = 1e-3 * old.norm() / gradient.norm() if value.ndim > 1 else 1.0
        torch.testing.assert_close(old - value, ratio * gradient, rtol=1e-3, atol=1e-7)


def reported(folder: Path, video_folder: Path, devices: int, views: tuple[int, int]) -> Path:
    """Test a classifier of fixed weights on so many processes, and return where the report lies."""
    module = fixed()
    trainer = quiet_trainer(
        devices=devices,
        strategy="ddp_spawn" if devices > 1 else "auto",
        use_distributed_sampler=False,
        default_root_dir=folder / str(devices),
        callbacks=[ClassificationReport()],
    )
    # Two videos a batch: of three, one rank and two make different batches.
    num_views = views[0] * views[1]
    loaded = data(video_folder, test_clips=views[0], test_crops=views[1], eval_batch_size=2 * num_views)
    # A split of an odd number of videos, of which one is repeated where two ranks share them.
    loaded.source = VideoFolder(video_folder / "train", test_root=folder / "three")
    trainer.test(module, loaded, verbose=False)
    return folder / str(devices)


@pytest.fixture
def three(tmp_path: Path, video_folder: Path) -> Path:
    for name, number in (("jump", 0), ("jump", 1), ("run", 0)):
        (tmp_path / "three" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "three" / name / f"{number}.mp4").symlink_to(
            video_folder / "train" / name / f"{number}.mp4"
        )
    return tmp_path


def test_two_ranks_score_every_video_once_and_to_the_bit_as_one(three, video_folder):
    pytest.importorskip("pyarrow")
    one, two = (read_scores(reported(three, video_folder, n, (7, 3)) / "scores.parquet") for n in (1, 2))
    assert one.paths == two.paths
    assert len(one.paths) == 3
    assert torch.equal(one.probabilities["class"], two.probabilities["class"])


def test_the_score_of_a_video_is_the_mean_of_its_views_softmax(three, video_folder):
    pytest.importorskip("pyarrow")
    scores = read_scores(reported(three, video_folder, 1, (2, 3)) / "scores.parquet")
    module = fixed().eval()
    loaded = data(three / "three", test_clips=2, test_crops=3)
    loaded.source = VideoFolder(video_folder / "train", test_root=three / "three")
    for batch in loaded.test_dataloader():
        for video in batch.video_index.unique().tolist():
            views = [
                module(clip[None].float() / 255)["class"].softmax(dim=1)[0].double()
                for clip, index in zip(batch.clips, batch.video_index.tolist(), strict=True)
                if index == video
            ]
            assert len(views) == 6
            torch.testing.assert_close(
                scores.probabilities["class"][video].double(), sum(views) / 6, rtol=0, atol=1e-6
            )


def test_validation_videos_are_tested_where_so_asked(video_folder, tmp_path):
    module = classification()
    trainer = quiet_trainer(default_root_dir=tmp_path, callbacks=[ClassificationReport()])
    trainer.test(module, data(video_folder, test_split="val", test_clips=2), verbose=False)
    assert {Path(path).parents[1].name for path in module.test_scores.paths} == {"val"}
    assert len(module.test_scores.paths) == 4
    assert "- Split tested: val" in (tmp_path / "card.md").read_text(encoding="utf-8")


def test_the_report_is_whole(three, video_folder):
    folder = reported(three, video_folder, 1, (1, 1))
    names = {"card.md", "classes_class.csv", "confusion_class.png"}
    assert names <= {path.name for path in folder.iterdir()}
    card = (folder / "card.md").read_text()
    # Its weights were given and not trained.
    assert "random, untrained" in card
    lines = (folder / "classes_class.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines] == [["class", "videos"], ["jump", "2"], ["run", "1"]]


CONFIG = {
    "class_path": "vidmask.models.vit.VideoViT",
    "init_args": {"frames": 4, "size": 16, "tubelet": [2, 8, 8], "embed_dim": 24, "depth": 2, "num_heads": 2},
}


def test_it_starts_from_an_encoder_and_says_which(tmp_path, video_folder):
    start = encoder()
    nn.init.normal_(start.norm.weight)
    path = tmp_path / "encoder.safetensors"
    save_encoder(path, start, CONFIG)
    module = classification(encoder_checkpoint=str(path), frozen=True, pooling=TimeSlicePooling)
    trainer = trained(video_folder, module, tmp_path)
    assert torch.equal(module.encoder.norm.weight, start.norm.weight)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    # A trained classifier needs the file no more, which may be another by now; training does.
    path.write_bytes(b"")
    parts = {"encoder": encoder(), "pooling": TimeSlicePooling, "mixing": Mixing(), "question": None}
    again = VideoClassification.load_from_checkpoint(tmp_path / "a.ckpt", **parts)
    assert again.record.clips_per_step == 4
    with pytest.raises(ValueError, match=r"mixing is Mixing\(.*, and the checkpoint was made with None"):
        quiet_trainer(max_epochs=3).fit(again, data(video_folder), ckpt_path=tmp_path / "a.ckpt")
    # Both read vectors of one width where a clip has one slice, with the same weights.
    flat = {"frames": 2, "size": 16, "tubelet": (2, 8, 8), "embed_dim": 24, "depth": 1, "num_heads": 2}
    trainer = quiet_trainer(max_steps=1, default_root_dir=tmp_path, limit_val_batches=0)
    trainer.fit(classification(encoder=VideoViT(**flat)), data(video_folder, frames=2))
    trainer.save_checkpoint(tmp_path / "b.ckpt")
    with pytest.raises(
        ValueError, match=r"pooling is MeanPooling, norm tokens, and .* MeanPooling, norm pooled"
    ):
        VideoClassification.load_from_checkpoint(
            tmp_path / "b.ckpt", encoder=VideoViT(**flat), pooling=partial(MeanPooling, norm="before")
        )
    assert again.record.encoder_sha256 == module.record.encoder_sha256 is not None
    assert again.record.steps == 4
    assert torch.equal(again.encoder.norm.weight, start.norm.weight)
    path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"no encoder in .*encoder\.safetensors: there is no such file"
    ):
        trained(video_folder, classification(encoder_checkpoint=str(path)), tmp_path)


def test_an_encoder_of_16_frames_and_64_pixels_is_tuned_at_others(tmp_path, video_folder):
    shape = {"tubelet": (2, 16, 16), "embed_dim": 24, "depth": 1, "num_heads": 2}
    config = {
        "class_path": "vidmask.models.vit.VideoViT",
        "init_args": {"frames": 16, "size": 64, **shape, "tubelet": [2, 16, 16]},
    }
    path = tmp_path / "encoder.safetensors"
    save_encoder(path, VideoViT(16, 64, **shape), config)
    for frames, size in ((8, 64), (32, 64), (16, 96)):
        module = classification(
            encoder=VideoViT(frames, size, **shape), encoder_checkpoint=str(path), interpolate_positions=True
        )
        trainer = quiet_trainer(max_steps=1, default_root_dir=tmp_path, limit_val_batches=1)
        trainer.fit(module, data(video_folder, frames=frames, size=size, stride_frames=1, batch_size=2))
        assert trainer.callback_metrics["train/loss"].isfinite()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": 0.0}, "lr must be above 0, got 0.0"),
        ({"min_lr": 1.0}, "min_lr must lie between 0 and lr"),
        ({"lr_per": 0}, "lr_per must be at least 1, or null, got 0"),
        ({"layer_decay": 0.0}, r"layer_decay must lie in \(0, 1\], got 0.0"),
        ({"label_smoothing": 1.0}, r"label_smoothing must lie in \[0, 1\), got 1.0"),
        ({"warmup": 1.0}, "warmup is a share"),
        ({"classes": {}}, "classes names no label"),
        (
            {"question": ClipOrder(), "mixing": Mixing()},
            "mixing is for questions about one clip, not for ClipOrder",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        classification(**options)


def test_a_question_with_classes_of_its_own_takes_no_others():
    with pytest.raises(ValueError, match="ArrowOfTime brings its own classes: leave classes out"):
        VideoClassification(encoder(), {"class": 2}, question=ArrowOfTime())


def test_a_batch_of_one_clip_is_not_for_mixing_unless_others_were_skipped(tmp_path, video_folder):
    with pytest.raises(ValueError, match=r"data\.batch_size must be at least 2, got 1"):
        trained(video_folder, classification(mixing=Mixing()), tmp_path, batch_size=1)
    for name in ("jump", "run"):
        (tmp_path / "videos" / name).mkdir(parents=True)
        (tmp_path / "videos" / name / "0.mp4").symlink_to(video_folder / "train" / name / "0.mp4")
        (tmp_path / "videos" / name / "1.mp4").write_bytes(b"no video")
    trainer = trained(
        tmp_path / "videos", classification(mixing=Mixing()), tmp_path, batch_size=2, max_skipped_share=1.0
    )
    assert trainer.global_step == 4


def test_other_class_counts_are_refused_before_the_first_step(tmp_path, video_folder):
    module = classification(classes={"class": 3})
    with pytest.raises(ValueError, match=r"model\.classes\.class is 3, and the data have 2 classes"):
        trained(video_folder, module, tmp_path)


def test_skipped_videos_are_left_out_of_the_scores(three, video_folder):
    (three / "three/jump/1.mp4").unlink()
    (three / "three/jump/1.mp4").write_bytes(b"no video")
    module = classification()
    trainer = quiet_trainer(default_root_dir=three)
    loaded = data(video_folder, test_clips=2, eval_batch_size=2, on_error_eval="skip")
    loaded.source = VideoFolder(video_folder / "train", test_root=three / "three")
    trainer.test(module, loaded, verbose=False)
    assert [Path(path).name for path in module.test_scores.paths] == ["0.mp4", "0.mp4"]
