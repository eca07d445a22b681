"""Where a call is filed, and from which checkpoint it starts."""

import json
import re
from pathlib import Path

import pytest
import torch
import yaml

from vidmask import recipes, runs
from vidmask.cli.errors import Mistake
from vidmask.cli.filing import SHARED_FOLDER, Filing, with_recipes
from vidmask.runs import RunOptions

CONFIG = {"seed_everything": 0, "model": {"lr": 0.1}, "data": {"num_workers": 2, "batch_size": 8}}


@pytest.fixture(autouse=True)
def _no_shared_folder(monkeypatch):
    monkeypatch.setenv(SHARED_FOLDER, "")
    monkeypatch.delenv(SHARED_FOLDER)


@pytest.fixture
def recipe(tmp_path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("# mine\nseed_everything: 0\n")
    return path


@pytest.fixture
def begun(tmp_path, recipe) -> Path:
    """A run of seven steps."""
    filing = Filing("fit", [recipe], RunOptions(str(tmp_path / "runs")), None, CONFIG)
    folder = filing.open()
    filing.write_records(["fit", "--config", "mine"], 0)
    (folder / "checkpoints").mkdir()
    torch.save(
        {"global_step": 7, "state_dict": {"weight": torch.zeros(2)}}, folder / "checkpoints" / "last.ckpt"
    )
    runs.point_latest(folder)
    lines = [{"step": step, "seconds": step * 2.0, "loss": 1.0} for step in (6, 7, 8)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def again(tmp_path, recipe, verb="fit", ckpt_path="last", config=CONFIG, **options) -> Filing:
    return Filing(verb, [recipe], RunOptions(str(tmp_path / "runs"), **options), ckpt_path, config)


def test_a_new_run_holds_its_records(begun, recipe):
    assert begun.parent.name == "mine"
    assert yaml.safe_load((begun / "config.yaml").read_text()) == CONFIG
    assert (begun / "recipe" / "mine.yaml").read_text() == recipe.read_text()
    record = json.loads((begun / "environment.json").read_text())
    assert record["recipe"] == "mine"
    assert record["command"] == ["vidmask", "fit", "--config", "mine"]
    assert record["seed"] == 0
    assert "torch" in record["packages"]


def test_a_resumed_run_goes_on_in_its_folder_with_its_records_added(tmp_path, recipe, begun):
    filing = again(tmp_path, recipe)
    assert filing.open().resolve() == begun.resolve()
    assert filing.num_steps_before == 7
    filing.write_records(["fit", "again"], 0)
    filing.write_records(["fit", "thrice"], 0)
    record = json.loads((begun / "environment.json").read_text())
    assert record["command"] == ["vidmask", "fit", "--config", "mine"]
    assert [resumed["from_step"] for resumed in record["resumed"]] == [7, 7]
    assert [resumed["command"][2] for resumed in record["resumed"]] == ["again", "thrice"]


def test_a_resumed_run_s_numbers_are_cut_back(tmp_path, recipe, begun):
    filing = again(tmp_path, recipe)
    filing.open()
    _, json_logger = filing.loggers()
    assert len((begun / "metrics.jsonl").read_text().splitlines()) == 3
    # Only when the run begins: until then it may still be refused.
    filing.write_records(["fit"], 0)
    steps = [json.loads(line)["step"] for line in (begun / "metrics.jsonl").read_text().splitlines()]
    assert steps == [6, 7]
    json_logger.log_metrics({"loss": 1.0}, step=8)
    assert json.loads((begun / "metrics.jsonl").read_text().splitlines()[-1])["seconds"] >= 14.0


def test_other_settings_are_refused_and_listed(tmp_path, recipe, begun):
    other = {**CONFIG, "model": {"lr": 0.2}}
    with pytest.raises(Mistake) as caught:
        again(tmp_path, recipe, config=other)
    assert caught.value.lines[0].endswith("was begun with other settings:")
    assert caught.value.lines[1:] == [
        "model.lr: 0.1 → 0.2",
        "give those again, or say --run.allow_config_change true",
    ]


def test_many_other_settings_are_listed_in_five_lines(tmp_path, recipe, begun):
    other = {**CONFIG, "seed_everything": 1, "model": {"lr": 0.2, "betas": 1}, "data": {"batch_size": 1}}
    with pytest.raises(Mistake) as caught:
        again(tmp_path, recipe, config=other)
    assert len(caught.value.lines) == 5
    assert caught.value.lines[3] == "and 2 more: data.batch_size, model.betas"


def test_other_settings_are_taken_when_allowed(tmp_path, recipe, begun):
    filing = again(tmp_path, recipe, config={**CONFIG, "model": {"lr": 0.2}}, allow_config_change=True)
    filing.open()
    filing.write_records(["fit"], 0)
    assert runs.read_config(begun)["model"] == {"lr": 0.2}
    assert yaml.safe_load((begun / "config.1.yaml").read_text()) == CONFIG


def test_the_number_of_workers_may_change(tmp_path, recipe, begun):
    again(tmp_path, recipe, config={**CONFIG, "data": {"num_workers": 0, "batch_size": 8}})


def test_a_file_leads_to_its_run_as_last_does(tmp_path, recipe, begun):
    assert again(tmp_path, recipe, ckpt_path=str(begun / "checkpoints" / "last.ckpt")).open() == begun


def test_a_checkpoint_of_no_run_starts_a_new_one(tmp_path, recipe):
    torch.save({"global_step": 7, "state_dict": {}}, tmp_path / "foreign.ckpt")
    filing = again(tmp_path, recipe, ckpt_path=str(tmp_path / "foreign.ckpt"))
    folder = filing.open()
    assert filing.num_steps_before is None
    assert folder.parent == tmp_path / "runs" / "mine"
    assert "lies in no run's folder" in filing.announce()


def test_without_a_run_last_is_an_error_and_nothing_begins(tmp_path, recipe):
    with pytest.raises(FileNotFoundError, match="no run of mine to go on with"):
        again(tmp_path, recipe)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
def test_other_verbs_write_beside_what_they_look_at(tmp_path, recipe, begun, verb):
    filing = again(tmp_path, recipe, verb=verb, config={**CONFIG, "data": {"batch_size": 1}})
    assert filing.open().resolve() == (begun / verb).resolve()
    assert filing.checkpoints == (begun / "checkpoints").resolve()
    filing.loggers()
    assert len((begun / "metrics.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
def test_an_untrained_model_is_not_scored_in_silence(tmp_path, recipe, begun, verb):
    with pytest.raises(Mistake) as caught:
        again(tmp_path, recipe, verb=verb, ckpt_path=None)
    assert caught.value.lines == [
        f"{verb} is for a trained model, and no checkpoint is given",
        "--ckpt_path takes a file, 'last' for the newest of the recipe's latest run, or 'untrained' for "
        "random weights",
    ]


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
def test_an_untrained_model_is_scored_where_it_is_asked_for_in_a_folder_of_its_own(
    tmp_path, recipe, begun, verb
):
    filing = again(tmp_path, recipe, verb=verb, ckpt_path="untrained")
    folder = filing.open()
    assert filing.checkpoint is None
    assert (folder.name, folder.parent.parent) == (verb, begun.parent)
    assert folder.parent != begun
    assert filing.announce() == f"{verb}: random weights, {folder}"
    filing.close()
    assert not folder.parent.exists()


def test_training_begins_untrained_without_being_told(tmp_path, recipe):
    with pytest.raises(Mistake, match="--ckpt_path untrained is what fit does without --ckpt_path"):
        again(tmp_path, recipe, ckpt_path="untrained")


def test_a_second_process_writes_nothing_and_goes_where_the_first_is(tmp_path, recipe):
    first = Filing("fit", [recipe], RunOptions(str(tmp_path / "runs")), None, CONFIG)
    folder = first.open()
    second = Filing("fit", [recipe], RunOptions(str(tmp_path / "runs")), None, CONFIG, rank=1)
    assert second.open() == folder
    second.write_records(["fit"], 0)
    assert list(folder.iterdir()) == []
    assert len(list(folder.parent.iterdir())) == 1


def test_a_second_process_of_a_resumed_run_cuts_nothing(tmp_path, recipe, begun):
    filing = Filing("fit", [recipe], RunOptions(str(tmp_path / "runs")), "last", CONFIG, rank=1)
    assert filing.open().resolve() == begun.resolve()
    filing.loggers()
    assert len((begun / "metrics.jsonl").read_text().splitlines()) == 3


def test_an_empty_folder_is_removed_and_a_full_one_kept(tmp_path, recipe, begun):
    filing = Filing("fit", [recipe], RunOptions(str(tmp_path / "runs"), "named"), None, CONFIG)
    assert filing.open().is_dir()
    filing.close()
    assert not filing.folder.exists()
    resumed = again(tmp_path, recipe)
    resumed.open()
    resumed.close()
    assert begun.is_dir()


@pytest.mark.parametrize("words", [["--config", "quickstart/mae_st"], ["-c=quickstart/mae_st"]])
def test_short_names_become_paths(words, tmp_path):
    (tmp_path / "more.yaml").write_text("a: 1\n")
    path = recipes.folder() / "quickstart" / "mae_st.yaml"
    args, configs = with_recipes(["fit", *words, "--model.lr", "3", "--config", str(tmp_path / "more")])
    assert configs == [path, tmp_path / "more.yaml"]
    assert args == ["fit", "--config", str(path), "--model.lr", "3", "--config", str(tmp_path / "more.yaml")]


def test_a_checkpoint_alone_brings_its_run_s_configuration(begun, tmp_path):
    checkpoint = str(begun / "checkpoints" / "last.ckpt")
    args, configs = with_recipes(["test", "--ckpt_path", checkpoint])
    assert configs == [begun / "config.yaml"]
    assert args == ["test", "--config", str(begun / "config.yaml"), "--ckpt_path", checkpoint]
    filing = Filing("fit", configs, RunOptions(str(tmp_path / "runs")), "last", CONFIG)
    assert filing.recipe == "mine"


@pytest.mark.parametrize("content", ["text", "nothing", "half", "another", "list"])
def test_a_file_that_is_no_checkpoint_is_refused_in_few_words(tmp_path, recipe, begun, content):
    whole = (begun / "checkpoints" / "last.ckpt").read_bytes()
    path = tmp_path / "given.ckpt"
    path.write_bytes({"text": b"a: b", "nothing": b"", "half": whole[: len(whole) // 2]}.get(content, b""))
    if content == "another":
        torch.save({"state_dict": {}}, path)
    elif content == "list":
        torch.save([1], path)
    for verb in ("fit", "validate"):
        with pytest.raises(Mistake, match=r"given\.ckpt is no checkpoint of a training run") as mistake:
            again(tmp_path, recipe, verb, str(path))
        assert len(mistake.value.lines) == 2


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ({"weight": torch.zeros(3)}, "1 of another shape: weight 2 and not 3"),
        ({"weight": torch.zeros(2), "bias": torch.zeros(1)}, "1 missing: bias"),
        ({}, "1 left over: weight"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(tmp_path, recipe, begun, weights, told):
    filing = again(tmp_path, recipe)
    with pytest.raises(Mistake, match="does not fit the model: 1 of its weights") as mistake:
        filing.check_weights(weights)
    assert any(re.search(told, line) for line in mistake.value.lines)
    filing.check_weights({"weight": torch.ones(2)})


def misfitting(tmp_path, recipe, ours: dict[str, int], theirs: dict[str, int]) -> list[str]:
    """Return what is told where weights of these lengths meet a checkpoint of those."""
    weights = {name: torch.zeros(length) for name, length in theirs.items()}
    torch.save({"global_step": 7, "state_dict": weights}, tmp_path / "other.ckpt")
    filing = again(tmp_path, recipe, ckpt_path=str(tmp_path / "other.ckpt"))
    with pytest.raises(Mistake) as caught:
        filing.check_weights({name: torch.zeros(length) for name, length in ours.items()})
    return caught.value.lines


def test_what_does_not_fit_is_listed_by_kind_in_five_lines(tmp_path, recipe):
    ours = {f"a{i}": 1 for i in range(7)} | {"c": 2, "d": 1}
    lines = misfitting(tmp_path, recipe, ours, {"b": 1, "c": 3, "d": 1})
    assert lines == [
        f"{tmp_path / 'other.ckpt'} does not fit the model: 9 of its weights are others",
        "7 missing: a0, a1, a2, a3, a4 and 2 more",
        "1 left over: b",
        "1 of another shape: c 3 and not 2",
        "give the settings of the model that the checkpoint was made with",
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ({"classifier.norm": 1}, {"objective.norm": 1}, "goes in as --model.encoder_checkpoint"),
        (
            {"objective.encoder.positions.temporal": 1},
            {"objective.encoder.positions.temporal": 2},
            "set model.encoder.frames and model.encoder.size to",
        ),
        ({"classifier.encoder.cls_token": 1}, {}, "set model.encoder.class_token and"),
        ({"classifier.heads.label_class.bias": 1}, {"classifier.heads.label_class.bias": 2}, "model.classes"),
        ({"objective.encoder.blocks.1.norm": 1}, {}, "set model.encoder.depth to"),
        # Nothing is left over: it is no encoder of pre-training that lacks a pooling.
        ({"classifier.pooling.query": 1}, {}, "give the settings of the model"),
    ],
)
def test_the_setting_that_would_make_it_fit_is_named_where_it_is_known(tmp_path, recipe, ours, theirs, told):
    assert told in misfitting(tmp_path, recipe, ours | {"same": 1}, theirs | {"same": 1})[-1]


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
def test_another_model_is_not_scored_and_other_data_are(tmp_path, recipe, begun, verb):
    with pytest.raises(Mistake, match="begun with other settings"):
        again(tmp_path, recipe, verb, config=CONFIG | {"model": {"lr": 0.2}})
    again(tmp_path, recipe, verb, config=CONFIG | {"data": {"batch_size": 2}})


@pytest.mark.parametrize("words", [["--config"], ["--config="], ["--config", "--trainer.max_steps", "3"]])
def test_a_missing_recipe_is_not_guessed(words):
    with pytest.raises(Mistake, match="--config takes a recipe, and none is given"):
        with_recipes(["fit", *words])
