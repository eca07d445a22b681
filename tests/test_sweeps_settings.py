"""Settings laid over a recipe, and what stands for a configuration."""

import copy
from collections.abc import Sequence

import pytest

from vidmask.sweeps.settings import as_word, key_of, put, with_settings

CONFIG = {
    "seed_everything": 0,
    "trainer": {"max_epochs": 3, "accelerator": "auto"},
    "model": {
        "class_path": "M",
        "init_args": {"lr": 0.1, "masking": {"class_path": "Random", "init_args": {"ratio": 0.5, "x": 1}}},
    },
}


class Recorded:
    """A resolver that notes what it is asked."""

    def __init__(self) -> None:
        self.words: list[list[str]] = []
        self.configs: list[dict] = []

    def resolve(self, words: Sequence[str]) -> dict:
        self.words.append(list(words))
        return copy.deepcopy(CONFIG)

    def resolve_config(self, base: str, config: dict) -> dict:
        assert base == "base"
        self.configs.append(copy.deepcopy(config))
        return config


def test_single_values_are_words_of_the_command_line():
    found = Recorded()
    settings = {"model.lr": 0.5, "data.scale": [1.0, 1.0], "c": True, "d": "word"}
    assert with_settings("base", settings, found.resolve, found.resolve_config) == CONFIG
    words = ["--model.lr=0.5", "--data.scale=[1.0, 1.0]", "--c=true", "--d=word"]
    assert found.words == [["--config", "base", *words]]
    assert found.configs == []


def test_a_part_takes_the_place_of_the_recipe_s_whole():
    found = Recorded()
    # The ratio stands before the part that it is in.
    settings = {"model.masking.ratio": 0.9, "model.masking": {"class_path": "Tube"}, "model.lr": 1}
    config = with_settings("base", settings, found.resolve, found.resolve_config)
    assert found.words == [["--config", "base", "--model.lr=1"]]
    assert config["model"]["init_args"]["masking"] == {"class_path": "Tube", "init_args": {"ratio": 0.9}}
    assert found.configs == [config]


def test_a_given_part_stays_as_it_was():
    part = {"class_path": "Tube", "init_args": {}}
    found = Recorded()
    settings = {"model.masking": part, "model.masking.ratio": 0.9}
    with_settings("base", settings, found.resolve, found.resolve_config)
    assert part == {"class_path": "Tube", "init_args": {}}


def test_nothing_in_the_place_of_a_part_is_no_word():
    found = Recorded()
    config = with_settings("base", {"model.masking": None}, found.resolve, found.resolve_config)
    assert found.words == [["--config", "base"]]
    assert config["model"]["init_args"]["masking"] is None


@pytest.mark.parametrize(
    ("part", "inside"),
    [
        ("model.init_args.masking", "model.masking.ratio"),
        ("model.masking", "model.init_args.masking.init_args.ratio"),
    ],
)
def test_however_a_name_is_spelt(part, inside):
    found = Recorded()
    settings = {inside: 0.9, part: {"class_path": "Tube"}}
    config = with_settings("base", settings, found.resolve, found.resolve_config)
    assert config["model"]["init_args"]["masking"] == {"class_path": "Tube", "init_args": {"ratio": 0.9}}


def test_the_root_of_the_videos_is_in_their_source():
    found = Recorded()
    with_settings("base", {"data.root": "videos"}, found.resolve, found.resolve_config)
    assert found.words == [["--config", "base", "--data.source.root=videos"]]


def test_a_list_of_parts_is_laid_down_whole():
    found = Recorded()
    callbacks = [{"class_path": "Probe"}]
    config = with_settings("base", {"trainer.callbacks": callbacks}, found.resolve, found.resolve_config)
    assert config["trainer"]["callbacks"] == callbacks
    assert found.words == [["--config", "base"]]


@pytest.mark.parametrize("name", ["model.masking.ratio", "model.init_args.masking.init_args.ratio"])
def test_init_args_may_be_left_out(name):
    config = copy.deepcopy(CONFIG)
    put(config, name, 0.75)
    assert config["model"]["init_args"]["masking"]["init_args"] == {"ratio": 0.75, "x": 1}


def test_a_setting_in_nothing_is_refused():
    with pytest.raises(ValueError, match=r"no setting 'model\.lr\.decay': what 'decay' should be in is 0\.1"):
        put(copy.deepcopy(CONFIG), "model.lr.decay", 1)


def test_a_text_is_no_json():
    assert as_word("model.name", "0.5") == "--model.name=0.5"


def test_the_key_stands_for_what_counts():
    key = key_of(CONFIG)
    assert len(key) == 12
    int(key, 16)
    # How it is run is not what it computes.
    assert key_of({**CONFIG, "trainer": {"max_epochs": 3, "accelerator": "cpu"}}) == key
    assert key_of(dict(reversed(CONFIG.items()))) == key
    assert key_of({**CONFIG, "seed_everything": 1}) != key
    assert key_of({**CONFIG, "trainer": {"max_epochs": 4}}) != key


@pytest.mark.parametrize("name", ["max_time", "fast_dev_run"])
def test_what_a_run_that_goes_on_may_change_counts_where_the_result_is_another(name):
    other = {**CONFIG, "trainer": {**CONFIG["trainer"], name: "00:01"}}
    assert key_of(other) != key_of(CONFIG)


def test_what_is_left_out_does_not_count():
    other = copy.deepcopy(CONFIG)
    other["model"]["init_args"]["masking"]["init_args"]["ratio"] = 0.1
    assert key_of(other) != key_of(CONFIG)
    left_out = ["model.init_args.masking"]
    assert key_of(other, left_out) == key_of(CONFIG, left_out)
    # A name that only begins alike is another.
    assert key_of({**CONFIG, "seed_everything": 1}, ["seed"]) != key_of(CONFIG, ["seed"])
