"""The shipped sweeps: each says where it is from, and every value of it is accepted by its recipe."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from layouts import kinetics_tree, ssv2_tree
from omegaconf import OmegaConf
from test_experiments import Building
from test_models_vqgan import PUBLISHED
from transformers import FlavaImageCodebookConfig

from vidmask import recipes
from vidmask.cli.resolving import resolve
from vidmask.sweeps.definition import Cell, SweepDefinition, read_definition
from vidmask.sweeps.settings import is_whole_part, with_settings

FOLDER = recipes.folder() / "ablations"
FILES = {
    path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in sorted(FOLDER.glob("*/*.yaml"))
}
# At one scale alone: what quick-start's mae_st_mask has too, what has no table, and a base of its own.
AT_PAPER_SCALE_ALONE = {
    *("mae_st_mask_ratio", "videomae_epochs"),
    *("mam2_epochs_ssv2", "videomae_epochs_ssv2"),
}
AT_QUICKSTART_SCALE_ALONE = {"mam2_mask", "objectives_steps", "objectives_macs", "objectives_seconds"}


def comments(path: Path) -> str:
    return " ".join(line.lstrip("# ") for line in path.read_text().splitlines() if line.startswith("#"))


def test_every_table_is_there_at_both_scales():
    scales = {
        scale: {Path(name).name for name in FILES if name.startswith(scale)}
        for scale in ("quickstart", "paper")
    }
    assert scales["quickstart"] - AT_QUICKSTART_SCALE_ALONE == scales["paper"] - AT_PAPER_SCALE_ALONE
    assert scales["quickstart"] >= AT_QUICKSTART_SCALE_ALONE
    assert scales["paper"] >= AT_PAPER_SCALE_ALONE
    assert len(scales["quickstart"]) == 17


@pytest.mark.parametrize("name", FILES)
def test_a_sweep_says_where_it_is_from_and_how_it_is_run(name):
    told = comments(FILES[name])
    assert f"vidmask sweep --config ablations/{name}" in told
    assert "arXiv" in told
    assert ("Not run here" in told) == name.startswith("paper/")
    assert len(told) < 1200


def test_the_readme_lists_every_sweep():
    text = (FOLDER / "README.md").read_text()
    for name in FILES:
        stem = Path(name).name.removesuffix("_ssv2").replace("objectives_", "_")
        assert f"`{stem}`" in text or f"`objectives{stem}`" in text, stem


@pytest.mark.parametrize("name", FILES)
def test_a_quick_start_is_repeated_and_a_paper_s_run_is_fine_tuned(name):
    definition = read_definition(FILES[name])
    if name.startswith("quickstart/"):
        assert definition.seeds == (0, 1, 2)
        assert all(base.startswith("quickstart/") for base in definition.bases)
        # Where the length of training is what differs, it is no budget.
        assert (definition.budget is None) == name.endswith(("mae_st_length", "mam2_epochs"))
        return
    assert definition.budget is None
    (base,) = definition.bases
    ((evaluation, settings),) = definition.evaluate.items()
    assert evaluation.split("/")[0] == base.split("/")[0]
    assert settings["data.root"] == definition.overrides["data.root"]


def cells_with_every_label(definition: SweepDefinition) -> list[Cell]:
    """Return as few cells as have each recipe and each label once."""
    chosen, seen = [], set()
    for cell in definition.cells():
        new = {("base", cell.base), *cell.labels.items()} - seen
        if new:
            chosen.append(cell)
            seen |= new
    return chosen


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Stand where the files lie that sweeps at paper scale name: miniatures, without weights."""
    monkeypatch.chdir(tmp_path)
    for name, tree in (("kinetics400", kinetics_tree), ("ssv2", ssv2_tree)):
        (tmp_path / name).mkdir()
        tree(tmp_path / name)
    for stem in ("vqgan_imagenet_f16_1024", "vqgan_imagenet_f16_16384", "vqgan_gumbel_f8_8192"):
        OmegaConf.save(PUBLISHED, f"{stem}.yaml")
        Path(f"{stem}.ckpt").touch()
    FlavaImageCodebookConfig().save_pretrained("flava-image-codebook")
    Path("flava-image-codebook", "model.safetensors").touch()


def given(config: dict, name: str):
    """Return what a resolved configuration has under a dotted name."""
    found = config
    for key in name.split("."):
        found = found.get("init_args", found) if isinstance(found, dict) and key not in found else found
        found = found["source"]["init_args"] if key == "root" and "source" in found else found
        found = found[key]
    return found


def as_asked(asked, found) -> bool:
    """Say whether a value is the one asked for; of a part, what is given of it."""
    if isinstance(asked, dict) and isinstance(found, dict):
        classes = [each.get("class_path", "").rpartition(".")[2] for each in (asked, found)]
        names = asked.get("init_args", {})
        return classes[0] == classes[1] and all(
            as_asked(value, found["init_args"][name]) for name, value in names.items()
        )
    if isinstance(asked, list) and isinstance(found, list):
        return len(asked) == len(found) and all(map(as_asked, asked, found))
    return json.dumps(asked) == json.dumps(found)


@pytest.mark.long
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("name", FILES)
def test_every_value_is_accepted_taken_and_built(name, tmp_path):
    definition = read_definition(FILES[name])
    for number, cell in enumerate(cells_with_every_label(definition)):
        # A whole part is checked when it is built: reading it twice is most of what this costs.
        config = with_settings(cell.base, cell.settings, resolve, lambda recipe, config: config)
        own = {key: value for key, value in cell.settings.items() if key not in definition.overrides}
        if number == 0 or any(
            is_whole_part(value) or key.endswith("embed_dim") for key, value in own.items()
        ):
            config = built(config, tmp_path / "cell.yaml")
        for setting, value in cell.settings.items():
            inside = [other for other in cell.settings if other.startswith(f"{setting}.")]
            assert inside or as_asked(value, given(config, setting)), (str(cell), setting)


def built(config: dict, path: Path) -> dict:
    """Build what a configuration says: heads divide widths, cells fill patches, a ratio leaves something."""
    config["trainer"] |= {"accelerator": "cpu", "devices": 1}
    path.write_text(yaml.safe_dump(config))
    with torch.device("meta"):
        return Building(["fit", "--config", str(path), "--run.root", "runs"], [path], ["fit"]).filing.config
