"""What a checkpoint tells of a classifier's training."""

from functools import partial

import pytest

from vidmask.classification import ClipOrder, Mixing, VideoClass
from vidmask.classification.training_record import TrainingRecord, check_parts, described
from vidmask.models.pooling import MeanPooling
from vidmask.models.vit import VideoViT

PARTS = {"pooling": "MeanPooling, norm none", "question": "ClipOrder(gap=3)", "mixing": "None"}


def test_a_record_comes_back_with_the_steps_that_the_checkpoint_counts():
    kept = TrainingRecord("ab", 0.1, 8).for_checkpoint(PARTS)
    assert kept == {
        **{"encoder_sha256": "ab", "encoder_file": None, "peak_lr": 0.1, "clips_per_step": 8},
        "parts": PARTS,
    }
    checkpoint = {"training": kept, "global_step": 30, "epoch": 2}
    assert TrainingRecord.of_checkpoint(checkpoint) == TrainingRecord("ab", 0.1, 8, 30, 2)


def test_the_epoch_at_whose_end_a_checkpoint_was_saved_counts():
    progress = {"fit_loop": {"epoch_progress": {"total": {"completed": 3}}}}
    kept = TrainingRecord().for_checkpoint(PARTS)
    checkpoint = {"training": kept, "global_step": 30, "epoch": 2, "loops": progress}
    assert TrainingRecord.of_checkpoint(checkpoint).epochs == 3


def test_what_earlier_versions_kept_is_read_and_what_is_no_classifier_refused():
    kept = TrainingRecord("ab", encoder_file="e").for_checkpoint(PARTS)
    del kept["encoder_file"]
    found = TrainingRecord.of_checkpoint({"training": kept, "global_step": 1, "epoch": 0})
    assert (found.encoder_sha256, found.encoder_file) == ("ab", None)
    with pytest.raises(ValueError, match="none of a VideoClassification"):
        TrainingRecord.of_checkpoint({"global_step": 1, "epoch": 0})


def test_parts_are_described_with_their_settings():
    encoder = VideoViT(frames=4, size=16, tubelet=(2, 8, 8), embed_dim=24, depth=1, num_heads=2)
    pooling = partial(MeanPooling, norm="fresh")(encoder)
    assert described(pooling, ClipOrder(gap=3), None) == PARTS
    assert described(pooling, VideoClass(), Mixing())["question"] == "VideoClass()"
    assert described(pooling, VideoClass(), Mixing())["mixing"] == repr(Mixing())


def test_other_parts_are_refused_and_another_mixing_only_where_training_goes_on():
    checkpoint = {"training": {"parts": PARTS}}
    check_parts(checkpoint, PARTS, resuming=True)
    check_parts(checkpoint, PARTS | {"mixing": "Mixing()"}, resuming=False)
    with pytest.raises(
        ValueError, match=r"mixing is Mixing\(\), and the checkpoint was made with None: give that one"
    ):
        check_parts(checkpoint, PARTS | {"mixing": "Mixing()"}, resuming=True)
    with pytest.raises(ValueError, match=r"question is VideoClass\(\), and .* with ClipOrder\(gap=3\)"):
        check_parts(checkpoint, PARTS | {"question": "VideoClass()"}, resuming=False)
