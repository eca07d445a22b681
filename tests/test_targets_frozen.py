"""A teacher in a file."""

from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from test_targets_teacher import ALL, TUBELET, saved

from vidmask.checkpoints import load_encoder
from vidmask.models import TokenDecoder
from vidmask.models.tokenizers import file_hash
from vidmask.objectives import Head, MaskedAutoencoder
from vidmask.targets import FrozenTeacher, TeacherTarget
from vidmask.testing.objectives import check_objective
from vidmask.testing.samples import sample_batch, small_encoder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A teacher that is half as wide and deeper than the encoder that learns from it."""
    return saved(tmp_path / "encoder.safetensors", embed_dim=16, depth=3, drop_path_rate=0.5)


def test_it_answers_with_the_features_of_the_file_s_encoder(file: Path) -> None:
    target, batch = TeacherTarget(FrozenTeacher(file), normalise=False), sample_batch(2, small_encoder())
    with torch.no_grad():
        expected = load_encoder(file)(batch.clips).tokens
    torch.testing.assert_close(target(batch, ALL, TUBELET), expected)
    assert target.num_outputs(TUBELET) == 16


def test_it_is_no_part_of_the_model_and_stays_in_evaluation_mode(file: Path) -> None:
    target = TeacherTarget(FrozenTeacher(file))
    target.load()
    target.train()
    encoder = target.teacher.encoder(torch.device("cpu"))
    assert not any(part.training for part in encoder.modules())
    assert not any(value.requires_grad for value in encoder.parameters())
    assert list(target.parameters()) == list(target.buffers()) == []
    assert list(target.state_dict()) == ["teacher._extra_state"]


def test_half_precision_of_the_model_leaves_the_answers_alone(file: Path) -> None:
    target, batch = TeacherTarget(FrozenTeacher(file)), sample_batch(2, small_encoder())
    before = target(batch, ALL, TUBELET)
    target.half()
    assert torch.equal(target(batch, ALL, TUBELET), before)


def test_the_hash_of_its_file_is_in_checkpoints_and_another_one_is_refused(file: Path) -> None:
    teacher = FrozenTeacher(file)
    assert teacher.state_dict()["_extra_state"] == {"teacher_sha256": None}
    teacher.load()
    state = teacher.state_dict()
    assert state["_extra_state"] == {"teacher_sha256": file_hash(file)}
    same = FrozenTeacher(file)
    same.load_state_dict(state)
    same.load()
    other_file = saved(file.with_name("other.safetensors"), embed_dim=16)
    late, early = FrozenTeacher(other_file), FrozenTeacher(other_file)
    late.load_state_dict(state)
    assert late.state_dict() == state
    with pytest.raises(ValueError, match=r"another teacher: .* where the run began"):
        late.load()
    early.load()
    with pytest.raises(ValueError, match="another teacher"):
        early.load_state_dict(state)


def test_a_model_is_made_without_its_weights_on_the_meta_device_too(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr("vidmask.targets.frozen.load_encoder", asked.append)
    with torch.device("meta"):
        decoder = partial(TokenDecoder, embed_dim=32, depth=1, num_heads=4)
        head = partial(Head, decoder=decoder, target=TeacherTarget(FrozenTeacher(file), layers=3))
        objective = MaskedAutoencoder(small_encoder(), head)
    assert objective.head.prediction.out_features == 16
    assert asked == []


def test_reading_it_draws_no_number(file: Path) -> None:
    teacher = FrozenTeacher(file)
    before = torch.get_rng_state()
    teacher.load()
    assert torch.equal(torch.get_rng_state(), before)


def test_its_weights_are_read_once(file: Path) -> None:
    teacher = FrozenTeacher(file)
    teacher.load()
    first = teacher.encoder(torch.device("cpu"))
    teacher.load()
    assert teacher.encoder(torch.device("cpu")) is first


def test_the_laws_of_objectives_hold_of_two_teachers(file: Path) -> None:
    other = saved(file.with_name("other.safetensors"), embed_dim=64)
    decoder = partial(TokenDecoder, embed_dim=32, depth=1, num_heads=4)

    def make(encoder: torch.nn.Module) -> MaskedAutoencoder:
        heads = {
            name: partial(Head, decoder=decoder, target=TeacherTarget(FrozenTeacher(path), loss="smooth_l1"))
            for name, path in (("image", file), ("video", other))
        }
        return MaskedAutoencoder(encoder, heads=heads)

    check_objective(make)


def test_what_is_no_encoder_is_refused_when_the_model_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no teacher in .*gone\.safetensors: there is no such file"):
        FrozenTeacher(tmp_path / "gone.safetensors")
    with pytest.raises(FileNotFoundError, match=r"is a folder; give its encoder\.safetensors"):
        FrozenTeacher(tmp_path)
    (tmp_path / "text.safetensors").write_text("no")
    with pytest.raises(ValueError, match="is no safetensors file"):
        FrozenTeacher(tmp_path / "text.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"is no encoder of vidmask: give the encoder\.safetensors of a run"):
        FrozenTeacher(tmp_path / "other.safetensors")
