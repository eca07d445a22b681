"""Encoders in files."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vidmask.checkpoints import (
    build_encoder,
    encoder_record,
    load_encoder,
    misfit,
    misfit_lines,
    save_encoder,
    shapes_of,
)
from vidmask.models.vit import VideoViT

ARGS = {"frames": 4, "size": 16, "tubelet": [2, 8, 8], "embed_dim": 24, "depth": 1, "num_heads": 2}
CONFIG = {"class_path": "vidmask.models.vit.VideoViT", "init_args": ARGS}


class Wider(VideoViT):
    """An encoder of a user's own."""


def half_size(frames: int = 4) -> VideoViT:
    """A function that makes encoders."""
    return VideoViT(frames, 16, (2, 8, 8), 24, 1, 2)


def untyped():
    """A function that does not say what it makes."""
    return half_size()


@pytest.fixture
def encoder() -> VideoViT:
    torch.manual_seed(0)
    return build_encoder(CONFIG)


def test_an_encoder_comes_back_without_its_recipe(tmp_path, encoder):
    save_encoder(tmp_path / "encoder.safetensors", encoder, CONFIG)
    loaded = load_encoder(tmp_path / "encoder.safetensors")
    clips = torch.rand(2, 3, 4, 16, 16)
    assert not loaded.training
    assert torch.equal(loaded(clips).tokens, encoder.eval()(clips).tokens)
    assert loaded.embed_dim == 24


def test_a_path_may_be_text(tmp_path, encoder):
    save_encoder(str(tmp_path / "encoder.safetensors"), encoder, CONFIG)
    assert load_encoder(str(tmp_path / "encoder.safetensors")).embed_dim == 24


def test_the_file_tells_what_it_holds(tmp_path, encoder):
    save_encoder(tmp_path / "e.safetensors", encoder, CONFIG)
    with safe_open(tmp_path / "e.safetensors", framework="pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "vidmask.encoder.2"
    assert json.loads(metadata["encoder"]) == CONFIG


@pytest.mark.parametrize("name", ["Wider", "half_size"])
def test_a_class_or_function_of_the_user_s_is_built(name):
    args = ARGS if name == "Wider" else {"frames": 6}
    encoder = build_encoder({"class_path": f"{__name__}.{name}", "init_args": args})
    assert type(encoder) is (Wider if name == "Wider" else VideoViT)
    assert encoder.frames == args["frames"]


@pytest.mark.parametrize("path", ["os.system", f"{__name__}.untyped", "torch.nn.Linear", "json.JSONDecoder"])
def test_nothing_but_an_encoder_is_called(path):
    with pytest.raises(ValueError, match=f"{path} is no encoder"):
        build_encoder({"class_path": path, "init_args": {}})


@pytest.mark.parametrize("path", ["nowhere.Encoder", "vidmask.models.vit.Nothing", "VideoViT"])
def test_a_path_that_leads_nowhere_is_told(path):
    with pytest.raises(ValueError, match=f"no encoder {path}"):
        build_encoder({"class_path": path})


def test_a_config_of_another_encoder_is_refused_before_anything_is_written(tmp_path, encoder):
    other = {**CONFIG, "init_args": {**ARGS, "depth": 2}}
    with pytest.raises(ValueError, match=r"does not fit the weights: \d+ differ, the first is blocks\.1\."):
        save_encoder(tmp_path / "e.safetensors", encoder, other)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_do_not_fit_are_refused(tmp_path, encoder):
    weights = {name: weight.clone() for name, weight in encoder.state_dict().items()}
    weights["norm.weight"] = torch.ones(25)
    metadata = {"format": "vidmask.encoder.2", "encoder": json.dumps(CONFIG)}
    save_file(weights, tmp_path / "e.safetensors", metadata=metadata)
    with pytest.raises(
        ValueError, match=r"1 differ, the first is norm.weight, \(25,\) in the weights, \(24,\)"
    ):
        load_encoder(tmp_path / "e.safetensors")


def test_a_missing_file_one_of_another_kind_and_one_of_another_format_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        load_encoder(tmp_path / "none.safetensors")
    (tmp_path / "text").write_text("words")
    with pytest.raises(ValueError, match="is no safetensors file"):
        load_encoder(tmp_path / "text")
    save_file({"a": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"its format is None, not vidmask\.encoder\.2"):
        load_encoder(tmp_path / "other.safetensors")


def test_weights_differ_by_name_or_shape():
    expected = shapes_of(
        {"a": torch.ones(2), "b": torch.ones(1), "c": torch.ones(3, 4), "state": "no weight"}
    )
    found = {"z": (1,), "c": (4, 3), "b": (1,)}
    assert expected == {"a": (2,), "b": (1,), "c": (3, 4)}
    assert misfit(expected, found) == (["a", "c", "z"], ["a"], ["z"], ["c"])
    assert misfit(expected, expected) == ([], [], [], [])


def test_what_differs_is_told_a_line_a_kind():
    expected, found = {"a": (2,), "b": (1,), "c": (3, 4), "d": ()}, {"z": (1,), "c": (4, 3), "d": (1,)}
    assert misfit_lines(expected, found, 1) == [
        "2 missing: a and 1 more",
        "1 left over: z",
        "2 of another shape: c 4×3 and not 3×4 and 1 more",
    ]
    assert misfit_lines(expected, found, 2)[0] == "2 missing: a, b"
    assert misfit_lines(expected, expected, 2) == []


def test_a_record_builds_an_encoder_of_the_same_settings():
    made = build_encoder(CONFIG | {"init_args": ARGS | {"num_heads": 3, "mean": [0.1, 0.2, 0.3]}})
    record = json.loads(json.dumps(encoder_record(made)))
    assert build_encoder(record).arguments == made.arguments
    wider = Wider(**ARGS | {"tubelet": (2, 8, 8)})
    assert encoder_record(wider)["class_path"] == "vidmask.models.vit.VideoViT"
