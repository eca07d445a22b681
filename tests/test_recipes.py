"""Where recipes are found."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest

from vidmask import recipes


def test_a_short_name_leads_to_the_shipped_recipe():
    assert recipes.find("quickstart/mae_st") == recipes.folder() / "quickstart" / "mae_st.yaml"
    assert recipes.find("quickstart/mae_st.yaml") == recipes.find("quickstart/mae_st")


def test_names_are_those_of_recipes_and_not_of_parts():
    names = recipes.names()
    assert "quickstart/mae_st" in names
    assert not [name for name in names if "parts" in name]


def test_a_path_wins_over_a_short_name(tmp_path, monkeypatch):
    (tmp_path / "quickstart").mkdir()
    (tmp_path / "quickstart" / "mae_st.yaml").write_text("a: 1\n")
    monkeypatch.chdir(tmp_path)
    assert recipes.find("quickstart/mae_st").resolve() == tmp_path / "quickstart" / "mae_st.yaml"


def test_the_suffix_of_a_path_may_be_left_out(tmp_path):
    (tmp_path / "mine.yml").write_text("a: 1\n")
    assert recipes.find(str(tmp_path / "mine")) == tmp_path / "mine.yml"


@pytest.mark.parametrize(
    ("name", "nearest"), [("quickstart/maest", "quickstart/mae_st"), ("mein.yaml", "mine.yaml")]
)
def test_an_unknown_recipe_brings_the_nearest_name(name, nearest, tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text("a: 1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"no recipe '{name}', did you mean '{nearest}'"):
        recipes.find(name)


def test_a_recipe_far_from_any_is_told_what_there_is():
    with pytest.raises(FileNotFoundError, match=r"no recipe 'zzz'; shipped are .*quickstart/mae_st,"):
        recipes.find("zzz")


@pytest.mark.parametrize("layout", ["wheel", "checkout"])
def test_recipes_are_found_inside_an_installed_package_or_beside_it(layout, tmp_path, monkeypatch):
    package = tmp_path / "vidmask"
    package.mkdir()
    place = (package if layout == "wheel" else tmp_path) / "experiments"
    shutil.copytree(recipes.folder(), place)
    monkeypatch.setattr(recipes, "__file__", str(package / "recipes.py"))
    assert recipes.folder() == place
    assert recipes.find("quickstart/mae_st") == place / "quickstart" / "mae_st.yaml"


def test_a_package_without_recipes_is_said_to_have_none(tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, "__file__", str(tmp_path / "vidmask" / "recipes.py"))
    with pytest.raises(FileNotFoundError, match="the recipes are missing"):
        recipes.folder()


def test_runs_are_filed_under_the_short_name_or_the_stem():
    assert recipes.short_name(recipes.find("quickstart/mae_st")) == "quickstart/mae_st"
    assert recipes.short_name(Path("/somewhere/mine.yaml")) == "mine"


def test_a_module_beside_a_recipe_can_be_imported_and_hides_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    recipes.make_importable(tmp_path / "mine.yaml")
    recipes.make_importable(tmp_path / "other.yaml")
    assert sys.path[-1] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1


def test_a_folder_is_told_from_a_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    with pytest.raises(FileNotFoundError, match="'videos' is a folder, and no recipe"):
        recipes.find("videos")


def test_modules_that_were_imported_from_a_recipe_s_folder_are_known(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    run = tmp_path / "run"
    (run / recipes.COPIES).mkdir(parents=True)
    (tmp_path / "beside_a.py").write_text("")
    (tmp_path / "never_imported.py").write_text("")
    (run / recipes.COPIES / "copied_b.py").write_text("")
    (tmp_path / "package_c" / "inner").mkdir(parents=True)
    for name in ("__init__.py", "parts.py", "inner/more.py", "unused.py"):
        (tmp_path / "package_c" / name).write_text("")
    # What is installed below the recipe's folder is no part of the recipe.
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "installed_d.py").write_text("")
    sys.path.append(str(tmp_path / "site-packages"))
    recipes.make_importable(tmp_path / "mine.yaml")
    recipes.make_importable(run / "config.yaml")
    for name in ("beside_a", "copied_b", "package_c.parts", "package_c.inner.more", "installed_d"):
        importlib.import_module(name)
    inside = ("beside_a.py", "package_c/__init__.py", "package_c/inner/more.py", "package_c/parts.py")
    assert recipes.modules_beside(tmp_path / "mine.yaml") == {tmp_path / name: Path(name) for name in inside}
    assert recipes.modules_beside(run / "config.yaml") == {
        run / recipes.COPIES / "copied_b.py": Path("copied_b.py")
    }


def test_vidmask_itself_is_no_module_of_a_recipe_beside_it():
    assert recipes.modules_beside(Path(recipes.__file__).parent.parent / "mine.yaml") == {}
