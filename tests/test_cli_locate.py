"""Where settings stand, through part files."""

from pathlib import Path

import pytest

from vidmask.cli.errors import Mistake
from vidmask.cli.locate import Settings, check_files


@pytest.fixture
def recipe(tmp_path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "encoder.yaml").write_text("class_path: VideoViT\ninit_args:\n  depth: 3\n")
    (tmp_path / "parts" / "trainer.yaml").write_text(
        "max_steps: 9\ncallbacks:\n  - class_path: OnlineProbe\n"
    )
    path = tmp_path / "mine.yaml"
    path.write_text(
        "trainer: parts/trainer.yaml\n"
        "model:\n"
        "  class_path: MaskedPretraining\n"
        "  init_args:\n"
        "    lr: 1.0e-3\n"
        "    encoder: parts/encoder.yaml\n"
        "    objective: {class_path: X, init_args: {depth: 4}}\n"
    )
    return path


def test_a_setting_is_found_in_the_file_and_line_where_it_stands(recipe):
    setting = Settings([recipe], []).find("lr")
    assert (setting.path, setting.value, setting.place) == ("model.lr", "1.0e-3", f"in {recipe}, line 5")


def test_a_setting_of_a_part_is_found_in_the_part(recipe):
    setting = Settings([recipe], []).find("encoder.depth")
    assert (setting.path, setting.value) == ("model.encoder.depth", "3")
    assert setting.place == f"in {recipe.parent / 'parts' / 'encoder.yaml'}, line 3"


def test_a_setting_in_a_list_is_found(recipe):
    setting = Settings([recipe], []).find_value("OnlineProbe")
    assert setting.place == f"in {recipe.parent / 'parts' / 'trainer.yaml'}, line 3"


def test_the_value_tells_two_of_one_name_apart(recipe):
    assert Settings([recipe], []).find("depth", "4").path == "model.objective.depth"
    assert Settings([recipe], []).find("depth", "3").path == "model.encoder.depth"
    assert Settings([recipe], []).find("depth", "5") is None


def test_init_args_may_be_left_out_or_not(recipe):
    settings = Settings([recipe], ["--model.init_args.encoder.init_args.depth", "7"])
    assert settings.find("model.encoder.depth").value == "7"
    assert settings.find("model.init_args.encoder.init_args.depth").value == "7"


@pytest.mark.parametrize("args", [["--model.lr", "5"], ["--model.lr=5"]])
def test_the_command_line_comes_before_the_files(recipe, args):
    setting = Settings([recipe], args).find("lr")
    assert (setting.value, setting.place) == ("5", "on the command line")


def test_a_later_file_comes_before_an_earlier_one(recipe):
    later = recipe.parent / "later.yaml"
    later.write_text("model: {init_args: {lr: 2}}\n")
    assert Settings([recipe, later], []).find("lr").value == "2"


def test_a_name_is_matched_whole(recipe):
    assert Settings([recipe], []).find("r") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1,\n", "is no YAML"),
        ("just words\n", "holds no settings"),
        ("", "holds no settings"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(Mistake, match=message):
        check_files([path])


def test_a_part_that_is_no_yaml_is_named_with_its_line(recipe):
    part = recipe.parent / "parts" / "encoder.yaml"
    part.write_text("class_path: VideoViT\ninit_args: {depth: [3\n")
    with pytest.raises(Mistake) as caught:
        check_files([recipe])
    assert caught.value.lines[1] == f"in {part}, line 3"
