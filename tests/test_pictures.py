"""What a picture of each kind of target shows."""

from functools import partial

import pytest
import torch
from lightning.pytorch import LightningModule
from random_tokenizer import RandomTokenizer

from vidmask.masking import RandomMasking
from vidmask.models import TokenDecoder
from vidmask.models.vqgan import resized
from vidmask.objectives import Head
from vidmask.pictures import filled, picture_rows, pictures, target_rows
from vidmask.targets import PixelTarget, RGBDifferenceTarget, Target, VQGANCodeTarget
from vidmask.testing.samples import sample_batch, sample_mask, small_encoder
from vidmask.tokenizer import TokenizerTraining
from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet, patchify, unpatchify

BATCH = sample_batch(2, small_encoder())
ENCODER = small_encoder()
MASK = sample_mask(RandomMasking(0.5), BATCH, ENCODER)


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


def test_codes_that_are_neither_seen_nor_predicted_are_not_shown_as_known() -> None:
    target = VQGANCodeTarget(RandomTokenizer())
    # Of each clip the last masked token is not predicted.
    part = TokenMask(MASK.visible, MASK.masked[:, :-1])
    right = torch.nn.functional.one_hot(target(BATCH, part.masked, ENCODER.tubelet), 16).float().flatten(2)
    *_, own, predicted = picture_rows(target, head_of(target), right, BATCH, part).values()
    differs = (own != predicted).any(dim=1)
    left_out = torch.zeros(2, 32, dtype=torch.bool).scatter(1, MASK.masked[:, -1:], True).view(2, 2, 4, 4)
    assert torch.equal(differs, left_out.repeat_interleave(4, 2).repeat_interleave(4, 3))


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


class Brightness(Target):
    """The mean of each tubelet: of one's own, with a picture or without."""

    pictured = "brightness"

    def __init__(self, *, drawn: bool) -> None:
        super().__init__()
        self.drawn = drawn

    def num_outputs(self, tubelet: Tubelet) -> int:
        return 1

    def forward(self, batch: ClipBatch, indices: torch.Tensor, tubelet: Tubelet) -> torch.Tensor:
        return patchify(batch.clips, tubelet, indices).mean(dim=2, keepdim=True)

    def picture(
        self, values: torch.Tensor, answers: torch.Tensor, grid: TokenGrid, tubelet: Tubelet
    ) -> torch.Tensor | None:
        if not self.drawn:
            return None
        return unpatchify(values.expand(-1, -1, 3 * tubelet.rows * tubelet.columns), grid, tubelet)


def test_a_target_of_which_there_is_no_picture_gives_no_rows() -> None:
    target = Brightness(drawn=False)
    prediction = torch.zeros(2, MASK.masked.shape[1], 1)
    assert picture_rows(target, head_of(target), prediction, BATCH, MASK) == {}
    assert target_rows(target, head_of(target), BATCH, MASK) == {}


class Level(Brightness):
    """Which of four levels of brightness: classes, of another shape than their prediction."""

    def forward(self, batch: ClipBatch, indices: torch.Tensor, tubelet: Tubelet) -> torch.Tensor:
        return (super().forward(batch, indices, tubelet).squeeze(-1) * 4).long()


def test_classes_without_a_picture_give_no_rows_of_their_prediction_either() -> None:
    target = Level(drawn=False)
    prediction = torch.zeros(2, MASK.masked.shape[1], 4)
    assert picture_rows(target, head_of(target), prediction, BATCH, MASK) == {}


def test_a_target_of_one_s_own_is_drawn_by_its_picture_in_the_places_that_are_predicted() -> None:
    target = Brightness(drawn=True)
    prediction = torch.full((2, MASK.masked.shape[1], 1), 0.75)
    rows = picture_rows(target, head_of(target), prediction, BATCH, MASK)
    assert list(rows) == ["input", "masked input (50% hidden)", "target: brightness", "prediction"]
    clips, _, asked, predicted = rows.values()
    assert torch.equal(clips, BATCH.clips[:, :, ::2])
    hidden = hidden_patches()
    means = patchify(BATCH.clips, ENCODER.tubelet).mean(dim=2).view(2, 2, 4, 4)
    means = means.repeat_interleave(4, 2).repeat_interleave(4, 3)
    torch.testing.assert_close(asked[:, 1][hidden], means[hidden])
    assert (predicted[:, 2][hidden] == 0.75).all()
    assert not (predicted[:, 2][~hidden] == 0.75).any()
    assert rows.keys() - target_rows(target, head_of(target), BATCH, MASK).keys() == {"prediction"}


@pytest.mark.parametrize("normalisation", ["none", "mae_st", "videomae"])
def test_pixels_are_shown_as_they_are_asked_for(normalisation) -> None:
    target = PixelTarget(normalisation, "all")
    rows = target_rows(target, head_of(target), BATCH, MASK)
    *_, asked = rows.values()
    hidden = hidden_patches().repeat_interleave(2, 1).unsqueeze(1).expand_as(asked)
    if normalisation == "none":
        torch.testing.assert_close(asked[hidden], BATCH.clips[hidden])
    else:
        assert "normalised pixels" in list(rows)[2]
        # Each patch has a mean of grey.
        assert abs(asked[hidden].mean().item() - 0.5) < 1e-3


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
