"""What a picture of each kind of target shows."""

from functools import partial

import pytest
import torch
from lightning.pytorch import LightningModule
from random_tokenizer import RandomTokenizer
from test_contracts import batch_of, mask_of, small_encoder

from vidmask.callbacks.pictures import filled, picture_rows, pictures
from vidmask.masking import RandomMasking
from vidmask.models import TokenDecoder
from vidmask.models.vqgan import resized
from vidmask.objectives import Head
from vidmask.targets import RGBDifferenceTarget, Target, VQGANCodeTarget
from vidmask.tokenizer import TokenizerTraining
from vidmask.tokens import TokenMask

BATCH = batch_of(2)
ENCODER = small_encoder()
MASK = mask_of(RandomMasking(0.5), BATCH, ENCODER)


def head_of(target: Target) -> Head:
    return Head(ENCODER, partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2), target)


def hidden_patches() -> torch.Tensor:
    hidden = torch.ones(2, 32, dtype=torch.bool).scatter(1, MASK.visible, False).view(2, 2, 4, 4)
    return hidden.repeat_interleave(4, 2).repeat_interleave(4, 3)


def test_right_codes_decode_to_the_picture_of_the_input_s_own() -> None:
    for frames in ("first", "both"):
        target = VQGANCodeTarget(RandomTokenizer(), frames)
        answer = target(BATCH, MASK.masked, ENCODER.tubelet)
        right = torch.nn.functional.one_hot(answer, 16).float().flatten(2)
        rows = picture_rows(target, head_of(target), right, BATCH, MASK)
        coded, masked, own, predicted = rows.values()
        assert torch.equal(own, predicted)
        assert coded.shape == masked.shape == own.shape == (2, 3, 2 if frames == "first" else 4, 16, 16)
        wrong = picture_rows(target, head_of(target), right.roll(1, -1), BATCH, MASK)
        assert not torch.equal(own, list(wrong.values())[3])


def test_right_differences_are_painted_as_the_true_ones_where_they_were_hidden() -> None:
    for normalisation in ("none", "tubelet"):
        target = RGBDifferenceTarget(normalisation=normalisation)
        right = target(BATCH, MASK.masked, ENCODER.tubelet)
        rows = picture_rows(target, head_of(target), right, BATCH, MASK)
        clips, masked, true, predicted = rows.values()
        hidden = hidden_patches().unsqueeze(1).expand_as(true)
        torch.testing.assert_close(predicted[hidden], true[hidden], atol=1e-5, rtol=0)
        assert not torch.equal(predicted[~hidden], true[~hidden])
        assert torch.equal(clips, BATCH.clips[:, :, ::2])
        assert clips.shape == masked.shape
        assert ("added back" in list(rows)[3]) is (normalisation == "tubelet")
        # Brighter is red, darker is blue.
        change = (BATCH.clips[:, :, 1::2] - BATCH.clips[:, :, ::2]).mean(dim=1)
        assert (true[:, 0][change > 0.01] > true[:, 2][change > 0.01]).all()
        assert (true[:, 0][change < -0.01] < true[:, 2][change < -0.01]).all()


def test_a_target_of_which_there_is_no_picture_gives_no_rows() -> None:
    assert picture_rows(Target(), head_of(RGBDifferenceTarget()), torch.zeros(1, 1, 1), BATCH, MASK) == {}


def test_answers_fill_the_places_of_masked_tokens() -> None:
    mask = TokenMask(torch.tensor([[0, 2]]), torch.tensor([[1, 3]]))
    tokens = torch.arange(4.0).view(1, 4, 1)
    assert filled(tokens, mask, torch.tensor([[[10.0], [30.0]]])).flatten().tolist() == [0, 10, 2, 30]


def test_a_tokenizer_s_picture_is_what_its_codes_decode_to() -> None:
    vqgan, _ = RandomTokenizer().load()
    vqgan.resolution = 8
    module = TokenizerTraining(vqgan.eval(), frames=4, size=16, frames_per_clip=2)
    with torch.no_grad():
        rows = pictures(module, BATCH)["tokenizer"]
        seen, decoded = rows.values()
        assert seen.shape == decoded.shape == (2, 3, 4, 8, 8)
        torch.testing.assert_close(seen[1, :, 2], resized(BATCH.clips[1:, :, 2], (8, 8))[0])
        expected = vqgan.decode(vqgan.encode(seen[1:, :, 2])).clamp(0, 1)
    torch.testing.assert_close(decoded[1, :, 2], expected[0])


def test_a_module_without_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="or a TokenizerTraining, got a LightningModule"):
        pictures(LightningModule(), BATCH)
