"""Pictures of what is hidden and of what is asked for."""

from functools import partial

import av
import numpy as np
import torch
from PIL import Image

from vidmask.masking import MaskGenerator, RandomMasking, TubeMasking
from vidmask.models import TokenDecoder
from vidmask.objectives import Head, MaskedAutoencoder
from vidmask.pictures import target_rows
from vidmask.pretraining import MaskedPretraining
from vidmask.show import mask_rows, shown, write_pictures
from vidmask.targets import PixelTarget, RGBDifferenceTarget, Target
from vidmask.testing.samples import sample_batch, small_encoder
from vidmask.tokens import TokenMask

ENCODER = small_encoder()
BATCH = sample_batch(2, ENCODER)


def module_of(masking: MaskGenerator, **targets: Target) -> MaskedPretraining:
    decoder = partial(TokenDecoder, embed_dim=8, depth=1, num_heads=2)
    heads = {name: partial(Head, decoder=decoder, target=target) for name, target in targets.items()}
    return MaskedPretraining(small_encoder(), partial(MaskedAutoencoder, heads=heads), masking).eval()


def test_the_mask_s_picture_says_how_much_is_hidden_and_covers_just_that() -> None:
    mask = TokenMask(torch.tensor([[0, 5]] * 2), torch.tensor([[*range(1, 5), *range(6, 32)]] * 2))
    rows = mask_rows(BATCH, mask, ENCODER.grid, ENCODER.tubelet)
    assert list(rows) == ["input", "seen (93.8% hidden)"]
    clips, seen = rows.values()
    # Token 5 is row 1, column 1 of the first two frames.
    assert torch.equal(seen[:, :, :2, 4:8, 4:8], clips[:, :, :2, 4:8, 4:8])
    assert not torch.equal(seen[:, :, 2:, 4:8, 4:8], clips[:, :, 2:, 4:8, 4:8])
    assert (seen[0] == clips[0]).all(dim=0).float().mean() < 2 / 32 + 0.01


def test_where_only_a_part_of_the_hidden_is_predicted_it_is_shown_which() -> None:
    mask = TokenMask(torch.tensor([[0, 5]] * 2), torch.tensor([[7]] * 2))
    rows = mask_rows(BATCH, mask, ENCODER.grid, ENCODER.tubelet)
    assert list(rows)[2] == "predicted (3.1% of the tokens)"
    clips, _, predicted = rows.values()
    assert torch.equal(predicted[:, :, :2, 4:8, 12:], clips[:, :, :2, 4:8, 12:])
    assert not torch.equal(predicted[:, :, :2, :4, :4], clips[:, :, :2, :4, :4])


def test_each_head_has_a_picture_of_what_it_is_asked_for_and_predictions_where_they_are_wanted() -> None:
    module = module_of(RandomMasking(0.5), colour=PixelTarget(), motion=RGBDifferenceTarget())
    asked = shown(module, BATCH, predictions=False)
    assert list(asked) == ["mask", "colour", "motion"]
    answered = shown(module, BATCH, predictions=True)
    assert asked["mask"].keys() == answered["mask"].keys()
    more = {name: answered[name].keys() - asked[name].keys() for name in asked}
    assert more["mask"] == set()
    assert ["reconstruction" in caption for caption in more["colour"]] == [True]
    assert more["motion"] == {"predicted change where it was asked for"}


def test_what_has_no_picture_is_left_out() -> None:
    class Unseen(RGBDifferenceTarget):
        """Differences that nobody wants to see."""

    target_rows.register(Unseen, lambda target, *args: {})
    module = module_of(TubeMasking(0.5), one=Unseen(), other=PixelTarget())
    assert list(shown(module, BATCH, predictions=False)) == ["mask", "other"]


def test_pictures_are_written_still_and_moving_and_on_one_sheet(tmp_path) -> None:
    module = module_of(RandomMasking(0.5), colour=PixelTarget())
    folder = tmp_path / "new" / "folder"
    written = write_pictures(shown(module, BATCH, predictions=False), folder, fps=5)
    names = ["mask.png", "mask.gif", "mask.mp4", "colour.png", "colour.gif", "colour.mp4", "sheet.png"]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    stills = [np.asarray(Image.open(folder / f"{name}.png")) for name in ("mask", "colour")]
    sheet = np.asarray(Image.open(folder / "sheet.png"))
    assert sheet.shape[0] == sum(len(still) for still in stills)
    assert sheet.shape[1] == max(still.shape[1] for still in stills)
    assert np.array_equal(sheet[: len(stills[0]), : stills[0].shape[1]], stills[0])
    with av.open(str(folder / "mask.mp4")) as video:
        frames = list(video.decode(video=0))
        assert len(frames) == 4
        assert float(video.streams.video[0].average_rate) == 5
