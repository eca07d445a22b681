"""A tokenizer that is trained on first use."""

import multiprocessing
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from conftest import TOKENIZER
from random_tokenizer import RandomTokenizer

from vidmask.models.tokenizers import file_hash
from vidmask.models.vqgan import VQGAN
from vidmask.trained_vqgan import FILE, TrainedVQGAN, load_vqgan, resolved, save_vqgan


@pytest.fixture
def recipe(tokenizer_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipe of a small tokenizer that is in no cache yet."""
    monkeypatch.setenv("VIDMASK_CACHE", str(tmp_path / "cache"))
    for name in ("small.yaml", "data.yaml"):
        shutil.copyfile(tokenizer_folder / name, tmp_path / name)
    return tmp_path / "small.yaml"


def test_it_is_known_beforehand_trained_once_and_then_kept(
    recipe: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tokenizer = TrainedVQGAN(str(recipe))
    assert (tokenizer.num_codes, tokenizer.factor) == (8, 4)
    with pytest.raises(FileNotFoundError, match="no tokenizer in"):
        tokenizer.load()
    tokenizer.prepare()
    told = capfd.readouterr().out
    assert f"tokenizer: {recipe} is not in the cache, so it is trained first" in told
    assert f"kept in {tokenizer.folder / FILE}; perplexity" in told
    assert "of 8 codes" in told
    vqgan, file_hash = tokenizer.load()
    written = (tokenizer.folder / FILE).stat().st_mtime_ns
    tokenizer.prepare()
    assert (tokenizer.folder / FILE).stat().st_mtime_ns == written
    assert TrainedVQGAN(str(recipe)).load()[1] == file_hash
    assert vqgan.settings["num_codes"] == 8
    torch.manual_seed(0)
    assert not torch.equal(vqgan.codebook, VQGAN(**TOKENIZER).codebook)


def test_a_changed_part_of_the_recipe_is_another_tokenizer(recipe: Path) -> None:
    before = TrainedVQGAN(str(recipe)).folder
    part = recipe.with_name("data.yaml")
    part.write_text(part.read_text().replace("batch_size: 4", "batch_size: 8"))
    assert TrainedVQGAN(str(recipe)).folder != before
    part.write_text(part.read_text().replace("batch_size: 8", "batch_size: 4"))
    assert TrainedVQGAN(str(recipe)).folder == before


def test_another_way_of_training_is_another_tokenizer(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {TrainedVQGAN(str(recipe)).folder}
    for name in ("TRAINING_VERSION", "GENERATOR_VERSION"):
        monkeypatch.setattr(f"vidmask.trained_vqgan.{name}", 99)
        folders.add(TrainedVQGAN(str(recipe)).folder)
    assert len(folders) == 3


def test_a_failed_training_is_an_error_and_leaves_nothing_that_counts(recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("max_epochs: 1", "max_epochs: one"))
    tokenizer = TrainedVQGAN(str(recipe))
    with pytest.raises(RuntimeError, match="training the tokenizer ended with exit code 2"):
        tokenizer.prepare()
    assert not (tokenizer.folder / FILE).exists()


def test_a_cluster_s_variables_do_not_reach_its_training(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PROCID": "1", "NTASKS": "4", "JOB_NAME": "mine", "LOCALID": "1"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    group = ("LOCAL_RANK", "RANK", "WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "MASTER_ADDR", "PL_GLOBAL_SEED")
    for name in group:
        monkeypatch.setenv(name, "1")
    given, run = {}, subprocess.run
    monkeypatch.setattr(
        subprocess, "run", lambda *args, env, **more: given.update(env) or run(*args, env=env, **more)
    )
    tokenizer = TrainedVQGAN(str(recipe))
    tokenizer.prepare()
    assert (tokenizer.folder / FILE).is_file()
    assert "PATH" in given
    assert not [name for name in given if name in group or name.startswith("SLURM_")]


def _prepare(recipe: Path) -> None:
    TrainedVQGAN(str(recipe)).prepare()


def test_two_processes_train_one_between_them(recipe: Path, capfd: pytest.CaptureFixture[str]) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_prepare, args=(recipe,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert capfd.readouterr().out.count("is trained first") == 1


def test_a_recipe_of_something_else_is_refused(recipe: Path) -> None:
    recipe.write_text("model: {class_path: MaskedPretraining, init_args: {lr: 1.0}}")
    with pytest.raises(ValueError, match=r"trains no VQGAN: model\.init_args\.vqgan\.init_args is missing"):
        TrainedVQGAN(str(recipe))


def test_parts_stand_where_their_paths_are(recipe: Path) -> None:
    content = resolved(recipe)
    assert content["data"]["batch_size"] == 4
    assert content["model"]["init_args"]["vqgan"]["init_args"]["num_codes"] == 8


def test_equal_weights_make_equal_files(tmp_path: Path) -> None:
    vqgan, _ = RandomTokenizer().load()
    for index in range(12):
        save_vqgan(tmp_path / f"{index}.safetensors", vqgan)
    assert len({file_hash(path) for path in tmp_path.iterdir()}) == 1


def test_a_vqgan_is_the_same_after_saving(tmp_path: Path) -> None:
    vqgan, _ = RandomTokenizer().load()
    save_vqgan(tmp_path / FILE, vqgan)
    again = load_vqgan(tmp_path / FILE)
    assert again.settings == vqgan.settings
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(again.encode(images), vqgan.encode(images))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="is no VQGAN of vidmask: its format is pt"):
        load_vqgan(tmp_path / "x.safetensors")
