"""Codes of a frozen VQGAN as the target."""

import math
from pathlib import Path

import pytest
import torch
from random_tokenizer import RandomTokenizer
from test_models_dvae import saved_codebook

from vidmask.models.tokenizers import FlavaCodebook, file_hash
from vidmask.models.vqgan import resized
from vidmask.targets.codes import VQGANCodeTarget
from vidmask.testing.samples import sample_batch, small_encoder
from vidmask.tokens import TokenGrid, TokenMask, Tubelet

TUBELET = Tubelet(2, 4, 4)
ALL = torch.arange(32).expand(2, -1)


@pytest.mark.parametrize(("frames", "chosen"), [("first", [0]), ("second", [1]), ("both", [0, 1])])
def test_each_token_has_the_codes_of_its_own_patch_and_frames(frames: str, chosen: list[int]) -> None:
    tokenizer, batch = RandomTokenizer(), sample_batch(2, small_encoder())
    target = VQGANCodeTarget(tokenizer, frames)
    answer = target(batch, ALL, TUBELET)
    assert answer.shape == (2, 32, len(chosen))
    vqgan, _ = tokenizer.load()
    for slot, frame in enumerate(chosen):
        for time in range(2):
            with torch.no_grad():
                codes = vqgan.eval().encode(batch.clips[:, :, 2 * time + frame])
            assert torch.equal(answer[:, 16 * time : 16 * (time + 1), slot], codes.flatten(1))
    assert len(answer.unique()) > 4


def test_frames_are_resized_until_one_patch_is_one_code() -> None:
    target, batch = VQGANCodeTarget(RandomTokenizer()), sample_batch(2, small_encoder())
    seen = []
    vqgan = target.vqgan(torch.device("cpu"))
    vqgan.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape))
    wide = Tubelet(2, 8, 8)
    assert target(batch, torch.arange(8).expand(2, -1), wide).shape == (2, 8, 1)
    assert seen == [(4, 3, 8, 8)]


def test_the_loss_is_the_mean_cross_entropy_of_tokens_and_frames() -> None:
    target = VQGANCodeTarget(RandomTokenizer(), "both")
    prediction = torch.randn(2, 3, 32, generator=torch.Generator().manual_seed(0))
    answer = torch.tensor([[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 15]]])
    expected = [
        -prediction[b, m, 16 * f : 16 * (f + 1)].log_softmax(0)[answer[b, m, f]].item()
        for b in range(2)
        for m in range(3)
        for f in range(2)
    ]
    assert target.loss(prediction, answer).item() == pytest.approx(sum(expected) / 12)
    assert target.to_codes(prediction)[1, 2].tolist() == [
        prediction[1, 2, :16].argmax().item(),
        prediction[1, 2, 16:].argmax().item(),
    ]


def test_smoothing_spreads_a_share_over_all_codes_in_training_alone() -> None:
    target = VQGANCodeTarget(RandomTokenizer(), label_smoothing=0.1)
    logits = torch.randn(1, 1, 16, generator=torch.Generator().manual_seed(0))
    surprise = -logits[0, 0].log_softmax(0)
    answer = torch.tensor([[[3]]])
    smoothed = 0.9 * surprise[3] + 0.1 * surprise.mean()
    torch.testing.assert_close(target.loss(logits, answer), smoothed)
    torch.testing.assert_close(target.eval().loss(logits, answer), surprise[3])


def test_trivial_answers_are_uniform_codes_and_their_own_shares() -> None:
    target, batch = VQGANCodeTarget(RandomTokenizer()), sample_batch(2, small_encoder())
    mask = TokenMask(ALL[:, 16:], ALL[:, :16])
    baselines = target.baselines(batch, mask, TokenGrid(2, 4, 4), TUBELET)
    counts = torch.bincount(target(batch, mask.masked, TUBELET).flatten()).tolist()
    entropy = -sum(count / 32 * math.log(count / 32) for count in counts if count)
    assert baselines["uniform_codes"].item() == pytest.approx(math.log(16))
    assert baselines["unigram_codes"].item() == pytest.approx(entropy, rel=1e-5)
    assert baselines["accuracy/most_frequent_code"].item() == pytest.approx(max(counts) / 32)


def test_the_accuracy_is_the_share_of_codes_that_are_the_likeliest() -> None:
    target = VQGANCodeTarget(RandomTokenizer(), "both")
    answer = torch.tensor([[[0, 1], [2, 3], [4, 5]]])
    prediction = torch.zeros(1, 3, 2, 16)
    for token, frame, code in ((0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 9), (2, 0, 9), (2, 1, 9)):
        prediction[0, token, frame, code] = 1.0
    assert target.measures(prediction.flatten(2), answer)["accuracy"].item() == pytest.approx(3 / 6)


def test_the_vqgan_is_frozen_hidden_and_stays_in_evaluation_mode() -> None:
    target = VQGANCodeTarget(RandomTokenizer())
    clips = sample_batch(2, small_encoder()).clips.requires_grad_()
    vqgan = target.vqgan(clips.device)
    target.train()
    assert not vqgan.training
    assert not any(part.training for part in vqgan.modules())
    assert list(target.parameters()) == list(target.buffers()) == []
    assert not any(weight.requires_grad for weight in vqgan.parameters())
    assert not target.encode(clips, TUBELET).requires_grad
    assert list(target.state_dict()) == ["_extra_state"]


def test_the_hash_of_its_file_is_in_checkpoints_and_another_one_is_refused() -> None:
    target = VQGANCodeTarget(RandomTokenizer())
    target.load()
    state = target.state_dict()
    assert state["_extra_state"] == {"tokenizer_sha256": "hash of 0"}
    same = VQGANCodeTarget(RandomTokenizer())
    same.load_state_dict(state)
    same.load()
    for when in ("before", "after"):
        other = VQGANCodeTarget(RandomTokenizer(1))
        if when == "before":
            other.load()
            with pytest.raises(ValueError, match=r"another tokenizer: .* hash of 0, .* hash of 1"):
                other.load_state_dict(state)
        else:
            other.load_state_dict(state)
            with pytest.raises(ValueError, match="another tokenizer"):
                other.load()


def test_what_cannot_be_coded_is_refused() -> None:
    with pytest.raises(ValueError, match="label_smoothing is a share, from 0 to below 1, got 1"):
        VQGANCodeTarget(RandomTokenizer(), label_smoothing=1.0)
    with pytest.raises(ValueError, match="a tubelet of one frame has no second one to code"):
        VQGANCodeTarget(RandomTokenizer(), "both").num_outputs(Tubelet(1, 4, 4))


def test_weights_are_read_once_and_never_for_the_shape_of_the_model() -> None:
    tokenizer = RandomTokenizer()
    target = VQGANCodeTarget(tokenizer, "both")
    assert target.num_outputs(TUBELET) == 32
    target.prepare()
    assert (tokenizer.num_prepared, tokenizer.num_loaded) == (1, 0)
    target.load()
    target(sample_batch(2, small_encoder()), ALL, TUBELET)
    assert tokenizer.num_loaded == 1


def test_half_precision_of_the_model_leaves_the_codes_alone() -> None:
    target, batch = VQGANCodeTarget(RandomTokenizer()), sample_batch(2, small_encoder())
    before = target(batch, ALL, TUBELET)
    target.half()
    assert torch.equal(target(batch, ALL, TUBELET), before)


def test_decoded_codes_are_frames_of_the_size_asked_for() -> None:
    target, batch = VQGANCodeTarget(RandomTokenizer(), "both"), sample_batch(2, small_encoder())
    codes = target.encode(batch.clips, TUBELET)
    frames = target.decode(codes, (16, 16))
    assert frames.shape == (2, 3, 4, 16, 16)
    assert 0 <= frames.min() < frames.max() <= 1
    vqgan = target.vqgan(torch.device("cpu"))
    torch.testing.assert_close(frames[:, :, 3], vqgan.decode(codes[:, 1, :, :, 1]).clamp(0, 1))


def test_the_codes_of_a_dvae_are_a_target_too(tmp_path: Path) -> None:
    tokenizer = FlavaCodebook(saved_codebook(tmp_path / "flava"))
    target, batch = VQGANCodeTarget(tokenizer), sample_batch(2, small_encoder())
    assert target.num_outputs(TUBELET) == 32
    target.load()
    digest = file_hash(tmp_path / "flava" / "model.safetensors")
    assert target.state_dict()["_extra_state"] == {"tokenizer_sha256": digest}
    answer = target(batch, ALL, TUBELET)
    dvae, _ = tokenizer.load()
    # 4×4 pixels a token are made 8×8, which is one code.
    frames = resized(batch.clips[:, :, ::2].transpose(1, 2).flatten(0, 1), (32, 32))
    assert torch.equal(answer[..., 0], dvae.encode(frames).unflatten(0, (2, 2)).flatten(1))
    assert len(answer.unique()) > 4
    assert target.loss(torch.zeros(2, 32, 32), answer).item() == pytest.approx(math.log(32))
    with pytest.raises(ValueError, match="FlavaCodebook has no decoder: its codes make no picture"):
        target.decode(target.encode(batch.clips, TUBELET), (16, 16))
