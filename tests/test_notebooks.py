"""The notebooks run, and are kept with what they showed; parts beside a recipe are found."""

import base64
import io
import json
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

from vidmask.cli import main

FOLDER = Path(__file__).parents[1] / "notebooks"
TRAINING = ("02_what_they_learned", "04_your_own_videos")
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NUM_PICTURES = {
    "01_masks_and_targets": 13,
    "02_what_they_learned": 7,
    "04_your_own_videos": 4,
    "05_your_own_parts": 1,
}
OWN_PARTS = FOLDER / "05_your_own_parts.ipynb"
MOST_BYTES = 700_000
# Those that train take minutes.
AS_LONG_AS_THEY_ARE = [
    pytest.param(
        path,
        marks=pytest.mark.long if path.stem in TRAINING else pytest.mark.slow,
        id=path.stem,
    )
    for path in NOTEBOOKS
]
PLACES = re.compile(r"(?<![\w.:/])(~|[A-Z]:\\|/(home|root|tmp|work|Users|mnt|media|opt|private|var|data)\b)")


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def written_by(path: Path) -> dict[str, str]:
    """Return the files that a notebook's cells write, by name."""
    cells = [cell.source for cell in read(path).cells if cell.source.startswith("%%writefile ")]
    return {cell.split()[1]: cell.partition("\n")[2] + "\n" for cell in cells}


def outputs_of(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def pictures_in(notebook: nbformat.NotebookNode) -> list[Image.Image]:
    data = [output.get("data", {}) for output in outputs_of(notebook)]
    encoded = [each["image/png"] for each in data if "image/png" in each]
    return [Image.open(io.BytesIO(base64.b64decode(each))).convert("RGB") for each in encoded]


def check_pictures(notebook: nbformat.NotebookNode, number: int) -> None:
    pictures = pictures_in(notebook)
    assert len(pictures) == number
    for picture in pictures:
        assert picture.width > 1000
        assert max(high - low for low, high in picture.getextrema()) > 100


def test_all_notebooks_are_here():
    assert {path.stem for path in NOTEBOOKS} == set(NUM_PICTURES)


@pytest.mark.parametrize("path", AS_LONG_AS_THEY_ARE)
def test_a_notebook_runs_and_leaves_nothing_behind(path, tmp_path, monkeypatch):
    work, temporary = tmp_path / "work", tmp_path / "temporary"
    for folder in (work, temporary):
        folder.mkdir()
    # Not the settings and the history of whoever runs the tests.
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "VIDMASK_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("VIDMASK_RUNS", raising=False)
    before = sorted(FOLDER.iterdir())
    notebook = read(path)
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(work)}}
    )
    client.execute()
    check_pictures(notebook, NUM_PICTURES[path.stem])
    assert not list(work.iterdir())
    assert not [folder for folder in temporary.iterdir() if any(folder.rglob("*.mp4"))]
    assert sorted(FOLDER.iterdir()) == before


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_short_and_kept_without_what_only_a_run_adds(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert len(notebook.cells) < 40
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in notebook.cells:
        assert not cell.metadata
        assert not PLACES.search(cell.source), cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_showed_is_kept_with_it(path):
    """``python .ci/notebooks.py`` executes the notebooks anew and keeps it so."""
    notebook = read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    check_pictures(notebook, NUM_PICTURES[path.stem])
    assert path.stat().st_size < MOST_BYTES
    for output in outputs_of(notebook):
        # No warning, no traceback, no widget that is nothing without its kernel.
        assert output.output_type in ("stream", "display_data", "execute_result")
        assert output.get("name", "stdout") == "stdout"
        kinds = set(output.get("data", {}))
        assert kinds in (set(), {"image/png"}, {"text/plain"})
        text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
        assert not PLACES.search(text), text
        assert "\x1b" not in text


@pytest.mark.parametrize(
    ("text", "found"),
    {
        "a home": ('root="/home/someone/videos"', True),
        "its short name": ("cd ~/videos", True),
        "a temporary folder": ("open('/tmp/a')", True),
        "a relative path": ("runs/my_recipe/latest", False),
        "an address": ("https://arxiv.org/abs/2205.09113", False),
    }.values(),
)
def test_places_of_one_machine_are_told_from_others(text, found):
    assert bool(PLACES.search(text)) == found


@pytest.fixture
def parts(tmp_path, monkeypatch) -> Path:
    """A folder with the parts and the recipe of the notebook on them; the test runs in another one."""
    folder = tmp_path / "parts"
    folder.mkdir()
    files = written_by(OWN_PARTS)
    assert sorted(files) == ["my_mask.py", "my_objective.py", "my_recipe.yaml", "my_target.py"]
    for name, text in files.items():
        (folder / name).write_text(text)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in files:
        monkeypatch.delitem(sys.modules, Path(name).stem, raising=False)
    yield folder
    for name in files:
        sys.modules.pop(Path(name).stem, None)


def tiny(moving_shapes: Path) -> list[str]:
    sizes = [f"--data.source.num_{split}={n}" for split, n in (("train", 16), ("val", 4), ("test", 4))]
    trainer = ["--trainer.accelerator=cpu", "--trainer.max_steps=2", "--trainer.log_every_n_steps=1"]
    return [
        f"--data.source.root={moving_shapes}",
        *sizes,
        "--data.batch_size=4",
        "--data.num_workers=0",
        *trainer,
    ]


def logged(run: Path) -> set[str]:
    return {name for line in (run / "metrics.jsonl").read_text().splitlines() for name in json.loads(line)}


@pytest.mark.usefixtures("one_thread")
def test_parts_beside_a_recipe_are_trained_from_another_folder(parts, moving_shapes):
    assert main(["fit", "--config", str(parts / "my_recipe.yaml"), *tiny(moving_shapes)]) == 0
    run = Path("runs", "my_recipe", "latest")
    assert {"train/loss", "train/reconstruction", "train/contrast"} <= logged(run)
    assert (run / "encoder.safetensors").is_file()
    for part in ("my_mask.CheckerboardMasking", "my_target.CoarseColourTarget", "my_objective.Contrastive"):
        assert part in (run / "config.yaml").read_text()


@pytest.mark.usefixtures("one_thread")
def test_a_run_can_be_built_again_where_its_parts_are_gone(parts, moving_shapes, capsys):
    assert main(["fit", "--config", str(parts / "my_recipe.yaml"), *tiny(moving_shapes)]) == 0
    run = Path("runs", "my_recipe", "latest").resolve()
    names = ["my_mask.py", "my_objective.py", "my_recipe.yaml", "my_target.py"]
    assert sorted(path.name for path in (run / "recipe").glob("my_*")) == names
    for name in names:
        (parts / name).unlink()
        sys.modules.pop(Path(name).stem, None)
    checkpoint = str(run / "checkpoints" / "last.ckpt")
    assert main(["show", "--ckpt_path", checkpoint, "--out", "drawn"]) == 0
    for name in names:
        sys.modules.pop(Path(name).stem, None)
    (run / "recipe" / "my_mask.py").unlink()
    sys.path[:] = [place for place in sys.path if place not in (str(parts), str(run / "recipe"))]
    capsys.readouterr()
    assert main(["show", "--ckpt_path", checkpoint, "--out", "drawn"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "vidmask: no class 'my_mask.CheckerboardMasking': No module named 'my_mask'"
    assert "config.yaml, line " in told[1]
    assert len(told) <= 4


@pytest.mark.usefixtures("one_thread")
def test_a_part_of_one_s_own_is_laid_over_a_shipped_recipe(parts, moving_shapes):
    text = "\n\n".join(cell.source for cell in read(OWN_PARTS).cells[-1:])
    change = parts / "my_change.yaml"
    change.write_text(re.search(r"```yaml\n(.+?)```", text, flags=re.DOTALL)[1])
    recipes = ["--config", "quickstart/mae_st", "--config", str(change)]
    assert main(["fit", *recipes, *tiny(moving_shapes), "--trainer.callbacks=null"]) == 0
    run = Path("runs", "quickstart", "mae_st", "latest")
    assert "my_mask.CheckerboardMasking" in (run / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    {
        "no such class": (
            "my_mask.CheckerboardMasking",
            "my_mask.ChekerboardMasking",
            ["no class 'my_mask.ChekerboardMasking'", "did you mean 'CheckerboardMasking'?"],
        ),
        "no such module": ("my_mask.Checker", "nowhere.Checker", ["'nowhere.CheckerboardMasking'"]),
        "no such target": ("my_target.Coarse", "my_target.Course", ["'my_target.CourseColourTarget'"]),
        "no such objective": (
            "my_objective.Contrastive",
            "my_objective.Contrast",
            ["'my_objective.ContrastAutoencoder'"],
        ),
        "another kind of class": (
            "my_mask.CheckerboardMasking",
            "my_target.CoarseColourTarget",
            ["my_target"],
        ),
        "no such argument": ("side: 1", "sides: 1", ["no setting", "'side'?"]),
        "what its constructor refuses": ("cell: 2", "cell: 3", ["a cell of 3 px does not divide"]),
    }.values(),
)
def test_a_part_that_is_none_is_named_in_a_few_lines(right, wrong, told, parts, moving_shapes, capsys):
    recipe = parts / "my_recipe.yaml"
    text = recipe.read_text()
    assert text.count(right) == 1
    recipe.write_text(text.replace(right, wrong))
    assert main(["fit", "--config", str(recipe), *tiny(moving_shapes)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[0].startswith("vidmask: ")
    assert len(lines) <= 5
    for words in told:
        assert words in "\n".join(lines)
    assert not Path("runs").exists()
