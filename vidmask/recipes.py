"""Recipes: the YAML files that name an experiment, found by short name or by path."""

import difflib
import sys
from pathlib import Path

SUFFIXES = (".yaml", ".yml")
"""Endings of the names of recipes and their parts."""
PARTS = "parts"
"""Name of the folders that hold parts of recipes: no recipes themselves."""
ABLATIONS = "ablations"
"""Name of the folder of sweeps, which run recipes and are none."""
RESULTS = "results"
"""Name of the folder of what sweeps came to, beside them."""
COPIES = "recipe"
"""Name of the folder of a run that holds copies of its recipes, and of the modules beside them."""


def folder() -> Path:
    """Return where the shipped recipes stand: inside an installed package, else beside it in a checkout.

    Raises:
        FileNotFoundError: If they are in neither place.
    """
    package = Path(__file__).parent
    for candidate in (package / "experiments", package.parent / "experiments"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the recipes are missing: no folder experiments in {package} or beside it")


def names() -> list[str]:
    """Return the short names of the shipped recipes, such as ``quickstart/mae_st``."""
    return [name for name in _shipped() if not name.startswith(f"{ABLATIONS}/")]


def sweep_names() -> list[str]:
    """Return the short names of the shipped sweeps, such as ``ablations/quickstart/mae_st_mask``."""
    return [name for name in _shipped() if name.startswith(f"{ABLATIONS}/")]


def find(name: str) -> Path:
    """Return the file of a recipe, given as a path or as a short name; ``.yaml`` may be left out.

    A path wins over a short name.

    Raises:
        FileNotFoundError: If there is no such recipe.
    """
    return _find(name, "recipe", names())


def find_sweep(name: str) -> Path:
    """Return the file of a sweep, found as a recipe is.

    Raises:
        FileNotFoundError: If there is no such sweep.
    """
    return _find(name, "sweep", sweep_names())


def short_name(path: Path) -> str:
    """Return the name under which runs of a recipe are filed: its short name, or else the file's stem."""
    root = folder().resolve()
    if not path.resolve().is_relative_to(root):
        return path.stem
    return path.resolve().relative_to(root).with_suffix("").as_posix()


def make_importable(path: Path) -> None:
    """Put a recipe's folder on Python's path, so that it can name classes of a module that stands beside it.

    It goes to the end: nothing there takes the place of a package of the same name. After it goes the folder
    in which a run keeps copies of its recipes and modules, where there is one beside it.
    """
    for directory in _import_folders(path):
        if directory.is_dir() and str(directory) not in sys.path:
            sys.path.append(str(directory))


def modules_beside(path: Path) -> dict[Path, Path]:
    """Return the files of modules imported from where ``make_importable`` lets a recipe find them.

    Returns:
        Each file, with its path from the folder it was found in: ``parts.py``, or ``package/parts.py``.
    """
    found, directories = {}, _import_folders(path)
    # Of __dict__: some modules make up what they are asked for. The script that runs is no part of a recipe,
    # and vidmask's version is in the run's records.
    for name, module in sys.modules.copy().items():
        file = vars(module).get("__file__")
        if name.split(".")[0] in ("__main__", "vidmask") or not isinstance(file, str):
            continue
        inside, real = Path(*name.split(".")), Path(file).resolve()
        for relative in (inside.with_suffix(".py"), inside / "__init__.py"):
            if real.is_file() and any(real == directory / relative for directory in directories):
                found[Path(file)] = relative
    return dict(sorted(found.items()))


def _import_folders(path: Path) -> tuple[Path, Path]:
    beside = path.resolve().parent
    return beside, beside / COPIES


def _shipped() -> list[str]:
    root = folder()
    # Results of sweeps lie beside them, with the configurations of their runs.
    left_out = {PARTS, RESULTS}
    files = [path.relative_to(root) for path in root.rglob("*") if path.suffix in SUFFIXES]
    return sorted(path.with_suffix("").as_posix() for path in files if not left_out & {*path.parts})


def _find(name: str, what: str, shipped: list[str]) -> Path:
    for start in (Path(), folder()):
        for suffix in ("", *SUFFIXES):
            path = start / f"{name}{suffix}"
            if path.is_file():
                return path
    if Path(name).is_dir():
        raise FileNotFoundError(f"{name!r} is a folder, and no {what}; shipped are {', '.join(shipped)}")
    raise FileNotFoundError(f"no {what} {name!r}{_nearest(name, shipped)}; shipped are {', '.join(shipped)}")


def _nearest(name: str, shipped: list[str]) -> str:
    beside = [path.as_posix() for suffix in SUFFIXES for path in Path(name).parent.glob(f"*{suffix}")]
    near = difflib.get_close_matches(name, shipped + beside, n=1)
    near = near or difflib.get_close_matches(f"{name}.yaml", beside, n=1)
    return f", did you mean {near[0]!r}" if near else ""
