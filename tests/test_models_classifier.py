"""An encoder with heads."""

from functools import partial

import pytest
import torch
from trainers import quiet_trainer

from vidmask.classification import VideoClassification
from vidmask.data.datamodule import VideoDataModule
from vidmask.data.sources import VideoFolder
from vidmask.models.classifier import VideoClassifier
from vidmask.models.pooling import AttentivePooling, MeanPooling, TimeSlicePooling
from vidmask.models.vit import VideoViT

CLIPS = torch.rand(2, 3, 4, 16, 16, generator=torch.Generator().manual_seed(0))


def encoder(**options: object) -> VideoViT:
    return VideoViT(4, 16, (2, 8, 8), 24, 2, 2, **options)  # pyright: ignore[reportArgumentType]


def classifier(pooling=MeanPooling, **options) -> VideoClassifier:
    torch.manual_seed(0)
    return VideoClassifier(encoder(), pooling, {"class": 5}, **{"head_std": 0.5} | options)


def test_the_norm_is_applied_where_the_pooling_says():
    for norm in ("before", "after", "fresh"):
        model = classifier(partial(MeanPooling, norm=norm)).eval()
        torch.nn.init.normal_(model.encoder.norm.weight)
        bare = model.encoder(CLIPS, final_norm=False).tokens
        expected = {
            "before": model.encoder.norm(bare).mean(dim=1),
            "after": model.encoder.norm(bare.mean(dim=1)),
            "fresh": model.pooling.fc_norm(bare.mean(dim=1)),
        }[norm]
        torch.testing.assert_close(model.pooled(CLIPS), expected)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    "pooling", [*(partial(MeanPooling, norm=norm) for norm in ("before", "after", "fresh")), TimeSlicePooling]
)
def test_everything_that_has_a_gradient_gets_one(pooling, frozen):
    # With a parameter that is not used other ranks would wait for its gradient for ever.
    model = classifier(pooling, frozen=frozen)
    model(CLIPS)["class"].square().sum().backward()
    for name, weight in model.named_parameters():
        if name != "encoder.cls_token":
            assert (weight.grad is not None) == weight.requires_grad, name
    assert frozen != any(weight.requires_grad for weight in model.encoder.parameters())


def test_a_frozen_encoder_stays_in_evaluation_and_is_not_changed():
    model = VideoClassifier(encoder(drop_path_rate=0.9), MeanPooling, {"class": 5}, frozen=True, head_std=0.5)
    model.train()
    assert model.training
    assert not any(part.training for part in model.encoder.modules())
    assert torch.equal(model(CLIPS)["class"], model(CLIPS)["class"])


def test_each_label_has_a_head_of_its_own():
    model = VideoClassifier(encoder(), MeanPooling, {"type": 3, "where to": 4}, head_std=0.1)
    assert {name: tuple(logits.shape) for name, logits in model(CLIPS).items()} == {
        "type": (2, 3),
        "where to": (2, 4),
    }


def test_heads_start_as_asked():
    torch.manual_seed(0)
    model = VideoClassifier(encoder(), MeanPooling, {"class": 1000}, head_std=0.01)
    assert abs(model.heads["label_class"].weight.std().item() - 0.01) < 5e-4
    assert model.heads["label_class"].bias.abs().max() == 0
    silent = VideoClassifier(encoder(), MeanPooling, {"class": 5}, head_std=0)
    assert silent(CLIPS)["class"].abs().max() == 0


def test_batch_norm_standardises_the_vectors_without_weights_of_its_own():
    model = classifier(batch_norm=True, frozen=True).train()
    vectors = model.batch_norm(model.pooled(CLIPS))
    torch.testing.assert_close(vectors.mean(dim=0), torch.zeros(24), atol=1e-5, rtol=0)
    assert not list(model.batch_norm.parameters())


def test_a_batch_of_one_is_standardised_by_the_running_statistics_and_leaves_them():
    model = classifier(batch_norm=True, frozen=True).train()
    model(CLIPS)
    before = {name: value.clone() for name, value in model.batch_norm.state_dict().items()}
    logits = model(CLIPS[:1])["class"]
    assert all(torch.equal(value, before[name]) for name, value in model.batch_norm.state_dict().items())
    assert torch.equal(logits, model.eval()(CLIPS[:1])["class"])
    assert model.has_batch_norm
    assert not classifier().has_batch_norm


def test_a_run_with_batch_norm_takes_one_clip_only_where_others_were_skipped(tmp_path, video_folder):
    module = VideoClassification(encoder(), {"class": 2}, frozen=True, batch_norm=True)
    options = {"frames": 4, "size": 16, "stride_frames": 2, "num_workers": 0}
    trainer = quiet_trainer(max_epochs=1, default_root_dir=tmp_path, limit_val_batches=0)
    with pytest.raises(
        ValueError, match=r"model\.batch_norm standardises .*: data\.batch_size must be at least 2, got 1"
    ):
        trainer.fit(module, VideoDataModule(VideoFolder(video_folder), batch_size=1, **options))
    for name in ("jump", "run"):
        (tmp_path / "train" / name).mkdir(parents=True)
    (tmp_path / "train" / "jump" / "0.mp4").symlink_to(video_folder / "train" / "jump" / "0.mp4")
    (tmp_path / "train" / "run" / "0.mp4").write_bytes(b"no video")
    trainer = quiet_trainer(max_epochs=2, default_root_dir=tmp_path, limit_val_batches=0)
    # One of the two videos can be read, so that each batch has one clip.
    source = VideoFolder(tmp_path / "train")
    trainer.fit(module, VideoDataModule(source, batch_size=2, max_skipped_share=1.0, **options))
    assert trainer.global_step == 2


def test_clips_of_one_answer_are_joined_in_their_order():
    model = classifier(clips_per_answer=2).eval()
    torch.testing.assert_close(model.pooled(CLIPS), torch.cat([*classifier().eval().pooled(CLIPS)])[None])
    assert model(CLIPS)["class"].shape == (1, 5)


def test_clips_of_one_answer_are_compared_and_not_only_weighed():
    model = classifier(clips_per_answer=2).eval()
    torch.nn.init.normal_(model.comparison[0].weight)
    one, other = CLIPS[:1], CLIPS[1:]

    def logits(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return model(torch.cat([first, second]))["class"]

    # What each clip adds by itself cancels.
    interaction = logits(one, one) + logits(other, other) - logits(one, other) - logits(other, one)
    assert interaction.abs().max() > 1e-3
    assert "comparison.0.weight" in model.state_dict()
    assert not classifier().comparison.state_dict()


def test_layers_count_from_the_input():
    model = classifier(partial(AttentivePooling, num_heads=2))
    layers = {name: model.layer_of(name) for name, _ in model.named_parameters()}
    assert layers["encoder.patch_embed.proj.weight"] == layers["encoder.cls_token"] == 0
    assert layers["encoder.positions.temporal"] == layers["encoder.cls_position"] == 0
    assert layers["encoder.blocks.0.attn.qkv.weight"] == 1
    assert layers["encoder.blocks.1.mlp.fc2.bias"] == 2
    assert layers["encoder.norm.weight"] == layers["pooling.query"] == layers["heads.label_class.bias"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"head_std": -1.0}, "head_std must be 0 or more, got -1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        classifier(**options)
    with pytest.raises(ValueError, match="classes names no label"):
        VideoClassifier(encoder(), MeanPooling, {})
    for name in ("a.b", "", "a/b"):
        with pytest.raises(ValueError, match="a label may have letters, digits, _, - and spaces, got"):
            VideoClassifier(encoder(), MeanPooling, {name: 2})
    with pytest.raises(ValueError, match=r"classes\.class must be at least 2, got 1"):
        VideoClassifier(encoder(), MeanPooling, {"class": 1})
