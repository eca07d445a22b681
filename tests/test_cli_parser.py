"""Mistakes on purpose: what is told of each, and that nothing is trained."""

import textwrap
from pathlib import Path

import pytest

from vidmask import recipes
from vidmask.cli import main

MASKS = (
    "BlockMasking, FrameMasking, MotionGuidedMasking, MultiBlockMasking, RandomMasking, RunningCellMasking, "
    "TubeMasking"
)
TARGETS = "HOGTarget, OpticalFlowTarget, PixelTarget, RGBDifferenceTarget, TeacherTarget, VQGANCodeTarget"
RECIPE = """\
trainer: parts/trainer.yaml
data: parts/data.yaml
model:
  class_path: MaskedPretraining
  init_args:
    lr: 2.0e-3
    masking: {class_path: RandomMasking, init_args: {ratio: 0.75}}
    encoder: parts/encoder.yaml
    objective:
      class_path: MaskedAutoencoder
      init_args:
        head:
          class_path: Head
          init_args:
            decoder: {class_path: TokenDecoder, init_args: {embed_dim: 64, depth: 2, num_heads: 4}}
            target: {class_path: PixelTarget}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("VIDMASK_RUNS", str(tmp_path / "runs"))
    parts = recipes.folder() / "quickstart" / "parts"
    (tmp_path / "parts").mkdir()
    for part in parts.iterdir():
        (tmp_path / "parts" / part.name).write_text(part.read_text())
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def told(capsys, folder: Path, *args: str, words: tuple[str, ...] | None = None) -> list[str]:
    if words is None:
        words = ("fit", "--config", str(folder / "mine.yaml"), *args)
    assert main(words) == 2
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert 1 <= len(lines) <= 5, err
    assert "Traceback" not in err
    assert not list(folder.glob("runs/mine/*")), "a run was begun"
    assert "step" not in out
    return lines


ON_THE_COMMAND_LINE = {
    "a setting of the model": (["--model.lrr", "1"], "no setting 'model.lrr'", "did you mean 'lr'?"),
    "a setting of a nested part": (
        ["--model.encoder.dpth", "1"],
        "no setting 'model.encoder.dpth'",
        "did you mean 'depth'?",
    ),
    "a setting of the data": (
        ["--data.batch_sise=1"],
        "no setting 'data.batch_sise'",
        "did you mean 'data.batch_size'?",
    ),
    "a setting of the trainer": (
        ["--trainer.max_stepz", "1"],
        "no setting 'trainer.max_stepz'",
        "did you mean 'trainer.max_steps'?",
    ),
    "a section": (["--modl.lr", "1"], "no setting 'modl.lr'", "did you mean 'model'?"),
    "an option of the verb": (["--ckpt_pth", "x"], "no setting 'ckpt_pth'", "did you mean 'ckpt_path'?"),
    "a number": (["--model.lr", "abc"], "model.lr is 'abc', which is not a number", None),
    "a whole number": (
        ["--data.batch_size", "3.5"],
        "data.batch_size is '3.5', which is not a whole number",
        None,
    ),
    "a number or nothing": (
        ["--trainer.max_epochs", "many"],
        "trainer.max_epochs is 'many', which is not a whole number",
        None,
    ),
    "a choice": (
        ["--model.encoder.positions", "sincos"],
        "model.encoder.positions is 'sincos', which is not one of separable, sincos1d, sincos3d",
        "did you mean 'sincos3d'?",
    ),
    "a class": (["--data.source", "MovingShape"], "no class 'MovingShape'", "did you mean 'MovingShapes'?"),
    "a callback": (
        ["--trainer.callbacks+=OnlinePrbe"],
        "no class 'OnlinePrbe'",
        "did you mean 'OnlineProbe'?",
    ),
    "a setting that follows the encoder": (
        ["--data.frames", "8"],
        "'data.frames' is not for setting: it follows the encoder's frames",
        "set model.encoder.frames instead",
    ),
}


@pytest.mark.parametrize(("args", "what", "hint"), ON_THE_COMMAND_LINE.values(), ids=ON_THE_COMMAND_LINE)
def test_a_mistake_on_the_command_line(args, what, hint, folder, capsys):
    lines = told(capsys, folder, *args)
    assert lines[0] == f"vidmask: {what}"
    assert lines[1:] == ["  on the command line", *([f"  {hint}"] if hint else [])]


IN_THE_RECIPE = {
    "a setting of the model": (("lr: 2", "lrr: 2"), 6, "no setting 'model.lrr'", "did you mean 'lr'?"),
    "a setting of a nested part": (
        ("embed_dim: 64", "embed_dmi: 64"),
        15,
        "no setting 'model.objective.head.decoder.embed_dmi'",
        "did you mean 'embed_dim'?",
    ),
    "a section": (("trainer: ", "trianer: "), 1, "no setting 'trianer'", "did you mean 'trainer'?"),
    "a value of a nested part": (
        ("depth: 2", "depth: deep"),
        15,
        "model.objective.head.decoder.depth is 'deep', which is not a whole number",
        None,
    ),
    "a class": (
        ("RandomMasking", "RandmMasking"),
        7,
        "no class 'RandmMasking'",
        "did you mean 'RandomMasking'?",
    ),
    "the class of the model": (
        ("MaskedPretraining", "MaskPretraining"),
        4,
        "no class 'MaskPretraining'",
        "did you mean 'MaskedPretraining'?",
    ),
    "a class behind a callable": (
        ("TokenDecoder", "TokenDecodr"),
        15,
        "no class 'TokenDecodr'",
        "did you mean 'TokenDecoder'?",
    ),
    "a class with its module": (
        ("RandomMasking", "vidmask.masking.RandmMasking"),
        7,
        "no class 'vidmask.masking.RandmMasking': module 'vidmask.masking' has no attribute 'RandmMasking'",
        "did you mean 'RandomMasking'?",
    ),
    "a module": (
        ("RandomMasking", "nowhere.Mine"),
        7,
        "no class 'nowhere.Mine': No module named 'nowhere'",
        f"accepted are {MASKS}",
    ),
    "a class of another kind": (
        (
            "{class_path: RandomMasking, init_args: {ratio: 0.75}}",
            "{class_path: vidmask.targets.PixelTarget}",
        ),
        7,
        "vidmask.targets.PixelTarget is no MaskGenerator",
        f"accepted are {MASKS}",
    ),
    "a part without a class": (
        ("class_path: RandomMasking, ", ""),
        7,
        "model.masking names no class: it takes class_path and init_args",
        f"accepted are {MASKS}",
    ),
    "a part that is missing": (
        ("            target: {class_path: PixelTarget}\n", ""),
        13,
        "Head needs 'target'",
        f"accepted are {TARGETS}",
    ),
    "a file": (
        ("parts/encoder.yaml", "parts/encodr.yaml"),
        8,
        "no file 'parts/encodr.yaml'",
        "a part is sought beside the file that names it",
    ),
    "the file of a section": (
        ("parts/data.yaml", "parts/dta.yaml"),
        2,
        "no file 'parts/dta.yaml'",
        "a part is sought beside the file that names it",
    ),
    "an interpolation": (
        ("lr: 2.0e-3", "lr: ${model.init_args.weigth}"),
        6,
        "model.lr is '${model.init_args.weigth}', which leads nowhere",
        None,
    ),
}


@pytest.mark.parametrize(("change", "line", "what", "hint"), IN_THE_RECIPE.values(), ids=IN_THE_RECIPE)
def test_a_mistake_in_the_recipe(change, line, what, hint, folder, capsys):
    path = folder / "mine.yaml"
    assert change[0] in RECIPE
    path.write_text(RECIPE.replace(*change))
    lines = told(capsys, folder)
    assert lines[0] == f"vidmask: {what}"
    assert lines[1] == f"  in {path}, line {line}"
    # Other tests' classes stand behind ours.
    assert [lines[2][: len(hint) + 2]] == [f"  {hint}"] if hint else lines[2:] == []
    assert len(lines) <= 3


IN_A_PART = {
    "a setting of the data": (
        "data",
        "source: {class_path: MovingShapes}\nbatch_sise: 4\n",
        2,
        "no setting 'data.batch_sise'",
        "did you mean 'data.batch_size'?",
    ),
    "a setting of the source": (
        "data",
        "source:\n  class_path: MovingShapes\n  init_args: {presett: easy}\n",
        3,
        "no setting 'data.source.presett'",
        "did you mean 'preset'?",
    ),
    "a choice of the source": (
        "data",
        "source: {class_path: MovingShapes, init_args: {preset: eassy}}\n",
        1,
        "data.source.preset is 'eassy', which is not one of easy, standard, hard",
        "did you mean 'easy'?",
    ),
    "a setting of the encoder": (
        "encoder",
        "class_path: VideoViT\ninit_args:\n  framez: 16\n",
        3,
        "no setting 'model.encoder.framez'",
        "did you mean 'frames'?",
    ),
    "a value of the encoder, whose name the decoder has too": (
        "encoder",
        "class_path: VideoViT\ninit_args: {depth: many}\n",
        2,
        "model.encoder.depth is 'many', which is not a whole number",
        None,
    ),
    "a value of the encoder": (
        "encoder",
        "class_path: VideoViT\ninit_args: {frames: many}\n",
        2,
        "model.encoder.frames is 'many', which is not a whole number",
        None,
    ),
    "a setting of the trainer": (
        "trainer",
        "precision: 32-true\nmax_stepz: 3\n",
        2,
        "no setting 'trainer.max_stepz'",
        "did you mean 'trainer.max_steps'?",
    ),
    "a value of the trainer": (
        "trainer",
        "max_steps: lots\n",
        1,
        "trainer.max_steps is 'lots', which is not a whole number",
        None,
    ),
    "the YAML": ("data", "source: {class_path: [MovingShapes\n", 2, "", None),
    "a setting that follows the encoder": (
        "data",
        "source: {class_path: MovingShapes}\nsize: 64\n",
        2,
        "'data.size' is not for setting: it follows the encoder's size",
        "set model.encoder.size instead",
    ),
}


@pytest.mark.parametrize(("part", "text", "line", "what", "hint"), IN_A_PART.values(), ids=IN_A_PART)
def test_a_mistake_in_a_part(part, text, line, what, hint, folder, capsys):
    path = folder / "parts" / f"{part}.yaml"
    path.write_text(text)
    lines = told(capsys, folder)
    assert lines[0] == f"vidmask: {what}" or (not what and lines[0].startswith(f"vidmask: {path} is no YAML"))
    assert lines[1] == f"  in {path}, line {line}"
    assert lines[2:] == ([f"  {hint}"] if hint else [])


REFUSED_BY_A_CONSTRUCTOR = {
    "a clip that does not fit": (
        ["--model.encoder.size", "33"],
        "a clip of 33 rows cannot be cut into tubelets of 8 rows",
    ),
    "a ratio out of range": (
        ["--model.masking.ratio", "1.5"],
        "masking ratio must lie between 0 and 1, got 1.5",
    ),
    "a ratio that leaves no token": (
        ["--model.masking.ratio", "0.999"],
        "masking ratio 0.999 leaves 0 of 128",
    ),
    "a folder that is not there": (
        ["--data.source=VideoFolder", "--data.source.root=/nowhere/videos"],
        "/nowhere/videos: does not exist",
    ),
    "a setting of the trainer": (
        ["--trainer.accelerator", "gpux"],
        "You selected an invalid accelerator name",
    ),
    "a device that is not there": (["--trainer.accelerator", "mps"], "the trainer refuses: `MPSAccelerator`"),
    "a checkpoint that is not there": (["--ckpt_path", "nowhere.ckpt"], "no checkpoint 'nowhere.ckpt'"),
    "a run that is not there": (["--ckpt_path", "last"], "no run of mine to go on with: there is no "),
}


@pytest.mark.parametrize(("args", "what"), REFUSED_BY_A_CONSTRUCTOR.values(), ids=REFUSED_BY_A_CONSTRUCTOR)
def test_what_a_constructor_refuses_is_told_in_its_own_words(args, what, folder, capsys):
    assert told(capsys, folder, *args)[0].startswith(f"vidmask: {what}")


@pytest.mark.parametrize(
    ("setting", "hint"),
    [("motionn.weight", "did you mean 'motion'?"), ("sound.init_args.weight", "there are pixels, motion")],
)
def test_a_head_that_the_recipe_does_not_have_is_named(setting, hint, folder, capsys):
    above, _, head = RECIPE.partition("        head:\n")
    head = textwrap.indent(head, "  ")
    heads = f"        heads:\n          pixels:\n{head}          motion:\n{head}"
    (folder / "mine.yaml").write_text(above + heads)
    assert told(capsys, folder, f"--model.objective.heads.{setting}=2") == [
        f"vidmask: no head {setting.partition('.')[0]!r}, or it lacks its decoder",
        "  on the command line",
        f"  {hint}",
    ]


def test_without_a_recipe_one_is_asked_for(folder, capsys):
    lines = told(capsys, folder, words=("fit",))
    assert lines[1] == "  give a recipe, such as --config quickstart/mae_st, or the setting"


def test_an_unknown_recipe_brings_the_nearest(folder, capsys):
    lines = told(capsys, folder, words=("fit", "--config", "quickstart/mae_ts"))
    assert lines[0].startswith("vidmask: no recipe 'quickstart/mae_ts', did you mean 'quickstart/mae_st'")


def test_an_empty_recipe_is_told(folder, capsys):
    (folder / "mine.yaml").write_text("")
    assert (
        told(capsys, folder)[0]
        == f"vidmask: {folder / 'mine.yaml'} holds no settings: a recipe is a mapping of names to values"
    )


@pytest.mark.parametrize(
    ("module", "source", "told_of_it"),
    [
        ("broken_syntax", "x = 1\nclass A(:\n", "line 2: invalid syntax"),
        ("broken_import", "import nowhere_to_be\n", "ModuleNotFoundError: No module named 'nowhere_to_be'"),
        ("broken_name", "ratio = undefined\n", "NameError: name 'undefined' is not defined"),
    ],
)
def test_a_module_of_the_user_s_that_cannot_be_imported_is_named(module, source, told_of_it, folder, capsys):
    (folder / f"{module}.py").write_text(source)
    lines = told(capsys, folder, "--model.masking", f"{module}.A")
    assert str(folder / f"{module}.py") in lines[0]
    assert lines[0].endswith(told_of_it)
    assert lines[1] == f"  it is imported for {module}.A"


def test_a_recipe_that_is_no_text_is_told(folder, capsys):
    path = folder / "video.mp4"
    path.write_bytes(b"\x00\xff\xfe")
    assert told(capsys, folder, words=("fit", "--config", str(path))) == [
        f"vidmask: {path} is no YAML: it is not text"
    ]
